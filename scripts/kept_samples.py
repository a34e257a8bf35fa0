"""What r_Q loses when the losses of a part of the held-out samples are kept: indicator.samples.

    quantmia run indicator.samples=null hydra.run.dir=outputs/whole ...
    python scripts/kept_samples.py outputs/whole

Of a folder that keeps the losses of all held-out samples, r_Q is computed as if a random part of
them were kept, many times, and compared with that of all.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import NDArray

from quantmia.data.split import halves
from quantmia.ranking.indicator import HeldOut, Whole, indicator, order
from quantmia.runs.content import HELD_OUT
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.statistics import mean_defined, spearman

SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)


def compare(folder: Path, sizes: tuple[int, ...], draws: int) -> pd.DataFrame:
    """One row a size: how r_Q of a part compares with that of all.

    Args:
        folder: finished, with the losses of all held-out samples.
        sizes: of the part; those that are not smaller than all are left out.
        draws: random parts of each size.

    Returns:
        `samples`; `spearman` of the quantizers' r_Q with that of all, its mean and least; the share
        of draws with the `same_top`; `error`, the median over quantizers and draws of |log r_Q -
        that of all|; `between_halves`, the same between two halves of the held-out samples, for
        comparison.
    """
    merged = merge([RunFolder(folder)])
    losses, models = [], []
    for run in merged.runs:
        files = run.read()
        if files.meta["diverged"]:
            continue
        if HELD_OUT in files.meta:
            raise SystemExit(
                f"{folder} keeps a part of the losses: run with indicator.samples=null"
            )
        facts = files.meta["quantizers"]
        losses.append([files.losses[name] for name in merged.quantizers])
        models.append([np.array(facts[name]["models"]) for name in merged.quantizers])
    samples = losses[0][0].shape[1]
    of_all = _r_q(losses, models, None)
    first, second = (_r_q(losses, models, half, own=True) for half in halves(samples))
    noise = float(np.nanmedian(np.abs(np.log(first / second))))
    rows = []
    for size in (each for each in sizes if each < samples):
        found = np.array(
            [
                _r_q(losses, models, np.random.default_rng([size, k]).permutation(samples)[:size])
                for k in range(draws)
            ]
        )
        agreement = np.array([float(spearman(each, of_all)) for each in found])
        rows.append(
            {
                "samples": size,
                "spearman": agreement.mean(),
                "least_spearman": agreement.min(),
                "same_top": (found.argmax(1) == of_all.argmax()).mean(),
                "error": float(np.nanmedian(np.abs(np.log(found / of_all)))),
                "between_halves": noise,
            }
        )
    return pd.DataFrame(rows)


def _r_q(
    losses: list[list[NDArray[np.float32]]],
    models: list[list[NDArray[np.int64]]],
    kept: NDArray[np.int64] | None,
    own: bool = False,
) -> Float[np.ndarray, " quantizers"]:
    """Of some samples: variances, or (`own`) means as well."""
    found = []
    for run, its in zip(losses, models, strict=True):
        for each, distinct in zip(run, its, strict=True):
            whole = None
            if kept is not None and not own:
                means = each.mean(1, dtype=np.float64)
                whole = Whole(each.shape[1], means, np.stack([means, means]), (kept, kept))
            part = each if kept is None else each[:, kept]
            found.append(indicator(order(HeldOut(part, distinct, whole)), "paper").r)
    return mean_defined(np.array(found).reshape(len(losses), -1).T)


def main() -> None:
    """Print the table of a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    asked = parser.parse_args()
    print(compare(asked.folder, SIZES, asked.draws).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
