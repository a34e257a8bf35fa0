import os
import subprocess
import sys

import joblib
import pytest
import torch

from quantmia import threads
from quantmia.threads import SPINS


@pytest.mark.parametrize(
    ("there", "expected"),
    [({}, SPINS), ({"OMP_WAIT_POLICY": "ACTIVE"}, None), ({"GOMP_SPINCOUNT": "100"}, "100")],
)
def test_workers_sleep_unless_the_user_says_otherwise(there, expected, monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    threads.wait_asleep()
    assert os.environ.pop("GOMP_SPINCOUNT", None) == expected


def test_openmp_is_told_before_it_starts():
    """It prints what it goes by when PyTorch loads it."""
    given = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {k: v for k, v in os.environ.items() if k not in given}
    done = subprocess.run(
        [sys.executable, "-m", "quantmia.cli", "check", "quantizer=sign"],
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=True,
    )
    if "OPENMP DISPLAY ENVIRONMENT" not in done.stderr:
        pytest.skip("this PyTorch computes without OpenMP")
    assert f"GOMP_SPINCOUNT = '{SPINS}'" in done.stderr


@pytest.mark.parametrize(("quota", "expected"), [(1, 1), (3, 3), (64, 4)])
def test_a_container_with_few_cores_gets_few_threads(quota, expected, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: quota)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        threads.as_many_as_there_are()
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_what_the_user_says_stands(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    before = torch.get_num_threads()
    threads.as_many_as_there_are()
    assert torch.get_num_threads() == before
