import pandas as pd
import pytest
from rich.console import Console

from quantmia.ranking.conclusion import Conclusion
from quantmia.ranking.results import Results
from quantmia.ranking.verdict import Caution
from quantmia.report import tables


def results() -> Results:
    spread = {"{}": 0.5, "{}_low": 0.4, "{}_high": 0.6}
    row: dict[str, object] = {"bits": 1.58, "mis_upper": 0.55, "utility": 0.9, "flags": "pareto"}
    row |= {"utility_metric": "accuracy", "runs": 8}
    for key in ("r_q", "rank", "mis_lira", "mis_lira_shrunk", "mis_rmia"):
        row |= {name.format(key): value for name, value in spread.items()}
    ranking = pd.DataFrame([{"quantizer": name} | row for name in ("ternary_90", "sign")])
    pairs = pd.DataFrame([{"quantizer": "ternary_90", "other": "sign", "p_mis_lira_shrunk": 0.97}])
    correlation = pd.DataFrame(
        [{"attack": "lira", "statistic": "spearman", "value": 0.5, "low": 0.1, "high": 0.8}]
    )
    every = {"ranking": ranking, "pairs": pairs, "correlation": correlation}
    return Results(
        tables=every,
        conclusion=Conclusion.of(ranking, pairs, "lira_shrunk", 0.95),
        cautions=[Caution("a limit", "what to do")],
        confidence=0.95,
    )


@pytest.mark.parametrize("width", [80, 100, 130, 200])
def test_no_cell_is_cut_in_a_narrow_terminal(width, monkeypatch, tmp_path):
    terminal = Console(force_terminal=True, color_system=None, width=width)
    monkeypatch.setattr(tables, "Console", lambda: terminal)
    with terminal.capture() as printed:
        tables.show(results(), tmp_path)
    out = printed.get()
    assert max(map(len, out.splitlines()[:7])) <= width
    for word in ("ternary_90", "MIS lira_shrunk", "0.500 [0.400, 0.600]", "accuracy", "pareto"):
        assert word in out
    assert ("MIS lira " in out) == (width == 200)
    assert "a limit" in out


def test_markdown_has_every_attack(tmp_path):
    tables.write_documents(results(), tmp_path)
    text = (tmp_path / "ranking.md").read_text()
    for word in ("MIS lira ", "MIS rmia", "MIS at most", "0.550", "- a limit"):
        assert word in text
    assert (tmp_path / "ranking.tex").read_text().startswith("% ternary_90 leaks least")
