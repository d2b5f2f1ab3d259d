"""`torch.utils._pytree`: nested tuples, lists and dictionaries by their leaves. None is a leaf, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import ArgumentError
from ...tree import flatten
from ..types import Size

PyTree = Any


@dataclass(frozen=True)
class TreeSpec:
    """The nesting of a tree, with an ellipsis in the place of each leaf."""

    hollow: Any

    @property
    def num_leaves(self) -> int:
        """How many leaves the tree has."""
        return len(flatten(self.hollow)[0])

    def unflatten(self, leaves: Any) -> Any:
        """The tree with these leaves."""
        return tree_unflatten(leaves, self)


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree in order, and its nesting.

    >>> leaves, spec = tree_flatten({"w": [1, None], "b": (2,)})
    >>> leaves, tree_unflatten([10, 20, 30], spec)
    ([1, None, 2], {'w': [10, 20], 'b': (30,)})
    """
    leaves, rebuild = flatten(tree, _leaf_test(is_leaf))
    return leaves, TreeSpec(rebuild([...] * len(leaves)))


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """The tree of that nesting with these leaves. Raises ArgumentError unless there are as many."""
    given, (holes, rebuild) = list(leaves), flatten(treespec.hollow)
    if len(given) != len(holes):
        raise ArgumentError("MG123", f"The nesting has {len(holes)} leaves, not {len(given)}.")
    return rebuild(given)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of a tree in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The nesting of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The tree with func(leaf, …) in the place of each leaf; further arguments come from trees of the same nesting.

    >>> tree_map(lambda x, y: x + y, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf) for rest in rests]
    if any(other != spec for _, other in others):
        raise ArgumentError("MG123", "tree_map takes trees of one nesting.")
    return spec.unflatten([func(*parts) for parts in zip(leaves, *(other for other, _ in others), strict=True)])


def tree_map_only(
    kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """The tree with func(leaf) in the place of each leaf of that class, or those classes."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether `pred` holds of all leaves."""
    return all(map(pred, tree_leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether `pred` holds of a leaf."""
    return any(map(pred, tree_leaves(tree)))


def _leaf_test(is_leaf: Callable[[Any], bool] | None) -> Callable[[Any], bool]:
    return lambda x: x is None or isinstance(x, Size) or (is_leaf is not None and is_leaf(x))
