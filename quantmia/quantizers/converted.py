"""Models as OpenVINO has them: converted from ONNX, and where a run's numbers stand in them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto

from quantmia.quantizers.answering import made_up
from quantmia.quantizers.exported import Exported
from quantmia.quantizers.quiet import quiet
from quantmia.quantizers.shipped import Params
from quantmia.quantizers.untracked import openvino

# One thread and float32, so that the same model gives the same bits each time. By itself the plugin
# may compute in fewer bits, and round what layers with compressed weights are given, where a
# processor is faster at it.
CONFIG = {
    "INFERENCE_PRECISION_HINT": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,
}
SCALED = "/awq_mul"  # ends the name of what AWQ puts before a layer


def converted(graph: ModelProto) -> openvino.Model:
    """A graph as the library converts it, the same operations called the same each time.

    Args:
        graph: of ONNX.
    """
    with quiet():
        model = openvino.convert_model(io.BytesIO(graph.SerializeToString()))
    for number, operation in enumerate(model.get_ordered_ops()):
        if operation.get_friendly_name() == operation.get_name():  # counted through the process
            operation.set_friendly_name(f"operation_{number}")
    return model


def assembled(
    outputs: Sequence[openvino.Node | openvino.Output], inputs: Sequence[openvino.op.Parameter]
) -> openvino.Model:
    """A model of what is computed.

    Args:
        outputs: of it.
        inputs: that they are computed from.
    """
    return openvino.Model(list(outputs), list(inputs))  # pyright: ignore[reportGeneralTypeIssues]: its stubs


def compiled(model: openvino.Model) -> openvino.CompiledModel:
    """Ready to be asked.

    Args:
        model: quantized or not.
    """
    return openvino.Core().compile_model(model, "CPU", CONFIG)


@dataclass(frozen=True)
class Place:
    """Where a parameter goes into an operation.

    Args:
        parameter: its name.
        operation: its name, by which it is known after quantizing.
        port: of the operation.
        turned: whether the parameter is transposed there.
    """

    parameter: str
    operation: str
    port: int
    turned: bool


_places: WeakKeyDictionary[Exported, Sequence[Place]] = WeakKeyDictionary()


def places(graph: Exported, params: Params) -> Sequence[Place]:
    """Where the parameters of an architecture stand, found once by numbers that no other has.

    Args:
        graph: of the architecture.
        params: stacked, for the shapes.
    """
    if graph not in _places:
        own = made_up(params, 0)
        _places[graph] = _found(converted(graph(own)), {k: v.numpy() for k, v in own.items()})
    return _places[graph]


def _found(model: openvino.Model, own: dict[str, NDArray]) -> list[Place]:
    found: dict[str, Place] = {}
    for operation in model.get_ordered_ops():
        for given in operation.inputs():
            constant = given.get_source_output().get_node()
            if constant.get_type_name() != "Constant":
                continue
            value = constant.get_data().squeeze()
            for name, each in own.items():
                if each.dtype.kind != "f" or name in found:
                    continue
                for turned in (False, True):
                    if np.array_equal(value, (each.T if turned else each).squeeze()):
                        at = operation.get_friendly_name(), given.get_index()
                        found.setdefault(name, Place(name, *at, turned))
    return list(found.values())


def stored(model: openvino.Model, where: Sequence[Place], own: Params) -> Params:
    """One run's numbers as a quantized model computes with them.

    What scales the inputs of a layer (AWQ) is taken to belong to its weight.

    Args:
        model: quantized.
        where: the parameters stand.
        own: the run's numbers; of those that stand nowhere they are kept.
    """
    operations = {each.get_friendly_name(): each for each in model.get_ordered_ops()}
    where = [each for each in where if each.operation in operations]
    outputs = [operations[each.operation].input_value(each.port) for each in where]
    if not outputs:
        return own
    # As the plugin dequantizes them: in float32, whatever the type of a scale.
    answers = compiled(assembled(outputs, []))([])
    read = dict(own)
    for number, each in enumerate(where):
        was, value = own[each.parameter], np.asarray(answers[number], np.float32)
        if each.turned:
            value = value.squeeze().T
        value = value.reshape(was.shape)
        before = operations[each.operation].input_value(0).get_node()
        if each.port and before.get_friendly_name().endswith(SCALED):
            value = value * before.input_value(1).get_node().get_data().reshape(-1)
        read[each.parameter] = torch.from_numpy(np.ascontiguousarray(value)).to(was)
    return read
