"""Models as ONNX graphs: an architecture is exported once and filled with one run's numbers."""

import numpy as np
import onnxruntime
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from onnxscript import ir
from torch import Tensor, nn

from quantmia.errors import QuantmiaError, first_line
from quantmia.quantizers.answering import OfArchitecture, made_up, of_any_number
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.shipped import Models, Params

INPUT, OUTPUT = "x", "y"


class Exported:
    """The graph of an architecture, and where the numbers of a run go in it.

    What the exporter makes of a graph in the end depends on its numbers where it folds some into
    others. A transposed weight is known again and replaced; where more was folded, such as a
    normalisation into the layer before it, the last step is done anew for every run.

    Args:
        models: that evaluate the architecture.
        params: stacked, for the shapes.
        sample: features like those that it is asked about.

    Raises:
        QuantmiaError: the architecture cannot be exported.
    """

    def __init__(self, models: Models, params: Params, sample: Float[Tensor, "samples *features"]):
        self._rows = of_any_number(sample)
        first, second = (made_up(params, seed) for seed in (0, 1))
        self._program = self._export(models.module(first))
        self._plain = _Graph(_copy(self._program.model_proto), first)
        self._ready = _Graph(self._optimised(self._plain.graph), first)
        self._folds = False  # as far as is known
        module = models.module(second)  # not kept: what is kept by the models would keep them
        self._folds = not self._fits(second, module)
        if self._folds and not self._fits(second, module):
            raise QuantmiaError(
                f"model: {self._called} computes constants from its weights, which ONNX Runtime's "
                "and OpenVINO's quantizers cannot follow; leave them out"
            )

    def __call__(self, own: Params) -> ModelProto:
        """The graph of one run.

        Args:
            own: its parameters and buffers, without an axis of runs.
        """
        return self._optimised(self._plain.of(own)) if self._folds else self._ready.of(own)

    @property
    def out_features(self) -> int:
        """Numbers that it answers a sample."""
        return self._ready.graph.graph.output[0].type.tensor_type.shape.dim[-1].dim_value

    def _export(self, module: nn.Module) -> torch.onnx.ONNXProgram:
        self._called = type(module).__name__
        try:
            with quiet():
                program = torch.onnx.export(
                    module,
                    (self._rows,),
                    dynamo=True,
                    dynamic_shapes=({0: torch.export.Dim("samples")},),
                    input_names=[INPUT],
                    output_names=[OUTPUT],
                    optimize=False,
                    verbose=False,
                )
        except Exception as error:  # whatever the exporter makes of a user's module
            raise QuantmiaError(
                f"model: {self._called} cannot be exported to ONNX ({_reason(error)}); leave out "
                "the quantizers of ONNX Runtime and OpenVINO"
            ) from error
        assert program is not None
        return program

    def _optimised(self, graph: ModelProto) -> ModelProto:
        """As the exporter's last step leaves it, which it takes by itself unless told not to."""
        with quiet():
            self._program.model = ir.from_proto(graph)
            self._program.optimize()
            optimised = _copy(self._program.model_proto)
        # ONNX Runtime 1.22 to 1.30 transposes weights without renaming: old shapes contradict them.
        del optimised.graph.value_info[:]
        return optimised

    def _fits(self, own: Params, module: nn.Module) -> bool:
        """Whether the graph answers as a module does for numbers that it was not exported with."""
        session = opened(self(own).SerializeToString())
        with torch.no_grad():
            expected = module(self._rows).numpy()
        found = asked(session, self._rows.numpy())
        return np.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(np.abs(expected).max()))


class _Graph:
    """A graph, and of every constant that is a parameter: which one, and whether transposed.

    Args:
        graph: made of the following.
        own: numbers by which parameters are known again.
    """

    def __init__(self, graph: ModelProto, own: Params):
        self.graph = graph
        values = {name: each.numpy() for name, each in own.items() if each.is_floating_point()}
        self._places: dict[str, tuple[str, bool]] = {}
        for constant in graph.graph.initializer:
            number = numpy_helper.to_array(constant)
            for name, value in values.items():
                if np.array_equal(number, value):
                    self._places[constant.name] = name, False
                elif np.array_equal(number, value.T):
                    self._places[constant.name] = name, True

    def of(self, own: Params) -> ModelProto:
        """The graph with the numbers of a run.

        Args:
            own: its parameters and buffers.
        """
        graph = _copy(self.graph)
        for constant in graph.graph.initializer:
            if place := self._places.get(constant.name):
                name, transposed = place
                value = own[name].numpy(force=True)
                value = np.ascontiguousarray(value.T if transposed else value)
                constant.CopyFrom(numpy_helper.from_array(value, constant.name))
        return graph


def _copy(graph: ModelProto) -> ModelProto:
    copied = ModelProto()
    copied.CopyFrom(graph)
    return copied


exported = OfArchitecture(Exported)


def opened(model: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread, which gives the same bits each time.

    Args:
        model: serialized.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def asked(session: onnxruntime.InferenceSession, rows: NDArray) -> NDArray[np.float32]:
    """What a session answers, [rows, out].

    Args:
        session: of a model.
        rows: features.
    """
    answer = session.run([OUTPUT], {INPUT: rows})[0]
    assert isinstance(answer, np.ndarray)
    return answer


def _reason(error: BaseException) -> str:
    """What the exporter says in its first line, or of what came first where it only frames that."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {first_line(error)}"
