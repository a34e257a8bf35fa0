"""Audit boosted trees of XGBoost: what shallower trees, and fewer of them, keep private.

python examples/xgboost_depths.py
quantmia rank outputs/xgboost_depths
"""

from sklearn.datasets import load_breast_cancer
from xgboost import XGBClassifier

import quantmia

DEPTHS = {"depth_2": 2, "depth_6": 6}
TREES = (10, 50, 200)
X, y = load_breast_cancer(return_X_y=True)

plan = quantmia.Plan.drawn(samples=len(y), runs=8)
with quantmia.Recorder("outputs/xgboost_depths", target=y, task="binary", members=plan) as recorder:
    for run in recorder.remaining(*DEPTHS, epochs=TREES):
        rows = plan.of_run(run)
        for name, depth in DEPTHS.items():
            model = XGBClassifier(n_estimators=TREES[-1], max_depth=depth, random_state=run)
            model.fit(X[rows], y[rows])
            for trees in TREES:  # the first of them are what fewer rounds would have made
                logits = model.predict(X, output_margin=True, iteration_range=(0, trees))
                recorder.add(run, name, logits, epoch=trees)
