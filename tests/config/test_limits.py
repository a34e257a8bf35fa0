from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmia.config.limits import beyond_limits
from quantmia.config.wording import show

CHECKPOINTS = {"training.epochs": 5, "training.checkpoint_every": 6}
EPSILON = {"ranking.epsilon": True, "split.membership": "half"}
SHARDS = {"shards": 4, "shard": 0, "runs": 8, "training.stack": 2}


def said(*changes: dict[str, Any]) -> list[str]:
    values: dict[str, Any] = {}
    for each in changes:
        values |= each
    return list(beyond_limits(values))


def test_no_checkpoint_would_be_made():
    assert said(CHECKPOINTS) == [
        "training.checkpoint_every=6: no checkpoint would be made: has to be at most "
        "training.epochs=5"
    ]
    assert said(CHECKPOINTS, {"training.checkpoint_every": 5}) == []
    assert said(CHECKPOINTS, {"training.epochs": 6}) == []


@pytest.mark.parametrize(
    ("chosen", "absent"),
    [([3], 3), (["best", 4, 14], 14), ([2, 5, 7], 5), ("auto", None), (["best", "last", 12], None)],
)
def test_an_epoch_that_is_released_has_a_checkpoint(chosen, absent):
    values = {"training.epochs": 12, "training.checkpoint_every": 2, "release.checkpoints": chosen}
    text = (
        f"release.checkpoints: there is no checkpoint after epoch {absent}: it has to be a "
        "multiple of training.checkpoint_every=2, at most training.epochs=12"
    )
    assert said(values) == ([] if absent is None else [text])


def test_a_bound_on_epsilon_needs_coins():
    assert said(EPSILON) == [
        "ranking.epsilon=true: a bound on epsilon needs members drawn by independent coins, "
        "and halves are not: use split.membership=coin"
    ]
    assert said(EPSILON, {"split.membership": "coin"}) == []
    assert said(EPSILON, {"ranking.epsilon": False}) == []
    assert said(EPSILON, {"ranking.epsilon": None}) == []


def test_private_training_takes_an_epsilon_or_its_noise():
    both = {"training.dp.epsilon": 8.0, "training.dp.noise_multiplier": 1.0}
    (fault,) = said(both)
    assert fault.startswith("training.dp: epsilon decides the noise multiplier, or")
    for key in both:
        assert said(both, {key: None}) == []


@pytest.mark.parametrize("key", ["training.dp.epsilon", "training.dp.noise_multiplier"])
def test_private_training_takes_a_stack(key):
    (fault,) = said({key: 1.0, "training.vectorize": False})
    assert fault.startswith("training.vectorize=false: training.dp clips the gradient of every")
    assert said({key: None, "training.vectorize": False}) == []
    assert said({key: 1.0, "training.vectorize": "auto"}) == []


def test_what_is_trained_for_is_a_quantizer_that_is_chosen():
    own = {"training.qat": "sing", "quantizer": {"sign": {}}, "training.epochs": 9}
    (fault,) = said(own)
    assert fault == (
        "training.qat=sing: is not among the quantizers that are chosen (sign); did you mean sign?"
    )
    (fault,) = said(own, {"training.qat": "kmeans_4"})
    assert fault.endswith("(sign); add it: 'quantizer=[kmeans_4]'")
    assert said(own, {"training.qat": "sign", "training.qat_warmup": 8}) == []
    (fault,) = said(own, {"training.qat": "sign", "training.qat_warmup": 9})
    assert fault.startswith("training.qat_warmup=9: nothing would be trained as it is quantized")
    assert said(own, {"training.qat": None, "training.qat_warmup": 9}) == []


@pytest.mark.parametrize("key", ["training.dp.epsilon", "training.dp.noise_multiplier"])
def test_private_training_is_not_sharpness_aware(key):
    (fault,) = said({"training.sam": 0.05, key: 1.0})
    assert fault == (
        "training.sam=0.05: the gradient that moves the parameters would have to be private as "
        "well, which training.dp does not account for: use training.sam=null, or null for "
        "training.dp.epsilon and training.dp.noise_multiplier"
    )
    assert said({"training.sam": None, key: 1.0}) == said({"training.sam": 0.05, key: None}) == []


def test_training_with_a_quantizer_is_not_sharpness_aware():
    (fault,) = said({"training.sam": 0.05, "training.qat": "sign"})
    assert fault == (
        "training.sam=0.05: training.qat=sign takes gradients at quantized weights, which are not "
        "moved: use training.sam=null or training.qat=null"
    )
    assert said({"training.sam": None, "training.qat": "sign"}) == []


