"""What quantizers that look at data are shown: rows of it, and what linear layers are given."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

DAMPING = 0.01  # of the mean diagonal, added to it, as in GPTQ's own code


@dataclass(frozen=True)
class Linear:
    """A linear layer, by the names of its parameters; `bias` is None where it has none."""

    weight: str
    bias: str | None


@dataclass(frozen=True, eq=False)
class Given:
    """What one layer of every run is given.

    Args:
        inputs: of the layer, on the rows that its run was shown.
    """

    inputs: Float[Tensor, "runs rows in"]

    @cached_property
    def factor(self) -> tuple[Tensor, Float[Tensor, "runs in in"]]:
        """In which order GPTQ rounds columns, and by what errors are made up for in later ones.

        Columns go by the size of their inputs, the largest first. The factor is the upper Cholesky
        factor of the inverse of the inputs' second moments in that order, in float64 (Frantar et
        al. 2023, section 3.3, step 3).
        """
        x = self.inputs.double()
        moments = finite(x.mT @ x / x.shape[1])
        diagonal = moments.diagonal(dim1=1, dim2=2)
        order = diagonal.argsort(stable=True, dim=1, descending=True)
        # An input that is always zero has no second moment; whatever is done to it costs nothing.
        damping = (DAMPING * diagonal.mean(1)).clamp(min=1e-12)
        moments = moments + torch.diag_embed(damping[:, None].expand_as(diagonal))
        moments = moments.gather(1, order[:, :, None].expand_as(moments))
        moments = moments.gather(2, order[:, None, :].expand_as(moments))
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))
        return order, torch.linalg.cholesky(inverse, upper=True)


def finite(moments: Float[Tensor, "runs in in"]) -> Float[Tensor, "runs in in"]:
    """Moments that can be decomposed: those of a diverged run, which has none, are the identity.

    Args:
        moments: of every run.
    """
    known = torch.isfinite(moments).all(2).all(1)[:, None, None]
    identity = torch.eye(moments.shape[1], dtype=moments.dtype, device=moments.device)
    return torch.where(known, moments, identity)


# Of stacked parameters, each [runs, *shape]: every linear layer, in the order in which they are
# called, with what it is given.
Layers = Callable[[dict[str, Tensor]], dict[Linear, Given]]


@runtime_checkable
class Calibration(Protocol):
    """Rows that a quantizer is shown (`quantmia.models.layers`)."""

    rows: Float[Tensor, "runs rows *features"]

    def beside(self, others: dict[str, Tensor]) -> Layers:
        """What layers are given on them, once what else a module keeps is known."""
        ...
