import numpy as np
import pandas as pd
import pytest

from quantmia.ranking.agreement import Agreement, GridAgreement
from quantmia.ranking.verdict import Caution, cautions, decided_by_few, flags, of_r_q
from quantmia.statistics import Interval

JUST_BELOW = float(np.nextafter(0.8, 0))
JUST_ABOVE = float(np.nextafter(0.1, 1))


def spread(value: float) -> Interval:
    return Interval(value, np.nan, np.nan)


def ranking(names=("a", "b", "c"), metric="accuracy", **columns) -> pd.DataFrame:
    plain = {"utility": 0.5, "utility_metric": metric, "r_q": 0.1, "flags": ""}
    return pd.DataFrame({"quantizer": list(names)} | plain | columns)


def diagnostics(names=("a", "b", "c"), **columns) -> pd.DataFrame:
    plain = {"best_is_last": 0.0, "dominated_by_high_loss": 0.0, "undefined_runs": 0}
    plain |= {"gap_significant": 1.0, "halves_correlation": 1.0}
    return pd.DataFrame({"quantizer": list(names)} | plain | columns)


def agreement(attacks=None, grids=(), between_halves=1.0) -> Agreement:
    found = {name: spread(value) for name, value in (attacks or {}).items()}
    listed = [GridAgreement(every, finest, spread(value)) for every, finest, value in grids]
    return Agreement(found, listed, between_halves, quantizers=3, runs=8)


def said(table=None, found=None, agreed=None, diverged=(), left_out=(), trusted=None) -> list[str]:
    table = ranking() if table is None else table
    found = diagnostics() if found is None else found
    made = list(cautions(table, diverged, [Caution(each, "Train more.") for each in left_out]))
    made += of_r_q(found, agreed or agreement(), trusted)
    assert all(each.advice.endswith(".") for each in made)
    return [str(each) for each in made]


def test_there_is_nothing_to_say_of_a_ranking_that_holds():
    assert said() == []
    assert said(agreed=agreement({"lira": 0.9}, [(2, 1, 0.9)], 0.9), trusted="lira") == []


def test_a_caution_reads_as_its_text():
    assert str(Caution("what was found", "what to do")) == "what was found"


def test_attacks_that_were_left_out_come_first():
    sentence = "lira was left out: it needs 8 runs and there are 4"
    assert said(left_out=[sentence], diverged=["out/run-0001", "out/run-0002"]) == [
        sentence,
        "2 runs diverged and were left out everywhere: out/run-0001, out/run-0002",
    ]


@pytest.mark.parametrize(
    ("shares", "named"),
    [
        ([0.0, 0.1, np.nan], None),
        ([0.0, JUST_ABOVE, 0.1], "b"),
        ([1.0, 0.0, 0.5], "a, c"),
    ],
)
def test_training_that_stopped_early_names_its_quantizers(shares, named):
    expected = (
        f"training stopped before the minimum of the held-out loss for {named} "
        "(best_is_last > 0.1): their r_Q measures the optimiser's step; train longer"
    )
    assert said(found=diagnostics(best_is_last=shares)) == ([expected] if named else [])


@pytest.mark.parametrize("value", [0.8, 1.0, np.nan])
def test_rankings_that_agree_or_are_undefined_are_no_caution(value):
    agreed = agreement({"lira": value}, [(2, 1, value)], value)
    assert said(agreed=agreed, trusted="lira") == []


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ((2, 1, -0.5), "Spearman -0.50 between keeping every checkpoint and one in 2"),
        ((4, 2, 0.25), "Spearman 0.25 between keeping one checkpoint in 2 and one in 4"),
        ((5, 1, JUST_BELOW), "Spearman 0.80 between keeping every checkpoint and one in 5"),
    ],
)
def test_the_grid_is_named_with_its_true_reference(grid, expected):
    agreed = agreement(grids=[grid])
    assert said(agreed=agreed) == [f"the ranking by r_Q depends on the checkpoint grid: {expected}"]


def test_every_grid_that_disagrees_is_named():
    grids = [(2, 1, 0.9), (5, 1, 0.3), (10, 1, np.nan), (20, 1, 0.1)]
    sentences = said(agreed=agreement(grids=grids))
    assert [each.rsplit(" ", 1)[1] for each in sentences] == ["5", "20"]


def test_halves_of_the_runs_that_rank_in_other_ways_are_told():
    assert said(agreed=agreement(between_halves=-0.123)) == [
        "the ranking by r_Q is unstable: Spearman -0.12 between halves of the runs"
    ]
    assert len(said(agreed=agreement(between_halves=JUST_BELOW))) == 1


def test_only_the_trusted_attack_can_disagree():
    agreed = agreement({"lira": 0.4, "rmia": 0.9})
    expected = "r_Q and lira disagree: Spearman 0.40 < 0.8; trust the attack"
    assert said(agreed=agreed, trusted="lira") == [expected]
    assert said(agreed=agreed, trusted="rmia") == []
    assert said(agreed=agreed) == []


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.5, 0.5, 0.5], []),
        ([np.nan, np.nan, np.nan], []),
        ([0.5, 0.6, np.nan], ["55%"]),  # mean of those that are defined
        ([1.0, 1.0, 0.0], ["67%"]),
    ],
)
def test_a_variance_from_the_start_of_training_is_told(shares, expected):
    sentences = said(found=diagnostics(dominated_by_high_loss=shares))
    assert sentences == [
        f"in {share} of the runs sigma^2 comes from a checkpoint in the high-loss half, not from "
        "a low-loss model as the paper says"
        for share in expected
    ]


