"""The page of all commands, made of what they say of themselves."""

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from quantmia.cli.__main__ import COMMANDS, HELP, main
from scripts.docs.markdown import code, table

HEAD = """\
# Commands

What `quantmia --help` and `quantmia COMMAND --help` print.

```text
{help}```

Exit codes: 0 done, 1 our failure or a failed job of a sweep, 2 a mistake of yours (one message
says which), 3 and 4 of `gate`: something leaks more than the limit, too few runs to say; 130
interrupted, 143 told to stop.
"""
RUN = """\
## run

`quantmia run [FLAG...] [KEY=VALUE...]` is a [Hydra](https://hydra.cc) application: it takes the
[keys of the configuration](configuration.md), the [choices](choices.md) and these flags, wherever
they stand. `--verbose` is short for `report.verbose=true`, `report=true` for `report.page=true`.
"""
WIDTH = 88
COMPLETION = "--shell-completion"  # said above, and its help has the path of this program


def page() -> str:
    """The whole page."""
    parts = [HEAD.format(help=HELP)]
    for command in COMMANDS:
        if command == "run":
            parts += [RUN, table(("flag", "what it does"), _flags())]
        else:
            parts.append(f"## {command}\n\n```text\n{said_by(command)}```\n")
    return "\n".join(parts)


def said_by(command: str) -> str:
    """What a command prints of itself.

    Args:
        command: its name.
    """
    said, amiss = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(amiss), patch.dict(os.environ, COLUMNS=str(WIDTH)):
        code = main([command, "--help"])
    if code or not said.getvalue():
        raise RuntimeError(f"quantmia {command} --help: exit code {code}: {amiss.getvalue()}")
    return said.getvalue()


def _flags() -> list[tuple[str, str]]:
    """Those of Hydra's parser, but for the overrides, which are no flag."""
    from hydra._internal.utils import get_args_parser

    return [
        (", ".join(map(code, each.option_strings)), str(each.help))
        for each in get_args_parser()._actions
        if each.option_strings and COMPLETION not in each.option_strings
    ]
