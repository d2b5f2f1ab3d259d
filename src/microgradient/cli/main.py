"""The command `microgradient`. A mistake gets one sentence on standard error and a non-zero exit, no traceback."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..errors import ArgumentError, DataError, MicrogradientError

_TRACEBACK = "MICROGRADIENT_TRACEBACK"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 could not, 2 not understood, 130 stopped by the user."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            return int(_command.main(arguments, prog_name="microgradient", standalone_mode=False) or 0)
    except MicrogradientError as error:
        return _fail(str(error), 1)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _fail("Stopped.", 130)
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(
            f"The system says: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}.", 1
        )
    except MemoryError as error:
        return _fail(f"Out of memory. Try a smaller --batch-size. {error}".strip(), 1)
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            raise
        return _fail(f"A fault in Microgradient: {type(error).__name__}: {error}. Set {_TRACEBACK}=1 to see where.", 1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, prog_name="microgradient", message="%(prog)s %(version)s")
@click.pass_context
def _command(context: click.Context) -> None:
    """Automatic differentiation and neural networks you can see through."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@_command.command("recipes")
def _recipes() -> None:
    """List what can be trained."""
    from ..recipes import RECIPES, TableRecipe

    rows = [*((name, recipe.summary) for name, recipe in RECIPES.items()), ("FILE.csv", TableRecipe.summary)]
    width = max(len(name) for name, _ in rows)
    for name, summary in rows:
        click.echo(f"{name:<{width}}  {summary}")


@_command.command("train")
@click.argument("source", metavar="NAME|FILE.csv")
@click.option("--epochs", type=int, help="How many times each training example is shown.")
@click.option("--batch-size", type=int, help="Examples per step.")
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--optimizer", type=str, help="sgd, adam, adamw, …")
@click.option(
    "--model", type=str, help="One of the recipe's models: mlp or cnn for digits, mlp or linear for a CSV file."
)
@click.option("--seed", type=int, help="Decides all that is random: split, first weights, order.  [default: 0]")
@click.option("--out", type=click.Path(path_type=Path, readable=False), help="The run folder.  [default: runs/NAME]")
@click.option("--target", type=str, help="The column of a CSV file to predict.  [default: the last]")
@click.option("--text", type=str, metavar="FILE", help="A text file for the recipe text to learn.")
@click.option("--compile/--no-compile", default=None, help="Run each step as machine code.  [default: --compile]")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, or the latest of this name.")
def _train(source: str, out: Path | None, resume: bool, **options: Any) -> None:
    """Train a recipe (see: microgradient recipes) or on a CSV file."""
    from ..train.loop import InterruptedRunError
    from ..train.session import Session

    kind, make, source = _find(source)
    given = {name: value for name, value in options.items() if value is not None}
    if "text" in given:
        given["text"] = os.path.abspath(given["text"])
    if "optimizer" in given:
        given["optimizer"] = given["optimizer"].lower()
    begin = Session.resume if resume else Session.begin
    session = begin(source, kind, make, given, out)
    try:
        session.run(click.echo)
    except InterruptedRunError as stop:
        click.echo(f"{stop.message} All is saved; to go on: {session.resume_command()}", err=True)
        raise click.exceptions.Exit(130) from stop


@_command.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--compile", is_flag=True, help="Compile the functions that take a training step.")
def _run(script: Path, arguments: tuple[str, ...], compile: bool) -> None:
    """Run a PyTorch program, unchanged: `torch` stands for microgradient.torch."""
    from ..torch.running import run

    if not script.is_file():
        raise DataError("MG180", f"There is no file {script}.")
    raise click.exceptions.Exit(run(script, arguments, compile))


def _find(source: str) -> tuple[Any, Any, str]:
    """The recipe that `source` names, how to make it from its options, and the source's full name."""
    from ..recipes import RECIPES, TableRecipe

    if source in RECIPES:
        return RECIPES[source], RECIPES[source], source
    path = Path(source)
    if path.suffix or path.exists() or len(path.parts) > 1:
        if not path.exists():
            raise DataError("MG180", f"There is no file {source}.")
        return TableRecipe, partial(TableRecipe, path=path), os.path.abspath(source)
    close = difflib.get_close_matches(source.lower(), RECIPES, 1)
    hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(RECIPES)}, or name a CSV file."
    raise ArgumentError("MG189", f"There is no recipe {source!r}: {hint}")


def _warn(message: Warning | str, *_where: Any, **_named: Any) -> None:
    """Say a warning on standard error, in one line; the place in the code is ours and tells the user nothing."""
    click.echo(f"Warning: {' '.join(str(message).split())}", err=True)


def _fail(sentence: str, code: int) -> int:
    click.echo(f"Error: {' '.join(sentence.split())}", err=True)
    return code
