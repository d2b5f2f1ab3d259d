"""The recipes: what `microgradient train` can train, one short file each, with a NAME_model, NAME_baseline or the like beside it
where it needs one. Several share `picture_classes`, `seq2seq` and `writer`; `use` is what run folders are good for.
"""

from __future__ import annotations

from ..train.recipe import Recipe
from .acrobot import Acrobot
from .cartpole import CartPole
from .depth import Depth
from .detect import Detect
from .digits import Digits
from .fashion import Fashion
from .forecast import Forecast
from .gridworld import GridWorld
from .language import Language
from .moons import Moons
from .mountaincar import MountainCar
from .names import Names
from .outputs import Outputs
from .pendulum import Pendulum
from .recommend import Recommend
from .speech import Speech
from .summarise import Summarise
from .table import TableRecipe
from .text import Text
from .translate import Translate
from .two_layer import TwoLayer
from .yeast import Yeast

_ALL: tuple[type[Recipe], ...] = (
    TwoLayer,
    Moons,
    Depth,
    Digits,
    Fashion,
    Detect,
    Outputs,
    Names,
    Text,
    Language,
    Translate,
    Summarise,
    Speech,
    Yeast,
    Forecast,
    Recommend,
    GridWorld,
    CartPole,
    Acrobot,
    Pendulum,
    MountainCar,
)

RECIPES: dict[str, type[Recipe]] = {recipe.name: recipe for recipe in _ALL}
"""By name, those of a field beside each other, the smallest first. A CSV file is trained by `TableRecipe`."""

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

__all__ = ["FIELDS", "RECIPES", "TableRecipe", *(recipe.__name__ for recipe in _ALL)]
