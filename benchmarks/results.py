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
from collections.abc import Mapping, Sequence
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
    """A row: the words behind `microgradient train`, the scores, and the minutes that a run may take, if there is a limit."""

    words: str
    scores: tuple[Score, ...]
    minutes: float | None = None


def _beside_baseline(*names: str, goal: str = "") -> tuple[Score, ...]:
    return tuple(Score(name, f"baseline_{name.removeprefix('test_')}", goal) for name in names)


_FORECAST = (*_beside_baseline("RMSE", goal="< baseline"), Score("RMSE", "seasonal-naive_RMSE", "< baseline"))

JOBS = (
    Job("moons", (Score("test_accuracy"),)),
    Job("depth", (Score("test_accuracy"),)),
    Job("digits", (Score("test_accuracy"),)),
    Job("digits --model cnn", (Score("test_accuracy"),)),
    Job("fashion", _beside_baseline("test_accuracy", goal="≥ 92 %"), 10),
    Job("fashion --pictures digits", _beside_baseline("test_accuracy", goal="≥ 97.5 %"), 1),
    Job("outputs", _beside_baseline("class_accuracy", goal="≥ baseline")
        + _beside_baseline("number_RMSE", "picture_RMSE", goal="≤ baseline"), 3),
    Job("detect", (*_beside_baseline("mAP@0.5", goal="≥ 0.95"), Score("mAP@0.5:0.95")), 10),
    Job("speech", _beside_baseline("word_error", goal="≤ 5 %"), 10),
    Job("names", (Score("test_loss"),)),
    Job("text", (Score("test_loss", "bigram_loss"),)),
    Job("language", _beside_baseline("test_accuracy", goal="> baseline"), 3),
    Job("translate", _beside_baseline("test_exact", goal="≥ 99.5 %"), 5),
    Job("translate --pair en-fr", _beside_baseline("test_chrF", goal="> baseline"), 5),
    Job("translate --pair en-zh_Hans", _beside_baseline("test_chrF", goal="> baseline"), 5),
    Job("summarise", _beside_baseline("test_ROUGE-L", goal="> baseline"), 10),
    Job("yeast", _beside_baseline("micro-F1", goal="≥ baseline"), 1),
    Job("forecast", _FORECAST, 2),
    Job("forecast --series co2", _FORECAST, 2),
    Job("recommend",
        (*_beside_baseline("RMSE", goal="< baseline"), Score("recall@10", "popularity_recall@10", "> baseline")), 3),
    Job("gridworld", (Score("cells_with_a_shortest_way", "baseline_random_moves", "≥ 100 %"),), 1 / 6),
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

    result: dict[str, float | None]
    seconds: float
    megabytes: float


@click.command(help=__doc__.splitlines()[0])
@click.option("--only", multiple=True, help="The row of this command, or those that begin so; may be repeated.")
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
    wanted = list(dict.fromkeys(job for words in only for job in named(words))) if only else JOBS
    pool, threads = ThreadPoolExecutor(side_by_side), 1 if side_by_side > 1 else None
    runs = {pool.submit(train, job, seed, threads): (job, seed) for job in wanted for seed in seeds or range(5)}
    try:
        for done in as_completed(runs):
            job, seed = runs[done]
            if failure := done.exception():
                failed = True
                console.print(f"{job.words}, seed {seed}: {failure}", markup=False)
                continue
            keep(job, seed, done.result())  # after each: a stopped run keeps the others
            console.print(f"{job.words}, seed {seed}: {done.result().seconds:.0f} s")
    finally:
        pool.shutdown(cancel_futures=True)
        write_page()
    sys.exit(failed)


def named(words: str) -> list[Job]:
    """The row of a command, or the rows whose commands begin so. Raises `click.UsageError` if there is none."""
    found = [job for job in JOBS if job.words == words] or [job for job in JOBS if job.words.startswith(words)]
    if not found:
        raise click.UsageError(f"no row begins with {words!r}: choose from {', '.join(job.words for job in JOBS)}.")
    return found


def keep(job: Job, seed: int, run: Run) -> None:
    """Write a run into results.json, in the order of JOBS; rows that are not among them stay, behind the others."""
    kept = _kept()
    kept.setdefault(job.words, {})[str(seed)] = run._asdict()
    order = [job.words for job in JOBS if job.words in kept]
    ordered = {words: dict(sorted(kept[words].items())) for words in dict.fromkeys([*order, *kept])}
    write_atomically(RUNS, (json.dumps(ordered, indent=1) + "\n").encode())


def write_page() -> None:
    """The table of docs/results.md from results.json."""
    kept = _kept()
    head, _, tail = PAGE.read_text().split(MARK)
    lines = [
        _machine(),
        "",
        "| command | score | median (worst) | baseline | goal | seeds | seconds | limit | MB |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: | --- | ---: |",
        *(row(job, [Run(**run) for run in kept[job.words].values()]) for job in JOBS if job.words in kept),
    ]
    write_atomically(PAGE, (f"{head}{MARK}\n" + "\n".join(lines) + f"\n{MARK}{tail}").encode())


def _kept() -> dict[str, dict[str, Any]]:
    return json.loads(RUNS.read_text()) if RUNS.exists() else {}


def train(job: Job, seed: int, threads: int | None) -> Run:
    """One run in a process of its own. Raises if it fails."""
    environment = os.environ | ({} if threads is None else {"MICROGRADIENT_NUM_THREADS": str(threads)})
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", *shlex.split(job.words), "--seed", str(seed), "--out", f"{folder}/run"]
        begun = time.monotonic()
        with Path(folder, "errors").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "microgradient", *words],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
            )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)  # or it warns that the process may still run
        if status:
            said = Path(folder, "errors").read_text(errors="replace").strip().splitlines()
            raise click.ClickException(f"microgradient {shlex.join(words)} failed with "
                                       f"{process.returncode}: {said[-1] if said else ''}")  # fmt: skip
        result = json.loads(Path(folder, "run", "run.json").read_text())["result"]
    return Run(result, seconds, usage.ru_maxrss / 1024)


