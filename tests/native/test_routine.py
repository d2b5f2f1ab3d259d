"""The native driver: every piece is done once, arrays are found, at any number of threads, from any thread and after a fork."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from native_kernels import code

import microgradient as mg
from microgradient.errors import ArgumentError
from microgradient.native.runtime import blas, threads
from microgradient.native.runtime.routine import ARENA, STATUS, BoundLaunch, NativeRoutine, new_arena


@pytest.fixture(autouse=True)
def _threads():
    before = mg.get_num_threads()
    yield
    mg.set_num_threads(before)


@pytest.fixture(scope="module")
def kernels():
    return code()


def counting(kernels, pieces, launches=1, parallel=True):
    """A routine that counts how often each piece is done, in slot 2, and the array."""
    counts = np.zeros(pieces, np.int64)
    launch = BoundLaunch(kernels.address("count"), pieces, [(2, 0), (STATUS, 0)], parallel)
    routine = NativeRoutine([launch] * launches, 3, new_arena(0))
    routine.table[2] = id(counts)
    return routine, counts


def test_reads_arrays_by_their_objects(kernels):
    x, out = np.arange(100), np.zeros(100, np.int64)
    launch = BoundLaunch(kernels.address("add_index"), 10, [(2, 0), (3, 0), (STATUS, 0)])
    routine = NativeRoutine([launch], 4, new_arena(0))
    routine.table[2], routine.table[3] = id(x), id(out)
    routine.run()
    assert (out == 2 * np.arange(100)).all()
    other = np.arange(100) * 5
    routine.table[2] = id(other)
    routine.run()
    assert (out == 6 * np.arange(100)).all()


def test_views_begin_where_they_begin_and_offsets_are_added(kernels):
    x, out = np.arange(300), np.zeros(100, np.int64)
    view = x[100:]
    routine = NativeRoutine(
        [BoundLaunch(kernels.address("add_index"), 10, [(2, 400), (3, 0), (STATUS, 0)])], 4, new_arena(0)
    )
    routine.table[2], routine.table[3] = id(view), id(out)
    routine.run()
    assert (out == x[150:250] + np.arange(100)).all()


def test_arena_is_zero_and_aligned_and_launches_pass_values_through_it(kernels):
    arena = new_arena(1600)
    assert arena.ctypes.data % 64 == 0
    assert len(arena) == 1600
    assert not arena.any()
    address = kernels.address("add_index")
    launches = [BoundLaunch(address, 10, [(ARENA, a), (ARENA, b), (STATUS, 0)]) for a, b in ((0, 800), (800, 0))]
    routine = NativeRoutine(launches, 2, arena)
    routine.run()
    numbers = arena.view(np.int64)
    assert (numbers[100:] == np.arange(100)).all()
    assert (numbers[:100] == 2 * np.arange(100)).all()
    routine.run(repeat=3)
    assert (numbers[:100] == 8 * np.arange(100)).all()


def test_numbers_are_passed_and_the_status_is_of_the_last_call(kernels):
    launch = BoundLaunch(kernels.address("fill"), 1, [-7, (STATUS, 0), (STATUS, 0)])
    assert NativeRoutine([launch], 2, new_arena(0)).run() == -7
    assert NativeRoutine([BoundLaunch(kernels.address("fill"), 1, [1, (ARENA, 0)])], 2, new_arena(8)).run() == 0


def test_an_empty_list_runs():
    assert NativeRoutine([], 2, new_arena(0)).run() == 0


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 17, 1000])
def test_every_piece_is_done_once(kernels, threads, pieces):
    mg.set_num_threads(threads)
    routine, counts = counting(kernels, pieces, launches=5)
    routine.run(repeat=20)
    assert (counts == 100).all()


def test_many_calls_with_pauses_that_put_threads_to_sleep(kernels):
    mg.set_num_threads(2)
    routine, counts = counting(kernels, 50)
    pause = threading.Event()
    for k in range(300):
        routine.run()
        if k % 10 == 0:
            pause.wait(0.001)
    assert (counts == 300).all()


def test_the_number_of_threads_may_change_at_any_time(kernels):
    routine, counts = counting(kernels, 64)
    for k in range(60):
        mg.set_num_threads(1 + k % 4)
        assert mg.get_num_threads() == 1 + k % 4
        routine.run()
    assert (counts == 60).all()


def test_threads_share_the_work(kernels):
    done_by = np.zeros(400, np.int64)
    routine = NativeRoutine([BoundLaunch(kernels.address("who"), 400, [(2, 0), (STATUS, 0)], True)], 3, new_arena(0))
    routine.table[2] = id(done_by)
    mg.set_num_threads(1)
    routine.run()
    assert set(done_by) == {threading.get_ident()}
    mg.set_num_threads(3)
    seen = set()
    for _ in range(1000):  # a busy machine may give the others no time at first
        routine.run()
        seen |= set(done_by.tolist())
        if len(seen) == 3:
            return
    raise AssertionError(f"only {len(seen)} of 3 threads worked")


def test_several_python_threads_at_once(kernels):
    mg.set_num_threads(2)
    made = [counting(kernels, 100, launches=3) for _ in range(4)]
    workers = [threading.Thread(target=lambda r=r: [r.run(repeat=5) for _ in range(200)]) for r, _ in made]
    for worker in workers:
        worker.start()
    for _ in range(10):
        mg.set_num_threads(3)
        mg.set_num_threads(2)
    for worker in workers:
        worker.join()
    assert all((counts == 3000).all() for _, counts in made)


def in_child(queue=None):
    """A run in another process that was forked, or began anew."""
    mg.set_num_threads(2)
    kernels = code()
    routine, counts = counting(kernels, 30)
    routine.run(repeat=10)
    answer = bool((counts == 10).all())
    if queue is not None:
        queue.put(answer)
    return answer


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 says so wherever there are threads
def test_a_forked_child_makes_threads_of_its_own(kernels):
    mg.set_num_threads(2)
    routine, counts = counting(kernels, 100)
    routine.run()
    child = os.fork()
    if child == 0:
        try:
            counts[:] = 0
            routine.run(repeat=10)
            os._exit(0 if (counts == 10).all() and in_child() else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    routine.run()
    assert (counts == 2).all()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_during_another_threads_run(kernels):
    mg.set_num_threads(2)
    routine, counts = counting(kernels, 100, launches=10)
    going = threading.Thread(target=lambda: [routine.run(repeat=500) for _ in range(50)])
    going.start()
    for _ in range(5):
        child = os.fork()
        if child == 0:
            os._exit(0 if in_child() else 1)
        assert os.waitpid(child, 0)[1] == 0
    going.join()
    assert (counts == 10 * 500 * 50).all()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(kernels, method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=in_child, args=(queue,))
    process.start()
    assert queue.get(timeout=20)
    process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize("daemon", [False, True])
def test_a_process_ends_whatever_its_threads_do(daemon):
    text = f"""
