import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from quantmia.errors import QuantmiaError
from quantmia.models.loop import Loop
from quantmia.tasks import TASKS

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from quantmia.quantizers.exported import Exported, asked, exported, opened

pytestmark = pytest.mark.slow  # the exporter takes seconds
X = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))


class Computed(nn.Module):
    """A weight that is computed from another, which the exporter folds."""

    def __init__(self):
        super().__init__()
        self.root, self.bias = nn.Parameter(torch.randn(2, 4)), nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return nn.functional.linear(x, self.root.square(), self.bias)


def models_of(factory) -> Loop:
    return Loop(factory, range(3), TASKS["regression"])


@pytest.mark.parametrize("factory", [lambda: nn.Linear(4, 2), Computed], ids=["plain", "folded"])
def test_a_graph_answers_with_the_numbers_of_each_run(factory):
    models = models_of(factory)
    graph = exported(models, models.initial, X)
    assert graph.out_features == 2
    for run, expected in enumerate(models(models.initial, X)):
        own = {name: value[run] for name, value in models.initial.items()}
        session = opened(graph(own).SerializeToString())
        np.testing.assert_allclose(asked(session, X.numpy()), expected.numpy(), atol=1e-6)
        np.testing.assert_allclose(asked(session, X[:1].numpy()), expected[:1].numpy(), atol=1e-6)
    assert exported(models, models.initial, X[:2]) is graph
    kept = weakref.ref(models)
    del models, graph
    gc.collect()
    assert kept() is None  # and the graph with it


def test_a_graph_that_does_not_follow_its_numbers_is_refused(monkeypatch):
    models = models_of(lambda: nn.Linear(4, 2))
    monkeypatch.setattr(Exported, "_fits", lambda self, own, module: False)
    with pytest.raises(QuantmiaError, match="model: Linear computes constants from its weights"):
        exported(models, models.initial, X)
