"""The rate of compiled matrix products beside that of OpenBLAS, on one thread, over many shapes.

    python benchmarks/products.py [--shapes 200] [--seed 0] [--dtype float32] [--only forward] [--json FILE]
    python benchmarks/products.py --dtype int8  # added up in int32, beside our own float32

A product is m × k times k × n: "forward" is x @ w with w as a linear layer keeps it, transposed; "input", g @ w, and "weight",
gᵀ @ x, are its two derivatives. Shapes are drawn with uniform logarithms, half of them powers of two or one off, with
10⁵ to 10⁹ multiply-adds. Both take turns in one process, at least 5 ms each; the figure is the best of several turns. OpenBLAS
chooses its kernels by the processor: with MICROGRADIENT_TARGET=avx2 set OPENBLAS_CORETYPE=Haswell, too.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import microgradient as mg
from microgradient.native.runtime.blas import one_thread

KINDS: dict[str, Callable[[Any, Any], Any]] = {
    "forward": lambda x, w: x @ w.T,  # (m, k), (n, k)
    "input": lambda g, w: g @ w,  # (m, k), (k, n)
    "weight": lambda g, x: g.T @ x,  # (k, m), (k, n)
}
MEDIAN, WORST = 1.0, 0.7  # of our rate over OpenBLAS's, at least
TURN = 0.005  # seconds
console = Console()


class Rates(NamedTuple):
    """GFLOP/s of one product; of whole numbers the other one is our own float32."""

    kind: str
    m: int
    k: int
    n: int
    ours: float
    other: float

    @property
    def ratio(self) -> float:
        """How fast ours is beside the other one."""
        return self.ours / self.other


@click.command(help=__doc__.splitlines()[0])
@click.option("--shapes", default=200, type=click.IntRange(1), show_default=True, help="How many products.")
@click.option("--seed", default=0, show_default=True, help="Of the shapes.")
@click.option("--turns", default=7, type=click.IntRange(1), show_default=True, help="Of which the best counts.")
@click.option("--dtype", default="float32", type=click.Choice(["float32", "float64", "int8"]), show_default=True)
@click.option("--only", type=click.Choice(list(KINDS)), help="Products of one kind.")
@click.option("--shape", nargs=3, type=int, help="m k n of one product, of each kind.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures here, too.")
def main(shapes: int, seed: int, turns: int, dtype: str, only: str | None, shape: Any, file: Path | None) -> None:
    """Measure, and print the slowest and the medians."""
    kinds = [only] if only else list(KINDS)
    chosen = [(kind, *shape) for kind in kinds] if shape else drawn(shapes, seed, kinds)
    mg.set_num_threads(1)
    with one_thread():
        found = [measured(*each, dtype, turns) for each in track(chosen, "products", console=Console(stderr=True))]
    show(found, "our float32" if dtype == "int8" else "OpenBLAS")
    if file is not None:
        file.write_text(json.dumps([each._asdict() for each in found], indent=1) + "\n", encoding="utf-8")


def drawn(count: int, seed: int, kinds: list[str]) -> list[tuple[str, int, int, int]]:
    """Products of all kinds in turn."""
    rng = np.random.default_rng(seed)
    found: list[tuple[str, int, int, int]] = []
    while len(found) < count:
        sizes = np.exp2(rng.uniform(3, 11, 3))
        if len(found) % 2:
            sizes = np.exp2(np.round(np.log2(sizes))) + rng.choice([-1, 0, 0, 0, 1], 3)
        m, k, n = (int(size) for size in np.round(sizes))
        if 1e5 <= m * k * n <= 1e9:
            found.append((kinds[len(found) % len(kinds)], m, k, n))
    return found


def measured(kind: str, m: int, k: int, n: int, dtype: str, turns: int) -> Rates:
    """The rates of one product, ours and the other one in turns."""
    rng = np.random.default_rng(0)
    whole = dtype == "int8"
    a = rng.standard_normal((k, m) if kind == "weight" else (m, k)).astype("float32" if whole else dtype)
    b = rng.standard_normal((n, k) if kind == "forward" else (k, n)).astype(a.dtype)
    product = KINDS[kind]
    count = max(1, round(TURN * 3e10 / (m * k * n)))
    floats = repeated(product, a, b, k, count)
    runs = {"ours": floats}
    if whole:
        runs["ours"] = repeated(
            lambda *xy: product(*(x.astype("int32") for x in xy)), bytes_of(a), bytes_of(b), k, count
        )
        runs["other"] = floats
    else:
        runs["other"] = lambda: [product(a, b) for _ in range(count)]
    best = dict.fromkeys(runs, math.inf)
    for _ in range(turns):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], (time.perf_counter() - start) / count)
    flops = 2e-9 * m * k * n
    return Rates(kind, m, k, n, flops / best["ours"], flops / best["other"])


def repeated(product: Callable[[Any, Any], Any], a: Any, b: Any, depth: int, count: int) -> Callable[[], Any]:
    """The product, compiled and right, so many times."""
    compiled = mg.compile(product)
    x, y = mg.tensor(a), mg.tensor(b)
    allowed = 1e-5 * depth if a.dtype.kind == "f" else 0
    np.testing.assert_allclose(compiled(x, y).numpy(), product(a, b), rtol=0, atol=allowed)
    return lambda: compiled.repeat(count, x, y)


def bytes_of(x: Any) -> Any:
    """Whole numbers from -127 to 127 in the place of these."""
    return np.clip(np.round(x * 40), -127, 127).astype("int8")


def show(found: list[Rates], other: str) -> None:
    """The slowest products, and what is reached."""
    table = Table("kind", "m", "k", "n", "ours", other, "ratio", title="The slowest, GFLOP/s", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for each in sorted(found, key=lambda each: each.ratio)[:20]:
        numbers = (each.m, each.k, each.n, round(each.ours, 1), round(each.other, 1), round(each.ratio, 2))
        table.add_row(each.kind, *map(str, numbers))
    console.print(table)
    for kind in KINDS:
        ratios = [each.ratio for each in found if each.kind == kind]
        if ratios:
            console.print(f"{kind}: median {statistics.median(ratios):.2f}, worst {min(ratios):.2f} of {len(ratios)}")
    ratios = [each.ratio for each in found]
    for name, value, least in (("median", statistics.median(ratios), MEDIAN), ("worst", min(ratios), WORST)):
        word = "[green]reached[/]" if value >= least else "[red]NOT REACHED[/]"
        console.print(f"{word}  {name} {value:.2f} (at least {least:g})", highlight=False)


if __name__ == "__main__":
    main()
