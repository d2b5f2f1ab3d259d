"""Reinforcement learning beside stable-baselines3 and single-file PyTorch: time for the same steps, and returns against time.

    python benchmarks/rl.py [--only "cartpole ppo"] [--seeds N] [--part 0.25] [--threads 1] [--json FILE] [--page]

Each library trains in a process of its own, on the recipe's settings and number of environment steps, and they take turns;
figures are medians over seeds. Time is wall time of training, from the first step, with our compilation (the cache is empty),
without imports, and without making environments and networks.

Time is that of physics, too: Microgradient moves all copies of these environments at once, by equations of motion in arrays,
where the others have gymnasium step them one by one. The column "on gymnasium", and the ratios in brackets, are of ours with
gymnasium's own stepping: there only the learners differ. gymnasium's check of what an environment returns is off for all.

Returns are those of the last 20 training episodes, exploration included. PyTorch gets one thread by default:
on networks of this size two are slower.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click
import records
from rich.console import Console
from rich.table import Table

OURS, STEPPED, SB3, TORCH = "microgradient", "microgradient on gymnasium", "stable-baselines3", "PyTorch"
LIBRARIES = (OURS, STEPPED, SB3, TORCH)
TASKS = (
    *(f"{name} {algorithm}" for name in ("cartpole", "acrobot") for algorithm in ("reinforce", "a2c", "ppo", "dqn")),
    *(f"{name} {algorithm}" for name in ("pendulum", "mountaincar") for algorithm in ("sac", "td3", "ppo")),
)
Note = Callable[[int, Iterable[float]], None]  # told steps so far and returns of the last episodes
Run = Callable[[Note], None]
Runs = dict[str, list[dict[str, Any]]]  # of one task, by library
Results = dict[str, Runs]
MUST = 0.5  # of the other's time
PAGE = Path(__file__).parents[1] / "docs" / "rl.md"
POINTS = 200  # of a curve, at most
COLUMNS = (
    "",
    "seeds",
    "steps",
    *(f"{library}, s" for library in LIBRARIES),
    "of sb3's (on gymnasium)",
    "of PyTorch's (on gymnasium)",
    "return at the end",
)
console = Console()


@click.command(help=__doc__.splitlines()[0])
@click.option("--only", multiple=True, type=click.Choice(TASKS), help="A recipe and an algorithm; may be repeated.")
@click.option("--seeds", default=3, type=click.IntRange(1), show_default=True, help="Runs of each.")
@click.option("--part", default=1.0, type=click.FloatRange(0, 1, min_open=True), show_default=True,
              help="Which part of the recipe's steps to take.")  # fmt: skip
@click.option("--threads", default=1, type=click.IntRange(1), show_default=True, help="Threads that each library gets.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep all runs here, task by task; those that it has are not run again but with --only.")  # fmt: skip
@click.option("--page", is_flag=True, help="Write docs/rl.md and docs/rl.svg.")
def main(only: tuple[str, ...], seeds: int, part: float, threads: int, file: Path | None, page: bool) -> None:
    """Measure, print a table, write the page."""
    results: Results = records.load(file)
    for task, runs in results.items():
        if any((run["part"], run["threads"]) != (part, threads) for several in runs.values() for run in several):
            raise click.UsageError(f"{file} has {task} of another --part or with other --threads: choose another file.")
    for task in only or [task for task in TASKS if task not in results]:
        results[task] = measure(task, seeds, part, threads)
        records.save(file, results)
        console.print(
            f"{task}: " + ", ".join(f"{name} {value:.2f} s" for name, value in medians(results[task]).items())
        )
    results = {task: results[task] for task in TASKS if task in results}
    table = Table(title=f"{threads} thread(s) each, medians, {part:.0%} of the steps")
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if number else "left")
    for task, runs in results.items():
        table.add_row(task, *cells(runs))
    console.print(table)
    if page:
        write_page(results)
        draw(results, PAGE.with_suffix(".svg"))
    sys.exit(any(ratio > MUST for runs in results.values() for ratio, _ in ratios(runs).values()))


def measure(task: str, seeds: int, part: float, threads: int) -> Runs:
    """The libraries take turns, seed by seed."""
    runs: Runs = {library: [] for library in LIBRARIES if not (library == SB3 and "reinforce" in task)}
    for seed in range(seeds):
        for library, several in runs.items():
            several.append(race(task, library, seed, part, threads))
    return runs


def medians(runs: Runs) -> dict[str, float]:
    """The seconds of each library."""
    return {library: statistics.median(run["seconds"] for run in several) for library, several in runs.items()}


def ratios(runs: Runs) -> dict[str, tuple[float, float]]:
    """Our time by that of each other library, and the same with gymnasium's stepping."""
    seconds = medians(runs)
    return {
        other: (seconds[OURS] / seconds[other], seconds[STEPPED] / seconds[other])
        for other in (SB3, TORCH)
        if other in seconds
    }


def cells(runs: Runs) -> list[str]:
    """What stands behind the task's name in its line of the table."""
    seconds, found = medians(runs), ratios(runs)
    returns = (statistics.median(run["curve"][-1][2] for run in several) for several in runs.values())
    return [
        str(len(runs[OURS])),
        f"{runs[OURS][0]['steps']:,}",
        *(f"{seconds[library]:.1f}" if library in seconds else "–" for library in LIBRARIES),
        *("{:.2f} ({:.2f})".format(*found[other]) if other in found else "–" for other in (SB3, TORCH)),
        " / ".join(f"{value:.0f}" for value in returns),
    ]


