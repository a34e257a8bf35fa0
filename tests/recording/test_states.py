from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from quantmia.errors import OutputsError
from quantmia.recording.states import find, fitted, read_state


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))


STATE = model().state_dict()
HERE = Path("a.pt")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def files(*names: str) -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return files


def test_files_are_found_by_run_and_epoch(here):
    here(*(f"v2/run-{r}/epoch={e}-step=7.ckpt" for r in (10, 9) for e in (12, 3)), "v2/run-9/x")
    found = find("v2/*/epoch=*.ckpt")
    assert list(found) == [9, 10]
    assert {run: list(epochs) for run, epochs in found.items()} == {9: [3, 12], 10: [3, 12]}
    assert found[10][3] == Path("v2/run-10/epoch=3-step=7.ckpt")


def test_epochs_from_zero_are_counted_from_one(here):
    here(*(f"runs/{r}/{e}.pt" for r in (0, 1) for e in (0, 1, 2)))
    assert list(find("runs/*/*.pt")[1]) == [1, 2, 3]


def test_without_epochs_there_is_one_file_a_run(here):
    here("a[1]/0.pt", "a[1]/1.pt")  # brackets are of the name
    assert find("a[1]/*.pt") == {0: {None: Path("a[1]/0.pt")}, 1: {None: Path("a[1]/1.pt")}}


@pytest.mark.parametrize(
    ("files", "pattern", "said"),
    [
        ((), "runs/*.pt", "no file is there"),
        (("a.pt",), "a.pt", r"one \* is wanted"),
        (("a/b/c/d.pt",), "*/*/*/d.pt", r"one \* is wanted"),
        (("runs/a.pt",), "runs/*.pt", "no number where"),
        (("a-1.pt", "b-1.pt"), "*.pt", "a-1.pt and b-1.pt are both of run 1"),
        (("0/a1.pt", "0/b1.pt"), "*/*.pt", "0/a1.pt and 0/b1.pt are both of run 0, epoch 1"),
        (("0/0.pt", "0/1.pt", "1/0.pt"), "*/*.pt", "run 0 has a file of run 0, epoch 1, and run 1"),
        (("0/1.pt", "1/1.pt", "1/4.pt"), "*/*.pt", "run 1 has a file of run 1, epoch 4, and run 0"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(here, files, pattern, said):
    here(*files)
    with pytest.raises(OutputsError, match=said):
        find(pattern)


@pytest.mark.parametrize("nested", [None, "state_dict", "model_state_dict", "model"])
def test_a_state_is_read_from_what_torch_saved(tmp_path, nested):
    content = STATE if nested is None else {"epoch": 3, nested: STATE, "optimizer": {"lr": 0.1}}
    torch.save(content, tmp_path / "a.ckpt")
    found = read_state(tmp_path / "a.ckpt")
    assert list(found) == list(STATE)
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


def test_a_state_is_read_from_safetensors(tmp_path):
    safetensors.torch.save_file(dict(STATE), tmp_path / "a.safetensors")
    found = read_state(tmp_path / "a.safetensors")
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


class Hostile:
    def __reduce__(self):
        return print, ("run by reading",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (model(), "or holds more than tensors, which could run anything"),
        ({"state_dict": STATE, "x": Hostile()}, "holds more than tensors"),
        ([1, 2], "is a list, and no state_dict"),
    ],
)
def test_what_could_run_is_not_read(tmp_path, capsys, content, said):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(OutputsError, match=said):
        read_state(tmp_path / "a.pt")
    assert "run by reading" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04 cut"])
def test_other_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputsError, match=f"{name}: "):
        read_state(tmp_path / name)


@pytest.mark.parametrize("prefix", ["", "model.", "module.", "_orig_mod.", "net._orig_mod."])
def test_what_wraps_a_model_does_not_matter(prefix):
    state = {prefix + name: value for name, value in STATE.items()}
    if prefix:
        state["criterion.weight"] = torch.ones(3)
    found = fitted(state, model(), HERE)
    assert list(found) == list(STATE)
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


def test_half_precision_is_made_what_the_model_has():
    found = fitted({name: value.half() for name, value in STATE.items()}, model(), HERE)
    assert found["0.weight"].dtype == torch.float32
    assert found["1.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"0.weight": None},
            "lacks 0.weight of Sequential; it has 0.bias, 1.weight, 1.bias and 5 more",
        ),
        ({"0.weight": torch.ones(2, 4)}, r"0.weight has the shape \(2, 4\), .* wants \(2, 3\)"),
        ({"2.bias": torch.tensor([np.nan])}, "2.bias has values that are not finite"),
        ({"3.weight": torch.ones(1)}, "holds 3.weight, which Sequential does not have"),
    ],
)
def test_a_state_of_another_model_is_refused(changed, said):
    state = {name: value for name, value in (STATE | changed).items() if value is not None}
    with pytest.raises(OutputsError, match=said):
        fitted(state, model(), HERE)
