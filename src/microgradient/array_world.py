"""The array world: every primitive of the rulebook as a function of NumPy arrays, under the primitive's own name.

This module *is* the namespace `xp` of that world, `ARRAY`. Most kernels are NumPy's own functions of the same name; below are
those that NumPy lacks. Parameters are canonical here (axes are tuples of non-negative numbers, shapes are tuples): the functions
that users call bring them to this form. Kernels never write into their arguments.
"""

from __future__ import annotations

import builtins
import functools
import math
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from . import rules_linalg  # noqa: F401 (adds its rows to the table)
from .array_linalg import (  # noqa: F401
    cholesky,
    cofactor,
    det,
    eig,
    eigh,
    eye,
    inv,
    lu,
    matrix_exp,
    norm,
    pinv,
    qr,
    slogdet,
    solve,
    solve_triangular,
    svd,
)  # fmt: skip
from .errors import MissingKernelError, warn_once
from .primitives import TABLE, Primitive, World, for_each_primitive
from .rules import INDEX

Array = npt.NDArray[Any]
ARRAY: World = sys.modules[__name__]
"""This module, which is the namespace `xp` of NumPy arrays."""

# ----------------------------------------------------------------------------------------------------------- from NumPy


def __getattr__(name: str) -> Any:
    """The kernel of a primitive that has no function below: its row's own, or NumPy's function of that name."""
    row = TABLE.get(name)
    if row is None:
        raise AttributeError(f"The array world has no primitive {name!r}.")
    globals()[name] = kernel = row.kernel or getattr(np, name, None) or _missing(name)
    return kernel


def _missing(name: str) -> Callable[..., Any]:
    def kernel(*args: Any, **params: Any) -> Any:
        raise MissingKernelError(
            "MG145",
            f"The primitive `{name}` has no kernel: neither array_world.py nor NumPy has a function `{name}`. Register it with "
            f'`pointwise("{name}", …, kernel=function_of_arrays)`.',
        )

    return kernel


zeros, zeros_like, ones_like = np.zeros, np.zeros_like, np.ones_like
# as operators, so that two Python numbers give a Python bool
equal, not_equal, less, less_equal = operator.eq, operator.ne, operator.lt, operator.le
greater, greater_equal = operator.gt, operator.ge
# the methods behind np.sum, np.max, np.reshape, ...: half their cost on small arrays
sum, max, min, prod = np.add.reduce, np.maximum.reduce, np.minimum.reduce, np.multiply.reduce

UFUNCS: dict[np.ufunc, str] = {np.fabs: "abs", np.rint: "round"}
"""The primitives that are NumPy's ufuncs, by these; NumPy has its names too, beside those of the standard."""


@for_each_primitive
def _note_ufunc(row: Primitive) -> None:
    for function in (getattr(np, row.name, None), row.kernel):
        if isinstance(function, np.ufunc) and not row.params:  # np.power is the row `pow`
            UFUNCS[function] = row.name


# -------------------------------------------------------------------- where NumPy differs from the array API standard


def pow(a: Any, b: Any) -> Any:
    """a ** b. For the number ½ NumPy takes the square root, which differs from the power at -0 and -∞."""
    half = b == 0.5 if b.__class__ is float else getattr(b, "ndim", 1) == 0 and b == 0.5
    if half and getattr(a, "dtype", None) in (np.float32, np.float64):
        return np.where(a == -np.inf, np.inf, a**b) + 0.0
    return a**b


def floor_divide(a: Array, b: Array) -> Array:
    """⌊a / b⌋, for infinite operands too, where NumPy has what fits its remainder."""
    y = np.floor_divide(a, b)
    if y.dtype.kind != "f":
        return y
    return np.where(np.isinf(a) | np.isinf(b), np.divide(a, b), y)


def expm1(a: Array) -> Array:
    """eᵃ - 1; for a complex one by the real part, since NumPy's is wrong at infinities and NaN."""
    if a.dtype.kind != "c":
        return np.expm1(a)
    x, half = a.real, np.sin(a.imag / 2)
    near = np.expm1(x) * np.cos(a.imag) - 2 * half * half + 0.0 + 1j * (np.exp(x) * np.sin(a.imag))
    return np.where(np.isfinite(a), near, np.exp(a) - 1).astype(a.dtype)


def tanh(a: Array) -> Array:
    """The hyperbolic tangent; ±1 ± 0j at complex infinities, where NumPy's 0 has a sign that turns with the imaginary part."""
    y = np.tanh(a)
    if a.dtype.kind != "c":
        return y
    ends = np.copysign(1, a.real) + 1j * np.copysign(0, a.imag)
    return np.where(np.isinf(a.real), ends, y).astype(a.dtype)


