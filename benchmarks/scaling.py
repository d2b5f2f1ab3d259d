"""What a compiled training step costs against the network's depth and against the batch.

    python benchmarks/scaling.py [--rounds N] [--activation tanh] [--depths 2,8,32] [--batches 1,64] [--no-docs]

The network is a stack of layers of width 32, each followed by its activation; a step is forward, mean squared error,
backward, and plain gradient descent, float32, on one thread. Every point has a process of its own, with no cache of machine
code; they take turns, and the figures are the least of the rounds. Memory is the arena, where a step keeps what it computes,
and by how much compiling and running the step raised the largest memory of the process. Writes docs/scaling.svg and the tables
of docs/scaling.md.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chart
import click
from rich.console import Console
from rich.table import Table
from workloads.worker import peak_memory

DEPTHS, BATCHES = (2, 4, 8, 16, 32, 64, 128, 256, 512), (1, 4, 16, 64, 256, 1024, 4096)
WIDTH, DEPTH, BATCH = 32, 8, 64  # DEPTH where the batch changes, and BATCH where the depth does
RATE = 1e-6  # so small that the numbers stay what they are
TURN = 0.02  # seconds that a point computes before the next one does
PARTS = ("forward", "gradients", "step")
BLUE, GREEN, RED, GREY = "#0969da", "#1a7f37", "#cf222e", "#8c959f"
DOCS = Path(__file__).parents[1] / "docs"
console, notes = Console(width=110), Console(stderr=True)


@dataclass
class Point:
    """One network and one batch, and what was measured of them."""

    depth: int
    batch: int
    compiling: float = 0.0  # seconds of the first step, tracing included
    arena: int = 0  # bytes
    growth: float | None = None  # bytes
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, math.inf))


@dataclass
class Series:
    """Points of which one property changes."""

    name: str
    points: list[Point]

    def columns(self) -> list[tuple[str, list[float]]]:
        """The figures of all points, by title; None where they could not be had."""
        columns = [(part, [p.seconds[part] for p in self.points]) for part in PARTS]
        columns += [("compiling", [p.compiling for p in self.points]), ("arena", [float(p.arena) for p in self.points])]
        if all(p.growth for p in self.points):
            columns.append(("peak growth", [p.growth or 0.0 for p in self.points]))
        return columns

    @property
    def sizes(self) -> list[int]:
        """Of the property."""
        return [getattr(p, self.name) for p in self.points]


def sizes(_: Any, __: Any, text: str) -> tuple[int, ...]:
    """`2,8,32` as numbers."""
    found = tuple(sorted({int(word) for word in text.split(",") if word.strip().isdecimal()} - {0}))
    if len(found) < 2:
        raise click.BadParameter("at least two numbers from 1 on, with commas between")
    return found


@click.command(help=__doc__.splitlines()[0])
@click.option("--rounds", default=25, type=click.IntRange(1), show_default=True, help="Turns that each point takes.")
@click.option("--activation", default="relu", type=click.Choice(["relu", "tanh"]), show_default=True)
@click.option("--depths", default=",".join(map(str, DEPTHS)), callback=sizes, show_default=True)
@click.option("--batches", default=",".join(map(str, BATCHES)), callback=sizes, show_default=True)
@click.option("--threads", default=1, type=click.IntRange(1), show_default=True)
@click.option("--docs/--no-docs", default=True, help="Write docs/scaling.svg and the tables of docs/scaling.md.")
def main(
    rounds: int, activation: str, depths: tuple[int, ...], batches: tuple[int, ...], threads: int, docs: bool
) -> None:
    """Measure, print the tables, and draw the picture."""
    series = [
        Series("depth", [Point(depth, BATCH) for depth in depths]),
        Series("batch", [Point(DEPTH, batch) for batch in batches]),
    ]
    with notes.status("") as status:
        measure([point for one in series for point in one.points], rounds, activation, threads, status.update)
    for one in series:
        console.print(table(one))
        console.print(in_words(one), highlight=False)
        console.print()
    if docs:
        (DOCS / "scaling.svg").write_text(picture(series), encoding="utf-8")
        page = DOCS / "scaling.md"
        page.write_text(with_tables(page.read_text(encoding="utf-8"), series, activation), encoding="utf-8")


# ----------------------------------------------------------------------------------------------------------- measuring


def measure(points: list[Point], rounds: int, activation: str, threads: int, report: Callable[[str], None]) -> None:
    """Fill in what the points measured."""
    os.environ["MICROGRADIENT_CACHE"] = "off"  # the points' processes inherit it
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
    connections: list[Any] = []
    with processes() as start:
        for point in points:
            report(f"compiling: depth {point.depth}, batch {point.batch}")
            connection = start(point.depth, point.batch, activation, threads)
            point.compiling, point.arena, point.growth = connection.recv()
            connections.append(connection)
        for number in range(rounds):
            report(f"round {number + 1} of {rounds}")
            for part in PARTS:
                for point, connection in zip(points, connections, strict=True):
                    connection.send(part)
                    point.seconds[part] = min(point.seconds[part], connection.recv())


@contextmanager
def processes() -> Iterator[Callable[..., Any]]:
    """A function that starts the process of a point and returns the connection to it; all are ended at the end."""
    context = multiprocessing.get_context("spawn")
    started: list[Any] = []

    def start(*arguments: Any) -> Any:
        ours, theirs = context.Pipe()
        started.append(context.Process(target=serve, args=(theirs, *arguments), daemon=True))
        started[-1].start()
        theirs.close()  # so that a process that fails is noticed
        return ours

    try:
        yield start
    finally:
        for process in started:
            process.terminate()
            process.join()


def serve(connection: Any, depth: int, batch: int, activation: str, threads: int) -> None:
    """The process of one point: says what compiling cost, then answers every name of a part with the seconds of one call."""
    import microgradient as mg

    mg.set_num_threads(threads)
    mg.compile(lambda x: x + 1)(mg.zeros(3))  # so that LLVM is loaded
    parts, x, y = build(depth, batch, activation)
    before = peak_memory()
    start = time.perf_counter()
    parts["step"](x, y)
    compiling = time.perf_counter() - start
    loss = parts["step"](x, y).item()
    growth = None if before is None else 1e6 * ((peak_memory() or 0.0) - before)
    if not math.isfinite(loss):
        sys.exit(f"the loss of depth {depth} is {loss}")
    connection.send((compiling, parts["step"].stats()["arena_bytes"], growth))
    counts: dict[str, int] = {}
    while True:
        function = parts[name := connection.recv()]
        if name not in counts:
            function(x, y)
            counts[name] = max(1, round(TURN / seconds_of(function, x, y, 3)))
        seconds_of(function, x, y, 1)
        connection.send(seconds_of(function, x, y, counts[name]))


def seconds_of(function: Callable[..., Any], x: Any, y: Any, count: int) -> float:
    """Of one call."""
    start = time.perf_counter()
    for _ in range(count):
        function(x, y)
    return (time.perf_counter() - start) / count


def build(depth: int, batch: int, activation: str) -> tuple[dict[str, Any], Any, Any]:
    """The compiled functions, and a batch."""
    import microgradient as mg
    from microgradient import nn, optim

    mg.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(WIDTH, WIDTH)
        nn.init.orthogonal_(linear.weight, nn.init.calculate_gain("relu") if activation == "relu" else 1.0)
        assert linear.bias is not None
        nn.init.zeros_(linear.bias)  # with these, neither activations nor gradients fade away or blow up
        layers += [linear, nn.ReLU() if activation == "relu" else nn.Tanh()]
    model = nn.Sequential(*layers)
    optimizer = optim.SGD(model.parameters(), lr=RATE)

    @mg.compile
    def forward(x: Any, y: Any) -> Any:
        with mg.no_grad():
            return nn.functional.mse_loss(model(x), y)

    @mg.compile
    def gradients(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    @mg.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return {"forward": forward, "gradients": gradients, "step": step}, mg.randn(batch, WIDTH), mg.randn(batch, WIDTH)


# ------------------------------------------------------------------------------------------------------------- showing


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The exponent p of the least-squares fit y = c·xᵖ, a line in logarithms."""
    x, y = [math.log(v) for v in xs], [math.log(v) for v in ys]
    middle, height = sum(x) / len(x), sum(y) / len(y)
    return sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)


