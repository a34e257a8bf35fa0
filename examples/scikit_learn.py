"""Audit models of scikit-learn: what training less and rounding weights keep private.

python examples/scikit_learn.py
quantmia rank outputs/scikit_learn
"""

import copy

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import quantmia

EPOCHS = 40
X, y = load_digits(return_X_y=True)
X = X / 16


def rounded(model: MLPClassifier, levels: int) -> MLPClassifier:
    """The model with weights of few levels, as a quantizer leaves them."""
    model = copy.deepcopy(model)
    for weights in model.coefs_:
        step = np.abs(weights).max() / (levels // 2)
        weights[:] = np.round(weights / step) * step
    return model


plan = quantmia.Plan.drawn(samples=len(y), runs=8)
with quantmia.Recorder(
    "outputs/scikit_learn", target=y, task="multiclass", members=plan
) as recorder:
    for run in recorder.remaining("full_precision", "int3", epochs=(3, 10, EPOCHS)):
        rows = plan.of_run(run)
        model = MLPClassifier((64,), learning_rate_init=0.01, random_state=run)
        for epoch in range(1, EPOCHS + 1):
            model.partial_fit(X[rows], y[rows], classes=np.arange(10))
            if epoch in (3, 10, EPOCHS):
                recorder.add(run, "full_precision", model.predict_proba(X), epoch=epoch, bits=32)
                small = rounded(model, 8)
                recorder.add(run, "int3", small.predict_proba(X), epoch=epoch, bits=3)
