"""What a runtime ships: models that its own library quantizes, and that answer by themselves."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from quantmia.errors import QuantmiaError
from quantmia.quantizers.base import CODEBOOK, Quantizer
from quantmia.quantizers.data_aware import DataAware


@dataclass(frozen=True, kw_only=True)
class Runtime(DataAware):
    """Of the settings that all quantizers share, a library leaves only `per`.

    `extra` names what has to be installed, and `packages` what that brings.

    Args:
        batch: samples a call, or null for all at once.

    Raises:
        QuantmiaError: a package is not installed.
    """

    batch: int | None = None
    extra: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]

    def __post_init__(self):
        super().__post_init__()
        for name in CODEBOOK:
            if name != "per" and getattr(self, name) != getattr(Quantizer, name):
                raise ValueError(f"{name}: the library decides that itself; leave it out")
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"batch={self.batch} must be 1 or more, or null for all at once")
        if missing := [name for name in self.packages if find_spec(name) is None]:
            raise QuantmiaError(
                f"quantizer: {missing[0]} is not installed. Install the extra: "
                f"pip install 'quantmia[{self.extra}]'"
            )

    @property
    def fits_a_step(self):
        """A library makes models of weights, which no gradient passes through."""
        return False
