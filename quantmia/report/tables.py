"""The ranking and the front for people, as text, Markdown and LaTeX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from quantmia.attacks.calibration import OUTPUTS, WEIGHTS
from quantmia.attacks.metrics import FALSE_POSITIVE_RATES
from quantmia.files import write_text
from quantmia.ranking.conclusion import told_apart
from quantmia.ranking.decision import GUARANTEED, Decision
from quantmia.ranking.results import Results
from quantmia.report.numbers import bits_a_weight
from quantmia.vocabulary import BEST


def write_documents(results: Results, path: Path) -> None:
    """The ranking as Markdown, with the answer and what to know, and as LaTeX.

    Args:
        results: what to write.
        path: the folder.
    """
    shown = readable(results)
    notes = [f"- {warning}" for warning in results.warnings]
    parts = [markdown(shown), results.answer, "", *notes]
    if "calibration" in results.tables:
        parts += ["", markdown(whose_rows(results.tables["calibration"]))]
    if results.decision:
        front = markdown(on_front(results))
        parts = [*(f"{said}  " for said in results.advice), "", front, *parts]
    write_text(path / "ranking.md", "\n".join(parts).rstrip() + "\n")
    table = latex(shown, "l" + "r" * (shown.shape[1] - 2) + "l")
    write_text(path / "ranking.tex", f"% {results.answer}\n{table}")


def readable(results: Results) -> pd.DataFrame:
    """The ranking as strings: estimates with their intervals, most private first."""
    table = results.ranking
    shown = pd.DataFrame({"quantizer": table["quantizer"]})
    if table["bits"].notna().any():  # others need not say
        shown["bits"] = table["bits"].map(bits_a_weight)
    key = results.key
    if key.kind == "auc":
        shown[key.heading] = with_interval(table, key.column, ".3f")
    for attack in results.attack_names:
        shown[f"MIS {attack}"] = with_interval(table, f"mis_{attack}", ".3f")
    if "mis_upper" in table:
        shown["MIS at most"] = at_most(table)
    if "epsilon" in table:
        shown["ε at least"] = [f"{epsilon:.2f}" for epsilon in table["epsilon"]]
    shown[results.metric] = [f"{u:.3f}" for u in table["utility"]]
    if results.of_losses:
        shown["r_Q"] = with_interval(table, "r_q", ".2g")
        if "r_q_median" in table:  # which older versions did not write
            shown["median of r"] = with_interval(table, "r_q_median", ".2g")
        shown["rank by r_Q"] = with_interval(table, "rank", ".0f")
    chances = told_apart(table, results.tables["pairs"], key)
    shown["P(> next)"] = [*(f"{chance:.2f}" for chance in chances), ""]
    shown["flags"] = table["flags"]
    return shown


def on_front(results: Results) -> pd.DataFrame:
    """The releases that no other one beats, as strings, the most useful first.

    Args:
        results: with a front.
    """
    table = results.tables["front"]
    table = table[table["on_front"] == 1].sort_values("utility", ascending=False, kind="stable")
    assert results.decision is not None
    return _releases(table, results.decision)


def best_of_each(front: pd.DataFrame, decision: Decision) -> pd.DataFrame:
    """The release of every quantizer that the rule would choose of its own, as strings.

    Args:
        front: one row a release.
        decision: whose rule it is.
    """
    key = f"auc_{decision.attack}" if decision.rule.mis is None else "utility"
    table = front[decision.rule.allows(front, decision.attack)]
    table = table.sort_values(key, ascending=decision.rule.mis is None, kind="stable")
    return _releases(table.drop_duplicates("quantizer"), decision)


def whose_rows(table: pd.DataFrame) -> pd.DataFrame:
    """How well calibration rows are told from others, as strings, the best told first.

    Args:
        table: of the audit.
    """
    by_outputs = table[table["attack"] == OUTPUTS.name].set_index("quantizer")
    table = table[table["attack"] == WEIGHTS.name].sort_values("auc", ascending=False)
    rate, order = FALSE_POSITIVE_RATES[0], table["quantizer"]
    return pd.DataFrame(
        {
            "quantizer": list(order),
            "was shown": [what_was_shown(row) for row in table.to_dict("records")],
            "AUC by weights": with_interval(table, "auc", ".3f"),
            f"found at FPR {rate}": with_interval(table, f"tpr_at_fpr_{rate}", ".2f"),
            "AUC by outputs": with_interval(by_outputs.loc[order], "auc", ".3f"),
        }
    )


def what_was_shown(row: Mapping[Any, Any]) -> str:
    """What calibrated a quantizer, in words.

    Args:
        row: of the audit.
    """
    if row["shown"] == "apart":
        return f"{row['rows']:.0f} of {row['rows'] + row['others']:.0f} rows"
    return "noise" if row["shown"] == "noise" else "nothing"


def _releases(table: pd.DataFrame, decision: Decision) -> pd.DataFrame:
    shown = pd.DataFrame({"quantizer": table["quantizer"], "after epoch": _after(table)})
    shown[decision.metric] = [f"{value:.3f}" for value in table["utility"]]
    shown["MIS at most"] = at_most(table)
    if GUARANTEED in table:
        shown["ε at most"] = ["" if pd.isna(e) else f"{e:.2f}" for e in table[GUARANTEED]]
    shown[f"AUC {decision.attack}"] = with_interval(table, f"auc_{decision.attack}", ".3f")
    if table["gain"].notna().any():
        gain = with_interval(table, "gain", "+.3f")
        shown["gain"] = ["" if each == "undefined" else each for each in gain]
    return shown.reset_index(drop=True)


def _after(front: pd.DataFrame) -> list[str]:
    """After which epoch every release was taken; the best one after its mean."""
    return [
        f"{epoch:.1f} (best)" if checkpoint == BEST else f"{epoch:.0f}"
        for epoch, checkpoint in zip(front["epoch"], front["checkpoint"], strict=True)
    ]


def at_most(table: pd.DataFrame) -> list[str]:
    """The upper limit of MIS by all attacks.

    Args:
        table: with a column `mis_upper`.
    """
    return ["" if pd.isna(upper) else f"{upper:.3f}" for upper in table["mis_upper"]]


def with_interval(table: pd.DataFrame, key: str, digits: str) -> list[str]:
    """Estimates with their ends in brackets, where there are any.

    Args:
        table: with columns `key`, `key_low` and `key_high`.
        key: of the estimate.
        digits: format of each number.
    """
    cells = []
    for value, low, high in zip(table[key], table[f"{key}_low"], table[f"{key}_high"], strict=True):
        if pd.isna(value):
            cells.append("undefined")
        elif pd.isna(low):
            cells.append(f"{value:{digits}}")
        else:
            cells.append(f"{value:{digits}} [{low:{digits}}, {high:{digits}}]")
    return cells


def markdown(shown: pd.DataFrame) -> str:
    """A table of text as Markdown.

    Args:
        shown: every cell as it is to be read.
    """
    header = "| " + " | ".join(shown.columns) + " |\n|" + " --- |" * len(shown.columns)
    rows = ["| " + " | ".join(row) + " |" for row in shown.itertuples(index=False)]
    return "\n".join([header, *rows, ""])


def latex(shown: pd.DataFrame, columns: str, several_pages: bool = False) -> str:
    """A table of text as LaTeX, for booktabs.

    Args:
        shown: every cell as it is to be read.
        columns: how each is aligned, as tabular takes it.
        several_pages: as a longtable, which repeats its head.
    """
    escaped = {"_": r"\_", "ε": r"$\varepsilon$", "²": "$^2$", ">": "$>$", "%": r"\%"}

    def clean(cell: str) -> str:
        return "".join(escaped.get(character, character) for character in cell)

    lines = [" & ".join(clean(cell) for cell in row) + r" \\" for row in shown.values.tolist()]
    head = " & ".join(clean(str(column)) for column in shown.columns) + r" \\"
    name = "longtable" if several_pages else "tabular"
    return "\n".join(
        [
            rf"\begin{{{name}}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            *([r"\endhead"] if several_pages else []),
            *lines,
            r"\bottomrule",
            rf"\end{{{name}}}",
            "",
        ]
    )
