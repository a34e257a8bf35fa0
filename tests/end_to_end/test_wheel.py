"""What a stranger installs: the wheel with what it requires and no more, outside the clone."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement

from tests.end_to_end.command import SMALL

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, "-m", "build", "--no-isolation", str(ROOT), "--outdir"]


def done(command: list[str | Path], where: Path, **environment: str) -> subprocess.CompletedProcess:
    """A command that knows nothing of the clone."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=where, env=inherited | environment, capture_output=True, text=True, timeout=300
    )  # fmt: skip


def wanted(package: str) -> set[str]:
    """A distribution and all that it requires where no extra is chosen, as far as it is here.

    The locked environment does without the libraries for a GPU.
    """
    found, left = set(), [(package, "")]
    while left:
        name, extra = left.pop()
        if (name, extra) in found:
            continue
        try:
            needed = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:
            continue
        found.add((name, extra))
        for each in needed:
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                left += [(each.name, its) for its in ("", *each.extras)]
    return {name for name, _ in found}


def linked(site: Path) -> None:
    """Put the packages that the wheel requires beside it, as links."""
    for name in wanted("quantmia") - {"quantmia"}:
        its = distribution(name)
        tops = {file.parts[0] for file in its.files or () if file.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            target = Path(str(its.locate_file(top)))
            if not (site / top).exists():
                (site / top).symlink_to(target, target.is_dir())


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder of an sdist, and of the wheel that is made of it."""
    folder = tmp_path_factory.mktemp("dist")
    made = done([*BUILD, folder], folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory) -> Path:
    """`quantmia` of an environment with the wheel and what it requires."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    linked(site)
    pip = [sys.executable, "-m", "pip", "--python", home / "bin" / "python"]
    made = done([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], home)
    assert made.returncode == 0, made.stderr
    return home / "bin" / "quantmia"


def test_a_clone_makes_the_very_wheel_that_the_sdist_makes(wheel, tmp_path):
    made = done([*BUILD, tmp_path, "--wheel"], tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_what_git_holds_and_nothing_else(wheel):
    checker = Path(sys.executable).parent / "check-wheel-contents"
    checked = done([checker, wheel, "--config", ROOT / "pyproject.toml"], wheel.parent)
    assert checked.returncode == 0, checked.stdout
    files = ["--cached", "--others", "--exclude-standard", "quantmia", "hydra_plugins", "conf"]
    listed = done(["git", "-C", ROOT, "ls-files", *files], ROOT)
    if listed.returncode:
        pytest.skip("this is no clone")
    there = [each for each in listed.stdout.splitlines() if (ROOT / each).exists()]
    with zipfile.ZipFile(wheel) as archive:
        held = {each for each in archive.namelist() if ".dist-info/" not in each}
        assert held == {re.sub("^conf/", "quantmia/conf/", each) for each in there}
        assert f"Version: {version('quantmia')}" in metadata(archive)
        assert "License-File: LICENSE" in metadata(archive)


def metadata(archive: zipfile.ZipFile) -> str:
    (path,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
    return archive.read(path).decode()


def test_without_extras_the_mixture_is_ranked(command, tmp_path):
    ran = done([command, "run", *SMALL, "hydra.run.dir=out"], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "leaks least" in ran.stdout
    ranking = pd.read_csv(tmp_path / "out/ranking.csv")
    assert len(ranking) == 9
    assert ranking["auc_lira_eb"].notna().all()
    refused = done([command, "report", "out"], tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "pip install 'quantmia[report]'" in refused.stderr


def test_without_extras_a_table_of_numbers_is_ranked_by_a_launcher(command, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    table["kind"] = rng.choice(["u", "v"], len(table))
    table["y"] = table["a"] + 0.3 * rng.normal(size=len(table))
    table.to_csv(tmp_path / "mine.csv", index=False)
    own = ["dataset=csv", f"dataset.path={tmp_path / 'mine.csv'}", "dataset.target=y"]
    small = [each for each in SMALL if not each.startswith(("+experiment", "dataset."))]
    swept = ["-m", "seed=0,1", "hydra/launcher=local", "hydra.sweep.dir=both"]
    ran = done([command, "run", *own, *small, *swept, "hydra.launcher.jobs=1"], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert set(pd.read_csv(tmp_path / "both/ranking.csv")["quantizer"]) >= {"sign", "uniform_2"}


def test_what_there_is_is_listed(command, tmp_path):
    listed = done([command, "list"], tmp_path)
    assert listed.returncode == 0, listed.stderr
    for name in ("lipophilicity", "ternary_90", "lira_eb", "paper/mixtures"):
        assert name in listed.stdout


@pytest.mark.parametrize(
    ("override", "extra"), [("+experiment=logbb", "molecules"), ("report=true", "report")]
)
def test_what_needs_an_extra_says_so_and_leaves_nothing(override, extra, command, tmp_path):
    refused = done([command, "run", override], tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert f"pip install 'quantmia[{extra}]'" in refused.stderr
    assert {each.name for each in (tmp_path / "outputs").glob("*")} <= {".cache"}
