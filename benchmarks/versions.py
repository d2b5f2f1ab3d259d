"""What this version costs beside another one: a first compiled call, eager operations, a wide LSTM, the import.

    git worktree add ../before <commit>
    python benchmarks/versions.py ../before

Each figure comes from processes of its own with an empty cache of machine code, the versions in turns; seconds are the least.
What a call of a compiled function costs is measured by call.py.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

BENCHMARKS = Path(__file__).parent
CHAINED = 20
WIDE = 512  # units of the LSTM


def python_calls() -> float:
    """Calls of Python functions in W3's first step."""
    from workloads import ours

    import microgradient as mg

    x = mg.ones((5,))
    mg.compile(lambda x: x * x)(x)  # modules that are imported late, once in a process
    step = ours.build("W3", compiled=True)
    calls = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        calls[0] += event == "call"

    sys.setprofile(count)
    step.run(1)
    sys.setprofile(None)
    return calls[0]


def eager() -> dict[str, float]:
    """Microseconds of small operations, with a tape where an operand is a parameter."""
    import microgradient as mg
    from microgradient import nn

    a, w = mg.ones((8, 8)), mg.tensor([[1.0] * 8] * 8, requires_grad=True)
    linear, norm, conv, image = nn.Linear(8, 8), nn.LayerNorm(8), nn.Conv2d(1, 2, 3), mg.ones((1, 1, 8, 8))

    def backward() -> None:
        w.grad = None
        (w * a + a).sum().backward()

    operations: dict[str, Callable[[], object]] = {
        "w * a": lambda: w * a, "mg.exp(w)": lambda: mg.exp(w), "a @ w": lambda: a @ w, "w.sum()": lambda: w.sum(),
        "mg.max(a, axis=1)": lambda: mg.max(a, axis=1), "w[1:3]": lambda: w[1:3], "a.reshape(4, 16)": lambda: a.reshape(4, 16),
        "softmax": lambda: nn.functional.softmax(a, -1), "Linear": lambda: linear(a), "LayerNorm": lambda: norm(a),
        "Conv2d": lambda: conv(image), "three operations and backward": backward,
    }  # fmt: skip
    found = {}
    for name, operation in operations.items():
        timer = timeit.Timer(operation)
        count = max(20, int(2e-3 / (timer.timeit(20) / 20)))
        found[name] = min(timer.timeit(count) for _ in range(60)) / count * 1e6
    return found


def wide_lstm() -> float:
    """Milliseconds of a compiled training step of an LSTM of 512 units, 32 steps in time, batch 32."""
    import microgradient as mg
    from microgradient import nn, optim

    model = nn.LSTM(WIDE, WIDE, batch_first=True)
    optimizer = optim.SGD(model.parameters(), lr=1e-3)
    x = mg.ones((32, 32, WIDE))

    @mg.compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = mg.mean(model(x)[0] ** 2)
        loss.backward()
        optimizer.step()
        return loss

    step(x)
    return min(timeit.repeat(lambda: step(x), number=1, repeat=20)) * 1e3


def chained(name: str) -> Callable[[], float]:
    """Seconds for 20 calls of one function in a row, in one program."""

    def seconds() -> float:
        import microgradient as mg

        def chain(x: Any) -> Any:
            for _ in range(CHAINED):
                x = getattr(mg, name)(x)
            return x

        x = mg.full((8,), 0.5)
        mg.compile(lambda x: x * x)(x)
        started = time.perf_counter()
        mg.compile(chain)(x)
        return time.perf_counter() - started

    return seconds


def bytes_per_program() -> float:
    """Memory that stays for each function compiled and dropped again, whose machine code is known."""
    import psutil

    import microgradient as mg

    x = mg.ones((5,))
    process = psutil.Process()

    def compiled(n: int) -> int:
        for _ in range(n):
            mg.compile(lambda x: mg.sum(mg.sin(x)))(x)
        gc.collect()
        return int(process.memory_info().rss)

    before = compiled(1600)  # until the tables of LLVM and of the allocator stop growing
    return (compiled(800) - before) / 800


def import_seconds() -> float:
    """Seconds that `import microgradient` takes in a new process, NumPy included."""
    started = time.perf_counter()
    importlib.import_module("microgradient")
    return time.perf_counter() - started


MEASURES: dict[str, tuple[Callable[[], Any], str, int]] = {
    "Python calls of W3's first step": (python_calls, ",.0f", 1),
    **{f"seconds of 20 chained {name}": (chained(name), ".2f", 3) for name in ("erfinv", "lgamma", "tanh")},
    "bytes kept for each new program": (bytes_per_program, ",.0f", 1),
    "seconds of import": (import_seconds, ".3f", 9),
    "ms of a step of an LSTM of 512 units": (wide_lstm, ".1f", 3),
    "µs, eager": (eager, ".2f", 3),
}
"""What is measured: the function, the form of its figure, and how often it is done."""


def measured(folder: Path, name: str) -> dict[str, float]:
    """The figures that one measure gives of the version in `folder`."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"PYTHONPATH": str(folder.resolve() / "src"), "MICROGRADIENT_CACHE": cache}
        command = [sys.executable, __file__, str(folder), "--measure", name]
        found = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    return {f"{name}, {key}": x for key, x in found.items()} if isinstance(found, dict) else {name: found}


@click.command(help=__doc__.splitlines()[0])
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--measure", type=click.Choice(list(MEASURES)), hidden=True)
def main(before: Path, measure: str | None) -> None:
    """Measure and print."""
    if measure is not None:
        click.echo(json.dumps(MEASURES[measure][0]()))
        return
    for name, (_, form, turns) in MEASURES.items():
        figures = [[measured(folder, name) for folder in (before, BENCHMARKS.parent)] for _ in range(turns)]
        for key in figures[0][0]:
            old, new = (min(each[key] for each in version) for version in zip(*figures, strict=True))
            click.echo(f"{key}: {new:{form}}, before {old:{form}}" + (f", ratio {new / old:.2f}" if old > 0 else ""))


if __name__ == "__main__":
    main()
