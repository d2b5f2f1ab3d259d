"""`microgradient learn`: the lessons, on the page or in the terminal."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..language import LANGUAGES, closest, translate
from .ctrl_c import stay
from .paths import NamedPath
from .terminal import printable

if TYPE_CHECKING:
    from ..learn import LessonSession


@click.command(short_help="Learn backpropagation in lessons, with questions.")
@click.argument("lesson", required=False)
@click.option("--lang", default="", help=f"The language: {', '.join(LANGUAGES)}.  [default: the locale's]")
@click.option("--text", is_flag=True, help="Take the lesson in the terminal instead of the browser.")
@click.option("--score", type=NamedPath(dir_okay=False), help="Keep the answers in this JSON file.")
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
def learn(lesson: str | None, lang: str, text: bool, score: Path | None, no_browser: bool) -> None:
    """Take a lesson, by its number or its name; without one, list them.

    A lesson is a program that is run cell by cell. At a question it waits: write a number, and it is graded; an empty
    line shows the answer.
    """
    if lang:
        if closest(lang) == "en" and lang[:2].lower() != "en":
            raise click.UsageError(f"There is no language {lang!r}: choose from {', '.join(LANGUAGES)}.")
        os.environ["MICROGRADIENT_LANG"] = lang  # an error is told in it, too
    if lesson is None:
        _list()
    elif text:
        from ..learn import LessonSession, find

        _in_the_terminal(LessonSession(find(lesson), score))
    else:
        from ..learn.page import LessonPage
        from ..page.view import serve

        stay(serve(LessonPage(lesson, score), open_browser=not no_browser, lang=lang))


def _list() -> None:
    from ..learn import lessons

    for lesson in lessons():
        click.echo(lesson.title)
    click.echo("\n" + translate("microgradient learn 1 begins with the first."))


def _in_the_terminal(session: LessonSession) -> None:
    """Print the cells as far as they have been run, ask, and go on."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.syntax import Syntax

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal has all characters
    console, shown = Console(), 0
    while True:
        last = len(session.lesson.cells) if session.waiting is None else session.waiting
        for k in range(shown, last):
            cell = session.lesson.cells[k]
            if cell.kind == "text":
                console.print(Markdown(cell.text))
            elif cell.kind == "code":
                console.print(Syntax(cell.code, "python", background_color="default"))
                console.print(printable_lines(session.outputs[k] or ""), style="cyan", highlight=False, markup=False)
        shown = last
        if session.waiting is None:
            break
        console.print(Markdown(session.lesson.cells[session.waiting].text), style="bold")
        _ask(session)
    record = session.record()
    click.echo(translate(f"{record['right']} of {record['of']} questions answered rightly."))


def _ask(session: LessonSession) -> None:
    """Ask until the answer is right, or given up by an empty line."""
    place = session.waiting
    assert place is not None
    while session.waiting == place:
        words = click.prompt(">", default="", show_default=False, prompt_suffix=" ")
        if words.strip():
            session.answer(words)
        else:
            session.give_up()
        click.echo(printable(translate(session.verdicts[place])))


def printable_lines(text: str) -> str:
    """What a lesson printed, without control characters."""
    return "\n".join(map(printable, text.rstrip("\n").split("\n")))
