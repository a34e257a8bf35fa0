"""r_Q of every quantizer, with its resamples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from quantmia.ranking.evidence import Evidence, pooled_indicator
from quantmia.statistics import Bootstrap, Interval, mean_defined, median_interval
from quantmia.vocabulary import Variant


@dataclass(frozen=True)
class Indicated:
    """r_Q of every quantizer.

    Args:
        names: of the quantizers that have it.
        per_run: of every run; the variant `pooled` has none, and `paper` stands here.
        medians: of the same, with exact intervals.
        r_q: of all runs.
        resampled: the same in every resample of the runs.
    """

    names: Sequence[str]
    per_run: Float[np.ndarray, "quantizers runs"]
    medians: Sequence[Interval]
    r_q: Float[np.ndarray, " quantizers"]
    resampled: Float[np.ndarray, "quantizers resamples"]

    def among(self, names: Sequence[str]) -> Float[np.ndarray, "all resamples"]:
        """The resamples of all these quantizers, NaN of those without.

        Args:
            names: of these and others.
        """
        every = np.full((len(names), self.resampled.shape[1]), np.nan)
        every[[names.index(name) for name in self.names]] = self.resampled
        return every


def indicate(found: Evidence, variant: Variant, bootstrap: Bootstrap) -> Indicated:
    """r_Q in a variant.

    Args:
        found: the runs; the rows of the variant `pooled` join its table.
        variant: of the indicator.
        bootstrap: of the runs.
    """
    names = found.names
    per_run = found.per_run(names, "paper" if variant == "pooled" else variant)
    medians = [median_interval(each, bootstrap.confidence) for each in per_run]
    if variant == "pooled":
        value, again = pooled_indicator(found), np.full((len(names), 1), np.nan)
    else:
        value, again = mean_defined(per_run), bootstrap.means(per_run)
    return Indicated(names, per_run, medians, value, again)
