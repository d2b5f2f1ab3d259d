"""Functions built from primitives, which the standard has not: softmax and its relatives, sliding windows, convolution.

They have no derivative of their own: the rulebook gives it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ..errors import ArgumentError, ShapeError, as_given
from ..operators import world, wrap
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from .arguments import ArrayLike, as_tensor, as_tensors, axes_of, inexact
from .manipulation import squeeze

__all__ = ["conv", "conv_transpose", "log_softmax", "logsumexp", "softmax", "stop_gradient", "windows"]

Extent = int | Sequence[int]
Padding = int | Sequence[int] | Sequence[tuple[int, int]] | str


def stop_gradient(x: Any) -> Tensor:
    """The value of `x` as a constant: its derivative is 0 (JAX's name; the same as `x.detach()`).

    >>> import microgradient as mg
    >>> mg.grad(lambda x: x * mg.stop_gradient(x))(3.0)
    tensor(3.)
    """
    return as_tensor(x).detach()


def logsumexp(x: Any, /, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """log Σ exp(x) over `axis` (None: all), without overflow: the maximum is taken out first.

    -inf where every entry is -inf. The derivative is softmax(x), and 0 there.

    >>> import microgradient as mg
    >>> round(mg.logsumexp(mg.tensor([1000.0, 1000.0])).item(), 2)
    1000.69
    """
    x = inexact(as_tensor(x))
    axes = _axes(axis, x.ndim)
    top = _peak(x, axes)
    total = xp.sum(xp.exp(x - top), axis=axes, keepdims=True)
    none = xp.equal(total, 0)  # log has no derivative there, but the sum stays 0 nearby
    total = xp.where(none, -math.inf, xp.log(xp.where(none, 1, total)) + top)
    return total if keepdims else squeeze(total, axes)


def softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Tensor:
    """exp(x) / Σ exp(x) over `axis`: positive numbers that add up to 1, in the shape of `x`.

    >>> import microgradient as mg
    >>> mg.softmax(mg.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """
    x = inexact(as_tensor(x))
    axes = _axes(axis, x.ndim)
    if not x.raw.size:
        return xp.exp(x)
    e = xp.exp(x - _peak(x, axes))
    return e / xp.sum(e, axis=axes, keepdims=True)


def log_softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Tensor:
    """log softmax(x) = x - log Σ exp(x) over `axis`, without under- or overflow.

    >>> import microgradient as mg
    >>> mg.log_softmax(mg.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """
    x = inexact(as_tensor(x))
    axes = _axes(axis, x.ndim)
    if not x.raw.size:
        return x + 0
    shifted = x - _peak(x, axes)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axes, keepdims=True))


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
    steps, spread = (extent(each, len(window), name) for each, name in ((stride, "stride"), (dilation, "dilation")))
    x = as_tensor(x)
    if len(window) > x.ndim:
        raise ShapeError("MG132", f"windows: a window of {len(window)} axes needs as many; the shape is {x.shape}.")
    return xp.windows(x, window=window, stride=steps, dilation=spread)


def conv(x: Any, w: Any, /, stride: Extent = 1, padding: Padding = 0, dilation: Extent = 1, groups: int = 1) -> Tensor:
    """Cross-correlation in any number of spatial dimensions, as PyTorch's conv1d, conv2d, conv3d.

    x (N, C, *size) with w (O, C/groups, *window) gives (N, O, *out), out = ⌊(size + 2·padding - dilation·(window - 1) - 1)
    / stride⌋ + 1. `padding` is a number, one per dimension, a pair (before, after) per dimension, 'valid' or 'same'.
    Raises ShapeError if the shapes do not fit. Dumoulin & Visin 2016, "A guide to convolution arithmetic".

    >>> import microgradient as mg
    >>> mg.conv(mg.ones((1, 1, 4)), mg.ones((1, 1, 3)), padding=1)
    tensor([[[2., 3., 3., 2.]]])
    """
    x, w, options = _spatial(x, w, stride, padding, dilation, groups)
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ShapeError("MG130", channel_mismatch(x.shape, w.shape, groups))
    for size, window, step, (lo, hi) in zip(
        x.shape[2:], w.shape[2:], options["dilation"], options["padding"], strict=True
    ):
        if size + lo + hi < step * (window - 1) + 1:
            raise ShapeError(
                "MG131", f"A window of {step * (window - 1) + 1} does not fit in {size} + padding {lo + hi}: input {x.shape}, "
                f"weight {w.shape}. Write `padding={(step * (window - 1) + 1) // 2}`, or use a smaller kernel.",
            )  # fmt: skip
    return xp.conv(x, w, **options)


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
    x, w, options = _spatial(x, w, stride, padding, dilation, groups)
    extra = extent(output_padding, w.ndim - 2, "output_padding")
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
    if all(e < s for e, s in zip(extra, options["stride"], strict=True)):
        return xp.conv_input(x, w, size=size, **options)
    # One more window would fit into the output, and x has no entry for it. So: all that the windows reach, zeros, and a cut.
    edges, options["padding"] = options["padding"], ((0, 0),) * len(size)
    reach = tuple(n + lo + hi - e for n, (lo, hi), e in zip(size, edges, extra, strict=True))
    y = xp.conv_input(x, w, size=reach, **options)
    y = xp.pad(y, widths=((0, 0), (0, 0), *((0, e) for e in extra)))
    return y[(..., *(slice(lo, lo + n) for (lo, _), n in zip(edges, size, strict=True)))]


# --------------------------------------------------------------------------------------------------------------- helpers


def _axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    return () if ndim == 0 and axis in (0, -1) else axes_of(axis, ndim)  # PyTorch's softmax(x, dim=0) of a number


def _peak(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The maximum over `axes` as a constant, 0 where it is infinite: what may be subtracted without harm."""
    if any(x.shape[i] == 0 for i in axes):
        return xp.zeros(tuple(1 if i in axes else n for i, n in enumerate(x.shape)), x.dtype)
    data, kernels = x.raw, world()
    top = kernels.max(data, axis=axes, keepdims=True)
    return cast(Tensor, wrap(kernels.where(kernels.isfinite(top), top, 0), None))


def _spatial(
    x: ArrayLike, w: ArrayLike, stride: Extent, padding: Padding, dilation: Extent, groups: int
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """What the two convolutions share: tensors of one dtype whose axes fit, and canonical parameters."""
    x, w = as_tensors((x, w))
    options = conv_options(w.shape[2:], stride, padding, dilation, groups)
    if w.ndim < 3 or x.ndim != w.ndim:
        raise ShapeError(
            "MG129", f"A weight of shape {w.shape} needs an input of {w.ndim} axes (N, C, …), not {x.shape}."
        )
    return x, w, options


def extent(value: Extent, k: int, name: str) -> tuple[int, ...]:
    """`value` for each of `k` spatial axes."""
    values = (value,) * k if isinstance(value, int | np.integer) else tuple(value)
    if len(values) == 1:
        values *= k
    if len(values) != k:
        raise ArgumentError("MG132", f"{name}={value!r} must be one number or {k} of them.")
    return tuple(int(v) for v in values)


def conv_options(
    window: tuple[int, ...], stride: Extent, padding: Padding, dilation: Extent, groups: int
) -> dict[str, Any]:
    """The parameters of the convolution primitives in canonical form."""
    k = len(window)
    steps, spread = extent(stride, k, "stride"), extent(dilation, k, "dilation")
    if min((*steps, *spread, groups)) < 1:
        raise ArgumentError("MG132", f"stride {stride}, dilation {dilation} and groups {groups} must be at least 1.")
    if padding == "same":
        if any(s != 1 for s in steps):
            raise ArgumentError("MG132", f"padding='same' needs stride 1, not {stride}.")
        reach = [d * (m - 1) for d, m in zip(spread, window, strict=True)]
        pairs = tuple((r // 2, r - r // 2) for r in reach)
    elif isinstance(padding, str) and padding != "valid":
        raise ArgumentError("MG132", f"padding must be a number, 'same' or 'valid', not {as_given(padding)}.")
    elif isinstance(padding, Sequence) and len(padding) and isinstance(padding[0], tuple | list):
        pairs = tuple((int(lo), int(hi)) for lo, hi in cast("Sequence[tuple[int, int]]", padding))
    else:
        pairs = tuple((p, p) for p in extent(0 if padding == "valid" else cast("Extent", padding), k, "padding"))
    if any(p < 0 for pair in pairs for p in pair):
        raise ArgumentError("MG132", f"padding must not be negative: {padding}.")
    return {"stride": steps, "padding": pairs, "dilation": spread, "groups": groups}


def channel_mismatch(x: tuple[int, ...], w: tuple[int, ...], groups: int) -> str:
    """What to say when the channels of an input, or of one without an axis for the batch, do not fit a convolution's weight."""
    need, axis = w[1] * groups, len(x) - len(w) + 1
    if w[0] % groups:
        return f"{w[0]} output channels can't be divided into {groups} groups."
    text = f"The weight {w} with groups={groups} needs {need} channels; the input {x} has {x[axis]}."
    if x[-1] == need:
        order = (*range(axis), len(x) - 1, *range(axis, len(x) - 1))
        return text + f" It looks channels-last: write `mg.permute_dims(x, {order})`."
    return text + f" Write `in_channels={x[axis]}` for the layer, or check where the input comes from."
