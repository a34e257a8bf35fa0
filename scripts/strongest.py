"""How `lira_eb` does against the best of all other attacks, from few runs: a row a setting.

python scripts/strongest.py FOLDER...

Folders of one experiment's name are merged; their runs are cut into disjoint parts of 4, 8 and 20.
In every part each quantizer is attacked; compared are AUCs, as means over the parts. The best of
the others is chosen on the part itself, which favours it by chance.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from scipy.stats import sem, t

from quantmia.attacks import (
    Discriminator,
    Lira,
    LiraEB,
    LiraShrunk,
    LossThreshold,
    Observed,
    Quantile,
    Rmia,
)
from quantmia.attacks.metrics import mean_auc
from quantmia.cli.folders import cache_folder
from quantmia.experiment import of_finished
from quantmia.progress import Progress
from quantmia.ranking.evidence import collect
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge

RUNS, PARTS = (4, 8, 20), 5
OTHERS = (
    Lira(),
    Lira(centre="median"),
    Lira(mode="offline"),
    LiraShrunk(),
    LossThreshold(),
    Rmia(),
    Quantile(),
    Discriminator(),
    Discriminator(features="whitebox"),
)


def gains(folders: Sequence[Path]) -> pd.DataFrame:
    """AUC of `lira_eb` less that of the best of the others.

    Args:
        folders: of the runs of one experiment.

    Returns:
        Columns `quantizer, runs, part, auc, gain, best`.
    """
    merged = merge([RunFolder(folder) for folder in folders])
    experiment = of_finished(merged, cache_folder(), Progress())
    names = merged.quantizers
    found = collect(merged.runs, names, experiment.config.indicator, experiment.progress)
    observe = Observer(found, OTHERS, experiment)
    # Small fits and sums: a process a core is faster than threads within them.
    with parallel_config("loky", inner_max_num_threads=1):
        made = Parallel(n_jobs=-1)(delayed(_of_quantizer)(observe(name), name) for name in names)
    return pd.concat(cast("list[pd.DataFrame]", made))


def _of_quantizer(seen: Observed, quantizer: str) -> pd.DataFrame:
    rows = []
    for runs in RUNS:
        for part in range(min(PARTS, len(seen.loss) // runs)):
            some = seen.of(np.arange(part * runs, (part + 1) * runs))
            others = [each for each in OTHERS if runs >= each.min_runs]
            aucs = [mean_auc(each.score(some), some.members) for each in others]
            auc = mean_auc(LiraEB().score(some), some.members)
            best = type(others[int(np.argmax(aucs))]).__name__
            rows.append((quantizer, runs, part, auc, auc - max(aucs), best))
    return pd.DataFrame(rows, columns=["quantizer", "runs", "part", "auc", "gain", "best"])


def main(arguments: list[str]) -> None:
    """Print a Markdown table."""
    together: dict[str, list[Path]] = defaultdict(list)
    for folder in map(Path, arguments):
        together[RunFolder(folder).manifest()["config"]["name"]].append(folder)
    print("| data set | runs | AUC | gain over the best of the others | lowest of a quantizer |")
    print("| --- | ---: | ---: | ---: | ---: |")
    everything = []
    for name, folders in together.items():
        table = gains(folders)
        everything.append(table)
        for runs, mine in table.groupby("runs"):
            by_part = mine.groupby("part")["gain"].mean()
            reach = t.ppf(0.975, len(by_part) - 1) * sem(by_part)
            lowest, mean = mine.groupby("quantizer")["gain"].mean().min(), by_part.mean()
            print(
                f"| `{name}` | {runs} | {mine['auc'].mean():.3f} "
                f"| {mean:+.4f} [{mean - reach:+.4f}, {mean + reach:+.4f}] | {lowest:+.4f} |",
                flush=True,
            )
    every = pd.concat(everything)
    for runs, mine in every.groupby("runs"):
        best = mine["best"].value_counts().to_dict()
        print(f"\nOf {runs} runs: mean gain {mine['gain'].mean():+.4f}; best of the others: {best}")


if __name__ == "__main__":
    main(sys.argv[1:])
