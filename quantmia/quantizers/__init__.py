"""Post-training quantizers, one scheme a file."""

from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.full_precision import FullPrecision
from quantmia.quantizers.sign import Sign
from quantmia.quantizers.ternary import Ternary
from quantmia.quantizers.uniform import Uniform

__all__ = ["FullPrecision", "Quantizer", "Sign", "Ternary", "Uniform"]
