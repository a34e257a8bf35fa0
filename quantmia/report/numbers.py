"""How many digits a number is shown with: its interval decides."""

import math

FLOOR = -0.1  # R² below is drawn here: the distance between useless and useless tells nothing


def decimals(low: float, high: float) -> int:
    """Decimals at which the half-width of an interval has one digit, or two that start with 1 or 2.

    Args:
        low: end of the interval.
        high: the other end.
    """
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return 3
    half = (high - low) / 2
    exponent = math.floor(math.log10(half))
    leading = half / 10**exponent
    return min(max(-exponent + (1 if leading < 3 else 0), 0), 9)


def with_interval(value: float, low: float, high: float) -> str:
    """An estimate with its interval, as `0.961 [0.941, 0.982]`; `-` where it is not defined."""
    if not math.isfinite(value):
        return "-"
    if not (math.isfinite(low) and math.isfinite(high)):
        return plain(value)
    if 0 < max(abs(low), abs(high)) < 1e-2:
        return f"{value:.2g} [{low:.2g}, {high:.2g}]"
    places = decimals(low, high)
    return f"{value:z.{places}f} [{low:z.{places}f}, {high:z.{places}f}]"  # z: no -0.0


def plain(value: float, places: int = 3) -> str:
    """A number without an interval; `-` where it is not defined."""
    if not math.isfinite(value):
        return "-"
    if value and abs(value) < 10**-places:
        return f"{value:.2g}"
    return f"{value:z.{places}f}"


def bits_a_weight(bits: float) -> str:
    """Stored bits with three digits; nothing where they are not known, as of others' models."""
    return f"{bits:.3g}" if math.isfinite(bits) else ""
