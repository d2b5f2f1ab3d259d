"""What the doctor advises, in the options of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ..errors import ArgumentError
from .recipe import Recipe, check_options
from .step import largest_norm


def advised(recipe: Recipe, change: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `recipe` that make a finding's change (`Finding.options`); none where no option does.

    They do if the recipe has each of them and takes its value, and at least one is other than the run's.

    >>> from microgradient.recipes import RECIPES
    >>> recipe = RECIPES["two-layer"](RECIPES["two-layer"].defaults)
    >>> advised(recipe, {"lr": 0.25}), advised(recipe, {"lr": recipe.options.lr}), advised(recipe, {"gain": 2.0})
    ({'lr': 0.25}, {}, {})
    """
    wanted = dict(recipe.as_options(change))
    if not wanted or not wanted.keys() <= {field.name for field in fields(recipe.defaults)}:
        return {}
    try:
        check_options(replace(recipe.defaults, **wanted), type(recipe))
    except ArgumentError:
        return {}
    now = recipe.options.as_dict()
    others = [name for name, value in wanted.items() if now[name] != value]
    if others == ["clip"] and now["clip"] != "auto" and largest_norm(recipe) == float(wanted["clip"]):
        return {}
    return wanted if others else {}
