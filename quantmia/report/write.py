"""Reports on disk: the page, and its figures for a paper."""

from collections.abc import Mapping
from pathlib import Path

from quantmia.files import write_text
from quantmia.ranking.joined import Joined
from quantmia.report import comparison, page, vector
from quantmia.report.exposed import Exposures
from quantmia.report.figures import charts
from quantmia.report.front import drawn
from quantmia.report.load import Report
from quantmia.report.style import PAPER, themed

PAGE, SENSITIVE, FIGURES = "report.html", "report-with-samples.html", "figures"


def write_page(report: Report, folder: Path, exposed: Exposures | None = None) -> Path:
    """`report.html` of one ranking, and `figures/` as SVG and PDF.

    A page that names samples is another file, so that nobody hands it on for the harmless one.

    Args:
        report: what it shows.
        folder: where to.
        exposed: samples that it may name; None if it may not.

    Returns:
        The page, of two the one that names samples.
    """
    write_text(folder / PAGE, page.render(report, folder))
    vector.write_figures(charts(report, PAPER), folder / FIGURES)
    if exposed is None:
        return folder / PAGE
    write_text(folder / SENSITIVE, page.render(report, folder, exposed))
    return folder / SENSITIVE


def write_front(joined: Joined, folder: Path) -> None:
    """The front of several folders as SVG and PDF in `figures/`.

    Args:
        joined: the releases.
        folder: where to.
    """
    chart = themed(drawn(joined.table, joined.decision, PAPER), PAPER)
    vector.write_figures({"front": chart}, folder / FIGURES)


def write_comparison(reports: Mapping[str, Report], folder: Path) -> Path:
    """`report.html` that compares rankings, and `figures/` as SVG and PDF.

    Args:
        reports: by the name that the page calls them.
        folder: where to.

    Returns:
        The page.

    Raises:
        QuantmiaError: there is no attack that all of them have.
    """
    found = comparison.compare(reports)
    write_text(folder / PAGE, comparison.render(found, folder))
    vector.write_figures(found.figures, folder / FIGURES)
    return folder / PAGE
