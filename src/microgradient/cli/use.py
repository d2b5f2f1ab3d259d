"""`predict`, `evaluate` and `show`: what a run folder is good for afterwards."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import click

from .terminal import printable

RUN_FOLDER = click.Path(path_type=Path, readable=False)


@click.command("predict")
@click.argument("run", type=RUN_FOLDER)
@click.argument("inputs", metavar="INPUT…", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the table into this file.  [default: print it]")
def predict(run: Path, inputs: tuple[str, ...], out: Path | None) -> None:
    """Predict by a trained model, as a table in CSV.

    RUN is a run folder, INPUT what its recipe takes: a CSV file, pictures, text, …
    """
    from ..recipes.use import load
    from ..train.atomic import write_atomically

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
        click.echo(f"{len(rows):,} rows in {out}")


@click.command("evaluate")
@click.argument("run", type=RUN_FOLDER)
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


@click.command("show")
@click.argument("run", type=RUN_FOLDER)
def show(run: Path) -> None:
    """Show a run: what was trained, on what, how well, by which command, and its curves."""
    from ..recipes.use import summary

    for line in summary(run):
        click.echo(printable(line))


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(f"Note: {printable(note)}", err=True)
