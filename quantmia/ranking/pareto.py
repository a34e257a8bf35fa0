"""Who is on the front of privacy and utility."""

import numpy as np
from jaxtyping import Bool, Float


def undominated(
    privacy: Float[np.ndarray, " choices"], utility: Float[np.ndarray, " choices"]
) -> Bool[np.ndarray, " choices"]:
    """Whether no other choice is at least as good in both and better in one.

    Args:
        privacy: of each choice, higher is better.
        utility: of each choice, higher is better.
    """
    as_good = (privacy[None] >= privacy[:, None]) & (utility[None] >= utility[:, None])
    better = (privacy[None] > privacy[:, None]) | (utility[None] > utility[:, None])
    return np.logical_not(np.any(as_good & better, axis=1))
