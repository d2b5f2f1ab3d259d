"""The recipes: what `microgradient train` can train, one short file each."""

from __future__ import annotations

from ..train.recipe import Recipe
from .acrobot import Acrobot
from .cartpole import CartPole
from .digits import Digits
from .gridworld import GridWorld
from .language import Language
from .moons import Moons
from .mountaincar import MountainCar
from .names import Names
from .outputs import Outputs
from .pendulum import Pendulum
from .table import TableRecipe
from .text import Text
from .two_layer import TwoLayer
from .yeast import Yeast

RECIPES: dict[str, type[Recipe]] = {
    recipe.name: recipe
    for recipe in (
        *(TwoLayer, Moons, Digits, Names, Text, Yeast),
        *(Outputs, Language),
        *(GridWorld, CartPole, Acrobot, Pendulum, MountainCar),
    )
}
"""By name, by field, the smallest of each first. A CSV file is trained by `TableRecipe`."""

FIELDS = (
    "first steps",
    "tables",
    "pictures",
    "language",
    "sound",
    "series",
    "recommendation",
    "reinforcement learning",
)
"""In the order in which `microgradient recipes` lists them."""

__all__ = [
    "FIELDS",
    "RECIPES",
    "Acrobot",
    "CartPole",
    "Digits",
    "GridWorld",
    "Language",
    "Moons",
    "MountainCar",
    "Names",
    "Outputs",
    "Pendulum",
    "TableRecipe",
    "Text",
    "TwoLayer",
    "Yeast",
]