def rows(series: Series) -> tuple[list[str], list[list[str]]]:
    """Titles and cells of a series' table; its last two rows are the exponents of all points, and of the larger half."""
    columns = series.columns()
    titles = [series.name, *(title for title, _ in columns), "step / forward"]
    cells = []
    for k, (size, point) in enumerate(zip(series.sizes, series.points, strict=True)):
        figures = [memory(c[k]) if title in ("arena", "peak growth") else duration(c[k]) for title, c in columns]
        cells.append([str(size), *figures, f"{point.seconds['step'] / point.seconds['forward']:.1f}"])
    half = len(series.points) // 2
    for name, first in (("exponent, all", 0), (f"exponent, from {series.sizes[half]} on", half)):
        if len(series.points) - first > 1:
            cells.append([name, *(f"{slope(series.sizes[first:], c[first:]):.2f}" for _, c in columns), ""])
    return titles, cells


def table(series: Series) -> Table:
    """For the terminal."""
    titles, cells = rows(series)
    constant = f"batch {BATCH}" if series.name == "depth" else f"depth {DEPTH}"
    shown = Table(title=f"Against {series.name}; {constant}, width {WIDTH}", title_justify="left", title_style="bold")
    for title in titles:
        shown.add_column(title, justify="right", no_wrap=title == series.name)
    for number, row in enumerate(cells):
        shown.add_row(*row, end_section=number == len(series.points) - 1)
    return shown


