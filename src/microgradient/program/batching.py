"""Batch rules: what each primitive does to a whole batch of examples at once.

An operand is *mapped* if it has a value per example; these lie along its first axis, and so do those of every result. A rule
emits ordinary primitives on Tensors, so what it gives can be differentiated and traced like anything else. Pointwise
primitives need no rule: their operands are only brought to equal ranks. What has no rule runs example by example.
"""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import trace_hooks
from ..operators import apply, world, wrap
from ..primitives import TABLE
from ..rules import INDEX
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from .program import Instruction

Shape = tuple[int, ...]
Mapped = tuple[bool, ...]


def batched(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    """The results of instruction `i` for n examples along the first axis, from operands of which some are mapped."""
    if not n:
        return None if i.shape is None else wrap(np.zeros((0, *i.shape), i.dtype), None)
    row = TABLE.get(i.op)
    if row is not None and row.kind == "pointwise":
        return _pointwise(n, i, args, mapped)
    return RULES.get(i.op, _one_by_one)(n, i, args, mapped)


def alone(i: Instruction, args: list[Any]) -> Any:
    """The result of instruction `i` from operands without a batch."""
    if i.op == "host":
        return _called(i, [a.raw if isinstance(a, Tensor) else a for a in args])
    if i.op == "pick":
        return args[0][i.params["i"]]
    if i.weak:
        return getattr(world(), i.op)(*args, **i.params)
    return _applied(i, args)


def front(x: Any, mapped: bool, n: int) -> Any:
    """`x` as a mapped operand: the same for every example if it is not one."""
    return x if mapped else xp.broadcast_to(xp.reshape(x, shape=(1, *x.shape)), shape=(n, *x.shape))


# ---------------------------------------------------------------------------------------------------- pointwise, and shapes


def _pointwise(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    ranks = [_rank(a, m) for a, m in zip(args, mapped, strict=True)]
    aligned = [_with_rank(a, max(ranks)) if m else a for a, m in zip(args, mapped, strict=True)]
    return _applied(i, aligned)


def _applied(i: Instruction, args: list[Any]) -> Any:
    """A pointwise instruction on tensors; the sign of a complex number turns with it, which the function of tensors knows."""
    return xp.sign(args[0]) if i.op == "sign" else apply(TABLE[i.op], *args, **i.params)


def _rank(x: Any, mapped: bool) -> int:
    """The number of axes of an operand, the batch not counted."""
    return len(x.shape) - mapped if isinstance(x, Tensor | np.ndarray) else 0


def _with_rank(x: Any, rank: int) -> Any:
    """A mapped operand with axes of length 1 behind the batch, so that there are `rank` besides it."""
    missing = rank + 1 - x.ndim
    return x if missing <= 0 else xp.reshape(x, shape=(x.shape[0], *(1,) * missing, *x.shape[1:]))


def _reduction(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    axes = tuple(k + 1 for k in i.params["axis"])
    return apply(TABLE[i.op], args[0], axis=axes, keepdims=i.params["keepdims"])


def _along_one_axis(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    same = [front(a, m, n) for a, m in zip(args, mapped, strict=True)]
    return apply(TABLE[i.op], *same, **{**i.params, "axis": i.params["axis"] + 1})


def _along_axes(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    return apply(TABLE[i.op], args[0], **{**i.params, "axis": tuple(k + 1 for k in i.params["axis"])})


def _stacked(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    """A primitive that works on the last axes of a stack: the batch is one more axis of the stack."""
    rank = max(_rank(a, m) for a, m in zip(args, mapped, strict=True))
    aligned = [_with_rank(a, rank) if m else a for a, m in zip(args, mapped, strict=True)]
    return apply(TABLE[i.op], *aligned, **i.params)


def _reshape(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    return xp.reshape(args[0], shape=(n, *i.shape))


def _broadcast_to(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    return xp.broadcast_to(_with_rank(args[0], len(i.shape)), shape=(n, *i.shape))


def _permute_dims(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    return xp.permute_dims(args[0], axes=(0, *(k + 1 for k in i.params["axes"])))


def _pad(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    return xp.pad(args[0], widths=((0, 0), *i.params["widths"]))


def _take_along_axis(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    a, places = (x if m else xp.reshape(x, shape=(1, *x.shape)) for x, m in zip(args, mapped, strict=True))
    return xp.take_along_axis(a, places, axis=i.params["axis"] + 1)


def _scatter_along_axis(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    t, places = (front(x, m, n) for x, m in zip(args, mapped, strict=True))
    return xp.scatter_along_axis(t, places, axis=i.params["axis"] + 1, shape=(n, *i.params["shape"]))


def _pick(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    return args[0][i.params["i"]]


# --------------------------------------------------------------------------------------------------------------- indexing


def _index(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    (a, *places), key = args, i.params["key"]
    rank = _rank(a, mapped[0])
    if not any(mapped[1:]):
        y = xp.index(a, *places, key=(slice(None), *key))
        return _moved(y, _batch_place(rank, key, places), 0)
    if not mapped[0]:
        y = xp.index(a, *_same_rank(places, mapped[1:]), key=key)
        return _moved(y, _batch_place_of_arrays(rank, key, places, mapped[1:]), 0)
    y = xp.index(a, *_numbered(n, places, mapped[1:]), key=(INDEX, *key))
    k, start = _array_axes(rank, key, places, mapped[1:])
    return xp.permute_dims(y, axes=(0, *range(k + 1, k + 1 + start), *range(1, k + 1), *range(k + 1 + start, y.ndim)))


def _index_add(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    (t, *places), key, shape = args, i.params["key"], i.params["shape"]
    if not any(mapped[1:]):
        t = _moved(t, 0, _batch_place(len(shape), key, places))
        return xp.index_add(t, *places, key=(slice(None), *key), shape=(n, *shape))
    t = _arrays_first(front(t, mapped[0], n), len(shape), key, places, mapped[1:])
    return xp.index_add(t, *_numbered(n, places, mapped[1:]), key=(INDEX, *key), shape=(n, *shape))


def _index_set(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    (a, v, *places), key = args, i.params["key"]
    a, rank = front(a, mapped[0], n), _rank(a, mapped[0])
    if isinstance(v, Tensor | np.ndarray):  # beside the batch, the axes of a[key]
        v = v if mapped[1] else xp.reshape(v, shape=(1, *v.shape))
        arrays = [_stand_in(p, m) for p, m in zip(places, mapped[2:], strict=True)]
        v = _with_rank(v, len(model_of_index((1,) * rank, key, arrays)))
    if not any(mapped[2:]):
        v = _moved(v, 0, _batch_place(rank, key, places)) if isinstance(v, Tensor) else v
        return xp.index_set(a, v, *places, key=(slice(None), *key))
    v = _arrays_first(v, rank, key, places, mapped[2:]) if isinstance(v, Tensor) else v
    return xp.index_set(a, v, *_numbered(n, places, mapped[2:]), key=(INDEX, *key))


def _same_rank(places: list[Any], mapped: Mapped) -> list[Any]:
    """Index arrays that broadcast against each other although some are mapped."""
    rank = max(_rank(p, m) for p, m in zip(places, mapped, strict=True))
    return [_with_rank(p, rank) if m else p for p, m in zip(places, mapped, strict=True)]


def _numbered(n: int, places: list[Any], mapped: Mapped) -> list[Any]:
    """Index arrays for a mapped array: the number of the example goes first."""
    same = _same_rank(places, mapped)
    rank = max(_rank(p, m) for p, m in zip(places, mapped, strict=True))
    return [np.arange(n).reshape(n, *(1,) * rank), *same]


def _arrays_first(t: Any, rank: int, key: Any, places: list[Any], mapped: Mapped) -> Any:
    """`t`, in the order of a[key] for each example, with the axes of the index arrays right behind the batch."""
    k, start = _array_axes(rank, key, places, mapped)
    order = (0, *range(1 + start, 1 + start + k), *range(1, 1 + start), *range(1 + start + k, t.ndim))
    return xp.permute_dims(t, axes=order)


# Where NumPy puts the axes of index arrays depends on whether they stand side by side. NumPy itself is asked: each of these
# indexes an array in which only the axis that is looked for has a length other than 1.


def model_of_index(shape: Shape, key: Any, arrays: list[Any]) -> Shape:
    """The shape of an array of this shape, indexed by `key` with all slices full and all integers 0."""
    rest = iter(arrays)

    def simple(part: Any) -> Any:
        if part is INDEX:
            return next(rest)
        return slice(None) if isinstance(part, slice) else part if part is None or part is Ellipsis else 0

    return np.zeros(shape, np.bool_)[tuple(map(simple, key))].shape


def _ones(rank: int, length: int = 1) -> Any:
    return np.zeros((length,) * rank, np.int64)


def _stand_in(place: Any, mapped: bool) -> Any:
    """An index array of an example, with all lengths 1."""
    return np.ones((1,) * place.ndim, np.bool_) if place.dtype.kind == "b" else _ones(place.ndim - mapped)


def _batch_place(rank: int, key: Any, places: list[Any]) -> int:
    """Which axis of a[:, key] is the batch."""
    return model_of_index((2, *(1,) * rank), (slice(None), *key), [_stand_in(p, False) for p in places]).index(2)


def _batch_place_of_arrays(rank: int, key: Any, places: list[Any], mapped: Mapped) -> int:
    """Which axis of a[key] is the batch of the mapped index arrays."""
    most = max(_rank(p, m) for p, m in zip(places, mapped, strict=True))
    arrays = [
        np.zeros((2, *(1,) * most), np.int64) if m else _ones(p.ndim) for p, m in zip(places, mapped, strict=True)
    ]
    return model_of_index((1,) * rank, key, arrays).index(2)


def _array_axes(rank: int, key: Any, places: list[Any], mapped: Mapped) -> tuple[int, int]:
    """How many axes the index arrays have, and which axis of an example's a[key] is the first of these."""
    k = max(_rank(p, m) for p, m in zip(places, mapped, strict=True))
    return k, model_of_index((1,) * rank, key, [_ones(k, 2), *(_ones(0) for _ in places[1:])]).index(2) if k else 0


def _moved(x: Any, source: int, target: int) -> Any:
    """`x` with one axis in another place."""
    if source == target:
        return x
    order = [k for k in range(x.ndim) if k != source]
    order.insert(target, source)
    return xp.permute_dims(x, axes=tuple(order))


# --------------------------------------------------------------------------------------------------------------- products


def _matmul(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    (a, b), (of_a, of_b) = args, mapped
    p, q = _rank(a, of_a), _rank(b, of_b)
    if not of_b and q == 2:  # all examples are rows of one matrix
        rows = xp.reshape(a, shape=(math.prod(a.shape[:-1]), a.shape[-1]))
        return xp.reshape(xp.matmul(rows, b), shape=(n, *i.shape))
    if not of_a and p == 2 and q == 1:
        return xp.matmul(b, xp.permute_dims(a, axes=(1, 0)))
    if p == 1:
        a = xp.reshape(a, shape=(*a.shape[:-1], 1, a.shape[-1]))
    if q == 1:
        b = xp.reshape(b, shape=(*b.shape, 1))
    rank = max(p, q, 2)
    y = xp.matmul(_with_rank(a, rank) if of_a else a, _with_rank(b, rank) if of_b else b)
    return xp.reshape(y, shape=(n, *i.shape))


def _einsum(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    spec = i.params["spec"]
    inputs, output = spec.split("->")
    letter = next(c for c in string.ascii_letters if c not in spec)
    terms = [letter + term if m else term for term, m in zip(inputs.split(","), mapped, strict=True)]
    return xp.einsum(*args, spec=f"{','.join(terms)}->{letter}{output}")


def _conv(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    """x (N, C), w (O, C/groups) -> (N, O), and windows behind: the batch goes into N, or w has one, into the channels."""
    (x, w), groups = args, i.params["groups"]
    if not mapped[1]:
        return _as_images(n, i, x, w)
    if not mapped[0]:
        return _out_of(xp.conv(x, _into(w, 1, groups), **i.params), 1, groups, n)
    options = {**i.params, "groups": groups * n}
    return _out_of(xp.conv(_into(x, 2), _into(w, 1), **options), 1, 1, n)


def _conv_input(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    """y (N, O), w (O, C/groups) -> (N, C)."""
    (y, w), groups = args, i.params["groups"]
    if not mapped[1]:
        return _as_images(n, i, y, w)
    if not mapped[0]:
        return _out_of(xp.conv_input(y, _into(w, 2), **i.params), 1, groups, n)
    options = {**i.params, "groups": groups * n}
    return _out_of(xp.conv_input(_into(y, 2), _into(w, 1), **options), 1, 1, n)


def _conv_weight(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    """x (N, C), y (N, O) -> (O, C/groups)."""
    (x, y), groups = args, i.params["groups"]
    if not mapped[1]:
        return _out_of(xp.conv_weight(_into(x, 2, groups), y, **i.params), 1, 1, n)
    if not mapped[0]:
        return _out_of(xp.conv_weight(x, _into(y, 2, groups), **i.params), 0, groups, n)
    options = {**i.params, "groups": groups * n}
    return _out_of(xp.conv_weight(_into(x, 2), _into(y, 2), **options), 0, 1, n)


def _as_images(n: int, i: Instruction, x: Any, w: Any) -> Any:
    """A convolution of more images, n times as many."""
    y = apply(TABLE[i.op], xp.reshape(x, shape=(n * x.shape[1], *x.shape[2:])), w, **i.params)
    return xp.reshape(y, shape=(n, *i.shape))


def _into(x: Any, axis: int, groups: int = 1) -> Any:
    """(n, …, groups·c, …) to (…, groups·n·c, …): the batch becomes part of the channels, inside each group."""
    n, lead, tail = x.shape[0], x.shape[1:axis], x.shape[axis + 1 :]
    c = x.shape[axis] // groups
    x = _moved(xp.reshape(x, shape=(n, *lead, groups, c, *tail)), 0, axis)
    return xp.reshape(x, shape=(*lead, groups * n * c, *tail))


def _out_of(y: Any, axis: int, groups: int, n: int) -> Any:
    """(…, groups·n·c, …) to (n, …, groups·c, …): what `_into` did, undone."""
    lead, tail = y.shape[:axis], y.shape[axis + 1 :]
    c = y.shape[axis] // (groups * n)
    y = _moved(xp.reshape(y, shape=(*lead, groups, n, c, *tail)), axis + 1, 0)
    return xp.reshape(y, shape=(n, *lead, groups * c, *tail))


# ------------------------------------------------------------------------------------------------------ one after the other


def _one_by_one(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    """Each example by itself, and the results stacked."""

    def operands(k: int) -> list[Any]:
        return [xp.index(a, key=(k,)) if m else a for a, m in zip(args, mapped, strict=True)]

    results = [alone(i, operands(k)) for k in range(n)]
    if isinstance(results[0], tuple):
        return tuple(_joined(list(part)) for part in zip(*results, strict=True))
    return _joined(results)


def _joined(parts: list[Any]) -> Any:
    return xp.concat(*(xp.reshape(p, shape=(1, *p.shape)) for p in parts), axis=0)


def _host(n: int, i: Instruction, args: list[Any], mapped: Mapped) -> Any:
    """NumPy's functions along one axis, as sorting, leave the others alone; what else there is goes one by one."""
    call = i.params["function"]
    axis = call.keywords.get("axis") if isinstance(call, functools.partial) and i.params["pure"] else None
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(args) > 1 or i.shape is None or not all(isinstance(k, int) and k >= 0 for k in axes):
        return _one_by_one(n, i, args, mapped)
    moved = tuple(k + 1 for k in axes)
    shifted = functools.partial(call, axis=moved if isinstance(axis, tuple) else moved[0])
    return alone(Instruction("host", i.args, {**i.params, "function": shifted}, (n, *i.shape), i.dtype), args)


def _called(i: Instruction, data: list[Any]) -> Any:
    """What a host instruction gives: pure functions may be folded by an outer trace, draws of random numbers may not."""
    trace, function = trace_hooks.current(), i.params["function"]
    if trace is None:
        found = function(*data)
    elif i.params["pure"]:
        found = trace.host(function, tuple(data), {})
    else:
        found = trace.draw(function, i.params["name"], i.shape, i.dtype, tuple(data), i.params["draw"])
    several = isinstance(found, tuple | list)
    return (
        tuple(wrap(trace_hooks.as_datum(x), None) for x in found)
        if several
        else wrap(trace_hooks.as_datum(found), None)
    )


RULES: dict[str, Callable[[int, Instruction, list[Any], Mapped], Any]] = {
    **dict.fromkeys(("sum", "max", "min", "norm"), _reduction),
    **dict.fromkeys(
        ("prod", "cumulative_sum", "cumulative_prod", "recurrence", "concat", "rfft", "rfft_transpose"), _along_one_axis
    ),
    **dict.fromkeys(("flip", "roll", "fft"), _along_axes),
    **dict.fromkeys(("tril", "triu", "astype", "windows", "windows_add", "conj", "real", "imag", "complex"), _stacked),
    **dict.fromkeys(("inv", "pinv", "det", "slogdet", "cholesky", "eigh", "eig", "svd", "qr", "solve"), _stacked),
    **dict.fromkeys(("lu", "matrix_exp", "solve_triangular"), _stacked),
    "cofactor": lambda n, i, args, mapped: xp.cofactor(*(front(a, m, n) for a, m in zip(args, mapped, strict=True))),
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "permute_dims": _permute_dims,
    "pad": _pad,
    "index": _index,
    "index_add": _index_add,
    "index_set": _index_set,
    "take_along_axis": _take_along_axis,
    "scatter_along_axis": _scatter_along_axis,
    "matmul": _matmul,
    "einsum": _einsum,
    "conv": _conv,
    "conv_input": _conv_input,
    "conv_weight": _conv_weight,
    "pick": _pick,
    "host": _host,
}
"""The batch rule of every primitive that is not pointwise."""
