"""Post-training quantizers, one scheme a file."""

from quantmia.quantizers.activations import Activations
from quantmia.quantizers.base import Quantizer
from quantmia.quantizers.bitsandbytes_runtime import BitsAndBytes
from quantmia.quantizers.calibrated import Calibrated
from quantmia.quantizers.codebook import Codebook
from quantmia.quantizers.float8 import Float8
from quantmia.quantizers.full_precision import FullPrecision
from quantmia.quantizers.function import Function
from quantmia.quantizers.gguf import Gguf
from quantmia.quantizers.kmeans import KMeans
from quantmia.quantizers.make import make
from quantmia.quantizers.onnx_runtime import OnnxRuntime
from quantmia.quantizers.openvino_runtime import OpenVino
from quantmia.quantizers.pruned import Pruned
from quantmia.quantizers.sign import Sign
from quantmia.quantizers.ternary import Ternary
from quantmia.quantizers.torchao import TorchAO
from quantmia.quantizers.torchao_runtime import TorchAORuntime
from quantmia.quantizers.uniform import Uniform

__all__ = [
    "Activations",
    "BitsAndBytes",
    "Calibrated",
    "Codebook",
    "Float8",
    "FullPrecision",
    "Function",
    "Gguf",
    "KMeans",
    "OnnxRuntime",
    "OpenVino",
    "Pruned",
    "Quantizer",
    "Sign",
    "Ternary",
    "TorchAO",
    "TorchAORuntime",
    "Uniform",
    "make",
]
