import numpy as np
import pandas as pd

from quantmia.efficiency import runs_needed


def test_the_level_has_to_hold_from_there_on():
    table = pd.DataFrame(
        {
            "estimator": ["a"] * 4 + ["b"] * 4,
            "runs": [4, 8, 12, 20] * 2,
            "spearman": [0.92, 0.85, 0.91, 0.96, 0.5, 0.6, 0.7, 0.79],
        }
    )
    needed = runs_needed(table).set_index("estimator")
    assert needed.loc["a"].tolist() == [4, 12, 20]
    assert needed.loc["b"].isna().tolist() == [True] * 3


def test_rows_in_any_order():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"estimator": "a", "runs": [20, 4, 8], "spearman": [0.9, 0.7, 0.8]})
    shuffled = table.iloc[rng.permutation(3)]
    assert runs_needed(shuffled).iloc[0].tolist()[1:3] == [8, 20]
