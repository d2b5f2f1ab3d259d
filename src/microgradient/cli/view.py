"""`microgradient view`: the graph of a program, in the browser."""

from __future__ import annotations

import runpy
import sys
import traceback
from pathlib import Path

import click

from ..errors import GradientError


@click.command()
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), help="Write a page as one file, serve nothing."
)
def view(script: Path, arguments: tuple[str, ...], no_browser: bool, save: Path | None) -> None:
    """Run a Python program and show the graph of what it differentiated last.

    Served on this machine alone until Ctrl-C. What comes behind the name of the program is the program's own.
    """
    from ..explain.sweep import sweep_of
    from ..explain.trace import trace
    from ..page.session import Session
    from ..page.snapshot import save_html
    from ..page.view import serve

    sys.argv = [str(script), *arguments]
    try:
        with trace():
            variables = runpy.run_path(str(script), run_name="__main__")
    except Exception:  # the program's own, told as Python tells it
        traceback.print_exc()
        raise click.exceptions.Exit(1) from None
    try:
        session = Session(sweep_of(None, variables))
    except GradientError as error:
        raise click.ClickException(f"{script} ran, and there is no graph to show. {error}") from None
    if save is None:
        serve(session, open_browser=not no_browser).wait()
    else:
        save_html(session, save)
        click.echo(f"{save}: {save.stat().st_size / 1e3:,.0f} kB")