def test_weights_are_averaged_in_one_way():
    (fault,) = said({"training.ema": 0.99, "training.swa": 5, "training.epochs": 9})
    assert fault == (
        "training.ema=0.99: training.swa=5 averages the weights in another way: give one of them, "
        "and null for the other"
    )
    assert said({"training.ema": None, "training.swa": 5}) == []
    assert said({"training.ema": 0.99, "training.swa": None}) == []


@pytest.mark.parametrize("key", ["training.swa", "training.warm_restarts"])
def test_averages_and_cycles_lie_within_the_training(key):
    (fault,) = said({key: 10, "training.epochs": 9})
    assert fault.startswith(f"{key}=10: ")
    assert fault.endswith(": has to be at most training.epochs=9")
    assert said({key: 9, "training.epochs": 9}) == said({key: None, "training.epochs": 9}) == []
    assert said({key: 10}) == []  # epochs have a fault of their own


@pytest.mark.parametrize("how", ["training.warm_restarts", "training.ema", "training.swa"])
def test_other_ways_go_with_privacy_and_with_quantizers(how):
    value = 0.9 if how == "training.ema" else 2
    assert said({how: value, "training.qat": "sign", "training.dp.epsilon": 1.0}) == []
    both = {"training.warm_restarts": 2, how: value, "training.sam": 0.05, "training.epochs": 4}
    assert said(both) == []


def test_shards_are_numbered_from_zero():
    assert said(SHARDS, {"shard": 4}) == [
        "shard=4: shards=4 are numbered 0 to 3; a sweep takes shards=4 'shard=range(4)'"
    ]
    assert said(SHARDS, {"shard": 3}) == []
    assert said({"shards": 1, "shard": 1}) == [
        "shard=1: shards=1 are numbered 0 to 0; a sweep takes shards=1 'shard=range(1)'"
    ]
    assert said({"shards": 1, "shard": 0}) == []


def test_shards_need_a_number_of_runs():
    assert said(SHARDS, {"runs": "auto"}) == [
        "shards=4: runs=auto looks at all runs; give a number of runs"
    ]
    assert said(SHARDS, {"runs": "auto", "shards": 1}) == []


def test_shards_need_a_number_of_runs_a_stack():
    assert said(SHARDS, {"training.stack": "auto"}) == [
        "shards=4: shards take whole stacks; give training.stack a number"
    ]
    assert said(SHARDS, {"training.stack": "auto", "shards": 1}) == []


def test_stacks_are_not_divided_among_shards():
    assert said(SHARDS, {"runs": 5}) == [
        "shards=4: runs=5 are 3 stacks of training.stack=2, which are not divided; use at most 3 "
        "shards, or smaller stacks"
    ]
    assert said(SHARDS, {"runs": 7}) == []  # the last stack is a smaller one
    assert said(SHARDS, {"runs": 1, "shards": 1, "training.stack": 20}) == []


def test_everything_is_said_at_once():
    both = {"runs": "auto", "training.stack": "auto", "shard": 9}
    assert [text.partition(":")[0] for text in said(CHECKPOINTS, EPSILON, SHARDS, both)] == [
        "training.checkpoint_every=6",
        "ranking.epsilon=true",
        "shard=9",
        "shards=4",
        "shards=4",
    ]
    stacks = {"runs": 2, "shard": 4}
    assert [text.partition(":")[0] for text in said(SHARDS, stacks)] == ["shard=4", "shards=4"]


@pytest.mark.parametrize("wrong", [CHECKPOINTS, EPSILON, SHARDS | {"shard": 4}])
def test_what_has_a_fault_of_its_own_is_not_compared(wrong):
    """Such keys are left out."""
    for key in wrong:
        if key not in ("runs", "training.stack"):  # which the shard's number is not compared with
            assert said({k: v for k, v in wrong.items() if k != key}) == []
    assert said() == []


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "training.epochs": st.integers(1, 9),
            "training.checkpoint_every": st.integers(1, 9),
            "ranking.epsilon": st.sampled_from([True, False, None]),
            "split.membership": st.sampled_from(["half", "coin"]),
            "shards": st.integers(1, 9),
            "shard": st.integers(0, 9),
            "runs": st.integers(1, 99) | st.just("auto"),
            "training.stack": st.integers(1, 20) | st.just("auto"),
        },
    )
)
def test_any_values_are_compared_as_far_as_they_are_there(values):
    for text in beyond_limits(values):
        key, _, rest = text.partition("=")
        assert key in values
        assert rest.startswith(f"{show(values[key])}: ")