def round(a: Array) -> Array:
    """The nearest integer, the even one of two; integers keep their dtype."""
    return np.rint(a) if np.asarray(a).dtype.kind in "fc" else np.positive(a)


# ---------------------------------------------------------------------------------------------------- special functions


def _from_scipy(name: str) -> Callable[..., Any]:
    """A function of scipy.special, which is loaded when first called: it takes longer than all of this package."""

    loaded: list[Callable[..., Any]] = []

    def kernel(a: Any) -> Any:
        if not loaded:
            import scipy.special

            loaded.append(getattr(scipy.special, name))
        y = loaded[0](a)
        return y.astype(a.dtype) if a.dtype == np.float16 else y  # which SciPy does not know

    return kernel


erf, erfc, erfinv = _from_scipy("erf"), _from_scipy("erfc"), _from_scipy("erfinv")
_expit, digamma, _gammaln = _from_scipy("expit"), _from_scipy("psi"), _from_scipy("gammaln")


def sigmoid(a: Array) -> Array:
    if np.asarray(a).dtype.kind != "c":
        return cast("Array", _expit(a))
    small = np.exp(np.where(a.real < 0, a, -a))  # at most 1, so that it doesn't overflow
    return cast("Array", np.where(a.real < 0, small, 1) / (1 + small))


def lgamma(a: Array) -> Array:
    return np.where(a == -np.inf, -a, _gammaln(a))  # SciPy gives -inf at -inf; C and IEEE +inf


def polygamma(a: Array, *, n: int) -> Array:
    from scipy.special import zeta

    a = np.asarray(a)
    if n == 0:
        return cast("Array", digamma(a))
    # Reflection for a < 1/2 is left out: ψ⁽ⁿ⁾ at a ≤ 0 by recurrence, a few terms up to the region where zeta is defined.
    shift = np.zeros_like(a)
    x = np.array(a, copy=True)
    while np.any(low := (x <= 0) & (x > -1000) & (x != np.floor(x))):
        shift = np.where(low, shift + np.where(low, x, 1) ** (-n - 1), shift)
        x = np.where(low, x + 1, x)
    return cast("Array", ((-1) ** (n + 1) * math.factorial(n) * (shift + zeta(n + 1, x))).astype(a.dtype))


def power(a: Array, *, n: float) -> Array:
    return cast("Array", pow(a, n))


def relu(a: Array) -> Array:
    return np.maximum(a, 0)


_FEW = 4000  # entries for which NumPy's own `where` is as fast


def where(c: Any, a: Any, b: Any) -> Array:
    """`a` where `c` holds, else `b`. NumPy jumps at every entry, which takes ten times as long where `c` is irregular.

    So many entries are chosen by their bits: of a float and the number 0, as in the derivative of `relu`, or of two floats.
    """
    if getattr(c, "size", 0) > _FEW and c.dtype == np.bool_:
        first, second = _bits(c, a), _bits(c, b)
        if second is None and _is_zero(b) and first is not None:
            return np.bitwise_and(np.negative(c.view(np.int8)), first).view(a.dtype)
        if first is None and _is_zero(a) and second is not None:
            return np.bitwise_and(np.subtract(c.view(np.int8), np.int8(1)), second).view(b.dtype)
        if first is not None and second is not None and a.dtype == b.dtype:
            chosen = np.bitwise_xor(first, second)
            chosen &= np.negative(c.view(np.int8))
            chosen ^= second
            return chosen.view(a.dtype)
    return np.where(c, a, b)


def _bits(c: Array, x: Any) -> Array | None:
    """The floats `x` as integers, None unless it is an array of floats in this machine's order, one for each entry of `c`."""
    if x.__class__ is not np.ndarray or x.shape != c.shape or x.dtype.kind != "f" or x.itemsize > 8:
        return None
    if not x.dtype.isnative:
        return None
    return cast("Array", x.view(f"i{x.itemsize}"))


def _is_zero(x: Any) -> bool:
    """Whether `x` is the number 0, not -0.0."""
    return x.__class__ in (int, float) and x == 0 and math.copysign(1, x) == 1


def softplus(a: Array) -> Array:
    return np.logaddexp(a, a.dtype.type(0))


# ------------------------------------------------------------------------------------------------------- moving entries


def reshape(a: Array, *, shape: tuple[int, ...]) -> Array:
    return a.reshape(shape)


def permute_dims(a: Array, *, axes: tuple[int, ...]) -> Array:
    return a.transpose(axes)


