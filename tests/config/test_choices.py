import pytest
import yaml

from quantmia.config.choices import GROUPS, choices
from quantmia.config.overrides import conf_dir


def test_everything_that_can_be_chosen_is_explained():
    for group in GROUPS:
        found = dict(choices(group))
        assert set(found) == {path.stem for path in (conf_dir() / group).glob("*.yaml")}
        for name, words in found.items():
            assert 4 < len(words) < 110, (group, name)
            assert not words.startswith("("), (group, name)


def test_every_group_is_listed():
    folders = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    assert set(GROUPS) == folders - {"hydra"}


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
def test_the_users_own_come_first_and_explain_themselves(content, words, tmp_path):
    (tmp_path / "quantizer").mkdir()
    (tmp_path / "quantizer" / "sign.yaml").write_text(content)
    for folder in (str(tmp_path), f"file://{tmp_path}"):
        found = dict(choices("quantizer", [folder]))
        assert found["sign"] == words
        assert "ternary_90" in found


def test_folders_inside_packages():
    ours = dict(choices("dataset"))
    assert dict(choices("dataset", ["pkg://quantmia.config"])) == ours
