"""What the recipes reach: score, baseline, time and memory of each over several seeds, written to docs/results.md.

    python benchmarks/results.py [--only NAME ...] [--seed N ...] [--side-by-side N]

Every run is the command that the table shows, in a process of its own. What it reached is kept in results.json beside this
file, from which the page is written; runs that are not asked for stay as they are.
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
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console

from microgradient.train.atomic import write_atomically

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
RUNS = Path(__file__).with_suffix(".json")
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
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), help="0 to 4 if not given; may be repeated.")
@click.option(
    "--side-by-side",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Runs at a time, a thread each if several. The scores are the same; a run alone is faster.",
)
def main(only: tuple[str, ...], seeds: tuple[int, ...], side_by_side: int) -> None:
    """Run, and rewrite the rows."""
    console = Console(stderr=True)
    failed = False
    wanted = [job for job in JOBS if not only or job.words.startswith(only)]
    with ThreadPoolExecutor(side_by_side) as pool:
        threads = 1 if side_by_side > 1 else None
        runs = {pool.submit(train, job, seed, threads): (job, seed) for job in wanted for seed in seeds or range(5)}
        for done in as_completed(runs):
            job, seed = runs[done]
            if failure := done.exception():
                failed = True
                console.print(f"{job.words}, seed {seed}: {failure}")
                continue
            keep(job, seed, done.result())  # after each: a stopped run keeps the others
            write_page()
            console.print(f"{job.words}, seed {seed}: {done.result().seconds:.0f} s")
    sys.exit(failed)


def keep(job: Job, seed: int, run: Run) -> None:
    """Write a run into results.json."""
    kept = json.loads(RUNS.read_text()) if RUNS.exists() else {}
    kept.setdefault(job.words, {})[str(seed)] = run._asdict()
    ordered = {job.words: dict(sorted(kept[job.words].items())) for job in JOBS if job.words in kept}
    write_atomically(RUNS, (json.dumps(ordered, indent=1) + "\n").encode())


def write_page() -> None:
    """The table of docs/results.md from results.json."""
    kept = json.loads(RUNS.read_text())
    head, _, tail = PAGE.read_text().split(MARK)
    lines = [
        _machine(),
        "",
        "| command | score | median (worst) | baseline | goal | seeds | seconds | MB |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |",
        *(row(job, [Run(**run) for run in kept[job.words].values()]) for job in JOBS if job.words in kept),
    ]
    write_atomically(PAGE, (f"{head}{MARK}\n" + "\n".join(lines) + f"\n{MARK}{tail}").encode())


def train(job: Job, seed: int, threads: int | None) -> Run:
    """One run in a process of its own. Raises if it fails."""
    environment = os.environ | ({} if threads is None else {"MICROGRADIENT_NUM_THREADS": str(threads)})
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", *shlex.split(job.words), "--seed", str(seed), "--out", f"{folder}/run"]
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "microgradient", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
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
    seconds, memory = min(run.seconds for run in runs), max(run.megabytes for run in runs)
    return f"| `microgradient train {job.words}` | {' | '.join(columns)} | {len(runs)} | {seconds:.0f} | {memory:.0f} |"


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
