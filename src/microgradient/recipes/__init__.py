"""The recipes: what `microgradient train` can train, one short file each."""

from __future__ import annotations

from ..train.recipe import Recipe
from .digits import Digits
from .moons import Moons
from .names import Names
from .table import TableRecipe
from .text import Text
from .two_layer import TwoLayer

RECIPES: dict[str, type[Recipe]] = {recipe.name: recipe for recipe in (TwoLayer, Moons, Digits, Names, Text)}
"""By name, the smallest first. A CSV file is trained by `TableRecipe`."""

__all__ = ["RECIPES", "Digits", "Moons", "Names", "TableRecipe", "Text", "TwoLayer"]
