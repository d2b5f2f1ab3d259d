"""Nested tuples, lists and dicts of values ("trees"): taken apart into a list of leaves and put together again."""

from __future__ import annotations

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
            return type(tree)(zip(keys, parts, strict=True))
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
