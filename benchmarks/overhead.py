"""What one eager operation costs, forward and backward, beside NumPy, PyTorch, autograd and micrograd.

    python benchmarks/overhead.py [--quick] [--json FILE] [--only WORD]

First chains of operations, beside all; then single operations and layers at 4, 1,000 and 100,000 entries (operations.py),
beside PyTorch. THREADS in the environment is how many threads each has, 2 unless given. All run in one process and take turns;
each figure is the best of several turns. "forward" records a tape (NumPy's does not) and "backward" sweeps a tape just made. As
in timeit, Python's garbage collector rests while the clock runs, or the reference cycles of one library would be charged to
another. Ratios are our time over a peer's: less than 1 is faster.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import math
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

THREADS = int(os.environ.get("THREADS", "2"))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = str(THREADS)

import numpy as np  # noqa: E402
from operations import Operation, operations  # noqa: E402

import microgradient as mg  # noqa: E402
from microgradient import scalar  # noqa: E402

SMALL = 1000  # tensors of at most so many entries are small
MAX_IMPORT_SECONDS, MAX_MORE_FOR_TORCH, MAX_RESIDENT_MB = 0.2, 0.1, 60.0
IMPORTED = "numpy", "microgradient", "microgradient.torch"


class Timed(NamedTuple):
    """A workload as one library runs it; `backward` takes what `forward` returns, and is None where there is none."""

    forward: Callable[[], Any]
    backward: Callable[[Any], Any] | None


class Case(NamedTuple):
    """A workload: its name, what is counted, how often that happens in it, what it is for every library, and the targets."""

    name: str
    unit: str
    operations: int
    peers: dict[str, Timed]
    targets: dict[str, float]  # a peer, and the largest ratio of our time to its


# -------------------------------------------------------------------------------------------------------------- workloads


def multiply_add(y: Any, c: Any, f: Any) -> Any:
    """100 operations of two arguments."""
    for _ in range(50):
        y = y * c + c
    return y


def functions(y: Any, c: Any, f: Any) -> Any:
    """50 operations of one argument."""
    for _ in range(10):
        y = f.sin(f.log(f.sqrt(f.exp(f.tanh(y)))))
    return y


def root_relu(y: Any, c: Any, f: Any) -> Any:
    """100 operations of one argument, those that micrograd has."""
    for _ in range(50):
        y = (y**0.9).relu()
    return y


def tensor_case(name: str, chain: Callable[..., Any], count: int, size: int) -> Case:
    """A chain on float32 tensors with `size` entries."""
    rng = np.random.default_rng(0)
    x, c, ones = rng.uniform(0.4, 0.6, size), rng.uniform(0.4, 0.6, size), np.ones(size)
    arrays = [a.astype(np.float32) for a in (x, c, ones)]
    peers = {"microgradient": _microgradient(chain, *arrays)}
    peers["numpy"] = Timed(lambda: chain(arrays[0], arrays[1], np), None)
    if (torch := optional("torch")) is not None:
        peers["torch"] = _torch(torch, chain, *arrays)
    if optional("autograd") is not None:
        peers["autograd"] = _autograd(chain, *arrays)
    targets = {"torch": 0.8} if size <= SMALL else {}
    return Case(f"{name}, {size:,} entries", "operation", count, peers, targets)


def _microgradient(chain: Callable[..., Any], x: Any, c: Any, ones: Any) -> Timed:
    leaf, constant, cotangent = mg.tensor(x, requires_grad=True), mg.tensor(c), mg.tensor(ones)

    def forward() -> Any:
        leaf.grad = None
        return chain(leaf, constant, mg)

    return Timed(forward, lambda y: y.backward(cotangent))


def _torch(torch: Any, chain: Callable[..., Any], x: Any, c: Any, ones: Any) -> Timed:
    leaf, constant, cotangent = torch.tensor(x, requires_grad=True), torch.tensor(c), torch.tensor(ones)

    def forward() -> Any:
        leaf.grad = None
        return chain(leaf, constant, torch)

    return Timed(forward, lambda y: y.backward(cotangent))


def _autograd(chain: Callable[..., Any], x: Any, c: Any, ones: Any) -> Timed:
    namespace = importlib.import_module("autograd.numpy")
    make_vjp = importlib.import_module("autograd.core").make_vjp

    return Timed(lambda: make_vjp(lambda y: chain(y, c, namespace), x), lambda made: made[0](ones))


def value_case(name: str, chain: Callable[..., Any], count: int) -> Case:
    """A chain on scalars."""
    peers = {}
    for library, engine in value_engines().items():
        peers[library] = _values(engine.Value(0.5), engine.Value(0.5), chain)
    return Case(name, "operation", count, peers, {"micrograd": 1.0})


def _values(leaf: Any, constant: Any, chain: Callable[..., Any]) -> Timed:
    def forward() -> Any:
        leaf.grad = constant.grad = 0
        return chain(leaf, constant, None)

    return Timed(forward, lambda y: y.backward())


def mlp_case() -> Case:
    """The loss of micrograd's demo: a network with two hidden layers of 16, max-margin loss and weight decay, on 8 points."""
    peers = {}
    points = [(math.cos(k), math.sin(k) + k % 2) for k in range(8)]
    for library, engine in value_engines().items():
        random.seed(1)
        nn = importlib.import_module("micrograd.nn") if library == "micrograd" else scalar
        peers[library] = _mlp(nn.MLP(2, [16, 16, 1]), engine.Value, points)
    return Case("Value: loss of MLP(2, [16, 16, 1])", "loss", 1, peers, {"micrograd": 1.0})


