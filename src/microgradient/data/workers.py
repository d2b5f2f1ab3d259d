"""Workers that prepare batches ahead: processes that send them through pipes, or threads.

Each worker gets tasks and answers them in their order, so the first answer of the worker that was asked first is the
next batch.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import random as python_random
import signal
import threading
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import random
from ..errors import ArgumentError, DataError

Fetch = Callable[[Any], Any]  # from what identifies a batch to the batch
_END = "the worker's data set has no more"
_here = threading.local()


class WorkerInfo(NamedTuple):
    """Which worker this is: its number `id`, how many there are, its `seed` and its `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader, which one it is; elsewhere None.

    >>> get_worker_info() is None
    True
    """
    return getattr(_here, "info", None)


class Workers:
    """`count` workers. `begin(seed)` starts an epoch; `ask(task)` and `answer()` keep the order."""

    def __init__(
        self, count: int, make_fetch: Callable[[], Fetch], dataset: Any, init: Callable[[int], Any] | None, context: Any,
        timeout: float,
    ) -> None:  # fmt: skip
        self.timeout = timeout
        self._asked: deque[int] = deque()
        self._ends: list[Any] = []
        self._running: list[Any] = []
        threads = context == "thread"
        method = context if context is not None else "fork" if hasattr(os, "fork") else "spawn"
        kind: Any = None if threads else multiprocessing.get_context(method) if isinstance(method, str) else method
        for k in range(count):
            arguments = (WorkerInfo(k, count, 0, dataset), make_fetch, init)
            if threads:
                end, far = _Channel.pair()
                worker: Any = threading.Thread(target=_thread, args=(far, *arguments), daemon=True)
            else:
                end, far = kind.Pipe()
                inherited = [*self._ends, end] if kind.get_start_method() == "fork" else []
                worker = kind.Process(target=_process, args=(far, inherited, *arguments), daemon=True)
            self._ends.append(end)
            self._running.append(worker)
            _start(worker)
            if not threads:
                far.close()  # so that a worker that is gone is noticed
        self.close = weakref.finalize(self, _stop, self._ends, self._running)

    def begin(self, seed: int) -> None:
        """Start an epoch: forget what has not been answered, and begin data sets without numbers anew."""
        while self._asked:
            self.answer()
        for end in self._ends:
            end.send(("begin", seed))

    def ask(self, worker: int, task: Any) -> None:
        """Let a worker prepare a batch."""
        self._asked.append(worker)
        self._ends[worker].send(("task", task))

    def answer(self) -> tuple[int, Any, bool]:
        """The worker that was asked first, its batch, and whether it has no more. Raises what the worker raised."""
        worker = self._asked.popleft()
        end = self._ends[worker]
        if self.timeout and not end.poll(self.timeout):
            raise DataError("MG181", f"Worker {worker} gave no batch in {self.timeout:g} s.")
        try:
            kind, value = end.recv()
        except (EOFError, ConnectionError):
            self._running[worker].join(1)
            code = getattr(self._running[worker], "exitcode", None)
            raise DataError("MG181", f"Worker {worker} ended (exit code {code}) before it gave its batch.") from None
        if kind == "error":
            error, text = value
            raise error from _InWorker(f'\n"""\nIn worker {worker}:\n{text}"""')
        return worker, value, kind == "end"

    @property
    def waiting(self) -> int:
        """How many batches have been asked for."""
        return len(self._asked)


class _InWorker(Exception):  # noqa: N818
    """Carries a worker's traceback."""


class _Channel:
    """Two queues that look like one end of a pipe."""

    def __init__(self, sent: Any, received: Any) -> None:
        self.sent, self.received = sent, received
        self._first: list[Any] = []

    @classmethod
    def pair(cls) -> tuple[_Channel, _Channel]:
        """Both ends."""
        a, b = queue.SimpleQueue[Any](), queue.SimpleQueue[Any]()
        return cls(a, b), cls(b, a)

    def send(self, value: Any) -> None:
        """Never waits."""
        self.sent.put(value)

    def poll(self, timeout: float) -> bool:
        """Whether there is something, at the latest then."""
        try:
            self._first.append(self.received.get(timeout=timeout))
        except queue.Empty:
            return False
        return True

    def recv(self) -> Any:
        """What was sent; EOFError once the other end is closed."""
        value = self._first.pop() if self._first else self.received.get()
        if value is _Channel:
            raise EOFError
        return value

    def close(self) -> None:
        """Tell the other end."""
        self.sent.put(_Channel)


def _start(worker: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads
        worker.start()


def _stop(ends: list[Any], running: list[Any]) -> None:
    for end in ends:
        end.close()
    for worker in running:
        if isinstance(worker, threading.Thread):
            continue  # it ends with its task
        worker.join(0.5)
        if worker.is_alive():
            worker.terminate()
            worker.join(0.5)
        if worker.is_alive():
            worker.kill()
            worker.join()


def _process(end: Any, inherited: list[Any], info: WorkerInfo, make_fetch: Any, init: Any) -> None:
    for other in inherited:
        other.close()  # or its worker would not see the parent close it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers
    tasks = queue.SimpleQueue[Any]()

    def receive() -> None:  # so that the parent's sending never waits for ours
        try:
            while True:
                tasks.put(end.recv())
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    _serve(tasks.get, end.send, info, make_fetch, init, process=True)


def _thread(end: Any, info: WorkerInfo, make_fetch: Any, init: Any) -> None:
    try:
        with random.drawing_from(random.Generator(info.id)):
            _serve(end.recv, end.send, info, make_fetch, init, process=False)
    except EOFError:
        pass


def _serve(receive: Any, send: Any, info: WorkerInfo, make_fetch: Any, init: Any, process: bool) -> None:
    """Answer tasks until there are no more."""
    fetch: Any = None
    started = False
    while True:
        kind, value = receive()
        if kind == "begin":
            fetch = None
            _here.info = info = info._replace(seed=value + info.id)
            random.manual_seed(info.seed)
            if process:
                python_random.seed(info.seed)
                np.random.seed(info.seed % 2**32)
            continue
        try:
            if init is not None and not started:
                init(info.id)
            started = True
            fetch = make_fetch() if fetch is None else fetch
            answer = ("batch", fetch(value))
        except StopIteration:
            answer = ("end", _END)
        except Exception as error:
            answer = ("error", (_sendable(error), traceback.format_exc()))
        try:
            send(answer)
        except Exception as error:  # a batch that can't be pickled
            send(
                (
                    "error",
                    (DataError("MG181", f"A batch can't be sent from its worker: {error}"), traceback.format_exc()),
                )
            )


def _sendable(error: Exception) -> Exception:
    """The error, or one that says the same if it can't be pickled."""
    try:
        return pickle.loads(pickle.dumps(error)) and error
    except Exception:
        return DataError("MG181", f"{type(error).__name__}: {error}")


def check_context(context: Any) -> None:
    """Raise unless there are such workers."""
    known = ["thread", *multiprocessing.get_all_start_methods()]
    if isinstance(context, str) and context not in known:
        raise ArgumentError("MG180", f"`multiprocessing_context` is one of {', '.join(known)}, got {context!r}.")
