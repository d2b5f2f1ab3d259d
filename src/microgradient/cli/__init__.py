"""The command line: `microgradient train`, `microgradient recipes`."""

from .main import main

__all__ = ["main"]
