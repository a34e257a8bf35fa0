from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch

from quantmia.models.heads import mlp
from quantmia.models.stack import Stack
from quantmia.quantizers import Gguf
from quantmia.quantizers.gguf import Format
from quantmia.tasks import TASKS

gguf = pytest.importorskip("gguf")
quants = pytest.importorskip("gguf.quants")


@pytest.mark.parametrize("name", get_args(Format))
def test_the_file_that_is_shipped_holds_what_was_audited(name, tmp_path):
    factory = partial(mlp, 256, 3, hidden=[64, 20])
    stack = Stack(factory, [0, 1], TASKS["multiclass"])
    params = dict(stack.initial)
    quantizer = Gguf(format=name)
    shipped = quantizer.release(params, stack, torch.zeros(1, 256))
    expected = {key: value.clone() for key, value in shipped.weights.items()}
    kept = shipped.copy()
    kept.take(np.array([1]), quantizer.release(dict(stack.initial), stack, torch.zeros(1, 256)))
    for models, number in ((shipped, 0), (shipped, 1), (kept, 0), (kept, 1)):
        ending, content = models.artefact(number)
        assert ending == ".gguf"
        path = tmp_path / f"model{ending}"
        path.write_bytes(content)
        read = {each.name: each for each in gguf.GGUFReader(path).tensors}
        assert list(read) == list(stack.initial)
        for key, each in read.items():
            shape = tuple(expected[key][number].shape)
            assert tuple(reversed(each.shape.tolist())) == shape
            found = quants.dequantize(each.data, each.tensor_type).reshape(shape)
            held = torch.from_numpy(found.astype(np.float32)).view(torch.int32)
            assert torch.equal(held, expected[key][number].view(torch.int32))
        types = {key: each.tensor_type.name for key, each in read.items()}
        blocks = name.upper()
        narrow = "F16" if blocks.startswith("TQ") else blocks  # 64 inputs are no block of 256
        assert [types[key] for key in read if "weight" in key] == [blocks, narrow, "F16"]
        assert {types[key] for key in read if "bias" in key} == {"F32"}