import sys, threading
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_routine import code, counting, mg
mg.set_num_threads(3)
kernels = code()
routine, counts = counting(kernels, 100, launches=10)
routine.run()
begun = threading.Event()
def work():
    begun.set()
    for _ in range(20 if not {daemon} else 10**9):
        routine.run(repeat=100)
threading.Thread(target=work, daemon={daemon}).start()
begun.wait()
print("end")
"""
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=20)
    assert (out.returncode, out.stdout, out.stderr) == (0, "end\n", "")


def test_number_of_threads_from_the_environment():
    text = "import microgradient as mg; print(mg.get_num_threads())"
    for given, answer in (
        ("3", "3"),
        ("", str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())),
    ):
        env = {**os.environ, "MICROGRADIENT_NUM_THREADS": given}
        out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=env, check=True)
        assert out.stdout.strip() == answer
    for wrong in ("many", "1000000"):
        env = {**os.environ, "MICROGRADIENT_NUM_THREADS": wrong}
        out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=env)
        assert f"MICROGRADIENT_NUM_THREADS='{wrong}' is not a whole number from 1 to 256. [MG209]" in out.stderr


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2", 257, 10**6])
def test_a_number_of_threads_that_makes_no_sense(n):
    with pytest.raises(ArgumentError, match="MG209"):
        mg.set_num_threads(n)


def test_the_number_of_threads_is_that_of_matrix_products_too():
    before = blas.get_threads()
    try:
        for n in (1, 2, 3):
            mg.set_num_threads(n)
            assert (mg.get_num_threads(), blas.get_threads()) == (n, n)
        with blas.one_thread():
            assert blas.get_threads() == 1
        assert blas.get_threads() == 3
    finally:
        blas.set_threads(before)


def test_another_blas_keeps_its_number(monkeypatch):
    monkeypatch.setattr(blas, "_NAMES", ["no_such_blas_%s"])
    assert blas.get_threads() is None
    with blas.one_thread():
        mg.set_num_threads(2)
    assert mg.get_num_threads() == 2


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "9900000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"cpu.max": "nonsense"}, 8),
    ],
)
def test_a_containers_quota_bounds_the_number_of_threads(monkeypatch, tmp_path, files, expected):
    monkeypatch.setattr(threads, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert threads._processors() == expected
