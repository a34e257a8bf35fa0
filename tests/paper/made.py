"""Numbers as studies leave them, made up: quantizers in a known order of privacy."""

import numpy as np
import pandas as pd

from scripts.paper.numbers import Numbers

NAMES = ("full_precision", "sign", "ternary_50", "ternary_90", "uniform_2", "uniform_5")
PRIVACY = {"ternary_90": 6, "ternary_50": 5, "sign": 4, "uniform_2": 3, "uniform_5": 2}
MIXTURE = "dataset.modes=8 dataset.sigma=2 dataset.size=1000 quantization.scale={}"
SETTINGS = (
    ("mixtures", MIXTURE.format("data")),
    ("mixtures", MIXTURE.format("unit")),
    ("lipophilicity", "quantization.scale=data"),
    ("lipophilicity", "quantization.scale=unit"),
    ("validation", "split.validation=0.4"),
    ("validation", "split.validation=0.5"),
)


def numbers(repetitions: int = 5, noise: float = 0.01) -> Numbers:
    """r_Q and MIS in the order of PRIVACY with little noise; with fixed codebooks r_Q turned."""
    rng = np.random.default_rng(0)
    rows, ranked, counts = [], [], []
    for study, setting in SETTINGS:
        turned = "unit" in setting
        for name in NAMES:
            privacy = PRIVACY.get(name, 1)
            if study != "validation":
                ranked.append(
                    {"study": study, "setting": setting, "quantizer": name}
                    | {"utility_metric": "accuracy" if study == "mixtures" else "r2"}
                    | {"bits": 1.0, "utility": 0.5, "r_q": 10.0**privacy, "rank": 7 - privacy}
                    | {"mis_lira_eb": privacy / 10}
                    | {"mis_lira_eb_low": privacy / 10 - 0.01}
                    | {"mis_lira_eb_high": privacy / 10 + 0.01}
                )
            for repetition in range(repetitions):
                z = rng.standard_normal(3)
                r_q = 10.0 ** ((-privacy if turned else privacy) + noise * z[0])
                rows.append(
                    {"study": study, "setting": setting, "repetition": repetition}
                    | {"quantizer": name, "runs": 20, "r_q": r_q, "r_q_rate": r_q}
                    | {"r_q_low_loss": r_q, "mis_lira_eb": privacy / 10 + 0.001 * z[1]}
                    | {"utility": 0.2 - privacy / 20 + 0.001 * z[2], "utility_metric": "r2"}
                    | {"undefined_runs": 0, "best_is_last": 0.0, "dominated_by_high_loss": 1.0}
                    | {"r_q_grid_1": r_q, "r_q_grid_5": 1 / r_q}
                )
        if study != "validation":
            counts += [
                {"study": study, "setting": setting, "attack": "lira_eb", "runs": runs}
                | {"disjoint": 100 // runs, "spearman": 0.5, "spearman_low": 0.2}
                | {"spearman_high": 0.8}
                for runs in (20, 100)
            ]
    needed = pd.DataFrame(
        {"setting": "synthetic", "estimator": "mis_whitebox", "runs": [4, 40, 150]}
        | {"spearman": [0.1, 0.5, 0.95], "low": [0.0, 0.3, 0.9], "high": [0.3, 0.7, 0.99]}
        | {"draws": 50, "disjoint": 1}
    )
    made = [pd.DataFrame(each) for each in (ranked, rows, counts)]
    return Numbers(made[0], made[1], made[2], needed, fronts())


def fronts() -> pd.DataFrame:
    """On one data set quantizing gains, on another it loses, and on the third none is useful."""
    # quantizer, checkpoint, epoch, utility, gain with its interval
    releases = (
        ("full_precision", "3", 3.0, 0.78, None),
        ("full_precision", "best", 7.5, 0.80, None),
        ("sign", "3", 3.0, 0.70, (-0.2, -0.3, -0.1)),
        ("sign", "last", 9.0, 0.79, (0.1, 0.05, 0.15)),
    )
    rows = []
    for study, sign, less in (("digits", 1, 0.0), ("esol", -1, 0.0), ("logbb", 1, 0.2)):
        for number, (quantizer, checkpoint, epoch, utility, gain) in enumerate(releases):
            mis = 0.9 - 0.1 * number
            rows.append(
                {"study": study, "setting": "default", "quantizer": quantizer}
                | {"checkpoint": checkpoint, "epoch": epoch, "bits": 1.0}
                | {"utility": utility - less * (quantizer == "sign"), "utility_metric": "r2"}
                | {"auc_lira_eb": 0.5 + 0.1 * number, "mis_lira_eb": mis, "mis_upper": mis}
                | {"mis_lira_eb_low": mis - 0.1, "mis_lira_eb_high": mis + 0.1}
                | {"tpr_at_fpr_0.01": 0.02, "saved": 0.1, "saved_low": 0.0, "saved_high": 0.2}
                | _gain(gain, sign)
                | {"on_front": 1, "runs": 20, "utility_loss": 0.05}
            )
    return pd.DataFrame(rows)


def _gain(gain: tuple[float, float, float] | None, sign: int) -> dict[str, float]:
    if gain is None:
        return dict.fromkeys(("gain", "gain_low", "gain_high"), np.nan)
    value, *ends = (sign * each for each in gain)
    return {"gain": value, "gain_low": min(ends), "gain_high": max(ends)}