def write_page(results: Results) -> None:
    """The table of docs/rl.md."""
    records.write_measured(PAGE, records.table(COLUMNS, [[task, *cells(runs)] for task, runs in results.items()]))


def race(task: str, library: str, seed: int, part: float, threads: int) -> dict[str, Any]:
    """One run in a process of its own."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "MICROGRADIENT_CACHE": cache, "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, "--worker", task, library, str(seed), str(part), str(threads)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"{library} failed at {task}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def worker(task: str, library: str, seed: int, part: float, threads: int) -> dict[str, Any]:
    """Train, and note time and returns on the way."""
    from microgradient.recipes import RECIPES

    name, algorithm = task.split()
    settings = dict(RECIPES[name].settings[algorithm])
    total = max(1, round(part * settings.pop("steps")))
    make = {OURS: ours, STEPPED: partial(ours, motion=False), SB3: sb3, TORCH: single_file}[library]
    run = make(algorithm, RECIPES[name].environment, total, seed, settings, threads)
    curve: list[tuple[float, int, float]] = []
    begun, used = time.perf_counter(), time.process_time()

    def note(steps: int, returns: Iterable[float]) -> None:
        now = time.perf_counter() - begun
        if not curve or now > curve[-1][0] + 0.2 or steps >= total:
            curve.append((now, steps, statistics.mean([*returns][-20:] or [0.0])))

    run(note)
    seconds = time.perf_counter() - begun
    thin = [*curve[: -1 : 1 + len(curve) // POINTS], curve[-1]]
    told = {"seconds": seconds, "processor": time.process_time() - used, "steps": curve[-1][1], "curve": thin}
    return told | {"part": part, "threads": threads}


def ours(
    algorithm: str, name: str, total: int, seed: int, settings: dict[str, Any], threads: int, motion: bool = True
) -> Run:
    """Microgradient, on environments moved by `motion`'s equations or by gymnasium."""
    import microgradient as mg
    from microgradient.native.runtime import blas
    from microgradient.rl import AGENTS, Environments

    mg.set_num_threads(threads)
    mg.manual_seed(seed)
    agent = AGENTS[algorithm](Environments(name, settings.pop("n_envs"), seed, motion), seed, **settings)

    def run(note: Note) -> None:
        with blas.one_thread():
            while agent.steps < total:
                agent.iterate()
                note(agent.steps, agent.environments.returns)

    return run


def single_file(algorithm: str, name: str, total: int, seed: int, settings: dict[str, Any], threads: int) -> Run:
    """PyTorch by hand."""
    import torch
    from workloads.rl_torch import train

    torch.set_num_threads(threads)
    iterations = train(algorithm, name, total, seed, settings)

    def run(note: Note) -> None:
        for steps, returns in iterations:
            note(steps, returns[-20:])

    return run


def sb3(algorithm: str, name: str, total: int, seed: int, settings: dict[str, Any], threads: int) -> Run:
    """stable-baselines3, told the same in its own words."""
    import numpy as np
    import stable_baselines3
    import torch
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

    torch.set_num_threads(threads)
    envs = make_vec_env(name, settings.pop("n_envs"), seed=seed, env_kwargs={"disable_env_checker": True})
    if "exploration_steps" in settings:
        settings["exploration_fraction"] = min(1.0, settings.pop("exploration_steps") / total)
    if algorithm == "sac" and "ent_coef" not in settings:
        settings["ent_coef"] = "auto"
    scale, past = settings.pop("action_noise", 0.0), settings.pop("noise_correlation", 0.0)
    if scale:
        mean = np.zeros(envs.action_space.shape)
        spread = mean + scale * np.sqrt(1 - past**2)
        white = NormalActionNoise(mean, spread)
        settings["action_noise"] = OrnsteinUhlenbeckActionNoise(mean, spread, theta=1 - past, dt=1.0) if past else white
    policy = {"net_arch": [*settings.pop("net_arch")]} if "net_arch" in settings else {}
    kind = getattr(stable_baselines3, algorithm.upper())
    agent = kind("MlpPolicy", envs, seed=seed, device="cpu", policy_kwargs=policy, **settings)

    class Callback(BaseCallback):
        note: Note

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            self.note(self.num_timesteps, [info["r"] for info in agent.ep_info_buffer])

    def run(note: Note) -> None:
        callback = Callback()
        callback.note = note
        agent.learn(total, callback=callback)

    return run


def draw(results: Results, file: Path) -> None:
    """Returns against time, a panel for each task, a line for each run."""
    from matplotlib.figure import Figure

    columns = min(4, len(results))
    rows = -(-len(results) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.8 * rows), layout="constrained")
    colours = dict(zip(LIBRARIES, ("#0969da", "#54aeff", "#8c959f", "#bc4c00"), strict=True))
    lines = {}
    for place, (task, runs) in enumerate(results.items(), 1):
        axis = figure.add_subplot(rows, columns, place)
        for library, several in runs.items():
            for run in several:
                seconds, _, returns = zip(*run["curve"], strict=True)
                (lines[library],) = axis.plot(seconds, returns, color=colours[library], lw=1.2)
        axis.set_title(task, fontsize=10)
        axis.set_xlabel("seconds")
        axis.set_ylabel("return, last 20 episodes" if (place - 1) % columns == 0 else "")
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=len(lines))
    figure.savefig(file)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        task, library, seed, part, threads = sys.argv[2:]
        print(json.dumps(worker(task, library, int(seed), float(part), int(threads))))
    else:
        main()