def astype(a: Array, *, dtype: Any) -> Array:
    """As NumPy's, but what integers can't hold becomes the nearest that they can, and NaN 0, on any processor."""
    y = a.astype(dtype)
    if a.dtype.kind != "f" or y.dtype.kind not in "iu":
        return y
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    y = np.where(a <= float(low), low, np.where(a >= float(high) + 1, high, y))  # floats next to `high` may be above it
    return np.where(np.isnan(a), 0, y)


def pad(a: Array, *, widths: tuple[tuple[int, int], ...]) -> Array:
    shape = tuple(lo + n + hi for (lo, hi), n in zip(widths, a.shape, strict=True))
    out = np.zeros(shape, a.dtype)
    out[tuple(slice(lo, lo + n) for (lo, _), n in zip(widths, a.shape, strict=True))] = a
    return out


def real(a: Array) -> Array:
    return np.array(a.real)  # a copy: NumPy gives a view


def imag(a: Array) -> Array:
    return np.array(a.imag)


def complex(a: Array, b: Array) -> Array:
    """a + ib, where arithmetic would make a NaN of 1j · inf."""
    y = np.empty(np.broadcast_shapes(a.shape, b.shape), np.result_type(a, b, np.complex64))
    y.real, y.imag = a, b
    return y


def concat(*arrays: Array, axis: int) -> Array:
    return np.concatenate(arrays, axis=axis)


def index(a: Array, *indices: Array, key: Any) -> Array:
    return cast("Array", a[_filled(key, indices)])


