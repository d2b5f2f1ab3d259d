"""Paths as the command line takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class NamedPath(click.Path):
    """A file or folder, or a file alone, as a `Path`. An empty name, which `Path` reads as the current folder, is refused."""

    def __init__(self, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, readable=False, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty name is neither a file nor a folder.", param, context)
        return super().convert(value, param, context)
