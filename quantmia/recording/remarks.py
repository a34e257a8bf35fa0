"""Whether members were drawn at random, and what the figures mean where they were not."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import binom, mannwhitneyu

from quantmia.errors import counted
from quantmia.recording.pool import Pool

ERROR = 1e-3  # probability that members at random are called otherwise, in all runs together
ROWS, RUNS = 8000, 8  # that a test looks at, at most: a dependence that they do not show is small


@dataclass(frozen=True)
class Remark:
    """Something to know before believing what is found of recorded outputs.

    Args:
        text: what was found.
        advice: what it means, and what to do.
    """

    text: str
    advice: str


def on_members(pool: Pool) -> list[Remark]:
    """What their members do not allow to conclude; nothing is tested of those that we drew.

    Args:
        pool: with the members.
    """
    members, said = pool.members, []
    if pool.drawn:
        return said
    often, share = members.mean(0), members.mean(1)
    always, never = int((often == 1).sum()), int((often == 0).sum())
    if always + never > binom.isf(ERROR, pool.samples, share.prod() + (1 - share).prod()):
        said.append(
            Remark(
                f"{counted(always, 'sample')} were in every run and {never} in none",
                "That is more than by chance. No model shows what such a sample looks like on the "
                "other side, so that attacks hardly find it: the figures are too private. Draw "
                "members with quantmia plan.",
            )
        )
    alike = pool.runs - len(np.unique(members, axis=0))
    if alike:
        said.append(
            Remark(
                f"{counted(alike, 'run')} of {pool.runs} trained on the very samples of another",
                "Such runs say less than they count for: intervals are too narrow.",
            )
        )
    run, area, p = least_random(members, columns(pool))
    if p < ERROR:
        said.append(
            Remark(
                f"members are not drawn at random: place and target of a sample tell those of run "
                f"{run} with an AUC of {area:.2f} (p = {p:.1g})",
                "Attacks may find what kind of samples a run was given in place of what its model "
                "remembers: the figures bound what leaks from above, if at all. Draw members with "
                "quantmia plan.",
            )
        )
    return said


def columns(pool: Pool) -> Float[np.ndarray, "samples columns"]:
    """What is known of every sample: its place, and its target where all runs share one.

    Args:
        pool: the samples.
    """
    place = np.arange(pool.samples, dtype=np.float64)
    found = [place, pool.target.astype(np.float64)] if pool.target.ndim == 1 else [place]
    return np.stack(found, axis=1)


def least_random(
    members: Bool[np.ndarray, "runs samples"], known: Float[np.ndarray, "samples columns"]
) -> tuple[int, float, float]:
    """The run whose members a classifier tells best, with its AUC and p value for all runs.

    A classifier two-sample test (Lopez-Paz and Oquab 2017): boosted trees learn from what is known
    of half of the samples who is a member, and the rank sum of the other half tells whether that is
    more than chance; times the number of runs (Bonferroni). Cross-validation would use every
    sample, but its folds depend on each other, and called random members otherwise 3 times too
    often.

    Args:
        members: who is one.
        known: of every sample.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # they take a second to import

    rng = np.random.default_rng(0)
    runs = np.linspace(0, len(members) - 1, min(RUNS, len(members))).astype(int)
    rows = rng.permutation(len(known))[:ROWS]
    learnt, asked = rows[::2], rows[1::2]
    found = []
    for run in runs:
        was = members[run, asked]
        if not was.any() or was.all() or len(np.unique(members[run, learnt])) < 2:
            continue
        trees = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=8, random_state=0)
        trees.fit(known[learnt], members[run, learnt])
        likely = trees.predict_proba(known[asked])[:, 1]
        test = mannwhitneyu(likely[was], likely[~was], alternative="greater")
        area = float(test.statistic / (was.sum() * (~was).sum()))
        found.append((float(test.pvalue), int(run), area))
    if not found:
        return 0, 0.5, 1.0
    p, run, area = min(found)
    return run, area, min(1.0, p * len(found))