def index_add(t: Array, *indices: Array, key: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` with `t` added at the indexed places: the transpose of `index`."""
    out = np.zeros(shape, t.dtype)
    if not indices:
        out[key] = t  # slices and integers meet every place at most once
    elif len(indices) == 1 and key == (INDEX,) and indices[0].dtype != np.bool_ and t.ndim > indices[0].ndim:
        _add_rows(out, indices[0].ravel(), t.reshape(indices[0].size, *shape[1:]))
    else:
        np.add.at(out, _filled(key, indices), t)
    return out


def index_set(a: Array, v: Array, *indices: Array, key: Any) -> Array:
    """`a` with the values `v` at the indexed places; of several for one place the last stays, in the order of rows."""
    out = np.array(a, copy=True)
    assign(out, v, *indices, key=key)
    return out


def assign(out: Array, v: Array, *indices: Array, key: Any) -> None:
    """`index_set` in place: not a kernel, but what a tensor does to an array that nothing else holds."""
    v, *rows = (np.asarray(x, order="C") for x in (v, *indices))  # NumPy goes by the order in memory
    out[_filled(key, tuple(rows))] = v


def scatter_along_axis(t: Array, i: Array, *, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` with `t` added at the places that `take_along_axis(…, i)` reads: its transpose."""
    out = np.zeros(shape, t.dtype)
    # broadcast against everything but the axis, as take_along_axis does
    grid = [np.arange(n).reshape([-1 if d == k else 1 for d in range(len(shape))]) for k, n in enumerate(shape)]
    grid[axis] = i
    np.add.at(out, tuple(grid), t)
    return out


def _filled(key: Any, indices: tuple[Array, ...]) -> Any:
    """The indexing expression `key` with its index arrays put in."""
    if not indices:
        return key
    arrays = iter(indices)
    return tuple(next(arrays) if part is INDEX else part for part in key)


def _add_rows(out: Array, rows: Array, t: Array) -> None:
    """out[rows[k]] += t[k]. Sorted by row, equal rows are summed by one pass: many times faster than np.add.at."""
    if not rows.size:
        return
    rows = np.where(rows < 0, rows + len(out), rows)
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    starts = np.flatnonzero(np.r_[True, sorted_rows[1:] != sorted_rows[:-1]])
    if len(starts) == len(rows):
        out[rows] = t
        return
    out[sorted_rows[starts]] = np.add.reduceat(t[order], starts, axis=0)


def cumulative_sum(a: Array, *, axis: int) -> Array:
    return np.cumsum(a, axis=axis, dtype=a.dtype)


def cumulative_prod(a: Array, *, axis: int) -> Array:
    return np.cumprod(a, axis=axis, dtype=a.dtype)


def recurrence(b: Array, a: Array, *, axis: int) -> Array:
    """s_i = a_i s_{i-1} + b_i along `axis`, from s_{-1} = 0."""
    b, a = np.moveaxis(b, axis, 0), np.moveaxis(a, axis, 0)
    out = np.empty(b.shape, np.result_type(a, b))
    for i in range(len(b)):
        out[i] = b[i] if i == 0 else a[i] * out[i - 1] + b[i]
    return np.moveaxis(out, 0, axis)


def fft(a: Array, *, axis: tuple[int, ...], inverse: bool) -> Array:
    if inverse:
        return np.fft.ifftn(a, axes=axis, norm="forward")
    return np.fft.fftn(a, axes=axis)


def rfft(a: Array, *, axis: int) -> Array:
    return np.fft.rfft(a, axis=axis)


def rfft_transpose(a: Array, *, axis: int, n: int) -> Array:
    """NumPy's irfft counts twice what stands for two entries; halving is exact."""
    twice = np.ones(a.shape[axis], a.real.dtype)
    twice[1 : (n + 1) // 2] = 2
    halved = np.conj(a) / twice.reshape(-1, *(1,) * (a.ndim - axis - 1))
    return np.fft.irfft(halved, n=n, axis=axis, norm="forward")


def pick(a: tuple[Array, ...], *, i: int, n: int) -> Array:
    return a[i]


# ------------------------------------------------------------------------------------- sliding windows and contractions


def windows(a: Array, *, window: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
    """Sliding windows over the last len(window) axes, appended as new axes; a view of `a`."""
    lead = a.ndim - len(window)
    each = list(zip(a.shape[lead:], a.strides[lead:], window, stride, dilation, strict=True))
    counts = [(n - d * (w - 1) - 1) // s + 1 if n > d * (w - 1) else 0 for n, _, w, s, d in each]
    strides = (*a.strides[:lead], *(step * s for _, step, _, s, _ in each), *(step * d for _, step, _, _, d in each))
    return np.lib.stride_tricks.as_strided(a, (*a.shape[:lead], *counts, *window), strides, writeable=False)


def windows_add(
    t: Array, *, size: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Array:
    """Put the windows `t` back where they came from, adding where they overlap: the transpose of `windows`."""
    k = len(window)
    lead = t.ndim - 2 * k
    counts = t.shape[lead : lead + k]
    out = np.zeros((*t.shape[:lead], *size), t.dtype)
    for offset in np.ndindex(*window):
        places = tuple(
            slice(o * d, o * d + (n - 1) * s + 1, s)
            for o, d, n, s in zip(offset, dilation, counts, stride, strict=True)
            if n
        )
        if len(places) == k:
            out[cast("Any", (..., *places))] += t[(..., *offset)]
    return out


def _in_range(y: Array, product: Callable[..., Array], *arrays: Array, **options: Any) -> Array:
    """`y`, the product of arrays; warns where a sum of whole numbers of fewer than 64 bits does not fit into their dtype.

    The array API standard fixes the dtype of the result and leaves overflow open; it is modulo 2ⁿ, as NumPy has it.
    """
    if y.dtype.kind in "iu" and y.dtype.itemsize < 8 and y.size:
        sums = product(*(a.astype(np.float64) for a in arrays), **options)
        return in_range(y, sums.min(), sums.max(), name=product.__name__)
    return y


def in_range(y: Array, least: Any, most: Any, *, name: str) -> Array:
    """`y`, whole numbers from the product `name`; warns if its least or greatest sum does not fit into their dtype."""
    limits = np.iinfo(y.dtype)
    if least < limits.min or most > limits.max:
        worst = float(least if abs(least) > abs(most) else most)
        warn_once(
            "MG144",
            f"`{name}`: a sum of products is {worst:.0f}, which does not fit into the dtype {y.dtype} of its "
            f"factors: the result is off by a multiple of 2^{8 * y.dtype.itemsize}. Write `x.astype(mg.int64)`.",
        )
    return y


def _checked(product: Callable[..., Array]) -> Callable[..., Array]:
    return functools.wraps(product)(lambda *a, **options: _in_range(product(*a, **options), product, *a, **options))


def matmul(a: Array, b: Array, /) -> Array:
    y = np.matmul(a, b)
    return y if y.dtype.kind == "f" else _in_range(y, np.matmul, a, b)  # in the way of every layer


@_checked
def einsum(*arrays: Array, spec: str) -> Array:
    return cast("Array", np.einsum(spec, *arrays, optimize=len(arrays) > 1))


_CHUNK = 1 << 18
"""Bytes of windows that a convolution writes out at once: what stays in the cache until the matrix product has read it."""


@_checked
def conv(x: Array, w: Array, **c: Any) -> Array:
    """Cross-correlation of x (N, C, *size) with w (O, C/groups, *window): (N, O, *out). A matrix product per image, group."""
    return _conv(x, w, **c)


def _conv(x: Array, w: Array, **c: Any) -> Array:
    view, out = _columns(x, w.shape[2:], **c)
    rows = _rows(w, c["groups"])
    y = np.empty((len(x), *rows.shape[:2], math.prod(out)), np.result_type(x, w))
    for images, columns in _in_chunks(view):
        np.matmul(rows, columns, out=y[images])
    return y.reshape(len(x), len(w), *out)


@_checked
def conv_input(y: Array, w: Array, *, size: tuple[int, ...], padding: Any, groups: int, **c: Any) -> Array:
    """The transpose of `conv` in x: from y (N, O, *out) back to (N, C, *size)."""
    k, window, (n, channels) = len(size), w.shape[2:], y.shape[:2]
    each = list(zip(window, padding, c["dilation"], strict=True))
    reaches = all(lo <= d * (width - 1) and hi <= d * (width - 1) for width, (lo, hi), d in each)
    if reaches and channels <= groups * w.shape[1] and all(s == 1 for s in c["stride"]):
        # as a convolution of y with w turned round: it writes out no more windows, and adds nothing up in memory
        turned = np.flip(w.reshape(groups, channels // groups, *w.shape[1:]).swapaxes(1, 2), axis=tuple(range(-k, 0)))
        turned = np.ascontiguousarray(turned).reshape(groups * w.shape[1], channels // groups, *window)
        around = tuple((d * (width - 1) - lo, d * (width - 1) - hi) for width, (lo, hi), d in each)
        return _conv(y, turned, padding=around, groups=groups, **c)
    images = y.reshape(n, groups, channels // groups, math.prod(y.shape[2:]))
    columns = (_rows(w, groups).transpose(0, 2, 1) @ images).reshape(n, groups * w.shape[1], *window, *y.shape[2:])
    spread = columns.transpose(0, 1, *range(2 + k, 2 + 2 * k), *range(2, 2 + k))
    padded = tuple(lo + s + hi for (lo, hi), s in zip(padding, size, strict=True))
    x = windows_add(spread, size=padded, window=window, **c)
    return x[(slice(None), slice(None), *(slice(lo, lo + s) for (lo, _), s in zip(padding, size, strict=True)))]


@_checked
def conv_weight(x: Array, y: Array, *, window: tuple[int, ...], **c: Any) -> Array:
    """The transpose of `conv` in w: (O, C/groups, *window) from x (N, C, *size) and y (N, O, *out)."""
    view, out = _columns(x, window, **c)
    groups = c["groups"]
    rows = y.reshape(len(x), groups, y.shape[1] // groups, math.prod(out))
    w = np.zeros((groups, rows.shape[2], math.prod(view.shape[2 : 3 + len(out)])), np.result_type(x, y))
    for images, columns in _in_chunks(view):
        w += np.add.reduce(rows[images] @ columns.transpose(0, 1, 3, 2), axis=0)
    return w.reshape(y.shape[1], x.shape[1] // groups, *window)


def _columns(
    x: Array, window: tuple[int, ...], stride: tuple[int, ...], padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...], groups: int,
) -> tuple[Array, tuple[int, ...]]:  # fmt: skip
    """The windows of x as a view (N, groups, C/groups, *window, *out), and the extent of out."""
    k, n, width = len(stride), x.shape[0], x.shape[1] // groups
    x = pad(x, widths=((0, 0), (0, 0), *padding)) if any(map(any, padding)) else x
    view = windows(x.reshape(n, groups, width, *x.shape[2:]), window=window, stride=stride, dilation=dilation)
    return view.transpose(0, 1, 2, *range(3 + k, 3 + 2 * k), *range(3, 3 + k)), view.shape[3 : 3 + k]


def _in_chunks(view: Array) -> Iterator[tuple[slice, Array]]:
    """The windows of a few images at a time, written out as columns (images, groups, C/groups·window, out) of one buffer."""
    n, k = len(view), (view.ndim - 3) // 2
    count = _chunk(view[:1].nbytes, n)
    memory = np.empty((count, *view.shape[1:]), view.dtype)
    columns = memory.reshape(count, view.shape[1], math.prod(view.shape[2 : 3 + k]), math.prod(view.shape[3 + k :]))
    for first in range(0, n, count):
        images = slice(first, first + count)
        part = view[images]
        memory[: len(part)] = part
        yield images, columns[: len(part)]


def _chunk(size: int, count: int) -> int:
    """How many of `count` images, whose windows are `size` bytes each, are taken at a time."""
    return builtins.max(1, builtins.min(count, _CHUNK // builtins.max(size, 1)))


def _rows(w: Array, groups: int) -> Array:
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))
