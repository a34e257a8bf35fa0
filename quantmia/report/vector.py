"""The figures of a report as SVG and PDF in the size of a paper's columns."""

import re
from pathlib import Path

from quantmia.files import atomic, write_text
from quantmia.report.extra import vl_convert
from quantmia.report.style import Chart

# The entries of a dictionary of resources, which come in another order each time.
RESOURCES = re.compile(rb"(?:[ ]*/\w+ \d+ 0 R\n){2,}")

# Names inside of an SVG, which count on from one drawing of a process to the next.
NAMES = re.compile(r"\b(clip|gradient_)(\d+)\b")


def write_figures(charts: dict[str, Chart], folder: Path) -> list[Path]:
    """`NAME.svg` and `NAME.pdf` of every chart; the same charts give the same bits.

    Args:
        charts: by name.
        folder: made if it is not there.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, chart in charts.items():
        spec = chart.to_dict()
        svg = vl_convert.vegalite_to_svg(spec)
        write_text(folder / f"{name}.svg", _numbered(svg))
        with atomic(folder / f"{name}.pdf") as temporary:  # of what is laid out, not once more
            temporary.write_bytes(_settled(vl_convert.svg_to_pdf(svg)))
        written += [folder / f"{name}.svg", folder / f"{name}.pdf"]
    return written


def _settled(pdf: bytes) -> bytes:
    """The same PDF, as long and with every object in its place, its resources in order."""
    return RESOURCES.sub(lambda found: b"".join(sorted(found[0].splitlines(keepends=True))), pdf)


def _numbered(svg: str) -> str:
    """The same SVG, its inner names counted from 0."""
    numbers: dict[str, int] = {}
    return NAMES.sub(lambda found: found[1] + str(numbers.setdefault(found[0], len(numbers))), svg)
