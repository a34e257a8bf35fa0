"""The paper's baseline: a trained classifier of joint against product pairs."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantmia.attacks.base import Attack, require


@dataclass(frozen=True, kw_only=True)
class Discriminator(Attack):
    """A classifier of (model, sample) pairs, cross-fitted over runs (Aubinais et al. 2026).

    A member with its model is a joint pair; a non-member is a sample drawn independently of the
    model. The classifier is trained on the pairs of the runs in other folds.

    Args:
        features: `loss` shows it the loss, the outputs and the target of a pair; `whitebox` also
            the inner product of the model, less the mean model, with the gradient of the sample's
            loss at the model.
        folds: how many parts the runs are cut into.
        pairs: a classifier learns from a random choice of so many at most.
        iterations: boosted trees; more did not find more.
        seed: of the classifier and of the choice.
    """

    features: str = "loss"
    folds: int = 5
    pairs: int = 50_000
    iterations: int = 20
    seed: int = 0
    min_runs: ClassVar[int] = 4

    def __post_init__(self) -> None:
        require("features", self.features, ("loss", "whitebox"))
        for key, least in (("folds", 2), ("pairs", 100), ("iterations", 1), ("seed", 0)):
            if getattr(self, key) < least:
                raise ValueError(f"{key}={getattr(self, key)}: has to be {least} or more")

    @property
    def wants_models(self):
        """Whether it sees the gradient."""
        return self.features == "whitebox"

    def score(self, seen):
        """Log-odds that a pair is joint; 0 where there is no run to learn from."""
        # Here, because it takes a second to import.
        from sklearn.ensemble import HistGradientBoostingClassifier

        pairs = self._pairs(seen)
        scores = np.zeros(seen.loss.shape)
        for mine in np.array_split(np.arange(len(pairs)), min(self.folds, len(pairs))):
            others = seen.peers[mine].all(0)
            if not others.any():
                continue
            known, joint = np.concatenate(pairs[others]), seen.members[others].ravel()
            if len(known) > self.pairs:
                chosen = np.random.default_rng(self.seed).permutation(len(known))[: self.pairs]
                known, joint = known[chosen], joint[chosen]
            classifier = HistGradientBoostingClassifier(
                learning_rate=0.3,
                max_iter=self.iterations,
                max_leaf_nodes=8,
                # It would hold pairs back from so few trees; scikit-learn's stub knows only "auto".
                early_stopping=False,  # pyright: ignore[reportArgumentType]
                random_state=self.seed,
            )
            classifier.fit(known, joint)
            scores[mine] = classifier.decision_function(np.concatenate(pairs[mine])).reshape(
                len(mine), -1
            )
        return scores

    def _pairs(self, seen):
        target = seen.target[..., None].astype(np.float64)
        columns = [seen.loss[..., None], seen.output, target]
        if self.wants_models:
            columns.append(seen.influence()[..., None])
        return np.concatenate(columns, axis=-1)
