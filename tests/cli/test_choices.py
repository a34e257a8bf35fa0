import pytest
import yaml

from quantmia.cli.__main__ import main
from quantmia.cli.choices import GROUPS, choices
from quantmia.config.places import conf_dir


def test_everything_that_can_be_chosen_is_explained():
    for group in GROUPS:
        found = dict(choices(group))
        folder = conf_dir() / group
        files = [path.relative_to(folder) for path in folder.rglob("*.yaml")]
        assert set(found) == {path.with_suffix("").as_posix() for path in files}
        for name, words in found.items():
            assert 4 < len(words) < 110, (group, name)
            assert not words.startswith("("), (group, name)


def test_what_is_in_folders_below_is_named_with_them(tmp_path, capsys):
    (tmp_path / "quantizer" / "mine").mkdir(parents=True)
    (tmp_path / "quantizer" / "mine" / "twice.yaml").write_text("# Two.\ntwice: {}\n")
    assert dict(choices("quantizer", [str(tmp_path)]))["mine/twice"] == "Two."
    assert main(["run", "+experiment=paper/mixture"]) == 2
    assert "did you mean paper/mixtures?" in capsys.readouterr().err


def test_every_group_is_listed():
    folders = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    assert set(GROUPS) == folders - {"hydra", "shared"}  # of others, and parts of quantizers


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("# @package quantizer\n# Mine.\n# Two lines.\nmine: {}\n", "Mine. Two lines."),
        (
            yaml.dump({"mine": {"_target_": "quantmia.quantizers.Sign"}}),
            "Codebook {-s, s}: the sign of each weight, zero counted as positive.",
        ),
        (yaml.dump({"_target_": "nowhere.Thing"}), "(there is no module nowhere)"),
        ("a: 1\n", ""),
        ("a: [\n", "(cannot be read)"),
    ],
)
def test_the_users_own_explain_themselves(content, words, tmp_path):
    (tmp_path / "quantizer").mkdir()
    (tmp_path / "quantizer" / "mine.yaml").write_text(content)
    for folder in (str(tmp_path), f"file://{tmp_path}"):
        found = dict(choices("quantizer", [folder]))
        assert found["mine"] == words
        assert "ternary_90" in found


@pytest.mark.slow
def test_a_name_that_is_taken_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my" / "quantizer").mkdir(parents=True)
    (tmp_path / "my" / "quantizer" / "sign.yaml").write_text("# Mine.\nsign: {}\n")
    assert dict(choices("quantizer", ["my"]))["sign"] != "Mine."
    for arguments in (["--config-dir", "my"], ["hydra.searchpath=[my]"]):
        assert main(["run", *arguments]) == 2
        assert (
            "my/quantizer/sign.yaml: there is a built-in quantizer sign" in capsys.readouterr().err
        )
    assert [path.name for path in tmp_path.iterdir()] == ["my"]


def test_folders_inside_packages():
    ours = dict(choices("dataset"))
    assert dict(choices("dataset", ["pkg://quantmia.config"])) == ours
