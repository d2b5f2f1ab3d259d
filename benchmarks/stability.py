"""What keeps the gradients of fifty layers from vanishing or exploding: the table and the picture of docs/stability.md.

    python benchmarks/stability.py [--seeds N] [--epochs N]

Trains the recipe `depth` with each remedy and writes what came of it. The gradients, taken before training, are the same on every
machine, to rounding. The accuracies are not quite: over hundreds of steps roundings grow.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from microgradient.errors import NonFiniteError
from microgradient.recipes.depth import REMEDIES, Depth
from microgradient.train.session import Session

DOCS = Path(__file__).parents[1] / "docs"
MARK = "<!-- measured -->"
DRAWN = ("none", "sigmoid", "large", "xavier", "he", "batchnorm", "layernorm", "residual+layernorm")


@click.command(help=__doc__.splitlines()[0])
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1))
def main(seeds: int, epochs: int) -> None:
    """Train with each remedy and each seed, and write the page."""
    rows, drawn = [], {}
    for remedy in track(REMEDIES, description="training"):
        found = [trained(remedy, seed, epochs) for seed in range(seeds)]
        norms, accuracies = zip(*found, strict=True)
        drawn[remedy] = middle = np.median(norms, axis=0)
        rows.append(f"| {remedy} | {middle[0]:.0e} | {middle[-1]:.0e} | {score(accuracies)} |")
    draw(drawn)
    table = [
        f"{epochs} epochs, {seeds} seeds: medians, and the worst accuracy in brackets.",
        "",
        "| remedy | gradient of layer 1 | of layer 50 | test accuracy |",
        "| --- | ---: | ---: | ---: |",
        *rows,
    ]
    page = DOCS / "stability.md"
    text = page.read_text().split(MARK)
    page.write_text(f"{text[0]}{MARK}\n" + "\n".join(table) + f"\n{MARK}{text[2]}")


def score(accuracies: Sequence[float | None]) -> str:
    """Median and worst of the runs, those apart that diverged."""
    ends = [x for x in accuracies if x is not None]
    diverged = f"diverges ({len(accuracies) - len(ends)} of {len(accuracies)})" if len(ends) < len(accuracies) else ""
    reached = f"{100 * np.median(ends):.1f} % ({100 * min(ends):.1f} %)" if ends else ""
    return ", else ".join(filter(None, (diverged, reached)))


def trained(remedy: str, seed: int, epochs: int) -> tuple[Any, float | None]:
    """The norms of the gradients before training, and the test accuracy after it, None if it diverged."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        given = {"model": remedy, "seed": seed, "epochs": epochs}
        session = Session.begin("depth", Depth, Depth, given, Path(folder, "run"))
        norms = session.recipe.first_norms
        try:
            session.run(lambda _line: None)
        except NonFiniteError:
            return norms, None
        return norms, session.folder.run.result["test_accuracy"]


def draw(drawn: dict[str, Any]) -> None:
    """The norms of the gradients of all layers before training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for remedy in DRAWN:
        norms = np.asarray(drawn[remedy])
        axes.semilogy(np.arange(1, 1 + len(norms))[norms > 0], norms[norms > 0], label=remedy)
    axes.set_xlabel("layer")
    axes.set_ylabel("norm of the gradient of its weights")
    axes.legend(fontsize="small", ncols=2)
    axes.grid(alpha=0.3)
    figure.savefig(DOCS / "stability.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