def _mlp(model: Any, value: Any, points: list[tuple[float, float]]) -> Timed:
    def forward() -> Any:
        model.zero_grad()
        scores = [model([value(x), value(y)]) for x, y in points]
        losses = [(1 + (2 * (k % 2) - 1) * score).relu() for k, score in enumerate(scores)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

    return Timed(forward, lambda loss: loss.backward())


def value_engines() -> dict[str, Any]:
    """The modules that have a `Value`."""
    engines = {"microgradient": scalar, "micrograd": optional("micrograd.engine")}
    return {name: engine for name, engine in engines.items() if engine is not None}


def optional(module: str) -> Any:
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def cases() -> list[Case]:
    """Everything that is measured."""
    chains = [("y * c + c", multiply_add, 100), ("sin(log(sqrt(exp(tanh y))))", functions, 50)]
    tensors = [tensor_case(*chain, size) for chain in chains for size in (4, 1000, 100_000)]
    values = [value_case("Value: y * c + c", multiply_add, 100), value_case("Value: relu(y ** 0.9)", root_relu, 100)]
    return [*tensors, *values, mlp_case()]


# -------------------------------------------------------------------------------------------------------------- measuring


def measure_operation(operation: Operation, turns: int, seconds: float) -> dict[str, dict[str, float]]:
    """Microseconds of an operation's passes, as `measure` has them."""
    peers = {library: Timed(*passes) for library, passes in operation.passes.items()}
    return measure(Case(operation.name, "operation", 1, peers, {}), turns, seconds)


def measure(case: Case, turns: int, seconds: float) -> dict[str, dict[str, float]]:
    """Microseconds per operation: `{peer: {"forward": …, "backward": …}}`. The peers take turns of `seconds` each."""
    calls = {peer: max(1, round(seconds / max(_seconds(t, 1)[0], _seconds(t, 3)[0]))) for peer, t in case.peers.items()}
    best = dict.fromkeys(case.peers, (math.inf, math.inf))
    for _ in range(turns):
        for peer, timed in case.peers.items():
            forward, backward = _seconds(timed, calls[peer])
            best[peer] = min(best[peer][0], forward), min(best[peer][1], backward)
    scale = 1e6 / case.operations
    return {
        peer: {"forward": best[peer][0] * scale} | ({} if t.backward is None else {"backward": best[peer][1] * scale})
        for peer, t in case.peers.items()
    }


def _seconds(timed: Timed, calls: int) -> tuple[float, float]:
    """How long forward and backward take, on average over `calls`."""
    clock, (forward, backward) = time.perf_counter, timed
    in_forward = in_backward = 0.0
    gc.collect()
    gc.disable()
    for _ in range(calls):
        start = clock()
        y = forward()
        middle = clock()
        if backward is not None:
            backward(y)
        in_backward += clock() - middle
        in_forward += middle - start
    gc.enable()
    return in_forward / calls, in_backward / calls


def measure_import(turns: int) -> dict[str, float]:
    """Seconds to import each of `IMPORTED`, and megabytes resident then, each in fresh processes (the median)."""
    figures = {}
    for module in IMPORTED:
        code = (
            "import time; start = time.perf_counter()\n"
            f"import {module}\n"
            "print(time.perf_counter() - start)\n"
            "print(int(open('/proc/self/statm').read().split()[1]) * __import__('resource').getpagesize() / 1e6)"
        )
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(turns + 1)]
        seconds, megabytes = zip(*([float(x) for x in run.stdout.split()] for run in runs[1:]), strict=True)
        figures[f"{module} seconds"] = statistics.median(seconds)
        figures[f"{module} MB"] = statistics.median(megabytes)
    return figures