def in_words(series: Series) -> str:
    """The line time = a + b·size through the smallest and the largest point."""
    first, last = series.points[0].seconds["step"], series.points[-1].seconds["step"]
    each = (last - first) / (series.sizes[-1] - series.sizes[0])
    one = "layer" if series.name == "depth" else "example"
    fixed = max(first - each * series.sizes[0], 0.0)
    return f"A step takes about {duration(fixed)}, and {duration(each)} more for each {one}."


def duration(seconds: float) -> str:
    """With the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 100 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def memory(size: float) -> str:
    """With the unit that suits it."""
    for unit, one in (("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:.3g} {unit}" if size < 100 * one else f"{size / one:.0f} {unit}"
    return f"{size:.0f} B"


def picture(series: Sequence[Series]) -> str:
    """Time above memory, depth beside batch."""
    seconds = [(10.0**k, duration(10.0**k)) for k in range(-7, 3)]
    sizes = [(10.0**k, memory(10.0**k)) for k in range(2, 11)]
    axes = {"depth": f"layers of width {WIDTH} (batch {BATCH})", "batch": f"examples in the batch ({DEPTH} layers)"}
    times, memories = [], []
    for one in series:
        columns = dict(one.columns())

        def line(name: str, colour: str, figures: Sequence[float], xs: Sequence[int] = one.sizes) -> chart.Line:
            half = len(xs) // 2 if len(xs) > 2 else 0
            shown = f"{name}: exponent {slope(xs[half:], figures[half:]):.2f} from {xs[half]} on"
            return chart.Line(shown, colour, list(zip(xs, figures, strict=True)))

        lines = [line("training step", BLUE, columns["step"]), line("forward only", GREEN, columns["forward"])]
        if one.name == "depth":
            start, size = columns["step"][0], one.sizes[0]
            claim = [(size + k / 8, start * 2 ** (k / 8)) for k in range(8 * 40) if size + k / 8 <= one.sizes[-1]]
            lines.append(chart.Line("twice as much for each layer (exponential)", RED, claim, dashed=True))
        else:
            straight = [(x, columns["step"][-1] * x / one.sizes[-1]) for x in one.sizes]
            lines.append(chart.Line("in proportion to the batch (exponent 1)", GREY, straight, dashed=True))
        times.append(chart.Chart(f"Time against {one.name}", axes[one.name], "time per call", lines, seconds))
        lines = [line("arena", BLUE, columns["arena"])]
        if "peak growth" in columns:
            grown = "growth of the process"
            lines.insert(0, line(grown, GREEN, columns["peak growth"]))
        memories.append(chart.Chart(f"Memory against {one.name}", axes[one.name], "memory", lines, sizes))
    return chart.svg([times, memories])


def with_tables(page: str, series: Sequence[Series], activation: str) -> str:
    """The page with the measured figures in their place."""
    text = [f"Width {WIDTH}, {'ReLU' if activation == 'relu' else 'tanh'}."]
    for one in series:
        titles, cells = rows(one)
        text += ["", "| " + " | ".join(titles) + " |", "| ---: " * len(titles) + "|"]
        text += ["| " + " | ".join(row) + " |" for row in cells] + ["", in_words(one)]
    figures = "<!-- measured -->\n" + "\n".join(text) + "\n<!-- end -->"
    return re.sub(r"<!-- measured -->.*?<!-- end -->", lambda _: figures, page, flags=re.DOTALL)


if __name__ == "__main__":
    main()
