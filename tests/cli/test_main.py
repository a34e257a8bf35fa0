import errno

import pytest

from quantmia import __version__
from quantmia.cli.__main__ import main


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["+experiment=lipofilicity"], ["did you mean lipophilicity?", "synthetic"]),
        (["experiment=lipophilicity"], ["write +experiment=lipophilicity"]),
        (["dataset=syntetic"], ["there is no dataset syntetic; did you mean synthetic?"]),
        (["quantizer=[sgn]"], ["there is no quantizer sgn; did you mean sign?", "uniform_5"]),
        (["quantizer=null"], ["quantizer=null: choose from"]),
        (["quantizer=[]"], ["quantizer=[]"]),
        (["quantizer=[sign,sign]"], ["sign is chosen twice"]),
        (["attack=[lira,lira]"], ["lira is chosen twice"]),
        (["dataset.path=a.csv"], ["dataset.path is a key of dataset=csv, dataset=npz; choose one"]),
        (["trainig.lr=1"], ["unknown key trainig.lr; did you mean training.lr?"]),
        (["training.lr=fast"], ["training.lr=fast: has to be a number"]),
        (["x=["], ["cannot be read as key=value"]),
        (["runs=1"], ["runs=1", "attack=[]"]),
        (["split.validation=0"], ["split.validation=0"]),
        (["split.validation=1.2"], ["split.validation=1.2"]),
        (["training.epochs=2", "training.checkpoint_every=3"], ["training.checkpoint_every=3"]),
        (["hydra.searchpath=[nowhere]"], ["there is no folder nowhere"]),
        (["-m", "seed=0,-1"], ["seed=-1"]),
        (["-m", "quantizer=sign,sgn"], ["there is no quantizer sgn"]),
        (
            ["+experiment=x", "dataset=y", "quantizer=[z]", "trainig.lr=1", "runs=0"],
            ["5 faults", "experiment=x", "dataset=y", "quantizer=[z]", "trainig.lr", "runs=0"],
        ),
    ],
)
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
    assert main([]) == 2
    assert main(["run", "--help"]) == 0
    assert "lipophilicity" in capsys.readouterr().out


def test_unknown_command(capsys):
    assert main(["rnk"]) == 2
    assert "did you mean 'quantmia rank'?" in capsys.readouterr().err


def test_rank_wants_folders(capsys):
    assert main(["rank"]) == 2
    assert "DIR" in capsys.readouterr().err
