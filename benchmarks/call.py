"""What calling a compiled function costs beside another version of the project: W1's step, and a call that does nothing.

    git worktree add ../before <commit>
    python benchmarks/call.py ../before [--rounds N]

Each version runs in processes of its own, and they take turns; the figures are medians.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from workloads.race import BENCHMARKS, _count, _turn, worker_of


@click.command(help=__doc__.splitlines()[0])
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rounds", default=15, type=click.IntRange(1), show_default=True, help="Turns that each version takes.")
def main(before: Path, rounds: int) -> None:
    """Measure and print."""
    for workload, name in (("W1", "a step of W1"), ("call", "a call that does nothing")):
        with ExitStack() as stack:
            workers = []
            for folder in (before, BENCHMARKS.parent):
                os.environ["PYTHONPATH"] = str(folder.resolve() / "src")
                cache = stack.enter_context(tempfile.TemporaryDirectory())
                workers.append(stack.enter_context(worker_of(sys.executable, "compiled", workload, cache)))
            counts = [_count(worker, "run") for worker in workers]
            turns = [
                [_turn(worker, "run", n) for worker, n in zip(workers, counts, strict=True)] for _ in range(rounds)
            ]
        old, new = (statistics.median(seconds) * 1e6 for seconds in zip(*turns, strict=True))
        ratio = statistics.median(b / a for a, b in turns)
        click.echo(f"{name}: {new:.2f} µs, before {old:.2f} µs, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
