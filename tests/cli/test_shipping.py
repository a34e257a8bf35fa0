import json

import pytest

from quantmia.cli.__main__ import main
from tests.tiny import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shipping") / "coin"
    run(path, "split.membership=coin", "release.checkpoints=[best,2,last]")
    return path


def test_a_certificate_is_printed_and_written(folder, tmp_path, capsys):
    assert main(["certificate", str(folder), "--run", "1", "--output", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out.splitlines()
    content = json.loads((tmp_path / "new" / "certificate.json").read_text())
    assert said[:3] == content["sentences"]
    assert said[3] == f"Certificate: {tmp_path / 'new' / 'certificate.json'}"
    assert said[0].startswith("Model coin/run-0001, ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--checkpoint", "2"], "--checkpoint: name the --quantizer of the release too"),
        (["--run", "-1"], "--run: -1: has to be an integer of 0 or more"),
        (["--run", "99"], "--run 99: there are 0 of this number"),
    ],
)
def test_mistakes_are_explained(folder, arguments, words, capsys):
    assert main(["certificate", str(folder), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_that_is_none_is_one_sentence(tmp_path, capsys):
    assert main(["certificate", str(tmp_path / "none")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
