"""What a first call of a compiled function costs beside another version of the project: Python calls, seconds, memory.

    git worktree add ../before <commit>
    python benchmarks/compile.py ../before

Each figure comes from a process of its own with an empty cache of machine code; seconds are the best of three.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

BENCHMARKS = Path(__file__).parent
CHAINED = 20


def python_calls() -> float:
    """Calls of Python functions in the first step of an MLP with Adam (W3)."""
    import microgradient as mg
    from microgradient import nn, optim

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.Adam(model.parameters())
    loss_of = nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = mg.zeros((64, 784)), mg.zeros((64,), dtype=mg.int64)
    mg.compile(lambda x: x * x)(x)  # modules that are imported late, once in a process
    calls = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        calls[0] += event == "call"

    compiled = mg.compile(step)
    sys.setprofile(count)
    compiled(x, y)
    sys.setprofile(None)
    return calls[0]


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
    import microgradient  # noqa: F401

    return time.perf_counter() - started


MEASURES: dict[str, tuple[Callable[[], float], str, int]] = {
    "Python calls of W3's first step": (python_calls, ",.0f", 1),
    "seconds of 20 chained erfinv": (chained("erfinv"), ".2f", 3),
    "seconds of 20 chained lgamma": (chained("lgamma"), ".2f", 3),
    "seconds of 20 chained tanh": (chained("tanh"), ".2f", 3),
    "bytes kept for each new program": (bytes_per_program, ",.0f", 1),
    "seconds of import": (import_seconds, ".3f", 9),
}


def measured(folder: Path, name: str) -> float:
    """One figure of the version in `folder`."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {
            "PYTHONPATH": str(folder.resolve() / "src"), "XDG_CACHE_HOME": cache, "MICROGRADIENT_CACHE": cache,
        }  # fmt: skip
        done = subprocess.run([sys.executable, __file__, "--measure", name], env=environment, stdout=subprocess.PIPE)
    done.check_returncode()
    return float(json.loads(done.stdout))


@click.command(help=__doc__.splitlines()[0])
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--measure", type=click.Choice(list(MEASURES)), hidden=True)
def main(before: Path | None, measure: str | None) -> None:
    """Measure and print."""
    if measure is not None:
        click.echo(json.dumps(MEASURES[measure][0]()))
        return
    for name, (_, form, turns) in MEASURES.items():
        now = min(measured(BENCHMARKS.parent, name) for _ in range(turns))
        line = f"{name}: {now:{form}}"
        if before is not None:
            line += f", before {min(measured(before, name) for _ in range(turns)):{form}}"
        click.echo(line)


if __name__ == "__main__":
    main()
