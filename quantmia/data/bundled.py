"""Small well-known tables that come with scikit-learn."""

from typing import Literal

import numpy as np

from quantmia.data.dataset import Dataset
from quantmia.tasks import TaskName

TASK_OF: dict[str, TaskName] = {
    "breast_cancer": "binary",
    "digits": "multiclass",
    "diabetes": "regression",
}


def bundled(name: Literal["breast_cancer", "digits", "diabetes"]) -> Dataset:
    """One of scikit-learn's data sets, read from the installed package.

    Args:
        name: `breast_cancer` (569 tumours, benign = 1), `digits` (1797 images of 8 x 8 pixels, 10
            classes) or `diabetes` (442 patients, progression after a year).
    """
    from sklearn import datasets  # here, because it takes a second to import

    source = getattr(datasets, f"load_{name}")()
    x, y = source.data, source.target
    task = TASK_OF[name]
    return Dataset(
        name=name,
        features=x.astype(np.float32),
        target=y.astype(np.float32 if task == "regression" else np.int64),
        task_name=task,
        identifiers=tuple(f"{name}-{row}" for row in range(len(y))),
        columns=tuple(map(str, source.feature_names)),
    )
