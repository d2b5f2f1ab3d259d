"""Nested tuples, lists and dicts of values ("trees"): taken apart into a list of leaves and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from operator import itemgetter
from typing import Any


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of `tree` in order, and the function that builds the same tree around other leaves.

    None is a tree without leaves, as in JAX, unless `is_leaf`, which is asked of each part, says that it is one. Dicts
    keep their order and class; named tuples keep their type.

    >>> leaves, rebuild = flatten({"w": [1, 2], "b": 3})
    >>> leaves, rebuild([10, 20, 30])
    ([1, 2, 3], {'w': [10, 20], 'b': 30})
    """
    if tree is not None and not isinstance(tree, dict | list | tuple):
        return [tree], itemgetter(0)  # what a compiled function mostly returns
    leaves: list[Any] = []

    def take(leaf: Any) -> Any:
        leaves.append(leaf)
        return ...

    hollow = _mapped(take, tree, is_leaf)  # `rebuild` outlives the tree, and so must not hold its leaves
    kind = type(hollow)
    if kind in (list, tuple) and all([part is ... for part in hollow]):
        return leaves, kind
    if kind is dict and all([part is ... for part in hollow.values()]):
        keys = list(hollow)
        return leaves, lambda new: dict(zip(keys, new, strict=True))

    def rebuild(new: list[Any]) -> Any:
        rest = iter(new)
        return _mapped(lambda _: next(rest), hollow)  # an ellipsis stands for each leaf

    return leaves, rebuild


def _mapped(f: Callable[[Any], Any], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The same tree with f(leaf) in the place of each leaf."""
    if is_leaf is not None and is_leaf(tree):
        return f(tree)
    if isinstance(tree, dict):
        new = tree.copy() if type(tree) is dict else copy.copy(tree)  # a defaultdict stays one
        for key, child in tree.items():
            new[key] = _mapped(f, child, is_leaf)
        return new
    if isinstance(tree, list | tuple):
        parts = [_mapped(f, child, is_leaf) for child in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return None if tree is None else f(tree)


def nesting(tree: Any) -> Any:
    """How a tree of tuples, lists and dicts with texts as keys is nested, for `leaves_nested`; raises ValueError for others.

    >>> leaves_nested({"w": [1, 2], "b": 3}, nesting({"w": [0, 0], "b": 0}))
    [1, 2, 3]
    """
    kind = type(tree)
    if kind is dict and all([type(key) is str for key in tree]):
        return kind, tuple(tree), tuple(map(nesting, tree.values()))
    if isinstance(tree, list | tuple):
        return kind, None, tuple(map(nesting, tree))
    if isinstance(tree, dict):
        raise ValueError(f"a {kind.__name__}, or keys that are no texts")
    return None if tree is not None else (kind, None, ())


def leaves_nested(tree: Any, nested: Any) -> list[Any] | None:
    """The leaves of a tree that is nested in just this way, None of another. A look, in a third of the time of `flatten`."""
    leaves: list[Any] = []
    return leaves if _taken(tree, nested, leaves) else None


def _taken(tree: Any, nested: Any, leaves: list[Any]) -> bool:
    if nested is None:
        leaves.append(tree)
        return tree is not None and not isinstance(tree, dict | list | tuple)
    kind, keys, inside = nested
    if tree.__class__ is not kind:
        return False
    if tree is None:
        return True
    parts: Any = tree
    if keys is not None:
        if tuple(tree) != keys:
            return False
        parts = tree.values()
    return len(tree) == len(inside) and all([_taken(part, each, leaves) for part, each in zip(parts, inside)])  # noqa: B905


def leaves_like(tree: Any, model: Any) -> list[Any]:
    """The leaves of `tree` in the order of those of `model`. Raises ValueError unless the two have the same nesting.

    Dicts may be in any order, and a list may stand for a tuple.

    >>> leaves_like({"b": 3, "w": (1, 2)}, {"w": [10, 20], "b": 30})
    [1, 2, 3]
    """
    if isinstance(model, dict):
        fits = isinstance(tree, dict) and tree.keys() == model.keys()
        pairs = [(tree[key], child) for key, child in model.items()] if fits else None
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
