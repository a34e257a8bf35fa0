"""What users bring from outside the package, every kind by the command line, as the pages say."""

import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.docs.blocks import blocks
from tests.end_to_end.command import quantmia

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
FAST = ["runs=4", "training.epochs=8", "ranking.bootstrap=50", "ranking.halves=10"]
FAST += ["attack=[loss_threshold,lira]", "release.checkpoints=[best,2,last]"]
SMALL = ["dataset.size=120", "dataset.dimension=8"]


def run(where: Path, *arguments: str) -> pd.DataFrame:
    done = quantmia(where, "run", *FAST, "hydra.run.dir=out", *arguments)
    assert done.returncode == 0, done.stderr
    return pd.read_csv(where / "out" / "ranking.csv").set_index("quantizer")


def shown_files() -> dict[str, str]:
    """Files that the pages show, by the name that stands before each."""
    shown = [block for page in ("quantizer", "model") for block in blocks(page_of(page))]
    found = {block.name: block.text for block in shown if block.name}
    assert len(found) == 5
    return found


def page_of(kind: str) -> str:
    return (HOW_TO / f"own-{kind}.md").read_text(encoding="utf-8")


def shown_command(start: str) -> list[str]:
    lines = "".join(map(page_of, ("quantizer", "model", "data"))).splitlines()
    line = next(
        each for each in (each.removeprefix("$ ") for each in lines) if each.startswith(start)
    )
    return shlex.split(line, comments=True)[1:]


@pytest.fixture
def home(tmp_path) -> Path:
    """A folder of the user's with what the pages tell them to write."""
    for name, content in shown_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_the_quantizer_of_the_page(home):
    check = shown_command("quantmia check --config-dir my quantizer=eighths")
    checked = quantmia(home, *check, cold=True)
    assert checked.returncode == 0, checked.stderr
    assert "FAIL" not in checked.stdout
    _, *command = shown_command("quantmia run --config-dir my +experiment=synthetic 'quantizer")
    ranking = run(home, *command, *SMALL)
    assert set(ranking.index) == {"full_precision", "eighths", "uniform_4"}
    assert 1 <= ranking["bits"]["eighths"] <= 8
    assert ranking["bits"]["uniform_4"] == 4 + 64 / 8  # the ends of the grid, for 8 weights


@pytest.mark.parametrize("vectorize", ["true", "false"])
def test_the_model_of_the_page(home, vectorize):
    _, *command = shown_command("quantmia run --config-dir my +experiment=synthetic model=residual")
    command.remove("hydra.run.dir=outputs/residual")
    ranking = run(home, *command, *SMALL, f"training.vectorize={vectorize}")
    assert ranking["utility"]["full_precision"] > 0.5


