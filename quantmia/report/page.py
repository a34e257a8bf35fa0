"""Self-contained HTML: one file, nothing is fetched from anywhere."""

import base64
import json
import os
from collections.abc import Iterator
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from quantmia.ranking.decision import GUARANTEED
from quantmia.ranking.words import headline
from quantmia.report import cells
from quantmia.report.exposed import Exposures
from quantmia.report.extra import Environment, Markup, PackageLoader, StrictUndefined, vl_convert
from quantmia.report.glossary import explained
from quantmia.report.load import Report
from quantmia.report.numbers import with_interval
from quantmia.report.style import Chart

# Larger tables stay in the folder, the page links to them: it is to be sent by mail.
LARGEST_DOWNLOAD = 300_000

OF_BEST = "A triangle is the checkpoint with the lowest held-out loss of every run. "
OF_ATTACKS = ("AUC", "MIS", "advantage", "lira", "loss_threshold")  # words
CAPTIONS = {
    "front": (
        "Every release: what it is good for, and what it gives away",
        "Each mark is a release: a quantizer (its colour) at one moment of the training. A line "
        "follows a quantizer from its first epochs, mostly above, to its last (square); the thick "
        "one is full precision. Higher is more private, further right more useful. {best}Filled "
        "marks are on the front: no other release is at least as private and as useful. The ring "
        "is what to ship. "
        "Where a thin line runs above the thick one, quantizing gives more privacy than "
        "stopping the training earlier would. Click a name to see it alone; error bars are "
        "{confidence} intervals.",
        (
            "release",
            "run",
            "MIS",
            "advantage",
            "lira",
            "held out",
            "front",
            "gain over stopping earlier",
        ),
    ),
    "pareto": (
        "Privacy against utility",
        "Each point is a quantizer with its bits per weight, bars are {confidence} intervals. The "
        "dashed line joins those that no other one beats in both. Where bars overlap, quantizers "
        "cannot be told apart. A label that found no room shows under the mouse.",
        ("run", "AUC", "lira", "bits"),
    ),
    "agreement": (
        "Does r_Q say the same as the attack?",
        "If it does, the points climb from left to right. Spearman's correlation: {spearman}.",
        ("r_Q", "sigma²", "MIS"),
    ),
    "pairs": (
        "Which of two is more private?",
        "Share of resamples in which the quantizer of the row leaks less than that of the column, "
        "by {measure}: from {apart} on, and from {together} down, the two are told apart.",
        ("run", "AUC"),
    ),
    "roc": (
        "What an attacker finds at which price",
        "True against false positive rate of every attack, over the scores of all runs together, "
        "with {confidence} bands over the runs; the dashed line is guessing. Where there are too "
        "few non-members to resolve a rate, the line ends.",
        ("pool", "lira", "loss_threshold"),
    ),
    "trajectory": (
        "Loss along the training",
        "Mean held-out loss of every checkpoint with {confidence} bands over the runs. r_Q reads "
        "these losses: it means something only where the minimum lies before the end.",
        ("held out", "checkpoint", "r_Q"),
    ),
    "grid": (
        "Does the checkpoint grid decide?",
        "Rank by r_Q when one checkpoint in so many is looked at: lines that cross say that the "
        "grid has a say in it. best_is_last is the share of runs whose last checkpoint is the "
        "best one: above 0.1, training stopped before its minimum.",
        ("checkpoint grid", "r_Q", "sigma²"),
    ),
}


def render(report: Report, folder: Path, exposed: Exposures | None = None) -> str:
    """The page of one ranking.

    Args:
        report: what it shows.
        folder: where it will lie, from which it links to large tables.
        exposed: the samples that are found, if they may be shown.
    """
    words = {
        "confidence": f"{report.confidence:.0%}",
        "best": "" if report.recorded else OF_BEST,
        "spearman": _spearman(report),
        "measure": report.key.label,
        "apart": f"{(1 + report.confidence) / 2:g}",
        "together": f"{(1 - report.confidence) / 2:.3g}",
    }
    figures = [
        {
            "id": name,
            "title": CAPTIONS[name][0],
            "caption": CAPTIONS[name][1].format(**words),
            "words": explained(*filter(partial(_is_used, report), CAPTIONS[name][2])),
            "grid": cells.behind(report, name),
        }
        for name in report.figures
    ]
    return html(
        "report.html.j2",
        report.figures,
        report=report,
        headline=report.advice or headline(report.conclusion),
        afterwards=headline(report.conclusion) if report.advice else (),
        ranking_words=explained(*_words(report)),
        cautions=report.cautions,
        figures=figures,
        ranking=cells.ranking(report),
        calibration=cells.calibration(report),
        utility=cells.utility(report),
        confidence=words["confidence"],
        config=yaml.safe_dump(report.manifest.get("config", {}), sort_keys=False),
        downloads=list(_downloads(report, folder)),
        exposed=exposed,
    )


def html(template: str, charts: dict[str, Chart], **content: Any) -> str:
    """A template with everything that its page needs.

    Args:
        template: its file.
        charts: drawn in the elements with their names as id.
        content: what else it shows.
    """
    specs = {name: chart.to_dict() for name, chart in charts.items()}
    environment = Environment(
        loader=PackageLoader("quantmia.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = files("quantmia.report").joinpath("templates")
    texts = {name: folder.joinpath(name).read_text("utf-8") for name in ("style.css", "page.js")}
    return environment.get_template(template).render(
        specs=Markup(json.dumps(specs).replace("<", "\\u003c")),
        vega=Markup(_vega()),
        style=Markup(texts["style.css"]),
        script=Markup(texts["page.js"]),
        **content,
    )


def _is_used(report: Report, word: str) -> bool:
    """Whether a page speaks of it."""
    if word in OF_ATTACKS:
        return bool(report.trusted)
    return word != "held out" or not report.recorded


def _spearman(report: Report) -> str:
    if not report.of_losses:
        return ""
    table = report.tables["correlation"]
    found = table[table["attack"] != ""].to_dict("records")
    return ", ".join(
        f"{row['attack']} {with_interval(row['value'], row['low'], row['high'])}" for row in found
    )


def _words(report: Report) -> list[str]:
    """What the ranking speaks of."""
    private = "epsilon" in report.ranking or GUARANTEED in report.tables.get("front", ())
    of_privacy = [*(OF_ATTACKS if report.trusted else ()), *(["epsilon"] if private else [])]
    bits = ["bits"] if report.ranking["bits"].notna().any() else []
    return [*bits, *of_privacy, *(["r_Q"] if report.of_losses else [])]


def _downloads(report: Report, folder: Path) -> Iterator[dict[str, str]]:
    for name, table in report.tables.items():
        file, content = f"{name}.csv", (report.path / f"{name}.csv").read_bytes()
        inside = len(content) <= LARGEST_DOWNLOAD
        data = f"data:text/csv;base64,{base64.b64encode(content).decode()}"
        beside = quote(os.path.relpath(report.path / file, folder))
        yield {"name": file, "href": data if inside else beside, "rows": f"{len(table):,}"}


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    bundle: str = vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue]
    return bundle.replace("</script", "<\\/script")
