"""Calls of compiled functions within calls, from several threads, and after a fork: right, or a clear error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PREAMBLE = """
import faulthandler, gc, os, signal, sys, threading, time
import numpy as np
import microgradient as mg
from microgradient import nn, optim
from microgradient.errors import CompileError

total = mg.zeros((64,), dtype=mg.float64)

@mg.compile
def add(x):
    total.data = (total + x).data
    return total * 1

@mg.compile
def also(x):  # another function that owns the same tensor
    total.data = (total + 2 * x).data
    return total * 1

@mg.compile
def with_numpy(x):  # runs in several pieces
    total.data = (total + mg.sort(x)).data
    return mg.sort(total)

one = mg.ones((64,), dtype=mg.float64)
for f in (add, also, with_numpy):
    for _ in range(3):
        f(one)
total.data = np.zeros(64)
done = refused = 0
inside = False

def inner(*_):
    global done, refused, inside
    if inside:  # what runs eagerly can be interrupted by itself as any Python
        return
    inside = True
    for f, amount in ((add, 1), (also, 2), (with_numpy, 1)):
        try:
            result = f(one)
            assert isinstance(result, mg.Tensor) and result.shape == (64,)
            done += amount
        except CompileError as error:
            assert "MG220" in str(error)
            refused += 1
    inside = False

def check():
    assert total.data.tolist() == [float(done)] * 64, (total.data[0], done, refused)
    print("right", done, refused)
"""


def run(code: str, seconds: float = 60) -> str:
    """What a process prints that runs this code after the preamble, and ends in time."""
    found = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code],
        capture_output=True,
        text=True,
        timeout=seconds,
        env=os.environ | {"MICROGRADIENT_CHECK": "0"},  # which runs what is interrupted as plain Python
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no timers here")
def test_signal_handlers_that_call() -> None:
    out = run(
        """
signal.signal(signal.SIGALRM, inner)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    for f, amount in ((add, 1), (also, 2), (with_numpy, 1)):
        assert f(one).shape == (64,)
        done += amount
signal.setitimer(signal.ITIMER_REAL, 0)
check()
"""
    )
    assert out.startswith("right")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals here")
def test_a_signal_handler_is_no_part_of_what_is_traced() -> None:
    """It comes while the function is traced, once: its call counts once, and never again."""
    out = run(
        """
@mg.compile
def bump(x):
    total.data = (total + x).data
    if not sent:
        sent.append(True)
        os.kill(os.getpid(), signal.SIGUSR1)
    return total * 1

class Handler:
    def __call__(self, *_):
        bump(10 * one)

sent = [True]
for handler in (lambda *_: bump(10 * one), Handler(), Handler().__call__):
    total.data = np.zeros(64)
    signal.signal(signal.SIGUSR1, handler)
    bump = mg.compile(bump.__wrapped__)
    sent.clear()
    results = [bump(one).data[0] for _ in range(3)]
    assert results == [11, 12, 13], results
print("right")
"""
    )
    assert out.startswith("right")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals here")
@pytest.mark.parametrize("read_before", [False, True])
def test_a_signal_handler_is_no_part_of_what_is_traced_with_values(read_before: bool) -> None:
    out = run(
        f"""
from microgradient.scalar import Value
w, traces = Value(1.0), []

def handler(*_):
    w.data = w.data + 10

@mg.compile
def bump(v):
    traces.append(1)
    if {read_before}:
        w.data
    if len(traces) == {1 + read_before}:  # the function is traced for tensors first, up to the first Value
        os.kill(os.getpid(), signal.SIGUSR1)
    w.data = w.data + v.data
    return v * w

signal.signal(signal.SIGUSR1, handler)
print([bump(Value(1.0)).data for _ in range(3)])
"""
    )
    assert out == "[12.0, 13.0, 14.0]\n"


def test_repeat_within_a_call_is_as_many_calls() -> None:
    out = run(
        """
@mg.compile(static=lambda: asked.pop()() if asked else None)  # the key is computed within a call
def outer(x):
    return x * 1

asked = [lambda: add.repeat(100, one)]
outer(one)
print(total.data[0])
"""
    )
    assert out == "100.0\n"


def test_what_the_collector_finds_calls() -> None:
    """A `__del__` runs wherever Python makes an object."""
    out = run(
        """
