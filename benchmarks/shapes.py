"""Functions called with ever new lengths: how long a loop takes compiled, compiled for each length, and eagerly.

    python benchmarks/shapes.py

Each figure is of a process of its own with an empty cache of machine code, its compilations included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from os import environ
from typing import Any

import click
import numpy as np

Job = tuple[Callable[..., Any], Iterator[tuple[Any, ...]]]
MODES = ("eager", "compiled", "each length")


def episodes() -> Job:
    """A REINFORCE step for each of 600 episodes of 10 to 200 steps."""
    import microgradient as mg
    from microgradient import nn, optim

    model = nn.Sequential(nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 2))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)

    def step(x: Any, actions: Any, returns: Any) -> Any:
        optimizer.zero_grad()
        chosen = mg.take_along_axis(nn.functional.log_softmax(model(x), 1), actions, axis=1)
        loss = -mg.sum(chosen[:, 0] * returns)
        loss.backward()
        optimizer.step()
        return loss

    def arguments() -> Iterator[tuple[Any, ...]]:
        rng = np.random.default_rng(0)
        for n in rng.integers(10, 200, 600):
            yield rng.normal(size=(n, 4)).astype(np.float32), rng.integers(0, 2, (n, 1)), np.ones(n, np.float32)

    return step, arguments()


def epochs() -> Job:
    """20 epochs of 32 batches of 64 images and a last one of 17."""
    import microgradient as mg
    from microgradient import nn, optim

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), mg.asarray(y))
        loss.backward()
        optimizer.step()
        return loss

    def arguments() -> Iterator[tuple[Any, ...]]:
        rng = np.random.default_rng(0)
        for n in ([64] * 32 + [17]) * 20:
            yield rng.normal(size=(n, 784)).astype(np.float32), rng.integers(0, 10, n)

    return step, arguments()


def sequences() -> Job:
    """A step of a GRU on each of 300 texts of 2 to 30 characters."""
    import microgradient as mg
    from microgradient import nn, optim

    embedding, gru, head = nn.Embedding(27, 16), nn.GRU(16, 32, batch_first=True), nn.Linear(32, 27)
    optimizer = optim.Adam([*embedding.parameters(), *gru.parameters(), *head.parameters()], lr=1e-3)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        h, _ = gru(embedding(mg.asarray(x)))
        loss = nn.functional.cross_entropy(head(h)[0], mg.asarray(y))
        loss.backward()
        optimizer.step()
        return loss

    def arguments() -> Iterator[tuple[Any, ...]]:
        rng = np.random.default_rng(0)
        for n in rng.integers(2, 30, 300):
            text = rng.integers(0, 27, n + 1)
            yield text[None, :-1], text[1:]

    return step, arguments()


JOBS = {job.__name__: job for job in (episodes, epochs, sequences)}


@click.command()
@click.option("--job", "of", default="", hidden=True, help="One figure, as JSON.")
def main(of: str) -> None:
    """Print a table of seconds and of programs."""
    if of:
        click.echo(json.dumps(_measured(*of.split(":"))))
        return
    for name, job in JOBS.items():
        click.echo(f"{name}: {job.__doc__}")
        for mode in MODES:
            with tempfile.TemporaryDirectory() as cache:
                environment = {**environ, "MICROGRADIENT_CACHE": cache}
                command = [sys.executable, "-W", "ignore", __file__, "--job", f"{name}:{mode}"]
                found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
            seconds, calls, programs, eager = json.loads(found)
            each = seconds / calls * 1e3
            click.echo(
                f"    {mode:12} {seconds:7.2f} s {each:8.3f} ms a call {programs:4} programs {eager:5} calls ran eagerly"
            )


def _measured(name: str, mode: str) -> tuple[float, int, int, int]:
    import microgradient as mg

    mg.manual_seed(0)
    step, arguments = JOBS[name]()
    given = [*arguments]
    function = step if mode == "eager" else mg.compile(step, dynamic=mode == "compiled")
    if mode == "eager":
        given = [tuple(mg.asarray(a) for a in args) for args in given]
    started = time.perf_counter()
    for args in given:
        function(*args)
    seconds = time.perf_counter() - started
    stats = function.stats() if mode != "eager" else {"programs": 0, "eager_calls": {}}
    return seconds, len(given), stats["programs"], sum(stats["eager_calls"].values())


if __name__ == "__main__":
    main()
