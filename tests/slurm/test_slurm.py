from typing import Any

import pytest

from hydra_plugins.quantmia_slurm import slurm
from hydra_plugins.quantmia_slurm.slurm import SlurmLauncher
from quantmia.errors import Refused


def launcher(**changes: Any) -> SlurmLauncher:
    settings: dict[str, Any] = {
        "timeout_min": 240,
        "cpus_per_task": 2,
        "mem_gb": 4,
        "array_parallelism": 100,
        "signal_delay_s": 120,
        "setup": [],
        "extra": {},
        "poll_seconds": 2.0,
    }
    return SlurmLauncher(**settings | changes)


def test_submitit_has_to_be_installed(monkeypatch):
    monkeypatch.setattr(slurm, "which", lambda name: "/usr/bin/srun")
    launcher()
    monkeypatch.setattr(slurm, "find_spec", lambda name: None)
    with pytest.raises(Refused) as caught:
        launcher()
    assert str(caught.value) == (
        "hydra/launcher=slurm: the package submitit is not installed. Install the slurm extra: "
        "pip install 'quantmia[slurm]'"
    )


def test_all_that_is_wrong_is_said_at_once(monkeypatch):
    monkeypatch.setattr(slurm, "which", lambda name: None)
    with pytest.raises(Refused) as caught:
        launcher(mem_gb=0, cpus_per_task="two")
    said = str(caught.value)
    assert "there is no srun on this machine" in said
    assert "hydra.launcher.mem_gb=0: has to be a number above 0" in said
    assert "hydra.launcher.cpus_per_task=two: has to be an integer of 1 or more" in said
