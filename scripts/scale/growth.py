"""How a quantity grows: the exponent of a power law, and what it foretells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Growth:
    """A quantity as a power of how many there are.

    Args:
        exponent: 1 is in proportion; 0, it does not grow.
        low: least exponent between two neighbours.
        high: largest.
        first: from how many on it is fitted.
        last: up to how many.
        value: at the last, in its own unit.
        each: what one more added between the last two points, in the same unit.
    """

    exponent: float
    low: float
    high: float
    first: float
    last: float
    value: float
    each: float

    def at(self, many: float) -> float:
        """The quantity at more than were measured; what falls is taken to stay.

        Args:
            many: how many.
        """
        return self.value * (many / self.last) ** max(self.exponent, 0.0)

    def straight(self, many: float) -> float:
        """The same where every further one adds what the last ones did.

        Args:
            many: how many.
        """
        return self.value + max(self.each, 0.0) * (many - self.last)


def growth(points: Sequence[float], values: Sequence[float]) -> Growth:
    """Slope of logarithms by least squares over the upper half, because costs are fixed below.

    Args:
        points: how many, rising, at least two.
        values: the quantity there, above 0.

    Raises:
        ValueError: there are too few points, they do not rise, or a value is not above 0.
    """
    if len(points) < 2 or len(points) != len(values):
        raise ValueError(f"{len(points)} points and {len(values)} values; at least two of each")
    x, y = np.asarray(points, float), np.asarray(values, float)
    if (np.diff(x) <= 0).any() or x[0] <= 0 or (y <= 0).any():
        raise ValueError(f"points have to rise and values to be above 0: {x}, {y}")
    each = float((y[-1] - y[-2]) / (x[-1] - x[-2]))
    x, y = np.log(x), np.log(y)
    upper = max(2, (len(x) + 1) // 2)
    slope = float(np.polyfit(x[-upper:], y[-upper:], 1)[0])
    between = np.diff(y) / np.diff(x)
    low, high = float(between.min()), float(between.max())
    return Growth(
        slope, low, high, float(points[-upper]), float(points[-1]), float(values[-1]), each
    )


def together(base: float, others: Mapping[Growth, float]) -> float:
    """A quantity where several things grow at once, as if each multiplied it by itself.

    Args:
        base: what it is where one of them alone grows.
        others: growth along other axes, and by which factor each is more than in the base's runs.
    """
    for each, factor in others.items():
        base *= factor ** max(each.exponent, 0.0)
    return base
