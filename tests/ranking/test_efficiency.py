import numpy as np
import pandas as pd

from quantmia.ranking.efficiency import LEVELS, runs_needed, settled


def needed(table: pd.DataFrame, estimator: str) -> list:
    row = runs_needed(table).set_index("estimator").to_dict("index")[estimator]
    return [
        None if pd.isna(row[f"runs_for_{level}"]) else row[f"runs_for_{level}"] for level in LEVELS
    ]


def test_the_level_has_to_hold_from_there_on():
    table = pd.DataFrame(
        {
            "estimator": ["a"] * 4 + ["b"] * 4,
            "runs": [4, 8, 12, 20] * 2,
            "spearman": [0.92, 0.85, 0.91, 0.96, 0.5, 0.6, 0.7, 0.79],
        }
    )
    assert needed(table, "a") == [4, 12, 20]
    assert needed(table, "b") == [None, None, None]


def test_rows_in_any_order():
    order = np.random.default_rng(0).permutation(3)
    table = pd.DataFrame({"estimator": "a", "runs": [20, 4, 8], "spearman": [0.9, 0.7, 0.8]})
    assert needed(table.iloc[order], "a") == [8, 20, None]


def test_mis_has_settled_where_every_quantizer_stays_close():
    rows = {"sign": [0.80, 0.89, 0.75, 0.89, 0.90], "ternary": [0.95, 0.95, 0.95, 0.95, 0.96]}
    table = pd.DataFrame(
        [
            {"attack": "lira", "quantizer": name, "runs": runs, "mis": mis}
            for name, column in rows.items()
            for runs, mis in zip([4, 8, 12, 20, 300], column, strict=True)
        ]
    )
    assert settled(table, 0.02) == {"lira": 20}
    assert settled(table, 0.001) == {"lira": 300}
