"""The recipes: what ``microgradient train`` can train, one short file each."""

from __future__ import annotations

from microgradient.recipes.digits import Digits
from microgradient.recipes.moons import Moons
from microgradient.recipes.names import Names
from microgradient.recipes.table import TableRecipe
from microgradient.recipes.text import Text
from microgradient.recipes.two_layer import TwoLayer
from microgradient.train.recipe import Recipe

RECIPES: dict[str, type[Recipe]] = {recipe.name: recipe for recipe in (TwoLayer, Moons, Digits, Names, Text)}
"""By name, the smallest first. A CSV file is trained by :class:`TableRecipe`."""

__all__ = ["RECIPES", "Digits", "Moons", "Names", "TableRecipe", "Text", "TwoLayer"]
