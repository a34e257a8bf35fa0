import numpy as np
import pytest

from quantmia.errors import OutputsError
from quantmia.recording.checks import Outputs, _association, lacking, losses_of, refuse_name


def recorded(*epochs: int | None, losses=(), kind: str = "logits", length: int = 5) -> Outputs:
    return Outputs(
        answers={epoch: np.zeros(3, np.float32) for epoch in epochs},
        losses={epoch: np.zeros(length, np.float32) for epoch in losses},
        kinds={kind},
    )


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([{"a": recorded(None)}, {"a": recorded(None)}], None),
        ([{"a": recorded(1, 2, losses=(1, 2, 3))}] * 2, None),
        ([{}, {}], "no outputs are recorded"),
        # Of the last epoch alone, as is a quantizer that takes long.
        ([{"a": recorded(1, 2), "b": recorded(2)}] * 2, None),
        ([{"a": recorded(1, 2, losses=(1, 2)), "b": recorded(2, losses=(2,))}] * 2, None),
        ([{"a": recorded(None, losses=(1, 2)), "b": recorded(None, losses=(2,))}] * 2, None),
        (
            [{"a": recorded(1, 2), "b": recorded(2)}, {"a": recorded(1, 2), "b": recorded(1, 2)}],
            "run 0 has no outputs of epoch 1 for b, and others have",
        ),
        (
            [{"a": recorded(1, 2), "b": recorded(2)}, {"a": recorded(1, 2)}],
            "run 1 has no outputs of epoch 2 for b, and others have",
        ),
        (
            [{"a": recorded(1, 2, losses=(1, 2)), "b": recorded(2)}],
            "run 0 has no outputs of epoch 1 for b, and others have",
        ),
        ([{"a": recorded(None)}, {}], "run 1 has no outputs for a, and others have"),
        (
            [{"a": recorded(1)}, {"a": recorded(1, 2)}],
            "run 0 has no outputs of epoch 2 for a, and others have",
        ),
        (
            [{"a": recorded(1), "b": recorded(1, losses=(1,))}],
            "run 0 has no losses of epoch 1 for a, and others have",
        ),
        ([{"a": recorded(1, 2, losses=(1,))}], "there are outputs of epoch 2 and no losses"),
    ],
)
def test_what_a_run_lacks_is_said(runs, said):
    assert lacking(dict(enumerate(runs))) == said


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([{"a": recorded(None, 1)}], "some outputs have an epoch and some have none"),
        (
            [{"a": recorded(None)}, {"a": recorded(None, kind="probabilities")}],
            r"look like logits \(run 0\) and probabilities \(run 1\)",
        ),
        (
            [{"a": recorded(1, losses=(1,))}, {"a": recorded(1, losses=(1,), length=6)}],
            "there are 5 of run 0, a, epoch 1 and 6 of run 1, a, epoch 1",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(runs, said):
    with pytest.raises(OutputsError, match=said):
        lacking(dict(enumerate(runs)))


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".a", "members", "target", "a@2"])
def test_names_that_nothing_can_be_called_by(name):
    with pytest.raises(OutputsError, match="variant"):
        refuse_name(name)
    refuse_name("int8_per-channel+bias.v2")


def test_losses_are_one_a_sample():
    np.testing.assert_array_equal(losses_of([1, 2], "it"), np.array([1, 2], np.float32))
    with pytest.raises(OutputsError, match="it have the shape"):
        losses_of([[1, 2]], "it")


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_outputs_go_with_shuffled_targets_as_chance_has_it(task):
    rng = np.random.default_rng(0)
    classes = {"regression": 1, "binary": 1, "multiclass": 3}[task]
    outputs = rng.normal(size=(40, classes)) @ rng.normal(size=(classes, classes))
    target = rng.normal(size=40) if task == "regression" else np.arange(40) % max(classes, 2)
    shuffled = [_association(outputs, rng.permutation(target), task) for _ in range(2000)]
    assert np.mean(shuffled) == pytest.approx(0, abs=0.1)
    assert np.std(shuffled) == pytest.approx(1, abs=0.06)
    assert _association(np.zeros((40, classes)), target, task) == 0
