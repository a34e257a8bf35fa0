"""Single operations of PyTorch."""

import pytest
import torch

from quantmia.models.operations import called, memory, without_writing

ATEN = torch.ops.aten
X, Y = torch.randn(3, 4), torch.randn(3, 4)


@pytest.mark.parametrize(
    ("operation", "args", "quick"),
    [
        (ATEN.add.Tensor, (X, Y), torch.add),
        (ATEN.sum.dim_IntList, (X, [1], True), torch.sum),
        (ATEN.view.default, (X, [4, 3]), torch.Tensor.view),
        (ATEN.mul.Scalar, (X, 2.0), ATEN.mul.Scalar),  # torch.mul calls mul.Tensor
        (ATEN._unsafe_view.default, (X, [4, 3]), ATEN._unsafe_view.default),
    ],
)
def test_an_operation_is_called_by_what_calls_that_very_one(operation, args, quick):
    outcome, found = called(operation, args, {})
    assert found == quick
    assert torch.equal(outcome, operation(*args))
    assert torch.equal(found(*args), operation(*args))


@pytest.mark.parametrize(
    ("operation", "fresh"),
    [
        (ATEN.add_.Tensor, ATEN.add.Tensor),
        (ATEN.exp_.default, ATEN.exp.default),
        (ATEN.fill_.Scalar, ATEN.fill.Scalar),
        (ATEN.add.Tensor, None),  # writes nothing
        (ATEN.add.out, None),
    ],
)
def test_of_what_writes_there_is_what_returns(operation, fresh):
    assert without_writing(operation) == fresh


def test_a_view_is_in_the_same_memory_and_what_is_computed_is_not():
    assert memory(X) == memory(X[1:]) != memory(X + 0)
    assert memory(X.to_sparse()) is None
