"""What is shown while training: plain lines, their number, and the pace."""

import re
import threading

import pytest

from microgradient.train import progress
from microgradient.train.progress import Progress, _clock


@pytest.fixture
def clock(monkeypatch):
    """A clock that is moved by hand."""

    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    hand = Clock()
    monkeypatch.setattr(progress, "time", hand)
    return hand


@pytest.mark.parametrize("epochs", [1, 2, 19, 20, 21, 100, 1000])
def test_about_twenty_lines_however_many_epochs(capsys, clock, epochs):
    with Progress(epochs, epochs, 0, "nats") as lines:
        for epoch in range(1, epochs + 1):
            lines.step(epoch, 1.0)
            lines.epoch(epoch, 1.0, "accuracy 1 %")
    shown = capsys.readouterr().out.splitlines()
    assert min(epochs, 10) <= len(shown) <= 22
    assert shown[0].startswith("epoch ")
    assert re.match(rf"epoch +{epochs}/{epochs}  loss 1\.0000 nats  accuracy 1 %", shown[-1])


def test_a_long_epoch_says_something_every_ten_seconds(capsys, clock):
    with Progress(1, 100, 0, "") as lines:
        for step in range(1, 101):
            clock.now += 1
            lines.step(step, 0.5)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 9
    assert shown[0] == "step 11/100  loss 0.5000  1 steps/s  1:29 left"


def test_pace_counts_from_the_first_step_of_this_session(clock):
    lines = Progress(1, 1000, 500, "")
    assert lines.pace() == ""
    for step in range(501, 521):
        clock.now += 0.5
        lines.step(step, 1.0)
    assert lines.pace() == "2 steps/s  4:00 left"


def test_clock():
    assert [_clock(seconds) for seconds in (0, 7.4, 75, 3725)] == ["0:00", "0:07", "1:15", "1:02:05"]


def test_a_large_loss_stays_short(capsys, clock):
    with Progress(1, 1, 0, "nats") as lines:
        lines.epoch(1, 1.5e30, "")
    assert capsys.readouterr().out == "epoch 1/1  loss 1.5000e+30 nats\n"


def test_a_reader_that_goes_away_while_it_compiles_is_the_loops_matter(monkeypatch):
    """What says that it compiles runs in a thread, where an error would be a traceback on standard error."""

    def broken(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr(progress, "print", broken, raising=False)
    monkeypatch.setattr(progress, "_COMPILING_SECONDS", 0)
    with Progress(1, 1, 0, "").compiling():
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
