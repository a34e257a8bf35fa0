"""What is kept of one run, and how it is called."""

from dataclasses import dataclass, field
from typing import Any

from quantmia.files import Tensors

RELEASES = "releases"  # a kind that runs have whose last checkpoint is not all that is released
PLACES = "places"  # of the samples that are kept, where they are not all
MEANS = "means/"  # before the name of a quantizer
# What is known of all samples, where not all are kept: how many are held out, how many of them
# measure releases, and the utility of the best answer that looks at none.
HELD_OUT, MEASURING, GUESS = "held_out", "measuring", "guess"


@dataclass(frozen=True)
class RunFiles:
    """Content of one run.

    Args:
        losses: of every checkpoint on the validation samples, by quantizer; where losses of some
            samples alone are kept, the `places` of these among all, and `means/<quantizer>`: mean
            losses over all samples and over either half of them.
        scores: outputs of the last checkpoint on the pool, by quantizer, with members and targets.
        meta: facts that go with them.
        releases: outputs of the checkpoints that might be shipped, where there are several: those
            on the pool as `pool/<quantizer>/<checkpoint>`, without the last, and those on the half
            of the validation samples that measures them as `measured/<quantizer>/<checkpoint>`,
            with their targets. Where answers on some samples alone are kept, the `places` in the
            pool of these.
    """

    losses: Tensors
    scores: Tensors
    meta: dict[str, Any]
    releases: Tensors = field(default_factory=dict)
