"""Packages are hidden, as where the extra was not installed."""

import importlib
import subprocess
import sys

import pytest

from quantmia.errors import QuantmiaError

SAID = (
    "report: the package {package} is not installed. Install the report extra: "
    "pip install 'quantmia[report]'"
)
HIDDEN = """
import sys
sys.modules["altair"] = None
from quantmia.cli.__main__ import main
sys.exit(main(["report", {folder!r}]))
"""


@pytest.mark.parametrize("package", ["altair", "vl_convert", "jinja2", "markupsafe"])
def test_without_a_package_of_the_extra_it_is_said_what_to_install(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "quantmia.report.extra", raising=False)
    with pytest.raises(QuantmiaError) as refused:
        importlib.import_module("quantmia.report.extra")
    assert str(refused.value) == SAID.format(package=package)


def test_a_report_without_the_extra_is_one_line(tmp_path):
    script = HIDDEN.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"error: {SAID.format(package='altair')}\n"
