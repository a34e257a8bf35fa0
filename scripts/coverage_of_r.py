"""How often intervals of r_Q from few runs hold what many runs say: a row a quantizer.

python scripts/coverage_of_r.py FOLDER

The folder holds many runs of one experiment. Disjoint sets of 20 of them each give an interval of
the mean of r (percentile bootstrap over runs; Student's, of a power under which r is nearly normal)
and of its median (exact), which are asked for the mean and the median of all runs.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

from quantmia.cli.folders import cache_folder
from quantmia.experiment import of_finished
from quantmia.progress import Progress
from quantmia.ranking.evidence import collect
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.statistics import Bootstrap, Interval, median_interval

RUNS, CONFIDENCE, RESAMPLES = 20, 0.95, 2000
POWER = 8  # r^(1/8) is nearly normal on the mixtures
MOMENTS = {8: 1, 6: 28, 4: 210, 2: 420, 0: 105}  # E (m + s z)^8 = sum of c m^k s^(8-k)

Values = Float[np.ndarray, " runs"]


def by_bootstrap(values: Values) -> Interval:
    """Of the mean, by percentiles over resamples of the runs."""
    drawn = Bootstrap(len(values), RESAMPLES, CONFIDENCE, np.random.default_rng(0))
    return drawn.interval(values.mean(), drawn.means(values))


def by_power(values: Values) -> Interval:
    """Of the mean, if the eighth root is normal: by draws from its posterior."""
    rng, root, n = np.random.default_rng(0), values ** (1 / POWER), len(values)
    deviation = root.std(ddof=1) * np.sqrt((n - 1) / rng.chisquare(n - 1, RESAMPLES))
    middle = root.mean() + deviation * rng.standard_normal(RESAMPLES) / np.sqrt(n)
    means = sum(c * middle**k * deviation ** (POWER - k) for k, c in MOMENTS.items())
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def share(values: Values, make: Callable[[Values], Interval], truth: float) -> str:
    """How many of the sets have an interval that holds the truth, with its own exact interval."""
    sets = [values[n : n + RUNS] for n in range(0, len(values) - RUNS + 1, RUNS)]
    hits = sum(found.low <= truth <= found.high for found in map(make, sets))
    sure = binomtest(hits, len(sets)).proportion_ci()
    return f"{hits / len(sets):.0%} [{sure.low:.0%}, {sure.high:.0%}]"


def main(arguments: list[str]) -> None:
    """Print a Markdown table."""
    merged = merge([RunFolder(Path(each)) for each in arguments])
    experiment = of_finished(merged, cache_folder(), Progress())
    names = merged.quantizers
    found = collect(merged.runs, names, experiment.config.indicator, experiment.progress)
    print("| quantizer | runs | largest, of the sum | mean, bootstrap | mean, power | median |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, r in zip(names, found.per_run(names, "paper"), strict=True):
        values = r[np.isfinite(r)]
        mean, median = float(values.mean()), float(np.median(values))
        cells = (
            share(values, by_bootstrap, mean),
            share(values, by_power, mean),
            share(values, lambda some: median_interval(some, CONFIDENCE), median),
        )
        largest = values.max() / values.sum()
        print(f"| `{name}` | {len(values)} | {largest:.0%} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
