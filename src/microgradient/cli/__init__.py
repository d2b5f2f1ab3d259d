"""The command line: ``microgradient train``, ``microgradient recipes``."""

from microgradient.cli.main import main

__all__ = ["main"]
