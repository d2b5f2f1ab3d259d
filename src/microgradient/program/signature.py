"""Signatures: what must be equal among the arguments of two calls for one program to fit both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..interop import DEFAULT_FLOAT
from ..scalar import Value
from ..tape import NOT_STORED, recording
from ..tensor import Tensor
from ..tree import flatten, leaves_nested, nesting
from .capture import ARRAY, FLOAT, INSIDE, STATIC, TENSOR, VALUE

if TYPE_CHECKING:
    from .specialization import AnySpecialization

ENTRIES = 4
"""Where the entries for the leaves begin in a key; before them is what concerns the whole call."""


def signature(leaves: list[Any], tree: Any, outside: set[int], static: Any, of_values: bool) -> tuple[list[int], Any]:
    """The kinds of the leaves, and what must be equal. `static` is the user's own part of it.

    A tensor or Value that the function closes over (`outside`) is a constant as an argument: what the function changes through
    one of the two names, it sees through the other. `of_values`: numbers of Values are read at each call.
    """
    kinds, key = [], [_structure(tree), recording.get() is None, DEFAULT_FLOAT[0], static]
    first: dict[int, int] = {}
    entry: tuple[Any, ...]
    for n, leaf in enumerate(leaves):
        if id(leaf) in outside:
            kind, entry = STATIC, (STATIC, id(leaf))
        else:
            kind, entry = (VALUE, (VALUE,)) if of_values and isinstance(leaf, Value) else _described(leaf)
        if kind in (TENSOR, VALUE):
            entry = (*entry, first.setdefault(id(leaf), n))
        kinds.append(kind)
        key.append(entry)
    return kinds, tuple(key)


def _described(leaf: Any) -> tuple[int, tuple[Any, ...]]:
    if isinstance(leaf, Tensor):
        node, what = leaf.node, (leaf.datum.shape, leaf.datum.dtype, leaf.result_class)
        if node is None or recording.get() is None:
            return TENSOR, (TENSOR, *what, node is None)
        kind = TENSOR if node.op is None and node.stored is not NOT_STORED else INSIDE
        return kind, (kind, *what, False)
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind in "biufc":
            return ARRAY, (ARRAY, leaf.shape, leaf.dtype)
        return STATIC, (STATIC, id(leaf))
    if isinstance(leaf, float | np.float32 | np.float16):
        return FLOAT, (FLOAT,)
    if isinstance(leaf, complex):
        return STATIC, (STATIC, type(leaf), repr(leaf))  # with the signs of its zeros
    if isinstance(leaf, bool | int | str | bytes | complex | np.generic | np.dtype | type | slice):
        return STATIC, (STATIC, type(leaf), str(leaf) if isinstance(leaf, slice) else leaf)
    return STATIC, (STATIC, id(leaf))


def _structure(tree: Any) -> Any:
    """Something hashable that says how a tree is nested."""
    if isinstance(tree, dict):
        keys = tuple([(type(k), k) for k in tree])  # 1 is not True
        return type(tree), keys, tuple([_structure(x) for x in tree.values()])
    if isinstance(tree, list | tuple):
        return type(tree), tuple([_structure(x) for x in tree])
    return tree is None


QuickCheck = Callable[[tuple[Any, ...], dict[str, Any], Any], "Sequence[Any] | None"]


def quick_check(
    args: tuple[Any, ...],
    options: dict[str, Any],
    leaves: list[Any],
    found: AnySpecialization,
    static: Callable[[], bool] | None,
) -> QuickCheck | None:
    """A quick look whether arguments have the signature of these, on whose `leaves` `found` just ran: their leaves, or None.

    `static` says whether the user's own part of it is the same. The look takes the recorder that is active, too.
    """
    try:
        nested = nesting((args, options))
    except ValueError:
        return None
    flat = not options and all([part is None for part in nested[2][0][2]])
    kinds = found.kinds
    if len({id(x) for x, k in zip(leaves, kinds, strict=True) if k == TENSOR}) < kinds.count(TENSOR):
        return None
    if INSIDE in kinds or VALUE in kinds:
        return None
    off, default = recording.get() is None, DEFAULT_FLOAT[0]
    wanted = [(k, type(x), *_quick_entry(x, k)) for x, k in zip(leaves, kinds, strict=True)]
    several = found.changes_arguments and kinds.count(TENSOR) > 1
    # two names of one tensor that is only read are fine
    outside = found.guards.outside if found.traced.effects else ()
    count = len(kinds)

    def check(args: tuple[Any, ...], options: dict[str, Any], recorder: Any) -> Sequence[Any] | None:
        if (recorder is None) is not off or DEFAULT_FLOAT[0] is not default or (static is not None and not static()):
            return None
        leaves: Any = args if flat and not options else leaves_nested((args, options), nested)
        if leaves is None or len(leaves) != count:
            return None
        for x, (kind, cls, first, second, node) in zip(leaves, wanted):  # noqa: B905 (as many, and quicker)
            if x.__class__ is not cls:
                return None
            if kind == TENSOR:
                if x.node is not node or (outside and id(x) in outside):
                    return None
                x = x.datum
            if kind <= TENSOR:
                if x.shape != first or (x.dtype is not second and x.dtype != second):
                    return None
            elif kind == STATIC and x is not first and (cls not in (int, str) or x != first):
                return None
        if several and len({id(x) for x in leaves if isinstance(x, Tensor)}) < kinds.count(TENSOR):
            return None
        return leaves

    return check


def _quick_entry(x: Any, kind: int) -> tuple[Any, Any, Any]:
    if kind == TENSOR:
        return x.datum.shape, x.datum.dtype, x.node
    return (x.shape, x.dtype, None) if kind == ARRAY else (x, None, None)


def shown(leaf: Any) -> str:
    """What matters of an argument, in words."""
    if isinstance(leaf, float | Value):  # their numbers may change
        return type(leaf).__name__
    return f"shape {tuple(leaf.shape)}" if isinstance(leaf, Tensor | np.ndarray) else f"{leaf!r:.40}"


def argument_names(function: Callable[..., Any], args: Any, options: Any) -> list[str]:
    """A name for every leaf of the arguments."""
    try:
        bound = inspect.signature(function).bind(*args, **options).arguments
    except (TypeError, ValueError):
        bound = {f"argument {n}": x for n, x in enumerate(args)} | options
    return [name for name, value in bound.items() for _ in flatten(value)[0]]