def row(job: Job, runs: list[Run]) -> str:
    """A line of the table: medians, and the worst scores in brackets; where several scores belong to a row, one above another."""
    cells = [cells_of(score, [run.result for run in runs]) for score in job.scores]
    columns = [" <br> ".join(column) for column in zip(*cells, strict=True)]
    seconds, memory = min(run.seconds for run in runs), max(run.megabytes for run in runs)
    limit = "" if job.minutes is None else f"≤ {60 * job.minutes:.0f}: {_verdict(seconds <= 60 * job.minutes)}"
    facts = [f"`microgradient train {job.words}`", *columns, str(len(runs)), f"{seconds:.0f}", limit, f"{memory:.0f}"]
    return f"| {' | '.join(facts)} |"


def cells_of(score: Score, results: Sequence[Mapping[str, float | None]]) -> tuple[str, str, str, str]:
    """The name of a score, its median and worst value, the baseline's median, and whether the goal is reached: by the median, or,
    where the goal is the baseline, by the median of the differences from it. A run that lacks a number reaches no goal.
    """
    name = score.name.replace("_", " ")
    values = [result.get(score.name) for result in results]
    baselines = [result.get(score.baseline) if score.baseline else 0.0 for result in results]
    if any(value is None or not np.isfinite(value) for value in [*values, *baselines]):
        return name, "–", "–" if score.baseline else "", f"{score.goal}: {_verdict(False)}" if score.goal else ""
    found, beside = np.array(values, float), np.array(baselines, float)
    worst = found.max() if re.search("loss|rmse|error", score.name, re.I) else found.min()
    verdict = score.goal
    if score.goal:
        sign, wanted, *unit = score.goal.split()
        limit = beside if wanted == "baseline" else float(wanted) / (100 if unit else 1)
        verdict += f": {_verdict(_REACHED[sign](float(np.median(found - limit)), 0.0))}"
    baseline = _number(np.median(beside)) if score.baseline else ""
    return name, f"{_number(np.median(found))} ({_number(worst)})", baseline, verdict


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**not reached**"


def _machine() -> str:
    """The processor that rows are measured on."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    width = next((name for name in ("avx512f", "avx2") if name in flags), platform.machine()).upper().removesuffix("F")
    target = os.environ.get("MICROGRADIENT_TARGET", "").upper()
    return f"Measured last on {os.cpu_count()} cores with {width}{f', of which {target} is used' if target else ''}."


def _number(value: Any) -> str:
    return f"{value:.4g}"


if __name__ == "__main__":
    main()