def test_every_quantizer_whose_utility_is_destroyed_is_named():
    table = ranking(flags=["pareto utility_destroyed", "before_minimum", "utility_destroyed"])
    assert said(table) == [
        "a predicts worse than the mean (R² < 0)",
        "c predicts worse than the mean (R² < 0)",
    ]


def test_the_cautions_stand_in_their_order():
    table = ranking(flags=["utility_destroyed", "", ""])
    found = diagnostics(best_is_last=1.0, dominated_by_high_loss=1.0, gap_significant=0.1)
    agreed = agreement({"lira": 0.0}, [(2, 1, 0.0)], 0.0)
    sentences = said(table, found, agreed, ["run"], ["left out"], "lira")
    begin = (
        "left out",
        "1 ",
        "a predicts",
        "training",
        "the indicator r_Q",
        "the ranking by r_Q depends",
    )
    begin += ("the ranking by r_Q is",)
    begin += ("r_Q and lira", "in 100%")
    assert len(sentences) == len(begin)
    assert all(each.startswith(start) for each, start in zip(sentences, begin, strict=True))


def attacks(**columns) -> pd.DataFrame:
    rows = pd.DataFrame({"attack": ["lira", "lira", "rmia"], "quantizer": ["a", "b", "a"]})
    rows[["auc", "auc_without_extreme", "mis", "mis_without_extreme"]] = 0.7, 0.7, 0.4, 0.4
    return rows.assign(**columns)


@pytest.mark.parametrize(
    "columns", [{}, {"auc_without_extreme": np.nan, "mis_without_extreme": np.nan}]
)
def test_attacks_that_no_handful_decides_are_no_caution(columns):
    assert list(decided_by_few(attacks(**columns))) == []
    assert list(decided_by_few(pd.DataFrame())) == []


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"auc_without_extreme": [0.719, 0.681, 0.7]}, None),
        ({"mis_without_extreme": [0.449, 0.351, 0.4]}, None),
        ({"auc_without_extreme": [0.721, 0.7, 0.7]}, "lira finds of a:"),
        ({"auc_without_extreme": [0.7, 0.679, 0.7]}, "lira finds of b:"),
        ({"mis_without_extreme": [0.451, 0.349, 0.4]}, "lira finds of a, b:"),
        ({"mis_without_extreme": [0.4, 0.4, 0.2]}, "rmia finds of a:"),
    ],
)
def test_a_handful_decides_where_auc_or_mis_move_far_without_it(columns, named):
    found = [each.text for each in decided_by_few(attacks(**columns))]
    assert len(found) == (named is not None)
    assert all(text.startswith(f"5 samples decide what {named}") for text in found)


def test_what_moves_farthest_is_shown():
    table = attacks(mis=[0.45, 1.0, 0.4], mis_without_extreme=[0.4, 0.37, 0.4])
    (caution,) = decided_by_few(table)
    assert caution.text == (
        "5 samples decide what lira finds of b: without them MIS of b is 0.370 and not 1.000, "
        "AUC 0.700 and not 0.700"
    )


def test_a_gap_within_the_noise_of_the_held_out_samples_is_told():
    found = diagnostics(gap_significant=[0.2, 0.4, 0.3], halves_correlation=[0.1, -0.4, 0.27])
    (sentence,) = said(found=found)
    assert sentence == (
        "the indicator r_Q cannot rank here: in 70% of the cases (runs and quantizers) the gap "
        "between the best two checkpoints, which it is made of, is within the noise of the "
        "held-out samples; log r from two halves of them correlates 0.10 in the median (-0.40 to "
        "0.27)"
    )
    (short,) = said(found=diagnostics(gap_significant=0.0, halves_correlation=np.nan))
    assert short.endswith("within the noise of the held-out samples")
    assert said(found=diagnostics(gap_significant=0.5)) == []


@pytest.mark.parametrize(
    ("metric", "utility", "flagged"),
    [
        ("r2", -1e-9, True),
        ("r2", 0.0, False),
        ("r2", np.nan, False),
        ("accuracy", -1.0, False),
    ],
)
def test_only_a_negative_r2_is_a_destroyed_utility(metric, utility, flagged):
    table = ranking(("a",), metric=metric, utility=utility)
    assert flags(table, diagnostics(("a",))) == ["utility_destroyed" if flagged else ""]


@pytest.mark.parametrize(
    ("share", "flag"), [(0.1, ""), (JUST_ABOVE, "before_minimum"), (np.nan, "")]
)
def test_the_best_checkpoint_may_be_the_last_in_a_tenth_of_the_runs(share, flag):
    assert flags(ranking(("a",)), diagnostics(("a",), best_is_last=share)) == [flag]


def test_a_single_undefined_run_is_flagged():
    found = diagnostics(undefined_runs=[0, 1, 8])
    assert flags(ranking(), found) == ["", "undefined_runs", "undefined_runs"]


def test_flags_stand_side_by_side_in_their_order():
    table = ranking(("a", "b"), metric="r2", utility=-1.0)
    found = diagnostics(("a", "b"), best_is_last=[1.0, 0.0], undefined_runs=[2, 0])
    assert flags(table, found) == [
        "utility_destroyed before_minimum undefined_runs",
        "utility_destroyed",
    ]
