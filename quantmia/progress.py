"""Progress for people: a bar with rate and time left in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

LINE_EVERY = 10.0  # seconds between plain lines

Advance = Callable[[int], None]


class Progress:
    """Reports how far each stage of the work is.

    Args:
        console: where to; standard error by default, so that output can be piped.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or Console(stderr=True)

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Advance]:
        """One stage of `total` units; yields a function that reports n more units done."""
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description:<12}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TextColumn(unit),
                _Rate(),
                TimeRemainingColumn(compact=True),
            )
            with Bars(*columns, console=self.console) as bars:
                task = bars.add_task(name, total=total)
                yield lambda count: bars.advance(task, count)
        else:
            yield _plain_lines(name, total, unit)

    def say(self, message: str) -> None:
        """One line."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)


class _Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")


def _plain_lines(name: str, total: int, unit: str) -> Advance:
    start = last = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if done < total and now - last < LINE_EVERY:
            return
        last = now
        rate = done / max(now - start, 1e-9)
        left = "" if done >= total else f", {(total - done) / rate:.0f} s left"
        print(f"{name}: {done}/{total} {unit}, {rate:.1f}/s{left}", file=sys.stderr, flush=True)

    return advance
