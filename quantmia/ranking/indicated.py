"""r_Q of every quantizer, with its resamples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from quantmia.ranking.evidence import Evidence, pooled_indicator
from quantmia.statistics import Bootstrap, mean_defined
from quantmia.vocabulary import Variant


@dataclass(frozen=True)
class Indicated:
    """r_Q of every quantizer.

    Args:
        names: of the quantizers.
        per_run: of every run; the variant `pooled` has none, and `paper` stands here.
        r_q: of all runs.
        resampled: the same in every resample of the runs.
    """

    names: Sequence[str]
    per_run: Float[np.ndarray, "quantizers runs"]
    r_q: Float[np.ndarray, " quantizers"]
    resampled: Float[np.ndarray, "quantizers resamples"]


def indicate(
    found: Evidence, names: Sequence[str], variant: Variant, bootstrap: Bootstrap
) -> Indicated:
    """r_Q in a variant.

    Args:
        found: the runs; the rows of the variant `pooled` join its table.
        names: the quantizers.
        variant: of the indicator.
        bootstrap: of the runs.
    """
    if variant == "pooled":
        per_run, value = found.per_run(names, "paper"), pooled_indicator(found, names)
        return Indicated(names, per_run, value, np.full((len(names), 1), np.nan))
    per_run = found.per_run(names, variant)
    return Indicated(names, per_run, mean_defined(per_run), bootstrap.means(per_run))
