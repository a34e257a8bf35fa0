"""`quantmia list` and `quantmia check`: what can be chosen, and whether a quantizer holds."""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from quantmia.cli.arguments import Parser
from quantmia.errors import DONE, QuantmiaError

ADDED = ("experiment", "recipe", "study")  # groups of which the defaults choose nothing
OWN = "a folder of your own configurations, with folders quantizer/, dataset/, ..."


def list_choices(arguments: list[str]) -> int:
    """Print every choice with a line of explanation."""
    from rich.console import Console
    from rich.table import Table

    from quantmia.cli.choices import GROUPS, choices, find_own_modules

    parser = Parser(
        "quantmia list", description="What there is to choose from, with one line each."
    )
    parser.add_argument("group", nargs="?", metavar="GROUP", help=", ".join(GROUPS.values()))
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR", help=OWN)
    parsed = parser.parse_args(arguments)
    _refuse_absent(parsed.config_dir)
    find_own_modules()
    groups = [each for each, many in GROUPS.items() if parsed.group in (None, each, many)]
    if not groups:
        near = difflib.get_close_matches(str(parsed.group), list(GROUPS.values()), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise QuantmiaError(f"{parsed.group}: there are {', '.join(GROUPS.values())}{hint}")
    console = Console() if sys.stdout.isatty() else Console(width=120)
    for group in groups:
        table = Table.grid(padding=(0, 2, 0, 2))
        for name, explanation in choices(group, parsed.config_dir):
            table.add_row(name, explanation)
        option = f"{'+' if group in ADDED else ''}{group}=NAME"
        if group in ("quantizer", "attack"):
            option = f"'{group}=[NAME,NAME]'"
        title = f"{GROUPS[group]}: quantmia run {option}"
        console.print(title, style="bold", highlight=False, markup=False)
        console.print(table, highlight=False, markup=False)
    return DONE


def check_quantizers(arguments: list[str]) -> int:
    """Try quantizers on rows that are hard to quantize, and say what they break."""
    from quantmia.cli.overrides import composed
    from quantmia.cli.resolvers import prepare
    from quantmia.quantizers import make
    from quantmia.quantizers.contract import verdicts

    parser = Parser(
        "quantmia check", description="Try quantizers on rows of weights that are hard to quantize."
    )
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="e.g. quantizer=mine")
    parser.add_argument("--config-dir", metavar="DIR", help=OWN)
    parsed = parser.parse_args(arguments)
    _refuse_absent([parsed.config_dir] if parsed.config_dir else [])
    prepare()
    broken = []
    for name, entry in composed(parsed.overrides, parsed.config_dir).quantizer.items():
        print(name)
        for rule, found in verdicts(make(entry)):
            if found is None:
                print(f"  ok    {rule.law}")
                continue
            print(f"  {'FAIL' if rule.required else 'note'}  {rule.law}: {found}; {rule.why}")
            if rule.required and name not in broken:
                broken.append(name)
    if broken:
        raise QuantmiaError(f"{', '.join(broken)}: cannot be relied on; mend what FAIL names.")
    return DONE


def _refuse_absent(folders: Sequence[str]) -> None:
    for folder in folders:
        if not Path(folder).is_dir():
            raise QuantmiaError(f"--config-dir={folder}: there is no such folder.")
