"""Markdown of generated pages."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped.

    Args:
        columns: their heads.
        rows: of Markdown.
    """
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(_cell, each))} |\n" for each in lines)


def code(text: str) -> str:
    """A word as it is typed, or nothing of nothing.

    Args:
        text: without backticks.
    """
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
