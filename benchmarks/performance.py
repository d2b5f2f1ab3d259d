"""docs/performance.md and its picture, from the races of benchmarks/steps.py."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import chart
import records
from workloads.definitions import WORKLOADS, Workload
from workloads.race import THREADS, Figures, Race

from microgradient.native.runtime.engine import host

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
NAMES = {
    "compiled": "Microgradient", "eager": "eager", "torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow",
    "micrograd": "micrograd", "onnxruntime": "ONNX Runtime",
}  # fmt: skip
COLOURS = {
    "compiled": "#0969da", "eager": "#54aeff", "torch": "#bc4c00", "jax": "#8250df", "tensorflow": "#bf8700",
    "micrograd": "#57606a", "onnxruntime": "#1a7f37",
}  # fmt: skip
OTHERS = ("micrograd", "onnxruntime")  # one column for both: no workload has both
COLUMNS = (
    "", "Microgradient", "eager", "PyTorch", "JAX", "TensorFlow", "micrograd, ONNX Runtime", "of the best",
    "at most (aim)", "floor", "memory", "PyTorch's", "first step, empty cache", "in a second process",
)  # fmt: skip


def write(races: dict[str, Race], machine: dict[str, str], call: float | None) -> None:
    """The measured part of the page, and the picture."""
    rows = [cells(key, WORKLOADS[key], race) for key, race in races.items()]
    lines = [*conditions(races, machine, call), "", *records.table(COLUMNS, rows)]
    bits = host().vector_bits
    drawing = PAGE.with_name(f"performance-{bits}.svg")
    picture = f"![time of a step for each workload and library, and the arithmetic floor]({drawing.name})"
    records.write_measured(PAGE, [picture, "", *lines], f"{bits} bits")
    drawing.write_text(draw(races), encoding="utf-8")


def conditions(races: dict[str, Race], machine: dict[str, str], call: float | None) -> list[str]:
    """The machine, the versions, and how often each library took its turn."""
    versions: dict[str, str] = {}
    for race in races.values():
        versions |= {name: figures.version for name, figures in race.figures.items()}
    rounds = sorted({len(figures.seconds) for race in races.values() for figures in race.figures.values()})
    peers = ", ".join(
        f"{NAMES[name]} {number}" for name, number in versions.items() if name not in ("compiled", "eager")
    )
    rates = [race.flops_per_second / 1e9 for race in races.values() if race.flops_per_second]
    lines = [f"- {key}: {text}" for key, text in machine.items()]
    lines.append(f"- libraries: {peers}; {THREADS} threads each, medians of {' to '.join(map(str, rounds))} rounds")
    if rates:
        lines.append(f"- a 1024×1024×1024 product in NumPy: {statistics.median(rates):.0f} GFLOP/s")
    return [*lines, f"- a call of a compiled function that does nothing: {duration(call)}"] if call else lines


def cells(key: str, workload: Workload, race: Race) -> list[str]:
    """A workload's line of the table."""
    figures = race.figures
    ours, torch = figures.get("compiled"), figures.get("torch")
    times = [time(figures.get(name)) for name in ("compiled", "eager", "torch", "jax", "tensorflow")]
    best = best_peer(workload, race)
    aim = "" if workload.aim is None else f" ({workload.aim:g})"
    return [
        f"`{key}`", *times, time(next((figures[name] for name in OTHERS if name in figures), None)),
        f"{ours.median / best:.2g}" if ours and best else "–", f"{workload.must:g}{aim}", duration(floor(workload, race)),
        memory(ours), memory(torch), duration(ours and ours.cold), duration(ours and ours.first),
    ]  # fmt: skip


def best_peer(workload: Workload, race: Race) -> float | None:
    """The least time of the libraries that ours is compared with."""
    return min((race.figures[name].median for name in workload.peers if name in race.figures), default=None)


def floor(workload: Workload, race: Race) -> float | None:
    """The time that the arithmetic alone would take at the rate of a matrix product."""
    return workload.flops / race.flops_per_second if race.flops_per_second else None


def draw(races: dict[str, Race]) -> str:
    """A line for each workload, a dot for each library, a stroke for the floor."""
    rows = []
    for key, race in races.items():
        dots = [chart.Dot(NAMES[name], COLOURS[name], figures.median) for name, figures in race.figures.items()]
        rows.append(chart.Row(key, dots, floor(WORKLOADS[key], race)))
    ticks: Sequence[tuple[float, str]] = [(10.0**k, duration(10.0**k)) for k in range(-9, 4)]
    return chart.dots("Time of a step", rows, ticks, "arithmetic floor")


def time(figures: Figures | None) -> str:
    """Of a step."""
    return duration(figures.median if figures else None)


def memory(figures: Figures | None) -> str:
    """The largest that the process had."""
    return f"{figures.megabytes:.0f} MB" if figures and figures.megabytes else "–"


def duration(seconds: float | None) -> str:
    """With the unit that suits it."""
    if seconds is None:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
