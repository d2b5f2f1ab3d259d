"""`microgradient view`: the graph of a program, or of the next step of a run, in the browser."""

from __future__ import annotations

import runpy
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ArgumentError, DataError
from ..language import translate
from ..tape import last_backward
from .ctrl_c import raised, stay
from .paths import NamedPath

if TYPE_CHECKING:
    from ..page.live import Run
    from ..page.session import Session


_SHOWN = (".py", ".json")  # files


@click.command(short_help="Show the graph of a program, or of a run, in the browser.")
@click.argument("target", metavar="RUN|SCRIPT.py|TRACE.json", type=NamedPath())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
@click.option("--save", type=NamedPath(dir_okay=False), help="Write a page as one file, serve nothing.")
def view(target: Path, arguments: tuple[str, ...], no_browser: bool, save: Path | None) -> None:
    """Show the graph of what a Python program differentiated last, of the next step of the run in a run folder, or of a
    file that `trace.to_json()` wrote.

    Served on this machine alone until Ctrl-C. What comes behind the name of a program is the program's own.
    """
    from ..page.session import Session
    from ..page.snapshot import save_html
    from ..page.view import serve

    if not target.exists():
        raise DataError("MG180", f"There is no file or folder {target}.")
    if not target.is_dir() and target.suffix.lower() not in _SHOWN:
        raise ArgumentError(
            "MG188", f"{target} can't be shown: name a run folder, a program, FILE.py, or a trace, FILE.json."
        )
    if not target.is_dir() and target.suffix.lower() == ".json":
        from ..page.exported import Exported

        if save is not None:
            raise click.UsageError("A page is saved where the numbers are: `trace.save_html(path)` instead of --save.")
        stay(serve(Exported(target), open_browser=not no_browser))
        return
    found = _run(target) if target.is_dir() else _program(target, arguments)
    if not isinstance(found, Session):
        try:
            found.open_step()
        except ArgumentError:  # a step that has no graph: the page shows the curves
            if save is not None:
                raise
    if save is None:
        stay(serve(found, open_browser=not no_browser))
        return
    session = found if isinstance(found, Session) else found.opened_session()
    save_html(session, save)
    click.echo(f"{save}: {save.stat().st_size / 1e3:,.0f} kB")


def _program(script: Path, arguments: tuple[str, ...]) -> Session:
    from ..explain.sweep import sweep_of
    from ..explain.trace import trace
    from ..page.session import Session

    sys.argv = [str(script), *arguments]
    before = last_backward()
    try:
        with trace(), raised():
            variables = runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code or last_backward() in (None, before):
            given = "" if end.code is None else repr(end.code)
            told = translate(f"{script} ended itself by sys.exit({given}): there is no graph to show.")
            click.echo(f"{translate('Error: ')}{told}", err=True)
            raise click.exceptions.Exit(end.code if isinstance(end.code, int) and end.code else 1) from None
        return Session(sweep_of(None, {}))  # it came to its end, as main programs do
    except Exception as error:  # the program's own, told as Python tells it
        _tell(error, script)
        raise click.exceptions.Exit(1) from None
    if last_backward() in (None, before):
        raise click.ClickException(
            f"{script} ran and differentiated nothing, so there is no graph to show: let it call `loss.backward()`."
        )
    return Session(sweep_of(None, variables))


def _tell(error: Exception, script: Path) -> None:
    """Print an error with the frames of the program, without those that ran it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != str(script):
        frame = frame.tb_next
    traceback.print_exception(type(error), error, frame)


def _run(folder: Path) -> Run:
    from ..page.past import PastRun
    from ..train.rerun import Rerun
    from ..train.run_folder import RunFolder
    from ..train.session import Session
    from .train import find

    saved = RunFolder.peek(folder)
    kind, make, source = find(saved.run.source)
    return PastRun(Rerun(Session.again(source, kind, make, saved), saved))
