import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from hydra_plugins.quantmia_slurm.forks import ForkingEndedError, Forks


@pytest.fixture(scope="module")
def forks():
    made = Forks(["json.tool", "there.is.none"], {"QUANTMIA_A": "a"})
    yield made
    made.close()


def codes(forks: Forks, number: int) -> dict[int, int]:
    """Of as many processes that end."""
    found = {}
    while len(found) < number:
        ended = forks.ended(60)
        assert ended
        found.update(ended)
    return found


def printed(folder: Path, number: int) -> tuple[str, str]:
    out, err = (folder / f"{number}_0_log.{each}" for each in ("out", "err"))
    return out.read_text(), err.read_text()


def test_what_it_prints_and_where_it_runs(forks, tmp_path):
    here = os.getpid()

    def say():
        print(os.environ["QUANTMIA_A"], os.getcwd(), "json.tool" in sys.modules, os.getppid())
        print(sys.stdin.read(), file=sys.stderr)

    number = forks.start(say, tmp_path)
    assert codes(forks, 1) == {number: 0}
    out, err = printed(tmp_path, number)
    *said, parent = out.split()
    assert said == ["a", os.getcwd(), "True"]
    assert int(parent) != here
    assert err == "\n"


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        (partial(sys.exit, 3), 3, ""),
        (partial(sys.exit, None), 0, ""),
        (partial(sys.exit, "no"), 1, "no\n"),
        (partial(int, "x"), 1, "ValueError: invalid literal"),
        (partial(signal.raise_signal, signal.SIGKILL), -9, ""),
    ],
)
def test_its_exit_code(forks, tmp_path, call, code, said):
    number = forks.start(call, tmp_path)
    assert codes(forks, 1) == {number: code}
    assert said in printed(tmp_path, number)[1]


def test_several_run_together_and_share_nothing(forks, tmp_path):
    def meet(mine, other):
        sys.modules["mine"] = mine
        (tmp_path / mine).touch()
        while not (tmp_path / other).exists():
            time.sleep(0.01)

    def alone():
        assert "mine" not in sys.modules

    calls = [partial(meet, "a", "b"), partial(meet, "b", "a"), alone]
    numbers = [forks.start(each, tmp_path) for each in calls]
    assert codes(forks, 3) == dict.fromkeys(numbers, 0)


def test_many_end_at_once(forks, tmp_path):
    numbers = [forks.start(partial(time.sleep, 0.2), tmp_path) for _ in range(20)]
    assert codes(forks, 20) == dict.fromkeys(numbers, 0)
    assert forks.ended(0) == []


def test_signals_reach_the_process_alone(forks, tmp_path):
    for which in (signal.SIGTERM, signal.SIGUSR2):
        number = forks.start(partial(time.sleep, 60), tmp_path)
        os.kill(number, signal.SIGINT)  # is for the one that started it to answer
        while not (found := forks.ended(0.05)):
            os.kill(number, which)
        assert found == [(number, -which)]


def test_a_process_has_children_of_its_own(forks, tmp_path):
    def call():
        import subprocess

        assert subprocess.run(["false"], check=False).returncode == 1

    number = forks.start(call, tmp_path)
    assert codes(forks, 1) == {number: 0}


def test_what_runs_outlives_the_one_that_forks(tmp_path):
    made = Forks([], {})
    number = made.start(lambda: (time.sleep(0.5), (tmp_path / "done").touch()), tmp_path)
    made.close()
    os.kill(number, 0)
    while not (tmp_path / "done").exists():
        time.sleep(0.01)


def test_one_that_was_being_started_is_known_of_later(tmp_path):
    made = Forks(["json.tool"], {})

    def interrupted():
        raise KeyboardInterrupt

    hear, made._hear = made._hear, interrupted
    with pytest.raises(KeyboardInterrupt):
        made.start(partial(time.sleep, 60), tmp_path)
    made._hear = hear
    assert made.is_busy
    while not made.running:
        assert made.ended(0.1) == []
    (number,) = made.running
    os.kill(number, signal.SIGKILL)
    assert made.ended() == [(number, -signal.SIGKILL)]
    assert not made.is_busy
    made.close()


def test_the_end_of_the_one_that_forks_is_told(tmp_path):
    made = Forks([], {})
    made._process.kill()
    with pytest.raises(ForkingEndedError):
        made.start(print, tmp_path)
    made.close()
