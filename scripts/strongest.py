"""How `lira_eb` does against the best of the other attacks, from few runs: a row a setting.

python scripts/strongest.py FOLDER...

Each folder holds many runs of one experiment, which are cut into disjoint parts of 4, 8 and 20. In
every part each quantizer is attacked; compared are AUCs, as means over the parts. The best of the
others is chosen on the part itself, which favours it by chance.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import sem, t

from quantmia.attacks import Attack, Lira, LiraEB, LiraShrunk, LossThreshold, Observed, Rmia
from quantmia.attacks.metrics import assess
from quantmia.cli.folders import cache_folder
from quantmia.experiment import Experiment
from quantmia.progress import Progress
from quantmia.ranking.evidence import collect
from quantmia.ranking.observer import Observer
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.statistics import Bootstrap

RUNS, PARTS = (4, 8, 20), 5
OTHERS = (Lira(), Lira(centre="median"), LiraShrunk(), LossThreshold(), Rmia())


def gains(folder: Path) -> pd.DataFrame:
    """AUC of `lira_eb` less that of the best of the others.

    Args:
        folder: of many runs.

    Returns:
        Columns `runs, quantizer, part, auc, gain`.
    """
    merged = merge([RunFolder(folder)])
    experiment = Experiment.of_finished(merged, cache_folder(), Progress())
    names = merged.quantizers
    found = collect(merged.runs, names, experiment.config.indicator, experiment.progress)
    observe, rows = Observer(found, OTHERS, experiment), []
    for name in names:
        seen = observe(name)
        for runs in RUNS:
            for part in range(min(PARTS, len(seen.loss) // runs)):
                some = seen.of(np.arange(part * runs, (part + 1) * runs))
                others = [_auc(each, some) for each in OTHERS if runs >= each.min_runs]
                auc = _auc(LiraEB(), some)
                rows.append((runs, name, part, auc, auc - max(others)))
    return pd.DataFrame(rows, columns=["runs", "quantizer", "part", "auc", "gain"])


def _auc(attack: Attack, seen: Observed) -> float:
    nothing = Bootstrap(len(seen.loss), 2, 0.95, np.random.default_rng(0))
    return assess(attack.score(seen), seen.members, nothing).auc.value


def main(arguments: list[str]) -> None:
    """Print a Markdown table."""
    print("| data set | runs | AUC | gain over the best of the others | lowest of a quantizer |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for folder in map(Path, arguments):
        for runs, table in gains(folder).groupby("runs"):
            by_part = table.groupby("part")["gain"].mean()
            reach = t.ppf(0.975, len(by_part) - 1) * sem(by_part)
            lowest = table.groupby("quantizer")["gain"].mean().min()
            mean = by_part.mean()
            print(
                f"| `{folder.name}` | {runs} | {table['auc'].mean():.3f} "
                f"| {mean:+.4f} [{mean - reach:+.4f}, {mean + reach:+.4f}] | {lowest:+.4f} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
