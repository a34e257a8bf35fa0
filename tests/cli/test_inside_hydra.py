import os
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from quantmia.cli.__main__ import main
from quantmia.cli.inside_hydra import (
    application,
    arguments,
    groups,
    job_config,
    jobs_of,
    parse,
    parsed,
    sweep_folder,
)
from quantmia.cli.resolvers import prepare
from quantmia.config.places import conf_dir


@pytest.fixture(autouse=True)
def _as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


def test_arguments_are_those_of_the_program(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["quantmia", "-m", "seed=0,1"])
    assert arguments() == ["-m", "seed=0,1"]


def test_flags_are_told_from_overrides():
    given = parsed(["-m", "--config-dir", "my", "seed=0,1", "runs=4"])
    assert given.overrides == ["seed=0,1", "runs=4"]
    assert given.config_dir == "my"
    assert given.multirun


def test_overrides_are_read():
    one, several = parse(["+a.b=3", "quantizer=[sign,uniform_4]"])
    assert (one.key_or_group, one.value(), one.is_add()) == ("a.b", 3, True)
    assert several.value() == ["sign", "uniform_4"]
    with pytest.raises(HydraException):
        parse(["a=["])


def test_a_sweep_makes_jobs_the_last_key_fastest():
    jobs = [list(job) for job in jobs_of(parse(["runs=4", "seed=0,1", "shard=range(2)"]))]
    assert jobs == [
        ["runs=4", f"seed={seed}", f"shard={shard}"] for seed in (0, 1) for shard in (0, 1)
    ]
    assert [list(job) for job in jobs_of(parse([]))] == [[]]


def test_groups_are_ours():
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        found = groups()
    assert {"dataset", "quantizer", "experiment"} <= set(found)
    assert "hydra" not in found


def test_a_job_of_a_sweep_has_its_overrides_and_its_folder(monkeypatch):
    given = ["seed=0,1", "runs=4"]
    monkeypatch.setattr(sys, "argv", ["quantmia", "-m", *given])
    prepare()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = compose("config", return_hydra_config=True)
        job = job_config(config, ["seed=1", "runs=4"])
        assert (job.seed, job.runs) == (1, 4)
        assert job.hydra.sweep.subdir == "seed=1"
        assert list(job.hydra.overrides.task) == ["seed=1", "runs=4"]
        assert HydraConfig.get().job.num == 0


@pytest.mark.parametrize(("mode", "folder"), [("RUN", None), ("MULTIRUN", "there")])
def test_the_folder_of_a_sweep_is_known_while_it_runs(mode, folder):
    assert sweep_folder() is None
    overrides = ["hydra.sweep.dir=there", f"hydra.mode={mode}"]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        HydraConfig.instance().set_config(compose("config", overrides, return_hydra_config=True))
    assert HydraConfig.get().mode == RunMode[mode]
    assert sweep_folder() == folder


@pytest.mark.parametrize("before", [None, "0", "1"])
def test_the_application_has_its_arguments_and_leaves_everything_as_it_was(before, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["theirs", "--x"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    if before is not None:
        monkeypatch.setenv("HYDRA_FULL_ERROR", before)

    def within():
        with application(["seed=1"]) as full_error:
            assert full_error == (before is not None)
            assert sys.argv == ["quantmia", "seed=1"]
            assert os.environ["HYDRA_FULL_ERROR"] == "1"
            raise RuntimeError("of the job")

    with pytest.raises(RuntimeError, match="of the job"):
        within()
    assert sys.argv == ["theirs", "--x"]
    assert os.environ.get("HYDRA_FULL_ERROR") == before


def test_the_application_knows_nothing_of_one_before():
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        HydraConfig.instance().set_config(compose("config", return_hydra_config=True))
    with application([]):
        assert not HydraConfig.initialized()
        assert not GlobalHydra.instance().is_initialized()


def test_a_job_is_composed_once(monkeypatch, capsys):
    composed, load = [], ConfigLoaderImpl.load_configuration

    def counted(self, *args, **settings):
        composed.append(settings["overrides"])
        return load(self, *args, **settings)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    assert main(["run", "runs=0"]) == 2
    assert "runs=0: has to be" in capsys.readouterr().err
    assert composed == [["runs=0", "hydra.mode=RUN"]]


def test_no_file_of_ours_sets_a_mode():
    files = [OmegaConf.load(path) for path in conf_dir().rglob("*.yaml")]
    assert len(files) > 50
    for key in ("hydra.mode", "hydra.searchpath"):
        assert [OmegaConf.select(each, key) for each in files] == [None] * len(files)


MINE = "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      seed: 0,-1\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["hydra.mode=MULTIRUN", "seed=0,-1"],
        ["--config-dir=my", "+experiment=mine"],
        ["hydra.searchpath=[file://my]", "+experiment=mine"],
    ],
)
def test_a_mode_of_ones_own_is_heeded(arguments, tmp_path, capsys):
    (tmp_path / "my" / "experiment").mkdir(parents=True)
    (tmp_path / "my" / "experiment" / "mine.yaml").write_text(MINE)
    assert main(["run", *arguments]) == 2
    assert capsys.readouterr().err == "error: seed=-1: has to be an integer of 0 or more\n"
