"""Commands that a user got wrong."""

from quantmia.cli.__main__ import main


def refused(capsys, *command: str) -> str:
    """The one line that a command is refused with."""
    capsys.readouterr()  # of what came before
    assert main(list(command)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Traceback" not in said
    return said
