"""What keeps the gradients of fifty layers from vanishing or exploding: the table and the picture of docs/stability.md.

    python benchmarks/stability.py [--seeds N] [--epochs N]

Trains the recipe `depth` with each remedy and writes what came of it. The same numbers on every machine, to rounding.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
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
        norms, accuracies, ends = zip(*found, strict=True)
        drawn[remedy] = norms[0]
        first, last = norms[0][0], norms[0][-1]
        scores = "diverges" if ends[0] else f"{100 * np.median(accuracies):.1f} % ({100 * min(accuracies):.1f} %)"
        rows.append(f"| {remedy} | {first:.0e} | {last:.0e} | {scores} |")
    draw(drawn)
    table = [
        f"{epochs} epochs, {seeds} seeds: the median, and the worst in brackets.",
        "",
        "| remedy | gradient of layer 1 | of layer 50 | test accuracy |",
        "| --- | ---: | ---: | ---: |",
        *rows,
    ]
    page = DOCS / "stability.md"
    text = page.read_text().split(MARK)
    page.write_text(f"{text[0]}{MARK}\n" + "\n".join(table) + f"\n{MARK}{text[2]}")


def trained(remedy: str, seed: int, epochs: int) -> tuple[Any, float, str]:
    """The norms of the gradients before training, the test accuracy after it, and why it ended early, if it did."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        given = {"model": remedy, "seed": seed, "epochs": epochs}
        session = Session.begin("depth", Depth, Depth, given, Path(folder, "run"))
        norms = session.recipe.first_norms
        try:
            session.run(lambda _line: None)
        except NonFiniteError as error:
            return norms, 0.1, error.message
        return norms, session.folder.run.result["test_accuracy"], ""


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
