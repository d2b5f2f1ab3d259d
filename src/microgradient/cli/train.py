"""`microgradient train NAME|FILE.csv`: one command for each recipe, its flags made from the fields of its options."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

from ..errors import ArgumentError, DataError
from ..language import translate
from ..train.options import flag
from .ctrl_c import stay
from .help import Context
from .paths import NamedPath

_SOURCE = "NAME|FILE.csv"


class _Sources(click.Group):
    """The recipes and CSV files as commands. The source may also stand behind options."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if not args:
            raise click.UsageError(f"Missing argument '{_SOURCE}'. Try: microgradient recipes")
        if args[0].startswith("-") and args[0] not in context.help_option_names:
            place = _first_source(args)
            args = [args[place], *args[:place], *args[place + 1 :]]
        return super().parse_args(context, args)

    def get_command(self, context: click.Context, name: str) -> click.Command:
        kind, make, source = find(name)
        return _command_of(name, kind, make, source)


@click.group("train", cls=_Sources, options_metavar="", subcommand_metavar=f"{_SOURCE} [OPTIONS]",
             short_help="Train a recipe, or on a CSV file.")  # fmt: skip
def train() -> None:
    """Train a recipe (see: microgradient recipes) or on a CSV file.

    `microgradient train NAME --help` says what may be chosen.
    """


def find(source: str) -> tuple[Any, Callable[[Any], Any], str]:
    """The recipe that `source` names, how to make it from its options, and the source's full name."""
    from ..recipes import RECIPES, TableRecipe

    if source in RECIPES:
        return RECIPES[source], RECIPES[source], source
    path = Path(source)
    if path.suffix or path.exists() or len(path.parts) > 1:
        return TableRecipe, partial(_from_file, TableRecipe, path), os.path.abspath(source)
    close = difflib.get_close_matches(source.lower(), RECIPES, 1)
    hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(RECIPES)}, or name a CSV file."
    raise ArgumentError("MG189", f"There is no recipe {source!r}: {hint}")


def _from_file(recipe: Any, path: Path, options: Any) -> Any:
    if not path.exists():
        raise DataError("MG180", f"There is no file {path}.")
    return recipe(options, path)


def _first_source(args: list[str]) -> int:
    """The place of the first word that isn't an option or the value of one."""
    from ..recipes import RECIPES

    options = {field for recipe in RECIPES.values() for field in fields(recipe.defaults)}
    flags = {
        "--resume",
        "--tensorboard",
        "--view",
        "--no-browser",
        *(flag(field.name) for field in options if field.type == "bool"),
    }
    flags |= {"--no-" + name[2:] for name in flags}
    values = {i + 1 for i, word in enumerate(args) if word.startswith("-") and word not in flags and "=" not in word}
    places = [i for i, word in enumerate(args) if not word.startswith("-") and i not in values]
    if not places:
        raise click.UsageError(f"Missing argument '{_SOURCE}'. Try: microgradient recipes")
    return places[0]


def _command_of(name: str, kind: Any, make: Callable[[Any], Any], source: str) -> click.Command:
    """The command that trains one recipe."""
    types = get_type_hints(type(kind.defaults))
    options: list[click.Parameter] = [
        _flag(field, types[field.name], getattr(kind.defaults, field.name), kind) for field in fields(kind.defaults)
    ]
    options += [
        click.Option(
            ["--out"],
            type=NamedPath(),
            help=f"The run folder.  [default: runs/{Path(name).stem}]",
        ),
        click.Option(["--resume"], is_flag=True, help="Go on with the run in --out, or the latest of this name."),
        click.Option(
            ["--tensorboard"], is_flag=True, help="Write event files for TensorBoard into the run folder, too."
        ),
        click.Option(
            ["--view"], is_flag=True, help="Show the run in the browser: curves, pause, the graph of any step."
        ),
        click.Option(["--no-browser"], is_flag=True, help="With --view: print the address, open nothing."),
    ]

    def callback(
        out: Path | None, resume: bool, tensorboard: bool, view: bool, no_browser: bool, **options: Any
    ) -> None:
        watch = partial(_watched, open_browser=not no_browser) if view else None
        _train(kind, make, source, out, resume, tensorboard, watch, options)

    told = translate(kind.summary)
    command = click.Command(
        name, params=options, callback=callback, help=f"{told[:1].upper()}{told[1:]}{translate('.')}"
    )
    command.context_class = Context
    return command


def _flag(field: Field[Any], hint: Any, default: Any, kind: Any) -> click.Option:
    """The flag of one option. Without it the recipe's default counts, or, when a run is resumed, what it began with."""
    words = flag(field.name)
    choices = kind.models if field.name == "model" else field.metadata["choices"]
    text = translate(field.metadata["help"])
    if choices:
        text += translate(f" One of {', '.join(map(str, choices))}.")
    if default is not None and default is not MISSING:
        text += translate(f"  [default: {('yes' if default else 'no') if isinstance(default, bool) else default}]")
    if hint is bool:
        return click.Option([f"{words}/--no-{words[2:]}"], default=None, help=text)
    type_ = next(kind for kind in (*get_args(hint), hint) if kind in (int, float, str))
    return click.Option([words], type=type_, metavar=field.metadata["metavar"] or None, help=text)


def _train(
    kind: Any, make: Callable[[Any], Any], source: str, out: Path | None, resume: bool, tensorboard: bool,
    watch: Callable[[Any], None] | None, options: Any,
) -> None:  # fmt: skip
    from ..train.loop import InterruptedRunError
    from ..train.session import Session

    given = {name: value for name, value in options.items() if value is not None}
    for field in fields(kind.defaults):
        if field.name in given and field.metadata["metavar"] in ("FILE", "FOLDER"):
            given[field.name] = os.path.abspath(given[field.name])
    if "optimizer" in given:
        given["optimizer"] = given["optimizer"].lower()
    begin = Session.resume if resume else Session.begin
    session = begin(source, kind, make, given, out)
    if tensorboard:
        session.folder.begin_events()
    try:
        if watch is not None:
            watch(session)
        else:
            session.run(click.echo, examine=True)
    except InterruptedRunError as stop:
        go_on = session.resume_command()
        click.echo(translate(f"{stop.message} All is saved; to go on: {go_on}", go_on), err=True)
        raise click.exceptions.Exit(130) from stop


def _watched(session: Any, open_browser: bool) -> None:
    """Train with a page beside it, which stays until Ctrl-C."""
    from ..page.live import Run
    from ..page.view import serve
    from ..train.progress import show_progress

    run = Run(session.recipe, session.folder, session.optimizer)
    page = serve(run, open_browser=open_browser)
    try:
        session.run(click.echo, run.progress(show_progress), examine=True)
        run.end()
        click.echo(translate(f"{page.url} stays until Ctrl-C."))
        stay(page)
    finally:
        page.close()
