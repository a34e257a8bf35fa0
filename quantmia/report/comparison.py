"""Several rankings on one page: which quantizers are private everywhere, and where ranks agree."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.ranking.audit import trusted_attack
from quantmia.report import cells
from quantmia.report.load import Report
from quantmia.report.matrices import privacy_map, rank_agreement
from quantmia.report.numbers import with_interval
from quantmia.report.page import html
from quantmia.report.style import Chart, themed
from quantmia.statistics import spearman


@dataclass(frozen=True)
class Comparison:
    """Rankings beside each other.

    Args:
        reports: by name.
        attack: measures all of them.
        auc: columns `folder, quantizer, auc, auc_low, auc_high`, a row for each pair.
        agreement: columns `folder, other, quantizers, spearman`, a row for every two folders, both
            ways; of the quantizers that both have.
    """

    reports: Mapping[str, Report]
    attack: str
    auc: pd.DataFrame
    agreement: pd.DataFrame

    @property
    def figures(self) -> dict[str, Chart]:
        """Heat maps by name: privacy, and agreement where two folders share three quantizers."""
        found = {"privacy": themed(privacy_map(self.auc))}
        if self.agreement["spearman"].notna().any():
            found["ranks"] = themed(rank_agreement(self.agreement))
        return found


def compare(reports: Mapping[str, Report]) -> Comparison:
    """AUC of one attack in every folder, and Spearman between the rankings of every two.

    Args:
        reports: by the name that the page calls them.

    Raises:
        QuantmiaError: there is no attack that all of them have.
    """
    shared = set.intersection(*(set(report.attack_names) for report in reports.values()))
    attack = trusted_attack(sorted(shared))
    if attack is None:
        listed = "; ".join(f"{n}: {', '.join(r.attack_names)}" for n, r in reports.items())
        raise QuantmiaError(
            f"the rankings have no attack in common ({listed}). Repeat their commands with "
            "resume=true 'attack=[lira_eb]', which trains nothing again."
        )
    tables = []
    for name, report in reports.items():
        mine = report.attacks[report.attacks["attack"] == attack]
        tables.append(mine[["quantizer", "auc", "auc_low", "auc_high"]].assign(folder=name))
    auc = pd.concat(tables, ignore_index=True)
    wide = auc.pivot(index="quantizer", columns="folder", values="auc")
    # The most private on average first; the same order in every figure and table.
    order = wide.mean(axis=1).sort_values(kind="stable").index
    auc["quantizer"] = pd.Categorical(auc["quantizer"], categories=list(order))
    auc = auc.sort_values("quantizer", kind="stable", ignore_index=True)
    auc["quantizer"] = auc["quantizer"].astype(str)
    rows = []
    for a, b in combinations(reports, 2):
        both = wide[[a, b]].dropna()
        value = float(spearman(both[a].to_numpy(float), both[b].to_numpy(float)))
        rows += [(a, b, len(both), value), (b, a, len(both), value)]
    agreement = pd.DataFrame(rows, columns=["folder", "other", "quantizers", "spearman"])
    return Comparison(reports, attack, auc, agreement)


def render(found: Comparison, folder: Path) -> str:
    """The page.

    Args:
        found: what it shows.
        folder: where it will lie, from which it links to the pages of the single rankings.
    """
    heads = ["folder", "task", "runs", "most private", "AUC there", "utility there", "warnings"]
    rankings = [
        {
            "name": name,
            "answer": report.answer,
            "warnings": report.warnings,
            "href": quote(os.path.relpath(report.path / "report.html", folder))
            if (report.path / "report.html").exists()
            else None,
        }
        for name, report in found.reports.items()
    ]
    agreement = found.agreement[found.agreement["folder"] < found.agreement["other"]]
    return html(
        "comparison.html.j2",
        found.figures,
        found=found,
        headline=_headline(found),
        rankings=rankings,
        summary=cells.grid_of(heads, [_summary(found, name) for name in found.reports]),
        privacy=_privacy(found),
        ranks=cells.grid_of(
            list(map(str, agreement)), agreement.itertuples(index=False, name=None)
        ),
    )


def _summary(found: Comparison, name: str) -> list[str | cells.Cell]:
    report = found.reports[name]
    mine = found.auc[found.auc["folder"] == name]
    top = mine.sort_values("auc", kind="stable").to_dict("records")[0]
    row = report.ranking[report.ranking["quantizer"] == top["quantizer"]].to_dict("records")[0]
    ends = top["auc"], top["auc_low"], top["auc_high"]
    return [
        name,
        report.manifest.get("dataset", {}).get("task", ""),
        cells.number(float(row["runs"]), f"{row['runs']:.0f}"),
        top["quantizer"],
        cells.Cell(with_interval(*ends), ends[0]),
        cells.number(float(row["utility"]), f"{report.metric} {row['utility']:.3f}"),
        cells.number(float(len(report.warnings)), str(len(report.warnings))),
    ]


def _privacy(found: Comparison) -> cells.Grid:
    rows = []
    for quantizer, mine in found.auc.groupby("quantizer", sort=False):
        there = {row["folder"]: row for row in mine.to_dict("records")}
        row: list[str | cells.Cell] = [str(quantizer)]
        for name in found.reports:
            one = there.get(name, {})
            ends = [float(one.get(key, np.nan)) for key in ("auc", "auc_low", "auc_high")]
            row.append(cells.Cell(with_interval(*ends), ends[0]))
        rows.append(row)
    return cells.grid_of(["quantizer", *found.reports], rows)


def _headline(found: Comparison) -> list[str]:
    tops = found.auc.loc[found.auc.groupby("folder")["auc"].idxmin(), "quantizer"]
    count = tops.value_counts()
    folders = len(found.reports)
    if len(count) == 1:
        everywhere = "both" if folders == 2 else f"all {folders}"
        first = f"{count.index[0]} leaks least in {everywhere} rankings."
    else:
        listed = ", ".join(f"{name} in {number}" for name, number in count.items())
        first = f"Which quantizer leaks least depends on the ranking: {listed} of {folders}."
    values = found.agreement["spearman"].dropna()
    if values.empty:
        return [first, "They share too few quantizers to compare their order."]
    said = f"{values.median():.2f}"
    if folders > 2:
        said += f" in the median, {values.min():.2f} at the least"
    return [first, f"Measured by the attack {found.attack}; Spearman of two rankings is {said}."]
