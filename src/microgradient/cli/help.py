"""Help in the language of the process: click writes it, sentence by sentence, through a formatter."""

from __future__ import annotations

from collections.abc import Iterable

import click

from ..language import translate


class Formatter(click.HelpFormatter):
    """click's formatter of help, which translates what it is given."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """`Usage: microgradient …`"""
        super().write_usage(prog, args, translate("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """The name of a section."""
        told = translate(f"{heading}:")
        self.write(f"{'':>{self.current_indent}}{told}\n")

    def write_text(self, text: str) -> None:
        """A paragraph, or several."""
        super().write_text(translate(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, with what each is for."""
        super().write_dl([(name, translate(text)) for name, text in rows], col_max, col_spacing)


class Context(click.Context):
    """A context whose help is written so."""

    formatter_class = Formatter
