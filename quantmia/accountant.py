"""What differentially private training guarantees, by the accountant of dp-accounting.

Noise of a deviation of `noise_multiplier` times the clipping norm on sums over Poisson samples of
the members: the sampled Gaussian mechanism (Abadi et al. 2016), composed by its privacy loss
distribution (Koskela et al. 2020). Neighbours differ in that one sample is there or is not.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from quantmia.errors import QuantmiaError

TOLERANCE = 1e-3  # of the noise multiplier that is found for an epsilon
# Of the privacy loss. The package's own, 1e-4, takes ten times as long for an epsilon that is lower
# by 0.001; both are rounded up.
INTERVAL = 1e-3


@dataclass(frozen=True)
class Sampling:
    """Who is in a step's batch: every member by a coin of its own.

    Args:
        rate: probability of every member.
        steps: an epoch.
    """

    rate: float
    steps: int

    @classmethod
    def of(cls, pool: int, batch_size: int) -> "Sampling":
        """That of training on half a pool, however many members a run drew: they are secret.

        Args:
            pool: samples that members are drawn from.
            batch_size: members a batch, at most, in the mean.
        """
        steps = -(-(pool // 2) // batch_size)
        return cls(1 / steps, steps)


@cache
def epsilon(noise_multiplier: float, sampling: Sampling, epochs: int, delta: float) -> float:
    """The epsilon of everything that some epochs of training publish.

    Args:
        noise_multiplier: deviation of the noise, in units of the clipping norm.
        sampling: of the batches.
        epochs: that are trained.
        delta: of the guarantee.

    Raises:
        QuantmiaError: the dp extra is not installed.
    """
    accountant = _accountant()
    accountant.compose(_training(noise_multiplier, sampling, epochs))
    return float(accountant.get_epsilon(delta))


@cache
def noise_multiplier(wanted: float, sampling: Sampling, epochs: int, delta: float) -> float:
    """The least noise with which training has an epsilon.

    Args:
        wanted: the epsilon.
        sampling: of the batches.
        epochs: that are trained.
        delta: of the guarantee.

    Raises:
        QuantmiaError: no noise reaches it, or the dp extra is not installed.
    """
    package = _package()
    try:
        found = package.calibrate_dp_mechanism(
            _accountant,
            lambda noise: _training(noise, sampling, epochs),
            wanted,
            delta,
            bracket_interval=package.LowerEndpointAndGuess(0.0, 1.0),
            tol=TOLERANCE,
        )
    except package.mechanism_calibration.NoBracketIntervalFoundError as error:
        raise QuantmiaError(
            f"training.dp.epsilon={wanted:g}: no noise was found that gives so little in "
            f"{epochs * sampling.steps} steps; ask for more, or train fewer epochs."
        ) from error
    return float(found)


def _training(noise: float, sampling: Sampling, epochs: int) -> Any:
    """The steps as an event that an accountant knows."""
    package = _package()
    gaussian = package.GaussianDpEvent(noise)
    step = package.PoissonSampledDpEvent(sampling.rate, gaussian)
    return package.SelfComposedDpEvent(step, sampling.steps * epochs)


def _accountant() -> Any:
    package = _package()
    return package.pld.PLDAccountant(package.NeighboringRelation.ADD_OR_REMOVE_ONE, INTERVAL)


def _package() -> Any:
    """Imported when it is wanted, which takes seconds."""
    try:
        import dp_accounting
        import dp_accounting.mechanism_calibration
        import dp_accounting.pld
    except ModuleNotFoundError as error:
        raise QuantmiaError(
            "training.dp: the package dp-accounting is not installed. Install the extra: "
            "pip install 'quantmia[dp]'"
        ) from error
    return dp_accounting
