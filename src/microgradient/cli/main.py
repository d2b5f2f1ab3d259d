"""The command `microgradient`. A mistake gets one sentence on standard error and a non-zero exit, no traceback."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..errors import DataError, MicrogradientError
from ..language import translate
from .ctrl_c import raised
from .help import Context
from .learn import learn
from .paths import NamedPath
from .terminal import printable
from .train import train
from .use import evaluate, plot, predict, show
from .view import view

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
        number = isinstance(error, click.NoSuchOption) and error.option_name[1:2].isdigit()
        hint = " Write -- before inputs that begin with a hyphen." if number else ""
        return _fail(error.format_message() + hint, 2)
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
        return _fail(f"Out of memory. Try a smaller --batch-size, or fewer or smaller inputs. {error}".strip(), 1)
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
    from ..recipes import FIELDS, RECIPES, TableRecipe

    rows = [*((recipe.field, name, recipe.summary) for name, recipe in RECIPES.items()),
            (TableRecipe.field, "FILE.csv", TableRecipe.summary)]  # fmt: skip
    width = max(len(name) for _, name, _ in rows)
    for heading in FIELDS:
        here = [(name, summary) for field, name, summary in rows if field == heading]
        if here:
            click.echo(translate(heading))
        for name, summary in here:
            click.echo(f"  {name:<{width}}  {translate(summary)}")
    click.echo("\n" + translate("microgradient train NAME --help says what may be chosen."))


for command in (train, predict, evaluate, show, plot, view, learn):
    _command.add_command(command)


@_command.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
                  short_help="Run a PyTorch program, unchanged.")  # fmt: skip
@click.argument("script", type=NamedPath())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--compile", is_flag=True, help="Compile the functions that take a training step.")
def _run(script: Path, arguments: tuple[str, ...], compile: bool) -> None:
    """Run a PyTorch program, unchanged: `torch` stands for microgradient.torch."""
    from ..torch.running import run

    if not script.is_file():
        raise DataError("MG180", f"There is no file {script}.")
    with raised():
        code = run(script, arguments, compile)
    raise click.exceptions.Exit(code)


for command in (_command, *_command.commands.values()):
    command.context_class = Context


def _warn(message: Warning | str, *_where: Any, **_named: Any) -> None:
    """Say a warning on standard error, in one line; the place in the code is ours and tells the user nothing."""
    told = printable(" ".join(str(message).split()))  # ours is translated already
    click.echo(translate("Warning: ") + told, err=True)


def _fail(sentence: str, code: int) -> int:
    told = printable(translate(" ".join(sentence.split())))
    click.echo(translate("Error: ") + told, err=True)
    return code
