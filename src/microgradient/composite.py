"""Functions built from primitives. They have no derivative of their own: the rulebook gives it.

Here are those that functions/, nn/ and recipes share: softmax and its relatives, sliding windows, convolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from .errors import ArgumentError, ShapeError
from .operators import apply, wrap
from .primitives import TABLE
from .taped_world import TAPED as xp
from .tensor import Tensor

Extent = int | Sequence[int]
Padding = int | Sequence[int] | Sequence[tuple[int, int]] | str


def stop_gradient(x: Any) -> Tensor:
    """The value of `x` as a constant: its derivative is 0 (JAX's name; the same as `x.detach()`).

    >>> import microgradient as mg
    >>> mg.grad(lambda x: x * mg.stop_gradient(x))(3.0)
    tensor(3.)
    """
    return _tensor(x).detach()


def logsumexp(x: Any, /, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """log Σ exp(x) over `axis` (None: all), without overflow: the maximum is taken out first.

    -inf where every entry is -inf. The derivative is softmax(x), and 0 there.

    >>> import microgradient as mg
    >>> round(mg.logsumexp(mg.tensor([1000.0, 1000.0])).item(), 2)
    1000.69
    """
    x = _floating(x)
    axes = _axes(axis, x.ndim)
    top = _peak(x, axes)
    total = xp.sum(xp.exp(x - top), axis=axes, keepdims=True)
    none = xp.equal(total, 0)  # log has no derivative there, but the sum stays 0 nearby
    total = xp.where(none, -math.inf, xp.log(xp.where(none, 1, total)) + top)
    return cast("Tensor", total if keepdims else xp.reshape(total, shape=_dropped(total.shape, axes)))


def softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Tensor:
    """exp(x) / Σ exp(x) over `axis`: positive numbers that add up to 1, in the shape of `x`.

    >>> import microgradient as mg
    >>> mg.softmax(mg.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """
    x = _floating(x)
    axes = _axes(axis, x.ndim)
    if not x.size:
        return cast("Tensor", xp.exp(x))
    e = xp.exp(x - _peak(x, axes))
    return cast("Tensor", e / xp.sum(e, axis=axes, keepdims=True))


def log_softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Tensor:
    """log softmax(x) = x - log Σ exp(x) over `axis`, without under- or overflow.

    >>> import microgradient as mg
    >>> mg.log_softmax(mg.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """
    x = _floating(x)
    axes = _axes(axis, x.ndim)
    if not x.size:
        return cast("Tensor", x + 0)
    shifted = x - _peak(x, axes)
    return cast("Tensor", shifted - xp.log(xp.sum(xp.exp(shifted), axis=axes, keepdims=True)))


def windows(x: Any, window: Extent, stride: Extent = 1, dilation: Extent = 1) -> Tensor:
    """Sliding windows over the last axes of `x`, one per entry of `window`, appended as that many trailing axes.

    x (..., *size) becomes (..., *counts, *window) with counts = ⌊(size - dilation·(window - 1) - 1) / stride⌋ + 1.

    >>> import microgradient as mg
    >>> mg.windows(mg.arange(4.0), (2,))
    tensor([[0., 1.],
            [1., 2.],
            [2., 3.]])
    """
    window = (window,) if isinstance(window, int) else tuple(window)
    k = len(window)
    return cast(
        "Tensor",
        xp.windows(_tensor(x), window=window, stride=_extent(stride, k), dilation=_extent(dilation, k)),
    )


def conv(x: Any, w: Any, /, stride: Extent = 1, padding: Padding = 0, dilation: Extent = 1, groups: int = 1) -> Tensor:
    """Cross-correlation in any number of spatial dimensions, as PyTorch's conv1d, conv2d, conv3d.

    x (N, C, *size) with w (O, C/groups, *window) gives (N, O, *out), out = ⌊(size + 2·padding - dilation·(window - 1) - 1)
    / stride⌋ + 1. `padding` is a number, one per dimension, a pair (before, after) per dimension, 'valid' or 'same'.
    Raises ShapeError if the shapes do not fit. Dumoulin & Visin 2016, "A guide to convolution arithmetic".

    >>> import microgradient as mg
    >>> mg.conv(mg.ones((1, 1, 4)), mg.ones((1, 1, 3)), padding=1)
    tensor([[[2., 3., 3., 2.]]])
    """
    x, w = _tensor(x), _tensor(w)
    k = w.ndim - 2
    options = _options(k, stride, padding, dilation, groups, w.shape[2:])
    if k < 1 or x.ndim != k + 2:
        raise ShapeError(
            "MG129", f"A weight of shape {w.shape} needs an input of {w.ndim} axes (N, C, …), not {x.shape}."
        )
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ShapeError("MG130", _channels(x.shape, w.shape, groups))
    for size, window, step, (lo, hi) in zip(
        x.shape[2:], w.shape[2:], options["dilation"], options["padding"], strict=True
    ):
        if size + lo + hi < step * (window - 1) + 1:
            raise ShapeError(
                "MG131", f"A window of {step * (window - 1) + 1} does not fit in {size} + padding {lo + hi}: input {x.shape}, "
                f"weight {w.shape}. Write `padding={(step * (window - 1) + 1) // 2}`, or use a smaller kernel.",
            )  # fmt: skip
    return cast("Tensor", apply(TABLE["conv"], *_same_dtype(x, w), **options))


def conv_transpose(
    x: Any,
    w: Any,
    /,
    stride: Extent = 1,
    padding: Extent = 0,
    output_padding: Extent = 0,
    groups: int = 1,
    dilation: Extent = 1,
) -> Tensor:
    """The transpose of `conv` (PyTorch's conv_transpose1d, 2d, 3d): it makes images larger.

    x (N, C, *size) with w (C, O/groups, *window) gives (N, O, *out), out = (size - 1)·stride - 2·padding
    + dilation·(window - 1) + output_padding + 1. Raises ShapeError if the shapes do not fit.

    >>> import microgradient as mg
    >>> mg.conv_transpose(mg.ones((1, 1, 2)), mg.ones((1, 1, 2)), stride=2)
    tensor([[[1., 1., 1., 1.]]])
    """
    x, w = _tensor(x), _tensor(w)
    k = w.ndim - 2
    options = _options(k, stride, padding, dilation, groups, w.shape[2:])
    extra = _extent(output_padding, k)
    if k < 1 or x.ndim != k + 2:
        raise ShapeError(
            "MG129", f"A weight of shape {w.shape} needs an input of {w.ndim} axes (N, C, …), not {x.shape}."
        )
    if x.shape[1] != w.shape[0] or w.shape[0] % groups:
        raise ShapeError(
            "MG130", f"A transposed convolution with weight {w.shape} needs {w.shape[0]} channels, got {x.shape[1]}."
        )
    if any(e >= max(s, d) for e, s, d in zip(extra, options["stride"], options["dilation"], strict=True)):
        raise ArgumentError(
            "MG132", f"output_padding {extra} must be smaller than stride {options['stride']} or dilation."
        )
    size = tuple(
        (n - 1) * s - lo - hi + d * (m - 1) + e + 1
        for n, s, (lo, hi), d, m, e in zip(
            x.shape[2:], options["stride"], options["padding"], options["dilation"], w.shape[2:], extra, strict=True
        )
    )
    if any(n < 1 for n in size):
        raise ShapeError(
            "MG131", f"The output of this transposed convolution would have size {size}: less padding is needed."
        )
    x, w = _same_dtype(x, w)
    if all(e < s for e, s in zip(extra, options["stride"], strict=True)):
        return cast("Tensor", apply(TABLE["conv_input"], x, w, size=size, **options))
    # One more window would fit into the output, and x has no entry for it. So: all that the windows reach, zeros, and a cut.
    edges, options["padding"] = options["padding"], ((0, 0),) * k
    reach = tuple(n + lo + hi - e for n, (lo, hi), e in zip(size, edges, extra, strict=True))
    y = apply(TABLE["conv_input"], x, w, size=reach, **options)
    y = xp.pad(y, widths=((0, 0), (0, 0), *((0, e) for e in extra)))
    return cast("Tensor", y[(..., *(slice(lo, lo + n) for (lo, _), n in zip(edges, size, strict=True)))])


# --------------------------------------------------------------------------------------------------------------- helpers


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else Tensor(x, None)


def _floating(x: Any) -> Tensor:
    """`x` as a tensor of a floating dtype: the functions here need exp."""
    x = _tensor(x)
    return x if x.dtype.kind in "fc" else cast("Tensor", xp.positive(x * 1.0))


def _axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    if ndim == 0 and axes in ((0,), (-1,)):
        return ()  # PyTorch's softmax(x, dim=0) of a number
    if any(not -ndim <= a < ndim for a in axes):
        raise ShapeError("MG133", f"Axis {axis} does not exist: the tensor has {ndim} axes.")
    return tuple(a % ndim for a in axes)


def _dropped(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _peak(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The maximum over `axes` as a constant, 0 where it is infinite: what may be subtracted without harm."""
    if any(x.shape[i] == 0 for i in axes):
        return cast("Tensor", xp.zeros(tuple(1 if i in axes else n for i, n in enumerate(x.shape)), x.dtype))
    top = xp.max(wrap(x.data, None), axis=axes, keepdims=True)
    return cast("Tensor", xp.where(xp.isfinite(top), top, 0))


def _extent(value: Extent, k: int) -> tuple[int, ...]:
    values = (value,) * k if isinstance(value, int | np.integer) else tuple(value)
    if len(values) == 1:
        values *= k
    if len(values) != k:
        raise ArgumentError("MG132", f"{k} spatial dimensions need {k} numbers, not {values}.")
    return tuple(int(v) for v in values)


def _options(
    k: int, stride: Extent, padding: Padding, dilation: Extent, groups: int, window: tuple[int, ...]
) -> dict[str, Any]:
    """The parameters of the convolution primitives in canonical form."""
    steps, spread = _extent(stride, k), _extent(dilation, k)
    if min((*steps, *spread, groups)) < 1:
        raise ArgumentError("MG132", f"stride {stride}, dilation {dilation} and groups {groups} must be at least 1.")
    if padding == "valid":
        padding = 0
    if padding == "same":
        if any(s != 1 for s in steps):
            raise ArgumentError("MG132", f"padding='same' needs stride 1, not {stride}.")
        reach = [d * (m - 1) for d, m in zip(spread, window, strict=True)]
        pairs = tuple((r // 2, r - r // 2) for r in reach)
    elif isinstance(padding, str):
        raise ArgumentError("MG132", f"padding must be a number, 'same' or 'valid', not {padding!r}.")
    elif not isinstance(padding, int | np.integer) and len(padding) and isinstance(padding[0], Sequence):
        pairs = tuple((int(lo), int(hi)) for lo, hi in cast("Sequence[tuple[int, int]]", padding))
    else:
        pairs = tuple((p, p) for p in _extent(cast("Extent", padding), k))
    if any(p < 0 for pair in pairs for p in pair):
        raise ArgumentError("MG132", f"padding must not be negative: {padding}.")
    return {"stride": steps, "padding": pairs, "dilation": spread, "groups": groups}


def _same_dtype(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    dtype = np.result_type(x.data, w.data)
    return tuple(a if a.dtype == dtype else apply(TABLE["astype"], a, dtype=dtype) for a in (x, w))  # type: ignore[return-value]


def _channels(x: tuple[int, ...], w: tuple[int, ...], groups: int) -> str:
    """What to say when the channels of an input do not fit a convolution's weight."""
    need = w[1] * groups
    if w[0] % groups:
        return f"{w[0]} output channels can't be divided into {groups} groups."
    text = f"The weight {w} with groups={groups} needs {need} channels; the input {x} has {x[1]}."
    if x[-1] == need:
        order = (0, len(x) - 1, *range(1, len(x) - 1))
        text += f" It looks channels-last: write `mg.permute_dims(x, {order})`."
    return text
