"""Data sets for the recipes, and CSV files."""

from .bigram import bigram_loss
from .datasets import load_digits, load_names, load_text, make_moons
from .split import split
from .table import Table, read_table

__all__ = ["Table", "bigram_loss", "load_digits", "load_names", "load_text", "make_moons", "read_table", "split"]
