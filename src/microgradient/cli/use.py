"""`predict`, `evaluate`, `show` and `plot`: what a run folder is good for afterwards."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from ..errors import ArgumentError, DataError
from ..language import translate
from .paths import NamedPath
from .terminal import printable


@click.command("predict", short_help="Predict by a trained model, as a table in CSV.")
@click.argument("run", type=NamedPath())
@click.argument("inputs", metavar="INPUT…", nargs=-1, required=True)
@click.option("--out", type=NamedPath(), help="Write the table into this file.  [default: print it]")
def predict(run: Path, inputs: tuple[str, ...], out: Path | None) -> None:
    """Predict by a trained model, as a table in CSV.

    RUN is a run folder, INPUT what its recipe takes: a CSV file, pictures, text, …
    """
    from ..recipes.use import load
    from ..train.atomic import write_atomically

    if out is not None:
        _check_apart(out, run, inputs)
    predictor = load(run)
    given = predictor.read(inputs)
    header, rows = predictor.rows(given, predictor.predict(given))
    _tell(predictor.notes)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([header, *rows])
    if out is None:
        click.echo(table.getvalue(), nl=False)
    else:
        write_atomically(out, table.getvalue().encode())
        click.echo(translate(f"{len(rows):,} rows in {out}", str(out)))


@click.command("evaluate", short_help="Score a trained model on other data.")
@click.argument("run", type=NamedPath())
@click.argument("data", required=False)
def evaluate(run: Path, data: str | None) -> None:
    """Score a trained model, on DATA of the form it was trained on, or on what was held out."""
    from ..recipes.use import load, scores

    if data is None:
        metrics = scores(run)
    else:
        predictor = load(run)
        metrics = predictor.evaluate(data)
        _tell(predictor.notes)
    for metric in metrics:
        click.echo(printable(str(metric)))


@click.command("show", short_help="Show a run: what was trained, on what, and how well.")
@click.argument("run", type=NamedPath())
def show(run: Path) -> None:
    """Show a run: what was trained, on what, how well, by which command, and its curves."""
    from ..recipes.use import summary

    for line in summary(run):
        click.echo(printable(line))


@click.command("plot", short_help="Plot the curves of a run, its gradients and its weights.")
@click.argument("run", type=NamedPath())
@click.option(
    "--out", type=NamedPath(), metavar="FILE.png|FILE.svg", help="Draw into this file.  [default: in the terminal]"
)
def plot(run: Path, out: Path | None) -> None:
    """Plot a run: its curves, the gradient that reaches each parameter, the weights.

    The terminal needs plotext, a picture matplotlib: pip install 'microgradient[plots]'.
    """
    from ..recipes import plots
    from ..train.atomic import write_atomically
    from ..train.pictures import drawn

    form = "" if out is None else out.suffix.lower().removeprefix(".")
    if out is not None and form not in ("png", "svg"):
        raise ArgumentError("MG188", f"--out {out} has to end in .png or .svg.")
    if out is not None and importlib.util.find_spec("matplotlib") is None:
        raise DataError("MG184", "A picture needs matplotlib, which is missing: pip install 'microgradient[plots]'.")
    found = plots.charts(run)
    if out is not None:
        write_atomically(out, drawn(partial(plots.draw, found=found), form, plots.size(found)))
        count = len(found.panels) + bool(found.gradients) + len(found.weights)
        click.echo(translate(f"{count:,} charts in {out}", str(out)))
        return
    columns, colour = (
        shutil.get_terminal_size((100, 24)).columns,
        sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
    )
    for line in plots.in_terminal(found, columns, colour):
        click.echo(line)


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(translate("Note: ") + printable(translate(note)), err=True)


def _check_apart(out: Path, run: Path, inputs: Sequence[str]) -> None:
    """Raise `ArgumentError` (MG188) if the table would be written over an input or over a file that the run needs."""
    from ..train.run_folder import BEST, METRICS, MODEL, OPTIMIZER, RUN, STATE

    kept = [str(run / name) for name in (MODEL, OPTIMIZER, BEST, STATE, RUN, METRICS)]
    for path in (*inputs, *kept):
        if os.path.exists(path) and out.exists() and out.samefile(path):
            whose = "a file of the run" if path in kept else "an input"
            raise ArgumentError(
                "MG188", f"--out {out} would overwrite {path}, {whose}: choose another name for the table."
            )
