"""What the recipes reach: score, baseline, time and memory of each over several seeds, written to docs/results.md.

    python benchmarks/results.py [--only NAME ...] [--seeds N]

Every run is the command that the table shows, in a process of its own. Rows of recipes that are not run stay as they are.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
MARK = "<!-- measured -->"


class Score(NamedTuple):
    """A number in `run.json`, its baseline there, and what the median must be: `≥ 475`, `≤ 5 %`, `> baseline`, or nothing."""

    name: str
    baseline: str | None = None
    goal: str = ""


class Job(NamedTuple):
    """A row: the words behind `microgradient train`, and the scores."""

    words: str
    scores: tuple[Score, ...]


def _beside_baseline(*names: str, goal: str = "") -> tuple[Score, ...]:
    return tuple(Score(name, f"baseline_{name.removeprefix('test_')}", goal) for name in names)


_FORECAST = (*_beside_baseline("RMSE", goal="< baseline"), Score("RMSE", "seasonal-naive_RMSE", "< baseline"))

JOBS = (
    Job("moons", (Score("test_accuracy"),)),
    Job("depth", (Score("test_accuracy"),)),
    Job("digits", (Score("test_accuracy"),)),
    Job("digits --model cnn", (Score("test_accuracy"),)),
    Job("fashion", _beside_baseline("test_accuracy", goal="≥ 92 %")),
    Job("outputs", _beside_baseline("class_accuracy", goal="≥ baseline")
        + _beside_baseline("number_RMSE", "picture_RMSE", goal="≤ baseline")),
    Job("detect", (*_beside_baseline("mAP@0.5", goal="≥ 0.95"), Score("mAP@0.5:0.95"))),
    Job("speech", _beside_baseline("word_error", goal="≤ 5 %")),
    Job("names", (Score("test_loss"),)),
    Job("text", (Score("test_loss", "bigram_loss"),)),
    Job("language", _beside_baseline("test_accuracy", goal="> baseline")),
    Job("translate", _beside_baseline("test_exact", goal="≥ 99.5 %")),
    Job("translate --pair en-fr", _beside_baseline("test_chrF", goal="> baseline")),
    Job("translate --pair en-zh_Hans", _beside_baseline("test_chrF", goal="> baseline")),
    Job("summarise", _beside_baseline("test_ROUGE-L", goal="> baseline")),
    Job("yeast", _beside_baseline("micro-F1", goal="≥ baseline")),
    Job("forecast", _FORECAST),
    Job("forecast --series co2", _FORECAST),
    Job("recommend", (*_beside_baseline("RMSE", goal="< baseline"), Score("recall@10", "popularity_recall@10", "> baseline"))),
    Job("gridworld", (Score("cells_with_a_shortest_way", "baseline_random_moves", "≥ 100 %"),)),
    *(
        Job(f"{task} --algorithm {name}", (Score("mean_return", "baseline_random_return", goal),))
        for task, names, goal in (
            ("cartpole", "reinforce a2c ppo dqn", "≥ 475"),
            ("acrobot", "reinforce a2c ppo dqn", "≥ -100"),
            ("pendulum", "sac td3 ppo", "≥ -200"),
            ("mountaincar", "sac", "≥ 90"),
        )
        for name in names.split()
    ),
)  # fmt: skip
_REACHED = {"≥": float.__ge__, "≤": float.__le__, ">": float.__gt__, "<": float.__lt__}


class Run(NamedTuple):
    """What one run reached, in how many seconds, with how many megabytes at most."""

    result: dict[str, float]
    seconds: float
    megabytes: float


@click.command(help=__doc__.splitlines()[0])
@click.option("--only", multiple=True, help="Rows whose command begins so; may be repeated.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1))
def main(only: tuple[str, ...], seeds: int) -> None:
    """Run, and rewrite the rows."""
    console = Console(stderr=True)
    head, table, tail = PAGE.read_text().split(MARK)
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    for job in JOBS:
        if only and not job.words.startswith(only):
            continue
        runs = []
        for seed in range(seeds):
            console.print(f"{job.words}, seed {seed} of {seeds}")
            runs.append(train(job, seed))
        rows[f"microgradient train {job.words}"] = row(job, runs)
        lines = [
            "| command | score | median (worst) | baseline | goal | seconds | MB |",
            "| --- | --- | ---: | ---: | --- | ---: | ---: |",
        ]
        order = [f"microgradient train {job.words}" for job in JOBS]
        lines += [rows[command] for command in order if command in rows]
        PAGE.write_text(
            f"{head}{MARK}\n{_machine()}\n\n" + "\n".join(lines) + f"\n{MARK}{tail}"
        )  # after each: a stopped run keeps the others
    console.print(f"{PAGE}: {_machine()}")


def train(job: Job, seed: int) -> Run:
    """One run in a process of its own. Raises if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", *shlex.split(job.words), "--seed", str(seed), "--out", f"{folder}/run"]
        begun = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "microgradient", *words], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        if status:
            raise click.ClickException(
                f"microgradient {shlex.join(words)} failed with {os.waitstatus_to_exitcode(status)}"
            )
        result = json.loads(Path(folder, "run", "run.json").read_text())["result"]
    return Run(result, seconds, usage.ru_maxrss / 1024)


def row(job: Job, runs: list[Run]) -> str:
    """A line of the table: medians, and the worst scores in brackets; where several scores belong to a row, one above another."""
    cells = [cells_of(score, [run.result for run in runs]) for score in job.scores]
    columns = [" <br> ".join(column) for column in zip(*cells, strict=True)]
    seconds, memory = (np.median([getattr(run, name) for run in runs]) for name in ("seconds", "megabytes"))
    return f"| `microgradient train {job.words}` | {' | '.join(columns)} | {seconds:.0f} | {memory:.0f} |"


def cells_of(score: Score, results: list[dict[str, float]]) -> tuple[str, str, str, str]:
    """The name of a score, its median and worst value, the baseline's median, and whether the goal is reached."""
    values = [result[score.name] for result in results]
    less_is_better = re.search("loss|rmse|error", score.name, re.I)
    median, worst = float(np.median(values)), max(values) if less_is_better else min(values)
    baseline = None if score.baseline is None else float(np.median([result[score.baseline] for result in results]))
    verdict = score.goal
    if score.goal:
        sign, wanted, *unit = score.goal.split()
        limit = baseline if wanted == "baseline" else float(wanted) / (100 if unit else 1)
        verdict += ": reached" if _REACHED[sign](median, limit) else ": **not reached**"
    name = score.name.replace("_", " ")
    return name, f"{_number(median)} ({_number(worst)})", "" if baseline is None else _number(baseline), verdict


def _machine() -> str:
    """The processor that rows are measured on."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    width = next((name for name in ("avx512f", "avx2") if name in flags), platform.machine()).upper().removesuffix("F")
    return f"Measured last on {os.cpu_count()} cores with {width}."


def _number(value: Any) -> str:
    return f"{value:.4g}"


if __name__ == "__main__":
    main()
