"""The paper's baseline: a trained classifier of joint against product pairs."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantmia.attacks.base import Attack


@dataclass(frozen=True, kw_only=True)
class Discriminator(Attack):
    """A classifier of (model, sample) pairs, cross-fitted over runs (Aubinais et al. 2026).

    A member with its model is a joint pair; a non-member is a sample drawn independently of the
    model. It sees the loss, the outputs and the target of a pair, and is trained on the pairs of
    the runs in other folds.

    Args:
        folds: how many parts the runs are cut into.
        seed: of the classifier.
    """

    folds: int = 5
    seed: int = 0
    min_runs: ClassVar[int] = 4

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds={self.folds}: has to be 2 or more")

    def score(self, seen):
        """Log-odds that a pair is joint."""
        # Here, because it takes a second to import.
        from sklearn.ensemble import HistGradientBoostingClassifier

        target = seen.target[..., None].astype(np.float64)
        pairs = np.concatenate([seen.loss[..., None], seen.output, target], axis=-1)
        runs, _, width = pairs.shape
        fold = np.arange(runs) % min(self.folds, runs)
        scores = np.empty(seen.loss.shape)
        for held_out in range(fold.max() + 1):
            mine = fold == held_out
            classifier = HistGradientBoostingClassifier(random_state=self.seed)
            classifier.fit(pairs[~mine].reshape(-1, width), seen.members[~mine].ravel())
            found = classifier.decision_function(pairs[mine].reshape(-1, width))
            scores[mine] = found.reshape(scores[mine].shape)
        return scores
