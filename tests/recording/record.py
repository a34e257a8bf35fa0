"""A script as users have one: it records made-up models, slowly enough to be killed."""

import time
from pathlib import Path

from quantmia.recording.recorder import Recorder
from tests.recording.made import outputs, plan, target


def main(folder: str, first: str, last: str, seconds: str) -> None:
    """Record some of the runs, each of whose models takes so many seconds."""
    with Recorder(Path(folder), target=target("binary"), members=plan()) as recorder:
        for run in recorder.remaining("full_precision", "int4", epochs=(1, 2)):
            if not int(first) <= run < int(last):
                continue
            for epoch in (1, 2):
                for variant, noise in (("full_precision", 0.5), ("int4", 0.7)):
                    time.sleep(float(seconds))
                    raw = outputs("binary", run, noise / epoch)
                    recorder.add(
                        run, variant, raw, epoch=epoch, bits=4 if variant == "int4" else None
                    )
                    recorder.losses(run, variant, epoch, abs(raw[:20]))
