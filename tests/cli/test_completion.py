import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quantmia.cli.__main__ import main
from tests.cli.mistakes import refused

ROOT = Path(__file__).parents[2]
LINES = {  # what is typed: what it becomes
    "quantmia li": "quantmia list",
    "quantmia run dataset=br": "quantmia run dataset=breast_cancer",
    "quantmia check quantizer=w8a8_s": "quantmia check quantizer=w8a8_static",
    "quantmia list quant": "quantmia list quantizers",
}
HARNESSES = {
    "bash": """
        eval "$(quantmia -sc install=bash)"
        complete -p quantmia | grep -q -- "-F _quantmia" || exit 1
        typed() {
            COMP_LINE=$1; COMP_POINT=${#1}; _quantmia
            local word=${1##* }  # bash puts the answer behind the last =
            [[ $word == *=* ]] && word=${word%"${word##*=}"} || word=
            echo "${1% *} $word${COMPREPLY[*]}"
        }
    """,
    "zsh": """
        compdef() { : }
        _files() { print files }
        compadd() { shift 3; print "$head $*" }
        eval "$(quantmia -sc install=zsh)"
        typed() {
            local -a words=(${(s: :)1}); local CURRENT=$#words PREFIX=$words[-1] head="${1% *}"
            _quantmia
        }
    """,
    "fish": """
        quantmia -sc install=fish | source
        function typed
            echo (string replace -r ' [^ ]*$' '' $argv[1]) (complete -C $argv[1])
        end
    """,
}
BARE = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}


@pytest.mark.slow
@pytest.mark.parametrize("shell", HARNESSES)
def test_lines_are_completed(shell, tmp_path, monkeypatch):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    command = tmp_path / "quantmia"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m quantmia.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    typed = "\n".join(f"typed '{line}'" for line in LINES)
    done = subprocess.run(
        [shell, *BARE[shell], "-c", f"{HARNESSES[shell]}\n{typed}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.splitlines() == list(LINES.values()), done.stderr


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("quantmia re", ["report"]),
        ("quantmia list mod", ["models"]),
        ("quantmia report outputs/", []),  # left to the shell's files
        ("quantmia rank ", []),
    ],
)
def test_what_may_stand_at_the_end_of_a_line(line, found, capsys, monkeypatch):
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == found


def test_another_shell_is_refused(capsys):
    assert "install= with one of bash, zsh, fish" in refused(capsys, "-sc", "install=tcsh")
    assert "install= with one of bash, zsh, fish" in refused(capsys, "-sc")