def test_the_table_of_the_page(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    _, *command = shown_command("quantmia run dataset=csv dataset.path=examples/")
    run(tmp_path, *command, "quantizer=[full_precision,sign]", "embedder=ecfp")
    dropped = pd.read_csv(tmp_path / "out" / "dropped.csv")
    assert list(dropped["row"]) == [40, 90, 120, 150]
    assert "4 of 200 rows were dropped" in (tmp_path / "out" / "ranking.md").read_text()


def test_the_example_is_what_its_script_makes():
    sys.path.insert(0, str(ROOT))
    try:
        from scripts.example_molecules import content
    finally:
        sys.path.remove(str(ROOT))
    assert (ROOT / "examples" / "molecules.csv").read_text(encoding="utf-8") == content()


def test_modules_with_state_need_another_way_of_training(home):
    (home / "mine_model.py").write_text(
        "from torch import nn\n"
        "def Residual(in_features, out_features, width):\n"
        "    return nn.Sequential(nn.Linear(in_features, width), nn.BatchNorm1d(width),\n"
        "        nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(width, out_features))\n"
    )
    command = ["--config-dir", "my", "model=residual", *SMALL]
    refused = quantmia(home, "run", *command, *FAST, "training.vectorize=true", "hydra.run.dir=no")
    assert refused.returncode == 2
    assert not (home / "no").exists()
    assert refused.stderr.count("error:") == 1
    assert "Traceback" not in refused.stderr
    assert "BatchNorm1d" in refused.stderr
    assert "(Dropout)" in refused.stderr  # both at once
    assert "training.vectorize=false" in refused.stderr
    first = run(home, *command, "training.vectorize=false")
    again = quantmia(home, "run", *command, *FAST, "hydra.run.dir=two")
    assert again.returncode == 0, again.stderr
    assert "training.vectorize=auto does so" in again.stderr
    second = pd.read_csv(home / "two" / "ranking.csv").set_index("quantizer")
    pd.testing.assert_frame_equal(first, second)  # random numbers and all


def test_an_own_embedder_and_an_own_dataset(tmp_path):
    for kind in ("embedder", "dataset"):
        (tmp_path / "my" / kind).mkdir(parents=True)
    (tmp_path / "own.py").write_text(
        '"""Mine."""\n'
        "import numpy as np\n"
        "from quantmia.data import Dataset\n"
        "def letters(smiles, alphabet='CNOFSc1'):\n"
        '    """How often each letter occurs."""\n'
        "    return [[each.count(letter) for letter in alphabet] for each in smiles]\n"
        "def moons(count):\n"
        '    """Two half moons."""\n'
        "    from sklearn.datasets import make_moons\n"
        "    x, y = make_moons(count, noise=0.2, random_state=0)\n"
        "    return Dataset('moons', x.astype('float32'), y, 'binary', tuple(map(str, y)))\n"
    )
    (tmp_path / "my" / "embedder" / "letters.yaml").write_text("_target_: own.letters\n")
    (tmp_path / "my" / "dataset" / "moons.yaml").write_text(
        "_target_: own.moons\nname: moons\ncount: 150\n"
    )
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    _, *command = shown_command("quantmia run dataset=csv dataset.path=examples/")
    run(tmp_path, "--config-dir", "my", *command, "embedder=letters", "quantizer=[full_precision]")
    listed = quantmia(tmp_path, "list", "datasets", "--config-dir", "my", cold=True)
    assert "Two half moons." in listed.stdout
    done = quantmia(tmp_path, "run", "--config-dir", "my", "dataset=moons", *FAST)
    assert done.returncode == 2, "a key that the function does not take"
    assert "dataset.name: not an argument of own.moons" in done.stderr


def test_arrays_of_images_and_a_convolution(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.choice(["cat", "dog", "owl"], 90)
    x = rng.normal(size=(90, 1, 6, 6)) + (y == "cat")[:, None, None, None]
    np.savez(tmp_path / "arrays.npz", X=x, y=y)
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def convolution(in_shape, out_features):\n"
        "    return nn.Sequential(nn.Conv2d(in_shape[0], 4, 3), nn.ReLU(), nn.Flatten(-3),\n"
        "        nn.Linear(64, out_features))\n"
    )
    arguments = ["dataset=npz", "dataset.path=arrays.npz", "attack=[loss_threshold,whitebox]"]
    ranking = run(tmp_path, *arguments, "model._target_=net.convolution")
    assert ranking["utility_metric"].eq("accuracy").all()
    flat = run(tmp_path, *arguments, "model=mlp", "hydra.run.dir=flat")
    assert flat["utility"].notna().all()
    (tmp_path / "net.py").write_text((tmp_path / "net.py").read_text().replace("(64,", "(65,"))
    wrong = quantmia(tmp_path, "run", *arguments, "model._target_=net.convolution")
    assert wrong.returncode == 2
    assert "model: it fails on samples of shape [1, 6, 6]" in wrong.stderr
    assert not (tmp_path / "outputs").exists()


def test_a_quantizer_that_breaks_the_rules_is_told_in_words(home):
    (home / "mine.py").write_text("def eighths(weights): return weights.sum(0)\n")
    checked = quantmia(home, *shown_command("quantmia check --config-dir my quantizer=eighths"))
    assert checked.returncode == 2
    assert "FAIL  keeps the shape and the type: returns [257] for [3, 257]" in checked.stdout
    used = quantmia(home, "run", "--config-dir", "my", "quantizer=[eighths]", *SMALL, *FAST)
    assert used.returncode == 2
    assert "quantmia check" in used.stderr
