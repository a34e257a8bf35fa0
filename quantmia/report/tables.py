"""The ranking for people: in a terminal, as Markdown and as LaTeX."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from quantmia.files import write_text
from quantmia.ranking.conclusion import told_apart
from quantmia.ranking.results import Results


def write_documents(results: Results, path: Path) -> None:
    """The ranking as Markdown, with the answer and what to know, and as LaTeX.

    Args:
        results: what to write.
        path: the folder.
    """
    shown = readable(results)
    notes = [f"- {warning}" for warning in results.warnings]
    text = "\n".join([markdown(shown), results.answer, "", *notes]).rstrip() + "\n"
    write_text(path / "ranking.md", text)
    table = latex(shown, "l" + "r" * (shown.shape[1] - 2) + "l")
    write_text(path / "ranking.tex", f"% {results.answer}\n{table}")


def readable(results: Results) -> pd.DataFrame:
    """The ranking as strings: estimates with their intervals, most private first."""
    table = results.ranking
    shown = pd.DataFrame({"quantizer": table["quantizer"]})
    shown["bits"] = [f"{bits:.3g}" for bits in table["bits"]]
    key = results.key
    if key.kind == "auc":
        shown[key.heading] = _with_interval(table, key.column, ".3f")
    for attack in results.attack_names:
        shown[f"MIS {attack}"] = _with_interval(table, f"mis_{attack}", ".3f")
    if "mis_upper" in table:
        shown["MIS at most"] = _at_most(table)
    if "epsilon" in table:
        shown["ε at least"] = [f"{epsilon:.2f}" for epsilon in table["epsilon"]]
    shown[results.metric] = [f"{u:.3f}" for u in table["utility"]]
    shown["r_Q"] = _with_interval(table, "r_q", ".2g")
    if "r_q_median" in table:  # which older versions did not write
        shown["median of r"] = _with_interval(table, "r_q_median", ".2g")
    shown["rank by r_Q"] = _with_interval(table, "rank", ".0f")
    chances = told_apart(table, results.tables["pairs"], key)
    shown["P(> next)"] = [*(f"{chance:.2f}" for chance in chances), ""]
    shown["flags"] = table["flags"]
    return shown


def show(results: Results, path: Path) -> None:
    """Print the ranking, the warnings, the answer and where the files are.

    A terminal too narrow for all columns shows the more important ones; the files have all.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=180)
    shown = readable(results)
    unlimited = console.options.update(width=10_000)
    others = [f"MIS {name}" for name in reversed(results.attack_names) if name != results.trusted]
    last = [f"MIS {results.trusted}"] if results.key.kind == "auc" else []  # what orders stays
    for column in (*others, "rank by r_Q", "median of r", "bits", "r_Q", *last, "MIS at most"):
        if console.measure(_for_terminal(shown), options=unlimited).maximum <= console.width:
            break
        shown = shown.drop(columns=column, errors="ignore")
    console.print(_for_terminal(shown))
    for row in results.tables["correlation"].to_dict("records"):
        if row["attack"]:
            found = f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            if pd.isna(row["value"]):
                found = (
                    f"undefined: it takes 3 quantizers or more, and there are {row['quantizers']}"
                    if row["quantizers"] < 3
                    else "undefined: all quantizers have the same MIS or r_Q"
                )
            console.print(
                f"Spearman(r_Q, MIS by {row['attack']}) {found}", highlight=False, markup=False
            )
    for warning in results.warnings:
        console.print(f"note: {warning}", style="yellow", highlight=False, markup=False)
    console.print(f"\n{results.answer}\n", style="bold", highlight=False, markup=False)
    console.print(f"Files: {path}", highlight=False, markup=False, soft_wrap=True)


def summary(results: Results, title: str) -> None:
    """Print the main columns of a ranking.

    Args:
        results: what to print.
        title: above it.
    """
    table, trusted = results.ranking, results.trusted
    shown = table[["quantizer"]].assign(bits=[f"{bits:.3g}" for bits in table["bits"]])
    if trusted:
        shown[results.key.heading] = _with_interval(table, results.key.column, ".3f")
        if "mis_upper" in table:
            shown["MIS at most"] = _at_most(table)
    shown[results.metric] = [f"{value:.3f}" for value in table["utility"]]
    shown["rank by r_Q"] = _with_interval(table, "rank", ".0f")
    console = Console() if Console().is_terminal else Console(width=120)
    console.print(_for_terminal(shown, title))


def attacks_of(table: pd.DataFrame) -> list[str]:
    """The attacks of a ranking, in its order.

    Args:
        table: with columns `mis_<attack>` and their intervals.
    """
    names = [c.removeprefix("mis_") for c in map(str, table) if c.startswith("mis_")]
    return [name for name in names if f"mis_{name}_low" in table]


def _for_terminal(shown: pd.DataFrame, title: str = "Most private first") -> Table:
    table = Table(title=title, title_justify="left", pad_edge=False)
    for column in map(str, shown):
        number = column not in ("quantizer", "flags")
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in shown.itertuples(index=False):
        table.add_row(*row)
    return table


def _at_most(table: pd.DataFrame) -> list[str]:
    return ["" if pd.isna(upper) else f"{upper:.3f}" for upper in table["mis_upper"]]


def _with_interval(table: pd.DataFrame, key: str, digits: str) -> list[str]:
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
