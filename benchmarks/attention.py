"""Time and memory of attention, forward and backward, against the length of the sequence, beside PyTorch's.

    python benchmarks/attention.py [--lengths 512,1024,2048,4096,8192] [--causal] [--json FILE]

8 heads of width 64, batch 1, float32, two threads. Each figure comes from a process of its own: the median of several steps after
the first, and by how much the largest memory exceeds that before the first step. Ours is compiled.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

HEADS, WIDTH, THREADS = 8, 64, 2
LIBRARIES = ("ours", "PyTorch")
SECONDS = 2.0  # of steps
console = Console()


@click.command(help=__doc__.splitlines()[0])
@click.option("--lengths", default="512,1024,2048,4096,8192", show_default=True, help="Of the sequences.")
@click.option("--causal", is_flag=True, help="Each position looks at those before it.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures here, too.")
@click.option("--one", nargs=2, hidden=True, help="A library and a length: measured in this process.")
def main(lengths: str, causal: bool, file: Path | None, one: tuple[str, str] | None) -> None:
    """Measure, and print a table."""
    if one:
        print(json.dumps(measured(one[0], int(one[1]), causal)))
        return
    found = []
    for length in track([int(n) for n in lengths.split(",")], "lengths", console=Console(stderr=True)):
        line: dict[str, Any] = {"length": length}
        for library in LIBRARIES:
            command = [sys.executable, __file__, "--one", library, str(length), *(["--causal"] if causal else [])]
            line[library] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found.append(line)
    show(found, causal)
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measured(library: str, length: int, causal: bool) -> dict[str, float]:
    """Milliseconds of a step, and megabytes that the steps take."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((1, HEADS, length, WIDTH)).astype(np.float32) for _ in range(4)]
    step = (ours if library == "ours" else pytorch)(arrays, causal)
    before = peak()
    step()
    times: list[float] = []
    while len(times) < 3 or sum(times) < SECONDS:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"ms": 1e3 * statistics.median(times), "MB": peak() - before}


def peak() -> float:
    """The largest memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(arrays: list[Any], causal: bool) -> Callable[[], Any]:
    """A step of ours."""
    import microgradient as mg
    from microgradient.nn.functional import scaled_dot_product_attention

    mg.set_num_threads(THREADS)
    *inputs, seed = map(mg.tensor, arrays)

    def loss(*given: Any) -> Any:
        return mg.sum(scaled_dot_product_attention(*given, is_causal=causal) * seed)

    step = mg.compile(mg.grad(loss, argnums=(0, 1, 2)))
    return lambda: step(*inputs)


def pytorch(arrays: list[Any], causal: bool) -> Callable[[], Any]:
    """A step of PyTorch's."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    torch.set_num_threads(THREADS)
    *inputs, seed = map(torch.from_numpy, arrays)
    for x in inputs:
        x.requires_grad_()

    def step() -> Any:
        loss = (scaled_dot_product_attention(*inputs, is_causal=causal) * seed).sum()
        return torch.autograd.grad(loss, inputs)

    return step


def show(found: list[dict[str, Any]], causal: bool) -> None:
    """A line for each length."""
    title = f"{HEADS} heads of width {WIDTH}, forward and backward{', causal' if causal else ''}"
    table = Table(
        "length", *(f"{name}, {unit}" for unit in ("ms", "MB") for name in LIBRARIES), "time by PyTorch's", title=title
    )
    for line in found:
        numbers = [f"{line[name][unit]:.0f}" for unit in ("ms", "MB") for name in LIBRARIES]
        table.add_row(str(line["length"]), *numbers, f"{line['ours']['ms'] / line['PyTorch']['ms']:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