class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        if not stopped:
            inner()

stopped = False
gc.set_threshold(1, 1, 1)
Cycle()
for _ in range(300):
    for f, amount in ((add, 1), (also, 2), (with_numpy, 1)):
        Cycle()
        assert f(one).shape == (64,)
        done += amount
stopped = True
gc.set_threshold(700, 10, 10)
check()
"""
    )
    assert out.startswith("right")


def test_a_handler_calls_at_every_step_of_python() -> None:
    """As a signal can come between any two lines; deterministic, and through tracing and compiling as well."""
    out = run(
        """
def everywhere(frame, event, argument):
    if "microgradient" not in frame.f_code.co_filename:
        return None
    frame.f_trace_lines = False
    frame.f_trace_opcodes = True
    return at

def at(frame, event, argument):
    global countdown
    countdown -= 1
    if countdown == 0:
        sys.settrace(None)
        inner()
    return at

for f, amount in ((add, 1), (also, 2), (with_numpy, 1)):
    f(one); done += amount
    for when in range(1, 2000):
        countdown = when
        sys.settrace(everywhere)
        result = f(one)
        sys.settrace(None)
        done += amount
        assert result.shape == (64,)
        assert total.data.tolist() == [float(done)] * 64, (when, total.data[0], done)
        if countdown > 0:
            break
    assert countdown > 0
check()
"""
    )
    right, done, refused = out.split()
    assert (right, int(done) > 500, int(refused) > 10) == ("right", True, True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_process_whose_thread_adds_to_gradients() -> None:
    out = run(
        """
from microgradient import gradients
held = threading.Event()
def hold():
    with gradients._accumulating:
        held.set()
        time.sleep(0.5)
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(20, exit=True)
    w = mg.tensor([2.0], requires_grad=True)
    mg.sum(w * w).backward()
    os._exit(0 if w.grad.item() == 4 else 1)
print(os.waitpid(child, 0)[1])
"""
    )
    assert out == "0\n"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_process_whose_threads_compute() -> None:
    out = run(
        """
mg.set_num_threads(2)
a, w = mg.randn(300, 300), mg.randn(300, 300, requires_grad=True)
step = mg.compile(lambda x: mg.sum(mg.tanh(x @ w) @ x))
def work():
    while True:
        step(a).backward()
        mg.compile(lambda x: x @ w + time.time_ns())(a)
        v = mg.Value(2.0)
        mg.compile(lambda x: v * x)(2.0)
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
for n in range(12):
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(20, exit=True)
        w.data = np.zeros((300, 300), np.float32)
        y = step(a)
        y.backward()
        v = mg.Value(3.0)
        good = y.item() == 0 and add(one).shape == (64,) and mg.compile(lambda x: v * x)(2.0).data == 6
        os._exit(0 if good else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, (n, status)
    time.sleep(0.01 * n)
print("right")
os._exit(0 if sys.stdout.flush() is None else 1)
""",
        120,
    )
    assert out == "right\n"


def test_threads_that_call_one_function_and_others() -> None:
    out = run(
        """
barrier = threading.Barrier(4)
failures = []
def work(k):
    w = mg.ones((8,)) * k
    mine = mg.compile(lambda x: mg.tanh(x) * w)
    barrier.wait()
    try:
        for n in range(200):
            x = mg.ones((8 + n % 2,)) if k % 2 else mg.ones((8,))
            assert shared(x).shape == x.shape
            if x.shape == (8,):
                assert np.allclose(mine(x).numpy(), np.tanh(1) * k)
    except BaseException as error:
        failures.append(error)
shared = mg.compile(lambda x: mg.exp(x) * 2)
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join(60)
assert not failures, failures
print("right")
"""
    )
    assert out == "right\n"


def test_a_function_that_calls_itself() -> None:
    out = run(
        """
@mg.compile
def power(x, n):
    return x if n == 1 else x * power(x, n - 1)
assert [power(mg.tensor(3.0), n).item() for n in (4, 2, 4)] == [81, 9, 81]
print("right")
"""
    )
    assert out == "right\n"
