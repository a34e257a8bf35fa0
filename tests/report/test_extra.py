"""Each package is hidden in a process of its own, as where the extra was not installed."""

import subprocess
import sys

import pytest

HIDDEN = """
import sys
sys.modules[{package!r}] = None
from quantmia.cli.__main__ import main
sys.exit(main(["report", {folder!r}]))
"""


@pytest.mark.parametrize("package", ["altair", "vl_convert", "jinja2", "markupsafe"])
def test_without_a_package_of_the_extra_one_line_says_what_to_install(package, tmp_path):
    script = HIDDEN.format(package=package, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: report: the package {package} is not installed. Install the report extra: "
        "pip install 'quantmia[report]'\n"
    )
