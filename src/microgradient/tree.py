"""Nested tuples, lists and dicts of values ("trees"): taken apart into a list of leaves and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of `tree` in order, and the function that builds the same tree around other leaves.

    None is a tree without leaves, as in JAX. Dicts keep their order; named tuples keep their type.

    >>> leaves, rebuild = flatten({"w": [1, 2], "b": 3})
    >>> leaves, rebuild([10, 20, 30])
    ([1, 2, 3], {'w': [10, 20], 'b': 30})
    """
    if tree is None:
        return [], lambda leaves: None
    if isinstance(tree, dict):
        keys, children = list(tree), list(tree.values())

        def build(parts: list[Any]) -> Any:
            new = copy.copy(tree)  # a defaultdict stays one
            new.update(zip(keys, parts, strict=True))
            return new
    elif isinstance(tree, list | tuple):
        children = list(tree)
        fields = hasattr(tree, "_fields")

        def build(parts: list[Any]) -> Any:
            return type(tree)(*parts) if fields else type(tree)(parts)
    else:
        return [tree], lambda leaves: leaves[0]
    flat = [flatten(child) for child in children]
    counts = [len(leaves) for leaves, _ in flat]

    def rebuild(leaves: list[Any]) -> Any:
        parts, start = [], 0
        for (_, child), n in zip(flat, counts, strict=True):
            parts.append(child(leaves[start : start + n]))
            start += n
        return build(parts)

    return [leaf for leaves, _ in flat for leaf in leaves], rebuild


def leaves_like(tree: Any, model: Any) -> list[Any]:
    """The leaves of `tree` in the order of those of `model`. Raises ValueError unless the two are nested alike.

    Dicts may be in any order, and a list may stand for a tuple.

    >>> leaves_like({"b": 3, "w": (1, 2)}, {"w": [10, 20], "b": 30})
    [1, 2, 3]
    """
    if isinstance(model, dict):
        pairs = [(tree[key], child) for key, child in model.items()] if _same_keys(tree, model) else None
    elif isinstance(model, list | tuple):
        fits = isinstance(tree, list | tuple) and len(tree) == len(model)
        pairs = list(zip(tree, model, strict=True)) if fits else None
    elif model is None or tree is None or isinstance(tree, dict | list | tuple):
        pairs = [] if model is tree else None
    else:
        return [tree]
    if pairs is None:
        raise ValueError("not nested alike")
    return [leaf for part, child in pairs for leaf in leaves_like(part, child)]


def _same_keys(tree: Any, model: dict[Any, Any]) -> bool:
    return isinstance(tree, dict) and tree.keys() == model.keys()
