import errno
import re

import pytest

from quantmia import __version__
from quantmia.cli.__main__ import main
from tests.cli.mistakes import refused


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        # Each of several alone: test_overrides.py.
        (
            ["+experiment=lipofilicity", "dataset=syntetic", "quantizer=[sgn]"],
            ["did you mean lipophilicity?", "synthetic", "there is no dataset syntetic; did you "
             "mean synthetic?", "there is no quantizer sgn; did you mean sign?", "uniform_5"],
        ),
        (
            ["experiment=lipophilicity", "attack=[lira,lira]", "trainig.lr=1", "x=["],
            ["write +experiment=lipophilicity", "lira is chosen twice", "unknown key trainig.lr; "
             "did you mean training.lr?", "cannot be read as key=value"],
        ),
        (["quantizer=null"], ["quantizer=null: choose from"]),
        (["quantizer=[]"], ["quantizer=[]"]),
        (["dataset.path=a.csv"], ["dataset.path is a key of dataset=csv, dataset=npz; choose one"]),
        (
            ["quantizer=[sign,sign]", "training.lr=fast", "split.validation=0"],
            ["sign is chosen twice", "training.lr=fast: has to be a number", "split.validation=0"],
        ),
        (
            ["runs=1", "training.epochs=2", "training.checkpoint_every=3"],
            ["runs=1", "attack=[]", "training.checkpoint_every=3"],
        ),
        (["split.validation=1.2"], ["split.validation=1.2"]),
        (["hydra.searchpath=[nowhere]"], ["there is no folder nowhere"]),
        (["-m", "seed=0,-1"], ["seed=-1"]),
        (["-m", "quantizer=sign,sgn"], ["there is no quantizer sgn"]),
        (
            ["+experiment=x", "dataset=y", "quantizer=[z]", "trainig.lr=1", "runs=0"],
            ["5 faults", "experiment=x", "dataset=y", "quantizer=[z]", "trainig.lr", "runs=0"],
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_explained_and_nothing_is_made(overrides, expected, capsys, tmp_path):
    assert main(["run", *overrides]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    for text in expected:
        assert text in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_fails_in_words(capsys, monkeypatch):
    def full(arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/x")

    monkeypatch.setattr("quantmia.cli.run.run", full)
    assert main(["run"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: [Errno 28] No space left on device: 'runs/x'; what was")
    assert "resume=true" in error


def test_run_dir_below_a_file(capsys, tmp_path):
    (tmp_path / "taken").touch()
    assert main(["run", "hydra.run.dir=taken/run"]) == 2
    assert "is a file" in capsys.readouterr().err


def test_configuration_is_printed(capsys, tmp_path):
    assert main(["run", "+experiment=lipophilicity", "--cfg", "job"]) == 0
    assert "quantmia.data.embedders.MiniMol" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"quantmia {__version__}\n"
    assert main(["--help"]) == 0
    assert "quantmia rank" in capsys.readouterr().out
    assert main(["run", "--help"]) == 0
    assert "lipophilicity" in capsys.readouterr().out


def test_alone_it_says_what_to_type(capsys):
    assert main([]) == 2
    said = capsys.readouterr().out
    assert said.count("\n") <= 10
    assert said.startswith("quantmia: what should I ship")
    shown = [re.split(r" {2,}", line.strip())[0] for line in said.splitlines() if "  " in line]
    commands = [line.split()[1] for line in shown]
    assert commands == ["run", "run", "run", "report", "list", "--help"]
    # Every override that is shown composes with a table's name and column in place of theirs.
    for line in shown[:3]:
        given = line.replace("FILE", "mine.csv").replace("COLUMN", "y").split()[1:]
        assert main([*given, "--cfg", "job"]) == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("rnk", "unknown command rnk; did you mean 'quantmia rank'?"),
        ("--hepl", "unknown command --hepl; did you mean 'quantmia --help'?"),
        ("runs=4", "unknown command runs=4; did you mean 'quantmia run runs=4'?"),
        ("logbb", "unknown command logbb; did you mean 'quantmia run +experiment=logbb'?"),
        ("run --verbos", "--verbos: quantmia run has no such flag; did you mean --verbose?"),
        ("run -x=1 runs=4", "-x: quantmia run has no such flag; did you mean -r?"),
        ("run --epochs=4", "--epochs: quantmia run has no such flag; write training.epochs=..."),
        ("run --qqq", "--qqq: quantmia run has no such flag; settings are key=value"),
        ("run trainig.epochs=4", "trainig.epochs=4: unknown key trainig.epochs; did you mean "
         "training.epochs?"),
        ("run logbb", "logbb: has to be key=value; did you mean +experiment=logbb?"),
        ("run dataset=mine.csv", "dataset=mine.csv: there is no such data set; for a file of "
         "yours: dataset=csv dataset.path=mine.csv dataset.target=COLUMN"),
        ("run dataset=csv dataset.target=y", "dataset.path: has to be given, dataset.path=..."),
        ("run dataset=csv dataset.path=no.csv dataset.target=y",
         "dataset.path=no.csv: does not exist"),
        ("rank", "quantmia rank: the following arguments are required: DIR; see quantmia rank "
         "--help"),
        ("report --exposed nowhere", "quantmia report: unrecognized arguments: --exposed; did you "
         "mean --expose-samples?"),
    ],
)  # fmt: skip
def test_what_is_mistyped_is_one_sentence(command, said, capsys, tmp_path):
    assert refused(capsys, *command.split()).strip() == f"error: {said}"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_a_command_is_told_with_what_reads_it(capsys, tmp_path):
    (tmp_path / "mine").touch()
    for name in ("mine", "other.csv"):
        shown = f"for a file of yours: quantmia run dataset=csv dataset.path={name} dataset.target="
        assert shown in refused(capsys, name)
        assert shown in refused(capsys, "run", name)
