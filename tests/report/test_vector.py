import re

import pytest

from quantmia.report.figures import charts
from quantmia.report.load import load
from quantmia.report.style import PAPER
from quantmia.report.vector import write_figures
from tests.report.example import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    where = tmp_path_factory.mktemp("paper")
    report = load(write(where / "done", names=tuple("abcdefghi")))
    written = [write_figures(charts(report, PAPER), where / name) for name in ("one", "two")]
    return where, written[0]


def test_every_figure_is_svg_and_pdf_of_a_papers_size(figures):
    _, written = figures
    assert {path.suffix for path in written} == {".svg", ".pdf"}
    for path in written:
        if path.suffix == ".pdf":
            found = re.search(rb"/MediaBox \[0 0 ([\d.]+) ", path.read_bytes())
            assert found, path
            assert float(found[1]) <= 6.9 * 72, path
        else:
            assert path.read_text().startswith("<svg")


def test_the_same_charts_give_the_same_bits(figures):
    where, written = figures
    for path in written:
        assert path.read_bytes() == (where / "two" / path.name).read_bytes(), path
