"""What commands import, which is most of the time that the short ones take."""

import gc
import subprocess
import sys

import pytest

from quantmia.cli.imports import uncollected

SCRIPT = """
import sys
from quantmia.cli.__main__ import main
assert main(sys.argv[1].split()) == 0
print(*sorted({each.partition(".")[0] for each in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("command", "without"),
    [
        ("list", {"hydra", "numpy", "omegaconf", "pandas", "pydantic", "torch", "yaml"}),
        ("run --cfg job", {"joblib", "numpy", "pandas", "pydantic", "rich", "scipy", "torch"}),
    ],
)
def test_a_short_command_imports_little(command, without):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, command], capture_output=True, text=True, check=True
    )
    assert not without & set(done.stderr.splitlines()[-1].split())


def test_garbage_is_looked_for_again_after_imports():
    assert gc.isenabled()
    with pytest.raises(ValueError, match="no"), uncollected():
        assert not gc.isenabled()
        raise ValueError("no")
    assert gc.isenabled()


def test_who_looks_for_no_garbage_is_left_alone():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
