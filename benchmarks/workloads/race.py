"""Libraries taking turns at one workload, each in a process of its own that sleeps while another runs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .definitions import WORKLOADS
from .numpy_ import FLOPS

THREADS = 2
TURN = 0.2  # seconds a library computes before the next one does
REST = 0.25  # seconds between two turns: the threads of the last library stop spinning (those of OpenBLAS take 0.1)
BENCHMARKS = Path(__file__).parents[1]
OURS = ("compiled", "eager")


class WorkerError(Exception):
    """A library's process ended; the message is the last thing it said."""


class Worker:
    """A library's process with one workload."""

    def __init__(self, python: str, library: str, workload: str, cache: str) -> None:
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the worker)
        paths = [str(BENCHMARKS), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "MICROGRADIENT_CACHE": cache,
            "PYTHONDONTWRITEBYTECODE": "",  # a first process leaves bytecode behind, as installing a package does
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS)),
        }
        self.process = subprocess.Popen(
            [python, "-m", "workloads.worker", library, workload, str(THREADS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment,
        )  # fmt: skip
        if hasattr(os, "sched_setaffinity"):  # all threads it will start inherit this
            os.sched_setaffinity(self.process.pid, sorted(os.sched_getaffinity(0))[:THREADS])
        self.ready = self._answer()

    def ask(self, **question: Any) -> Any:
        """Its answer; see `workloads.worker`."""
        assert self.process.stdin is not None
        try:
            print(json.dumps(question), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)["answer"]
        self.process.wait()
        self.log.seek(0)
        raise WorkerError((self.log.read().strip().splitlines() or ["it ended without a word"])[-1])

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.log.close()


@dataclass
class Figures:
    """What was measured of one library at one workload."""

    version: str
    first: float  # seconds of the first step, with all that is compiled then
    cold: float | None = None  # the same with an empty cache of machine code
    losses: list[float] = field(default_factory=list)
    tolerance: float | None = None
    seconds: list[float] = field(default_factory=list)  # per step, in each turn
    repeat: list[float] = field(default_factory=list)  # the same in the native loop
    megabytes: float | None = None

    @property
    def median(self) -> float:
        """Seconds per step."""
        return statistics.median(self.seconds)


@dataclass
class Race:
    """One workload's figures by library, the libraries that failed and why, and the rate of a matrix product."""

    figures: dict[str, Figures] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    flops_per_second: float | None = None

    @classmethod
    def kept(cls, record: dict[str, Any]) -> Race:
        """From what `dataclasses.asdict` made of it."""
        figures = {library: Figures(**given) for library, given in record["figures"].items()}
        return cls(figures, record["failures"], record["flops_per_second"])


def installed(python: str, libraries: tuple[str, ...]) -> dict[str, str]:
    """Which libraries this Python lacks, each with the reason."""
    needs = {
        "jax": ("jax", "optax"),
        "onnxruntime": ("onnxruntime", "onnxscript", "torch"),
        "compiled": ("microgradient",),
        "eager": ("microgradient",),
    }
    missing = {}
    for library in libraries:
        for module in needs.get(library, (library,)):
            code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
            if subprocess.run([python, "-c", code], check=False).returncode:
                missing[library] = f"{module} is not installed"
    if "compiled" in libraries and "compiled" not in missing:
        code = "import microgradient, sys; sys.exit(not hasattr(microgradient, 'compile'))"
        if subprocess.run([python, "-c", code], check=False).returncode:
            missing["compiled"] = "this version has no mg.compile"
    return missing


def run(workload: str, pythons: dict[str, str], rounds: int, report: Callable[[str], None]) -> Race:
    """Start every library's worker, let them do the same steps, and take turns."""
    race = Race()
    with ExitStack() as stack:
        cache = stack.enter_context(tempfile.TemporaryDirectory())
        workers: dict[str, Worker] = {}
        for library, python in pythons.items():
            report(f"{workload}: {library} starts")
            try:
                figures, worker = _start(stack, python, library, workload, cache)
                figures.losses += worker.ask(losses=WORKLOADS[workload].compared - 1)
                race.figures[library], workers[library] = figures, worker
            except WorkerError as failure:
                race.failures[library] = str(failure)
        product = stack.enter_context(worker_of(sys.executable, "numpy", "product", cache))
        rates = _take_turns(workload, workers, product, race.figures, rounds, report)
        race.flops_per_second = statistics.median(rates)
        for library, worker in workers.items():
            megabytes = [race.figures[library].megabytes, worker.ask(memory=0)]
            race.figures[library].megabytes = max((m for m in megabytes if m is not None), default=None)
    return race


@contextmanager
def worker_of(python: str, library: str, workload: str, cache: str) -> Iterator[Worker]:
    """A worker that is closed at the end."""
    worker = Worker(python, library, workload, cache)
    try:
        yield worker
    finally:
        worker.close()


def _start(stack: ExitStack, python: str, library: str, workload: str, cache: str) -> tuple[Figures, Worker]:
    cold = megabytes = None
    if library == "compiled":
        with worker_of(python, library, workload, cache) as worker:
            cold = worker.ready["first"]
            worker.ask(run=2)
            megabytes = worker.ask(memory=0)
    worker = stack.enter_context(worker_of(python, library, workload, cache))
    ready = worker.ready
    figures = Figures(ready["version"], ready["first"], cold, [ready["loss"]], ready["tolerance"], megabytes=megabytes)
    return figures, worker


def _take_turns(
    workload: str,
    workers: dict[str, Worker],
    product: Worker,
    figures: dict[str, Figures],
    rounds: int,
    report: Callable[[str], None],
) -> list[float]:
    """Fill in `seconds` and `repeat`; the rates of the matrix product are returned."""
    rates = []
    counts = {library: _count(worker, "run") for library, worker in workers.items()}
    repeats = {library: _count(worker, "repeat") for library, worker in workers.items() if worker.ready["repeats"]}
    for number in range(rounds):
        report(f"{workload}: round {number + 1} of {rounds}")
        for library, worker in workers.items():
            figures[library].seconds.append(_turn(worker, "run", counts[library]))
            if library in repeats:
                figures[library].repeat.append(_turn(worker, "repeat", repeats[library]))
        rates.append(FLOPS / _turn(product, "run", 5))
    return rates


def _count(worker: Worker, what: str) -> int:
    """How many steps make a turn."""
    count = 1
    while (seconds := worker.ask(**{what: count})) < TURN / 4:
        count *= 4
    return max(1, round(count * TURN / seconds))


def _turn(worker: Worker, what: str, count: int) -> float:
    """Seconds per step; first some that do not count, for caches and threads to wake up."""
    time.sleep(REST)
    worker.ask(**{what: max(1, count // 10)})
    return worker.ask(**{what: count}) / count


def call_cost(python: str, rounds: int) -> float:
    """Seconds of one call of a compiled function that does nothing (the median)."""
    with tempfile.TemporaryDirectory() as cache, worker_of(python, "compiled", "call", cache) as worker:
        count = _count(worker, "run")
        return statistics.median(_turn(worker, "run", count) for _ in range(rounds))
