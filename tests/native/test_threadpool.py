"""The thread pool and its twin in Python make the same calls, in an order that fits, at any number of threads."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpool_twin import Call, Launch, Pool

import microgradient as mg
from microgradient.native.codegen.ir import Function
from microgradient.native.runtime import engine, routine
from microgradient.native.runtime.routine import STATUS

LAUNCHES = st.lists(st.builds(Launch, st.integers(0, 150), st.booleans(), st.just(0)), max_size=6)


@pytest.fixture(autouse=True)
def _threads():
    before = mg.get_num_threads()
    yield
    mg.set_num_threads(before)


def record():
    """Write down the launch, %begin, %end and when it began and ended. args: log, launch, status to leave, its place."""
    f = Function("record")
    log, number, status, place = (f.load_argument(k, t) for k, t in enumerate(("ptr", "i64", "i64", "ptr")))
    row = f.emit(f"atomicrmw add ptr {log}, i64 5 seq_cst")
    clock = f.emit(f"getelementptr i64, ptr {log}, i64 1")
    began = f.emit(f"atomicrmw add ptr {clock}, i64 1 seq_cst")
    with f.loop(0, 300, unroll=False) as i:
        f.do(f"store volatile i64 {i}, ptr {f.alloca('i64', align=8)}")
    ended = f.emit(f"atomicrmw add ptr {clock}, i64 1 seq_cst")
    for k, value in enumerate((number, "%begin", "%end", began, ended)):
        at = f.emit(f"add i64 {row}, {k + 2}")
        f.do(f"store i64 {value}, ptr {f.emit(f'getelementptr i64, ptr {log}, i64 {at}')}, align 8")
    leaves = f.emit(f"icmp ne i64 {status}, 0")
    with f.when(leaves):
        f.do(f"store atomic i64 {status}, ptr {place} monotonic, align 8")
    return f


def native_calls(launches, threads, repeat):
    """What the thread pool does, and the status."""
    mg.set_num_threads(threads)
    code = engine.machine_code({"record": record}, "twin")
    log = np.zeros(2 + 5 * repeat * sum(launch.pieces + 1 for launch in launches), np.int64)
    made = [
        routine.BoundLaunch(code.address("record"), x.pieces, [(2, 0), k, x.status, (STATUS, 0)], x.parallel)
        for k, x in enumerate(launches)
    ]
    ready = routine.NativeRoutine(made, 3, routine.new_arena(0))
    ready.table[2] = id(log)
    status = ready.run(repeat)
    return [Call(*row) for row in log[2 : 2 + log[0]].reshape(-1, 5).tolist()], status


def twin_calls(launches, threads, repeat, seed):
    """What the twin does, its threads moving in a random order."""
    pool = Pool(threads, random.Random(seed).choice)
    status = pool.run(launches, repeat)
    return pool.calls, status


def check_order(launches, calls):
    """Each piece is done once in each run of its launch, and a launch begins when the one before has ended."""
    calls = sorted(calls, key=lambda call: call.began)
    runs = []
    for call in calls:
        done = runs[-1][1] if runs else []
        if not runs or sum(c.end - c.begin for c in done) == launches[runs[-1][0]].pieces:
            runs.append((call.launch, []))
        assert call.launch == runs[-1][0]
        runs[-1][1].append(call)
    for number, done in runs:
        spans = sorted((c.begin, c.end) for c in done)
        assert [a for a, _ in spans] + [launches[number].pieces] == [0] + [b for _, b in spans]
    for (_, before), (_, after) in itertools.pairwise(runs):
        assert max(c.ended for c in before) < min(c.began for c in after)
    return [number for number, _ in runs]


@given(LAUNCHES, st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**32), st.data())
@settings(max_examples=50)
def test_the_same_calls_whoever_moves_first(launches, threads, repeat, seed, data):
    if launches and data.draw(st.booleans()):  # one leaves a status: nothing is run after it
        k = data.draw(st.integers(0, len(launches) - 1))
        launches[k] = launches[k]._replace(status=7)
    native, status = native_calls(launches, threads, repeat)
    twin, wanted = twin_calls(launches, threads, repeat, seed)
    assert status == wanted
    assert Counter(call[:3] for call in native) == Counter(call[:3] for call in twin)
    assert check_order(launches, native) == check_order(launches, twin)


def test_a_thread_that_comes_late_does_nothing():
    """It has looked at a range of the first launch, and moves again when the threads are at the second."""
    pool = Pool(2, lambda workers: workers[0])
    pool.share(0, 2)
    late = pool.work(1, pool.job, 0, 2)
    next(late)
    pool.share(1, 2)
    assert len(list(late)) == 1  # its exchange fails; then it sees another number
    assert [call[:3] for call in pool.calls] == [(0, 0, 1), (0, 1, 2), (1, 0, 1), (1, 1, 2)]


def test_more_threads_than_pieces_and_nothing_to_do():
    for launches in ([], [Launch(0, True)], [Launch(2, True)] * 3, [Launch(1, True), Launch(3, True)]):
        native, _ = native_calls(launches, 8, 2)
        twin, _ = twin_calls(launches, 8, 2, 0)
        assert Counter(call[:3] for call in native) == Counter(call[:3] for call in twin)
