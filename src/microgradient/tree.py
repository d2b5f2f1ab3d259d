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
    if not isinstance(tree, dict | list | tuple):
        return [tree], lambda leaves: leaves[0]
    flat = [flatten(child) for child in (tree.values() if isinstance(tree, dict) else tree)]
    return [leaf for leaves, _ in flat for leaf in leaves], _builder(
        _container(tree), [child for _, child in flat], [len(leaves) for leaves, _ in flat]
    )


def _builder(
    container: Callable[[list[Any]], Any], children: list[Callable[[list[Any]], Any]], counts: list[int]
) -> Callable[[list[Any]], Any]:
    """The function that builds a tree. It outlives the tree, and so must not hold its leaves."""

    def rebuild(leaves: list[Any]) -> Any:
        parts, start = [], 0
        for child, n in zip(children, counts, strict=True):
            parts.append(child(leaves[start : start + n]))
            start += n
        return container(parts)

    return rebuild


def _container(tree: Any) -> Callable[[list[Any]], Any]:
    """The function that puts parts into a container like `tree`."""
    cls = type(tree)
    if not isinstance(tree, dict):
        return (lambda parts: cls(*parts)) if hasattr(tree, "_fields") else cls
    keys = list(tree)
    if cls is dict:
        return lambda parts: dict(zip(keys, parts, strict=True))
    empty = copy.copy(tree)  # a defaultdict stays one
    empty.clear()

    def build(parts: list[Any]) -> Any:
        new = copy.copy(empty)
        new.update(zip(keys, parts, strict=True))
        return new

    return build


def leaves_like(tree: Any, model: Any) -> list[Any]:
    """The leaves of `tree` in the order of those of `model`. Raises ValueError unless the two have the same nesting.

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
        raise ValueError("not nested in the same way")
    return [leaf for part, child in pairs for leaf in leaves_like(part, child)]


def _same_keys(tree: Any, model: dict[Any, Any]) -> bool:
    return isinstance(tree, dict) and tree.keys() == model.keys()
