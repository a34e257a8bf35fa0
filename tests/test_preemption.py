import os
import signal
import time
from contextlib import ExitStack

import pytest

from quantmia import preemption
from quantmia.preemption import Preempted, Stop


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)  # Python runs the handler between two instructions


@pytest.mark.parametrize("number", preemption.SIGNALS)
def test_a_block_is_finished_first(number):
    done, heard = [], []
    stop = Stop()
    with pytest.raises(Preempted) as stopped, stop.heeding_signals(heard.append):
        for each in range(3):
            with stop.finishing():
                if each == 1:
                    send(number)
                done.append(each)
    assert done == [0, 1]
    assert heard == [number]
    assert stopped.value.by == number
    assert str(stopped.value) == f"stopped by {number.name}"
    assert stop.blocks_finished == 2


def test_outside_of_a_block_it_stops_at_once():
    stop = Stop()
    with pytest.raises(Preempted), stop.heeding_signals():
        send(signal.SIGTERM)
        pytest.fail("went on")


def test_a_second_signal_stops_within_a_block():
    reached = []
    stop = Stop()
    with pytest.raises(Preempted), stop.heeding_signals(), stop.finishing():
        send(signal.SIGTERM)
        reached.append(1)
        send(signal.SIGTERM)
        reached.append(2)
    assert reached == [1]
    assert stop.blocks_finished == 0


def test_further_signals_do_not_disturb_the_stopping():
    reached = []
    stop = Stop()
    with pytest.raises(Preempted), stop.heeding_signals():
        try:
            send(signal.SIGTERM)
        finally:
            send(signal.SIGTERM)
            reached.append(1)
    assert reached == [1]


def test_what_is_being_written_is_written_whole():
    reached = []
    stop = Stop()
    with pytest.raises(Preempted), stop.heeding_signals():
        with stop.finishing(), stop.writing():
            send(signal.SIGTERM)
            reached.append(1)
            send(signal.SIGTERM)
            reached.append(2)
        pytest.fail("went on")
    assert reached == [1, 2]
    assert stop.blocks_finished == 1


def test_the_grace_ends():
    start = time.monotonic()
    stop = Stop(grace=0.1)
    with pytest.raises(Preempted), stop.heeding_signals(), stop.finishing():
        send(signal.SIGUSR2)
        time.sleep(30)
    assert time.monotonic() - start < 10


def test_handlers_are_put_back():
    before = [signal.getsignal(each) for each in preemption.SIGNALS]
    with Stop().heeding_signals():
        assert [signal.getsignal(each) for each in preemption.SIGNALS] != before
    assert [signal.getsignal(each) for each in preemption.SIGNALS] == before


def test_what_a_block_raises_goes_on():
    stop = Stop()
    with pytest.raises(ValueError, match="mine"), stop.heeding_signals(), stop.finishing():
        raise ValueError("mine")
    assert stop.blocks_finished == 0


@pytest.fixture
def heeded():
    """Interrupts as a shell's foreground job takes them, whoever started the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_stops_a_block_after_a_step(heeded):
    stop, reached, steps = Stop(), [], []
    step = stop.steps(steps.append)
    with pytest.raises(KeyboardInterrupt), stop.heeding_signals(), stop.finishing():
        step(1)
        send(signal.SIGINT)
        reached.append(1)
        step(2)
        reached.append(2)
    assert reached == [1]
    assert steps == [1, 2]
    assert stop.blocks_finished == 0


def test_an_interrupt_after_the_last_step_stops_at_the_end_of_the_block(heeded):
    stop = Stop()
    with pytest.raises(KeyboardInterrupt), stop.heeding_signals():
        with stop.finishing():
            send(signal.SIGINT)
        pytest.fail("went on")
    assert stop.blocks_finished == 1


@pytest.mark.parametrize("within", [False, True])
def test_a_second_interrupt_and_one_outside_of_a_block_stop_at_once(heeded, within):
    stop, reached = Stop(), []
    with pytest.raises(KeyboardInterrupt), stop.heeding_signals(), ExitStack() as stack:
        if within:
            stack.enter_context(stop.finishing())
            send(signal.SIGINT)
        reached.append(1)
        send(signal.SIGINT)
        reached.append(2)
    assert reached == [1]


def test_interrupts_are_as_they_were_afterwards(heeded):
    with Stop().heeding_signals():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_interrupts_goes_on_ignoring_them(heeded):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Stop().heeding_signals():
        send(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
