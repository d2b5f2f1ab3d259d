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


class Job(NamedTuple):
    """A row: the words behind `microgradient train`, the score and the baseline in `run.json`, and what must be reached."""

    words: str
    score: str
    baseline: str | None
    goal: str


JOBS = (
    Job("digits", "test_accuracy", None, ""),
    Job("digits --model cnn", "test_accuracy", None, ""),
    Job("fashion", "test_accuracy", "baseline_accuracy", "≥ 92 %"),
    Job("detect", "mAP@0.5", "baseline_mAP@0.5", "≥ 0.95"),
    Job("speech", "word_error", "baseline_word_error", "≤ 5 %"),
    Job("yeast", "micro-F1", "baseline_micro-F1", "≥ baseline"),
    Job("forecast", "RMSE", "baseline_RMSE", "< baseline"),
    Job("forecast --series co2", "RMSE", "baseline_RMSE", "< baseline"),
    Job("recommend", "RMSE", "baseline_RMSE", "< baseline"),
    Job("outputs", "class_accuracy", None, "≥ twins"),
    Job("language", "test_accuracy", "baseline_accuracy", "> baseline"),
    Job("translate", "test_exact", "baseline_exact", "≥ 99.5 %"),
    Job("translate --pair en-fr", "test_chrF", "baseline_chrF", "> baseline"),
    Job("translate --pair en-zh_Hans", "test_chrF", "baseline_chrF", "> baseline"),
    Job("summarise", "test_ROUGE-L", "baseline_ROUGE-L", "> baseline"),
    Job("depth", "test_accuracy", None, ""),
    *(
        Job(f"{task} --algorithm {name}", "mean_return", "baseline_random_return", goal)
        for task, names, goal in (
            ("cartpole", "reinforce a2c ppo dqn", "≥ 475"),
            ("acrobot", "reinforce a2c ppo dqn", "≥ -100"),
            ("pendulum", "sac td3 ppo", "≥ -200"),
            ("mountaincar", "sac", "≥ 90"),
        )
        for name in names.split()
    ),
)


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
            "| command | goal | score (worst) | baseline | seconds | MB |",
            "| --- | --- | ---: | ---: | ---: | ---: |",
        ]
        order = [f"microgradient train {job.words}" for job in JOBS]
        lines += [rows[command] for command in order if command in rows]
        PAGE.write_text(
            f"{head}{MARK}\n" + "\n".join(lines) + f"\n{MARK}{tail}"
        )  # after each: a stopped run keeps the others
    console.print(f"{PAGE}: measured on {platform.machine()}, {os.cpu_count()} cores")


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
    """A line of the table: medians, and the worst score in brackets."""
    scores = [run.result[job.score] for run in runs]
    worst = min(scores) if not re.search("loss|rmse|error", job.score, re.I) else max(scores)
    baseline = "" if job.baseline is None else _number(np.median([run.result[job.baseline] for run in runs]))
    seconds, memory = (np.median([getattr(run, name) for run in runs]) for name in ("seconds", "megabytes"))
    score = f"{_number(np.median(scores))} ({_number(worst)})"
    return f"| `microgradient train {job.words}` | {job.goal} | {score} | {baseline} | {seconds:.0f} | {memory:.0f} |"


def _number(value: Any) -> str:
    return f"{value:.4g}"


if __name__ == "__main__":
    main()
