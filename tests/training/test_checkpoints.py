import pytest
import torch

from quantmia.files import DamagedFileError
from quantmia.training.checkpoints import Trajectory

EPOCHS = [2, 4, 6]


def made(count=3):
    generator = torch.Generator().manual_seed(0)
    params = {"2.weight": torch.zeros(2, 3, 4), "10.bias": torch.zeros(2, 3)}
    for epoch in EPOCHS[:count]:
        for value in params.values():
            value += torch.randn(value.shape, generator=generator)
        yield epoch, params


def copies(checkpoints):
    return [(epoch, {k: v.clone() for k, v in params.items()}) for epoch, params in checkpoints]


@pytest.fixture
def kept(tmp_path):
    trajectory = Trajectory(tmp_path, "address", EPOCHS)
    assert not trajectory.complete
    assert not trajectory.intact()
    for _ in trajectory.keep(made()):
        pass
    return trajectory


def test_checkpoints_pass_through_unchanged(tmp_path):
    passed = copies(Trajectory(tmp_path, "a", EPOCHS).keep(made()))
    for (epoch, found), (same, expected) in zip(passed, copies(made()), strict=True):
        assert epoch == same
        assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_what_was_kept_is_read_bit_for_bit(kept):
    assert kept.complete
    assert kept.intact()
    for (epoch, found), (same, expected) in zip(kept.read(), copies(made()), strict=True):
        assert epoch == same
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name].dtype == value.dtype
            assert torch.equal(found[name].view(torch.int32), value.view(torch.int32))


def test_two_addresses_do_not_meet(kept, tmp_path):
    other = Trajectory(tmp_path, "another", EPOCHS)
    assert not other.complete
    assert not other.intact()
    assert kept.intact()


def test_an_interrupted_trajectory_is_not_complete(tmp_path):
    trajectory = Trajectory(tmp_path, "address", EPOCHS)
    checkpoints = trajectory.keep(made())
    for _ in EPOCHS:
        next(checkpoints)
    checkpoints.close()
    assert not trajectory.complete
    assert not trajectory.intact()
    for _ in trajectory.keep(made()):
        pass
    assert trajectory.intact()


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
@pytest.mark.parametrize("index", [0, 2])
def test_a_damaged_checkpoint_is_found_and_all_removed(kept, damage, index):
    path = sorted(kept.folder.glob("*.safetensors"))[index]
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
    if damage == "cut":
        del content[-8:]
    path.write_bytes(content)
    if damage == "remove":
        path.unlink()
    with pytest.raises(DamagedFileError, match=path.name):
        list(kept.read())
    assert not kept.intact()
    assert not kept.folder.exists()
    assert not kept.complete
