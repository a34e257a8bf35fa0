"""Commands as processes of their own that start at once: forks of one that has imported everything.

`python -m quantmia.cli` imports PyTorch, pandas and Hydra for seconds. This process does so once,
and forks for every command that it reads from its standard input. What a fork has for itself is
what a new process has: arguments, folder, environment, streams, modules, exit code. What it shares
with its siblings are the seeds of Python's hashes and of NumPy's global generator, so that tests
of the same bits need a cold process as well.
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

# Of other packages, what commands import late.
LATE = (
    "altair",
    "hydra._internal.config_loader_impl",
    "hydra.core.override_parser.overrides_parser",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "scipy.stats",
    "sklearn.ensemble",
    "torch._dynamo",
    "torch._inductor",
    "vl_convert",
)
SECONDS = 300  # after which a command is ended


def import_everything() -> None:
    import quantmia

    # As the command does; importing it would be seen by runpy.
    sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType]

    ours = (each.name for each in pkgutil.walk_packages(quantmia.__path__, "quantmia."))
    for name in (*ours, *LATE):
        if not name.endswith("__main__"):  # which is run
            with suppress(ImportError):  # what is not needed for all
                import_module(name)


def become(command: dict[str, Any]) -> NoReturn:
    """Make this process the one that a shell would start for a command, and run it.

    It ends without taking Python apart, which would copy all that it shares.
    """
    streams = (os.devnull, os.O_RDONLY), *((command[key], os.O_WRONLY) for key in ("out", "err"))
    for number, (path, mode) in enumerate(streams):
        stream = os.open(path, mode)
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(command["where"])
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = ["quantmia", *command["arguments"]]
    sys.path[0] = command["where"]
    signal.alarm(SECONDS)
    code = 1
    try:
        runpy.run_module("quantmia.cli", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    import_everything()
    gc.collect()
    gc.freeze()  # collecting in a fork would copy it all
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            become(json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
