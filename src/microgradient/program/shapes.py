"""The shape of what each primitive returns, from the shapes of its arguments: NumPy's rules, written out.

`shape_of(name, shapes, params)` is a shape, or a list of shapes where the primitive has several results. Pointwise primitives
are not in the table: their arguments broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def shape_of(name: str, shapes: list[Shape], params: dict[str, Any]) -> Any:
    """The shape of the result of a primitive that is not pointwise. Raises ValueError where shapes do not fit."""
    return SHAPES[name](*shapes, **params)


def _reduced(a: Shape, *, axis: tuple[int, ...], keepdims: bool) -> Shape:
    return tuple(1 if i in axis else n for i, n in enumerate(a) if keepdims or i not in axis)


def _reshaped(a: Shape, *, shape: Shape) -> Shape:
    size = math.prod(a)
    if -1 in shape:
        known = -math.prod(shape)
        shape = tuple(size // max(known, 1) if n == -1 else n for n in shape)
    if math.prod(shape) != size:
        raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
    return shape


def _broadcast(a: Shape, *, shape: Shape) -> Shape:
    if np.broadcast_shapes(a, shape) != shape:
        raise ValueError(f"cannot broadcast {a} to {shape}")
    return shape


def _concatenated(*arrays: Shape, axis: int) -> Shape:
    first = arrays[0]
    for other in arrays[1:]:
        if len(other) != len(first) or any(
            i != axis and m != n for i, (m, n) in enumerate(zip(first, other, strict=True))
        ):
            raise ValueError(f"arrays of shapes {arrays} can't be joined along axis {axis}")
    return (*first[:axis], sum(a[axis] for a in arrays), *first[axis + 1 :])


def _along_axis(a: Shape, i: Shape, *, axis: int) -> Shape:
    rest = np.broadcast_shapes(*((*s[:axis], 1, *s[axis + 1 :]) for s in (a, i)))
    return (*rest[:axis], i[axis], *rest[axis + 1 :])


def _windows(a: Shape, *, window: Shape, stride: Shape, dilation: Shape) -> Shape:
    lead = len(a) - len(window)
    return (*a[:lead], *_counts(a[lead:], window, stride, dilation), *window)


def _counts(size: Shape, window: Shape, stride: Shape, dilation: Shape) -> Shape:
    reach = [d * (w - 1) + 1 for w, d in zip(window, dilation, strict=True)]
    return tuple((n - r) // s + 1 if n >= r else 0 for n, r, s in zip(size, reach, stride, strict=True))


def _matmul(a: Shape, b: Shape) -> Shape:
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        raise ValueError(f"matmul: {a} and {b} don't fit together, {a[-1]} is not {inner}")
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _einsum(*arrays: Shape, spec: str) -> Shape:
    inputs, output = spec.split("->")
    lengths: dict[str, int] = {}
    for term, shape in zip(inputs.split(","), arrays, strict=True):
        for letter, n in zip(term, shape, strict=True):
            if lengths.setdefault(letter, n) == 1:
                lengths[letter] = n
    return tuple(lengths[letter] for letter in output)


def _conv(x: Shape, w: Shape, *, stride: Shape, padding: Any, dilation: Shape, groups: int) -> Shape:
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(x[2:], padding, strict=True))
    return (x[0], w[0], *_counts(padded, w[2:], stride, dilation))


def _batch(*arrays: Shape) -> Shape:
    return np.broadcast_shapes(*(a[:-2] for a in arrays))


def _svd(a: Shape) -> list[Shape]:
    k = min(a[-2:])
    return [(*a[:-1], k), (*a[:-2], k), (*a[:-2], k, a[-1])]


def _same(a: Shape, *_: Shape, **__: Any) -> Shape:
    return a


SHAPES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(
        (
            "flip",
            "roll",
            "cumulative_sum",
            "cumulative_prod",
            "tril",
            "triu",
            "astype",
            "index_set",
            "conj",
            "real",
            "imag",
        ),
        _same,
    ),
    **dict.fromkeys(("conj", "real", "imag", "inv", "cofactor", "cholesky", "matrix_exp"), _same),
    **dict.fromkeys(("sum", "max", "min", "norm"), _reduced),
    "complex": lambda a, b: np.broadcast_shapes(a, b),
    "fft": _same,
    "rfft": lambda a, *, axis: (*a[:axis], a[axis] // 2 + 1, *a[axis + 1 :]),
    "rfft_transpose": lambda a, *, axis, n: (*a[:axis], n, *a[axis + 1 :]),
    "prod": lambda a, *, axis, keepdims: _reduced(a, axis=(axis,), keepdims=keepdims),
    "broadcast_to": _broadcast,
    "reshape": _reshaped,
    "permute_dims": lambda a, *, axes: tuple(a[i] for i in axes),
    "pad": lambda a, *, widths: tuple(lo + n + hi for n, (lo, hi) in zip(a, widths, strict=True)),
    "concat": _concatenated,
    "index_add": lambda t, *_, key, shape: shape,
    "take_along_axis": _along_axis,
    "scatter_along_axis": lambda t, i, *, axis, shape: shape,
    "windows": _windows,
    "windows_add": lambda t, *, size, window, **_: (*t[: len(t) - 2 * len(window)], *size),
    "recurrence": lambda b, a, *, axis: np.broadcast_shapes(b, a),
    "matmul": _matmul,
    "einsum": _einsum,
    "conv": _conv,
    "conv_input": lambda y, w, *, size, groups, **_: (y[0], w[1] * groups, *size),
    "conv_weight": lambda x, y, *, window, groups, **_: (y[1], x[1] // groups, *window),
    **dict.fromkeys(("solve", "solve_triangular"), lambda a, b, **_: (*_batch(a, b), *b[-2:])),
    "lu": lambda a: [a, a],
    "pinv": lambda a, *, rtol: (*a[:-2], a[-1], a[-2]),
    "det": lambda a: a[:-2],
    "slogdet": lambda a: [a[:-2], a[:-2]],
    **dict.fromkeys(("eigh", "eig"), lambda a: [a[:-1], a]),
    "svd": _svd,
    "qr": lambda a: [(*a[:-1], min(a[-2:])), (*a[:-2], min(a[-2:]), a[-1])],
}
