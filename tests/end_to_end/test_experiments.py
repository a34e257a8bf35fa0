"""Every experiment that users can choose, run for a moment."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from quantmia.cli.__main__ import main
from quantmia.cli.choices import choices
from quantmia.config.places import conf_dir
from tests.configurations import composed

pytestmark = [
    pytest.mark.slow,
    # Of torchao and what it imports, when they are compiled.
    pytest.mark.filterwarnings("ignore:.*invalid escape sequence:SyntaxWarning"),
    pytest.mark.filterwarnings("ignore:.*invalid escape sequence:DeprecationWarning"),
]

EXPERIMENTS = [name for name, _ in choices("experiment")]
QUANTIZERS = "quantizer=[full_precision,sign,uniform_4]"
MOMENT = [
    "runs=4",
    "training.epochs=2",
    "training.stack=4",
    "attack=[loss_threshold]",
    "ranking.bootstrap=20",
    "ranking.halves=5",
    "hydra.run.dir=out",
]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory) -> Iterator[Path]:
    """One for all, so that every set of molecules is embedded once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUANTMIA_CACHE", str(folder))
        yield folder


def for_a_moment(name: str) -> list[str]:
    """Its own quantizers where they are what it is about; small fingerprints of molecules."""
    overrides = [f"+experiment={name}", *MOMENT]
    if name != "paper/quantizers":
        overrides.append(QUANTIZERS)
    if composed(f"+experiment={name}").embedder is not None:
        overrides += ["embedder=ecfp", "embedder.size=32"]
    return overrides


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_runs_and_ranks_its_quantizers(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", *for_a_moment(name)]) == 0, capsys.readouterr().err
    ranking = pd.read_csv(tmp_path / "out" / "ranking.csv")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(ranking["quantizer"]) == set(manifest["config"]["quantizer"])
    assert set(manifest["config"]["quantizer"]) >= {"full_precision", "sign", "uniform_4"}
    assert set(ranking["runs"]) == {4}
    assert ranking["utility"].notna().all()


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name.startswith("paper/")])
def test_what_a_study_varies_are_keys_of_the_configuration(name):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = compose("config", [f"+experiment={name}"], return_hydra_config=True)
    varied = config.hydra.sweeper.params
    assert varied
    for key in map(str, varied):
        group = key in config.hydra.runtime.choices
        assert group or OmegaConf.select(config, key) is not None, key
