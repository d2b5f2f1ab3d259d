"""Data sets for the recipes, and CSV files."""

from microgradient.data.bigram import bigram_loss
from microgradient.data.digits import load_digits
from microgradient.data.moons import make_moons
from microgradient.data.names import load_names
from microgradient.data.split import split
from microgradient.data.table import Table, read_table
from microgradient.data.text import load_text

__all__ = ["Table", "bigram_loss", "load_digits", "load_names", "load_text", "make_moons", "read_table", "split"]
