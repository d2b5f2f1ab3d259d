"""Data sets for the recipes, and CSV files."""

from .bigram import bigram_loss
from .digits import load_digits
from .moons import make_moons
from .names import load_names
from .split import split
from .table import Table, read_table
from .text import load_text

__all__ = ["Table", "bigram_loss", "load_digits", "load_names", "load_text", "make_moons", "read_table", "split"]
