import pandas as pd

from quantmia.ranking.conclusion import Conclusion
from quantmia.ranking.results import Results
from quantmia.ranking.verdict import Caution
from quantmia.report import tables
from quantmia.statistics import Interval

NAMES = ("ternary_90", "sign")
ATTACKS = ("lira", "lira_eb", "rmia")


def results(old: bool = False) -> Results:
    """By the AUC of lira_eb; old ones have no AUC in their ranking and go by MIS."""
    row: dict[str, object] = {
        "bits": 1.58,
        "mis_upper": 0.55,
        "utility": 0.9,
        "flags": "before_minimum",
    }
    row |= {"utility_metric": "accuracy", "runs": 8}
    for key in ("r_q", "rank", *(f"mis_{attack}" for attack in ATTACKS)):
        row |= Interval(0.5, 0.4, 0.6).cells(key)
    for attack in () if old else ATTACKS:
        row |= Interval(0.75, 0.7, 0.8).cells(f"auc_{attack}")
    ranking = pd.DataFrame([{"quantizer": name} | row for name in NAMES])
    attacks = pd.DataFrame([{"quantizer": q, "attack": a} for q in NAMES for a in ATTACKS])
    p = {"p_mis_lira_eb": 0.97} | ({} if old else {"p_auc_lira_eb": 0.99})
    pairs = pd.DataFrame([{"quantizer": "ternary_90", "other": "sign"} | p])
    correlation = pd.DataFrame(
        [{"attack": "lira", "statistic": "spearman", "value": 0.5, "low": 0.1, "high": 0.8}]
    )
    every = {"ranking": ranking, "attacks": attacks, "pairs": pairs, "correlation": correlation}
    return Results(
        tables=every,
        conclusion=Conclusion.of(ranking, pairs, "lira_eb", 0.95),
        cautions=[Caution("a limit", "what to do")],
        confidence=0.95,
    )


def test_the_auc_that_orders_stands_first_and_says_who_is_told_apart():
    shown = tables.readable(results())
    assert list(shown)[:6] == [
        "quantizer", "bits", "AUC lira_eb", "MIS lira_eb", "MIS lira", "MIS rmia"
    ]  # fmt: skip
    assert list(shown["AUC lira_eb"]) == ["0.750 [0.700, 0.800]"] * 2
    assert list(shown["MIS lira_eb"]) == ["0.500 [0.400, 0.600]"] * 2
    assert list(shown["P(> next)"]) == ["0.99", ""]
    old = tables.readable(results(old=True))
    assert list(old) == [each for each in shown if each != "AUC lira_eb"]
    assert list(old["P(> next)"]) == ["0.97", ""]


def test_markdown_has_every_attack(tmp_path):
    tables.write_documents(results(), tmp_path)
    text = (tmp_path / "ranking.md").read_text()
    words = ("AUC lira_eb", "MIS lira_eb", "MIS lira ", "MIS rmia", "MIS at most", "0.550")
    for word in (*words, "- a limit"):
        assert word in text
    assert (
        (tmp_path / "ranking.tex")
        .read_text()
        .startswith(
            "% ternary_90 leaks least (AUC of lira_eb 0.750 [0.700, 0.800], MIS at most 0.550)"
        )
    )
