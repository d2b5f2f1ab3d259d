"""What a whole step costs, compiled and eager, beside PyTorch, JAX, TensorFlow, micrograd and ONNX Runtime.

    python benchmarks/steps.py [--only W3] [--rounds N] [--frameworks compiled,torch] [--json FILE] [--page] [--avx2]

Every library runs in a process of its own with 2 threads, from the same weights and on the same data; they take turns, and
the figures are medians over the rounds. After the first ten steps (fewer where rounding grows fast) their losses must agree,
and so must what an inference or a product with the Hessian gives. Memory is the largest that the process ever had; ours is
that of the process that compiled. The arithmetic floor is the time that the workload's matrix products and convolutions would
take at the rate of a 1024×1024×1024 product in NumPy, measured in the same rounds. What the workloads are is in
benchmarks/workloads/definitions, and each library's code beside it. --json keeps the figures workload by workload, so that an
interrupted run goes on; --page writes docs/performance.md. --avx2 measures as on a processor without AVX-512.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import performance
import records
from machine import describe
from performance import duration
from rich.console import Console
from rich.table import Table
from workloads.definitions import WORKLOADS, Workload
from workloads.race import OURS, THREADS, Figures, Race, WorkerError, call_cost, installed, run

LIBRARIES = ("compiled", "eager", "torch", "jax", "tensorflow", "micrograd", "onnxruntime")
MAX_MEMORY_RATIO, MAX_WARM_SECONDS, MAX_CALL_SECONDS, MAX_REPEAT_SECONDS = 0.5, 0.3, 5e-6, 1e-6
NARROW = {
    "MICROGRADIENT_TARGET": "avx2",
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}
"""Variables by which libraries are told to use vectors of 256 bits."""
console, notes = Console(), Console(stderr=True)


@click.command(help=__doc__.splitlines()[0])
@click.option("--only", multiple=True, type=click.Choice(list(WORKLOADS)), help="A workload; may be repeated.")
@click.option("--rounds", default=15, type=click.IntRange(1), show_default=True, help="Turns that each library takes.")
@click.option("--frameworks", default=",".join(LIBRARIES), show_default=True, help="Libraries, with commas between.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep all figures here, workload by workload; what it has is measured again with --only alone.")  # fmt: skip
@click.option("--page", is_flag=True, help="Write docs/performance.md and its picture.")
@click.option("--avx2", is_flag=True, help="Let no library but ONNX Runtime, which can't be told, use wider vectors.")
@click.option("--peers-python", default=sys.executable, help="The Python that has the peers, if not this one.")
def main(
    only: tuple[str, ...], rounds: int, frameworks: str, file: Path | None, page: bool, avx2: bool, peers_python: str
) -> None:  # fmt: skip
    """Measure, print a table for each workload, and write the page."""
    if avx2:
        os.environ.update(NARROW)
    chosen = tuple(name.strip() for name in frameworks.split(","))
    unknown = [name for name in chosen if name not in LIBRARIES]
    if unknown:
        raise click.BadParameter(f"no {unknown[0]!r} here; there are {', '.join(LIBRARIES)}", param_hint="--frameworks")
    machine = describe()
    results: dict[str, Any] = records.load(file)
    if results.setdefault("machine", machine) != machine:
        raise click.UsageError(f"{file} has figures of another machine or of other versions: choose another file.")
    pythons = {name: sys.executable if name in OURS else peers_python for name in chosen}
    for name in chosen:
        for reason in installed(pythons[name], (name,)).values():
            notes.print(f"[yellow]{name} is left out: {reason}.")
            del pythons[name]
    console.print(f"{THREADS} threads each, medians of {rounds} rounds; ratio = ours compiled / theirs")
    failed = False
    for key in only or WORKLOADS:
        if only or key not in results:
            racers = {name: python for name, python in pythons.items() if name in (*OURS, *WORKLOADS[key].peers)}
            with notes.status(key) as status:
                results[key] = asdict(run(key, racers, rounds, status.update))
            records.save(file, results)
        failed |= not show(key, WORKLOADS[key], Race.kept(results[key]))
    if "compiled" in pythons and (only or "call" not in results):
        failed |= not show_call(pythons["compiled"], rounds, results)
        records.save(file, results)
    if page:
        races = {key: Race.kept(results[key]) for key in WORKLOADS if key in results}
        performance.write(races, machine, results.get("call"))
    sys.exit(failed)


def show(key: str, workload: Workload, race: Race) -> bool:
    """Print a workload's table and what is reached; False if a library failed or the losses do not agree."""
    table = Table(title=f"{key}  {workload.title}", title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for column in ("step", "ratio", "memory", "first step", "loss differs"):
        table.add_column(column, justify="right")
    compiled = race.figures.get("compiled")
    reference = next(iter(race.figures.values()), None)
    agree = True
    for library, figures in race.figures.items():
        ratio = f"{compiled.median / figures.median:.3g}" if compiled and figures is not compiled else ""
        difference = abs(figures.losses[-1] / reference.losses[-1] - 1) if reference else 0.0
        right = difference <= (figures.tolerance or workload.tolerance)
        agree &= right
        memory = "–" if figures.megabytes is None else f"{figures.megabytes:.0f} MB"
        differs = "" if figures is reference else f"{difference:.0e}" + ("" if right else " WRONG")
        name = f"{library} {figures.version.partition('+')[0]}"
        table.add_row(name, duration(figures.median), ratio, memory, duration(figures.cold or figures.first), differs)
    if race.flops_per_second:
        floor, rate = workload.flops / race.flops_per_second, race.flops_per_second / 1e9
        ratio = f"{compiled.median / floor:.3g}" if compiled else ""
        table.add_row(f"floor, {rate:.0f} GFLOP/s", duration(floor), ratio, "", "", "")
    console.print()
    console.print(table)
    for library, reason in race.failures.items():
        notes.print(f"[red]{library} failed:[/] {reason}", highlight=False)
    if compiled:
        show_targets(workload, race, compiled)
    return agree and not race.failures


def show_targets(workload: Workload, race: Race, compiled: Figures) -> None:
    """Which of the workload's targets are reached."""
    peers = {name: race.figures[name].median for name in workload.peers if name in race.figures}
    if peers:
        best = min(peers, key=peers.__getitem__)
        ratio = compiled.median / peers[best]
        verdict(f"{ratio:.3g} of the best peer's time, {best}'s", ratio, workload.must, workload.aim)
    torch = race.figures.get("torch")
    if torch and torch.megabytes and compiled.megabytes:
        ratio = compiled.megabytes / torch.megabytes
        verdict(f"{ratio:.2f} of PyTorch's memory", ratio, MAX_MEMORY_RATIO)
    if compiled.cold is not None:
        text = f"first step with an empty cache in {duration(compiled.cold)}"
        verdict(text, compiled.cold, workload.compile_seconds)
        text = f"first step of a second process in {duration(compiled.first)}"
        verdict(text, compiled.first, MAX_WARM_SECONDS)
    if compiled.repeat:
        seconds = sorted(compiled.repeat)[len(compiled.repeat) // 2]
        limit = MAX_REPEAT_SECONDS if workload is WORKLOADS["W1"] else None
        verdict(f"a step of step.repeat(n) in {duration(seconds)}", seconds, limit)


def show_call(python: str, rounds: int, results: dict[str, Any]) -> bool:
    """The fixed cost of a call."""
    console.print()
    try:
        seconds = call_cost(python, rounds)
    except WorkerError as failure:
        notes.print(f"[red]a compiled identity failed:[/] {failure}", highlight=False)
        return False
    results["call"] = seconds
    verdict(f"a call that does nothing in {duration(seconds)}", seconds, MAX_CALL_SECONDS)
    return True


def verdict(text: str, figure: float, must: float | None, aim: float | None = None) -> None:
    """Print a figure beside what it must be at most, and what it aims at."""
    if must is None:
        word = "           "
    elif aim is not None and figure <= aim:
        word = "[green]aim reached[/]"
    else:
        word = "[green]reached    [/]" if figure <= must else "[red]NOT REACHED[/]"
    limit = "" if must is None else f" (at most {must:g}" + (")" if aim is None else f", aim {aim:g})")
    console.print(f"  {word}  {text}{limit}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
