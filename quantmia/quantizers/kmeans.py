"""A codebook that is fitted to the weights: k-means in one dimension."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from quantmia.quantizers.base import Quantizer, Rows

ROUNDS = 1000  # Lloyd's algorithm is done after 10 to 400 on Gaussian rows and up to 16 clusters


@dataclass(frozen=True, kw_only=True)
class KMeans(Quantizer):
    """Each weight becomes the mean of its cluster (Han et al. 2016, section 3).

    Lloyd's algorithm from equally spaced centres, which Han et al. found best. The codebook is
    the row's own, so `scale` has no say.

    Args:
        levels: clusters a row, from 2 to 256.
    """

    levels: int = 4

    def __post_init__(self):
        super().__post_init__()
        if not 2 <= self.levels <= 256:
            raise ValueError(f"levels={self.levels} must lie in 2..256")

    @property
    def bits_per_weight(self) -> float:
        """Whole bits that number the clusters."""
        return float((self.levels - 1).bit_length())

    @property
    def bits_per_row(self) -> float:
        """A float32 a cluster."""
        return 32.0 * self.levels

    def quantize_rows(self, weights):
        """The centre nearest to each weight."""
        ordered = weights.sort(dim=1).values
        centres = self._centres(ordered)
        cluster = torch.searchsorted(_edges(centres), weights.double())
        quantized = centres.gather(1, cluster).to(weights.dtype)
        # A row with no more values than clusters is a codebook already.
        distinct = (ordered.diff(dim=1) != 0).sum(1, keepdim=True) + 1
        return torch.where(distinct <= self.levels, weights, quantized)

    def _centres(self, ordered: Rows) -> Float[Tensor, "rows levels"]:
        """Lloyd's algorithm on sorted rows: a cluster is an interval, its sum a difference."""
        values = ordered.double()
        sums = torch.nn.functional.pad(values.cumsum(1), (1, 0))
        position = torch.linspace(0, 1, self.levels, dtype=torch.float64, device=ordered.device)
        centres = torch.lerp(values[:, :1], values[:, -1:], position)
        ends = torch.empty(0)
        for _ in range(ROUNDS):
            inner = torch.searchsorted(values, _edges(centres), right=True)
            moved = torch.nn.functional.pad(inner, (1, 0))
            moved = torch.cat([moved, torch.full_like(moved[:, :1], values.shape[1])], 1)
            if moved.shape == ends.shape and torch.equal(moved, ends):
                break
            ends = moved
            count = ends.diff(dim=1)
            mean = sums.gather(1, ends).diff(dim=1) / count.clamp(min=1)
            centres = torch.where(count > 0, mean, centres).sort(dim=1).values
        return centres


def _edges(centres: Float[Tensor, "rows levels"]) -> Float[Tensor, "rows edges"]:
    """Where one cluster ends and the next begins; a weight on an edge belongs to the lower."""
    return ((centres[:, 1:] + centres[:, :-1]) / 2).contiguous()