# --------------------------------------------------------------------------------------------------------------- reporting


def show(case: Case, figures: dict[str, dict[str, float]]) -> None:
    """Print the figures of one workload as a table, and whether the targets are reached."""
    ours = figures["microgradient"]
    print(f"\n{case.name}   (µs per {case.unit}; ratio = ours / theirs)")
    print(f"  {'':<14}{'forward':>10}{'ratio':>8}{'backward':>11}{'ratio':>8}")
    for peer, row in figures.items():
        line = f"  {peer:<14}"
        for key, width in (("forward", 10), ("backward", 11)):
            if key not in row:
                line += f"{'–':>{width}}{'–':>8}"
            else:
                beside = f"{ours[key] / row[key]:.2f}" if peer != "microgradient" else ""
                line += f"{row[key]:>{width}.3f}{beside:>8}"
        print(line)
    for peer, limit in case.targets.items():
        for key in ("forward", "backward") if peer in figures else ():
            ratio = ours[key] / figures[peer][key]
            print(f"  {verdict(ratio <= limit)}: {key} at most {limit} of {peer}'s, is {ratio:.2f}")


def show_operation(operation: Operation, figures: dict[str, dict[str, float]]) -> None:
    """Print a line of the table of operations: forward, then backward, ours, PyTorch's and the ratio, and the target."""
    ours, theirs = figures["microgradient"], figures.get("torch")
    line = f"  {operation.name:<12}{operation.entries:>9,}"
    for key in ours:
        line += f"{ours[key]:>11.1f}"
        line += "" if theirs is None else f"{theirs[key]:>11.1f}{ours[key] / theirs[key]:>7.2f}"
    if theirs is not None:
        reached = all(ours[key] <= operation.limit * theirs[key] for key in ours)
        line += f"   {verdict(reached)}: at most {operation.limit}"
    print(line)


def show_import(figures: dict[str, float]) -> None:
    """Print what the import costs, and whether the targets are reached."""
    print("\nimport, in a fresh process")
    for module in IMPORTED:
        print(f"  {module:<20}{figures[f'{module} seconds']:>8.3f} s{figures[f'{module} MB']:>9.1f} MB resident")
    seconds, megabytes = figures["microgradient seconds"], figures["microgradient MB"]
    print(f"  {verdict(seconds <= MAX_IMPORT_SECONDS)}: at most {MAX_IMPORT_SECONDS} s, is {seconds:.3f}")
    more = figures["microgradient.torch seconds"] - seconds
    print(f"  {verdict(more <= MAX_MORE_FOR_TORCH)}: at most {MAX_MORE_FOR_TORCH} s more for torch, is {more:.3f}")
    print(f"  {verdict(megabytes <= MAX_RESIDENT_MB)}: at most {MAX_RESIDENT_MB:.0f} MB, is {megabytes:.1f}")


def verdict(reached: bool) -> str:
    """The word for a target."""
    return "reached    " if reached else "NOT REACHED"


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: few and short turns, rough figures")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE, too")
    parser.add_argument("--only", metavar="WORD", default="", help="only workloads with WORD in their name")
    options = parser.parse_args()
    turns, seconds = (2, 0.002) if options.quick else (25, 0.02)
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {THREADS} threads, best of {turns} turns")
    if (torch := optional("torch")) is not None:
        torch.set_num_threads(THREADS)
    for module in ("torch", "autograd", "micrograd.engine"):
        if optional(module) is None:
            print(f"{module.split('.')[0]} is not installed and left out.")
    results: dict[str, Any] = {}
    for case in cases():
        if options.only in case.name:
            results[case.name] = measure(case, turns, seconds)
            show(case, results[case.name])
    print("\noperations and layers   (µs; forward: ours, PyTorch's, ratio; backward: the same)")
    for operation in operations(torch):
        if options.only in (name := f"{operation.name}, {operation.entries:,} entries"):
            results[name] = measure_operation(operation, turns, seconds)
            show_operation(operation, results[name])
    if options.only in "import":
        results["import"] = measure_import(1 if options.quick else 7)
        show_import(results["import"])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
