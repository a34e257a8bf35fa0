"""Tables, figures and claims of the paper's studies, out of their finished sweeps.

python -m scripts.paper write RESULTS FOLDER...    collect the sweeps, and write everything
python -m scripts.paper check RESULTS              whether code and configurations still make it
python -m scripts.paper compare RESULTS OTHER      whether other runs of the studies agree
"""

import sys
from collections.abc import Callable
from pathlib import Path

from quantmia.errors import QuantmiaError
from scripts.paper.checking import check, compare
from scripts.paper.results import write

COMMANDS: dict[str, tuple[int, Callable[[list[Path]], list[str] | None]]] = {
    "write": (2, lambda paths: write(paths[0], paths[1:])),
    "check": (1, lambda paths: check(*paths)),
    "compare": (2, lambda paths: compare(*paths)),
}


def main(arguments: list[str]) -> int:
    """Do what is asked, print what there is to say, and return the exit code."""
    name, *rest = arguments or [""]
    least, command = COMMANDS.get(name, (0, None))
    if command is None or len(rest) < least or (name != "write" and len(rest) > least):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        faults = command([Path(each) for each in rest]) or []
    except QuantmiaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
