from pathlib import Path

import pytest

from scripts.docs.links import in_site, linked, outside

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("uri", "written", "has"),
    [
        ("how-to/cluster.md", "../../conf/config.yaml", "../conf/config.yaml"),
        ("how-to/cluster.md", "../explanation/limits.md#a", "../explanation/limits.md#a"),
        ("explanation/paper.md", "../../results/claims.md", "../results/claims.md"),
        ("index.md", "tutorial.md", "tutorial.md"),
        ("results/claims.md", "tables/gains.md", "tables/gains.md"),
        ("CONTRIBUTING.md", "docs/explanation/paper.md", "explanation/paper.md"),
        ("index.md", "https://hydra.cc", "https://hydra.cc"),
    ],
)
def test_a_link_holds_where_the_page_goes(uri, written, has):
    assert in_site(f"[a]({written}) b", uri) == f"[a]({has}) b"


def test_files_outside_are_brought_with_what_they_link_to():
    text = "[a](../../results/ship.md), [b](cluster.md), [c](https://hydra.cc), [d](#here)"
    assert list(linked(text, "docs/how-to/a.md")) == ["results/ship.md", "docs/how-to/cluster.md"]
    assert outside(ROOT, text, "docs/how-to/a.md") >= {"results/ship.md"}
    assert "results/figures/gains.svg" in outside(
        ROOT, "[a](../../results/figures/gains.svg)", "docs/how-to/a.md"
    )


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_doorstep_hold(page):
    links = list(linked((ROOT / page).read_text(encoding="utf-8"), page))
    assert len(links) > 0
    assert [each for each in links if not (ROOT / each).exists()] == []
