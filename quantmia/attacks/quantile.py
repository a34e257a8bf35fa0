"""Compare a sample's score with what a model that never saw it would give samples like it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantmia.attacks.base import Attack

PENALTIES = np.logspace(-1, 5, 13)
SMALLEST = 1e-12  # losses below are as good as it


@dataclass(frozen=True, kw_only=True)
class Quantile(Attack):
    """Quantile regression of the non-members' score on the features (Bertran et al. 2023).

    Location and scale of the score, which makes every quantile a straight line: both are fitted
    on the validation samples of the attacked run by ridge regression, with the penalty chosen by
    leave-one-out. Needs no shadow model. The score is the log-odds of exp(-loss).
    """

    min_runs: ClassVar[int] = 2  # the threshold comes from another run

    @property
    def wants_features(self):
        """Yes: the quantiles depend on them."""
        return True

    @property
    def wants_population(self):
        """Yes: it learns from samples that no run trained on."""
        return True

    def score(self, seen):
        """(score - location(x)) / scale(x)."""
        if seen.features is None or seen.population is None:
            raise ValueError("the quantile attack needs features and a population")
        pool, validation = seen.features
        outside, asked = _log_odds(seen.population), _log_odds(seen.loss)
        location = _ridge(validation, outside.T)
        residual = outside.T - location.predict(validation)
        scale = _ridge(validation, np.log(np.abs(residual) + SMALLEST))
        return (asked - location.predict(pool).T) * np.exp(-scale.predict(pool).T)


def _ridge(features, targets):
    from sklearn.linear_model import RidgeCV  # here, because it takes a second to import

    return RidgeCV(PENALTIES, alpha_per_target=True).fit(features, targets)


def _log_odds(loss):
    """Log p - log(1 - p) for p = exp(-loss), without overflow at either end."""
    loss = np.maximum(loss, SMALLEST)
    return -loss - np.log(-np.expm1(-loss))
