"""Names that PyTorch has for its own use or for old programs, made of those beside this file: copies of views, normalisations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from ..tensor import Tensor as Base
from ..trace_hooks import note_lengths_told
from .creation import arange
from .function import FUNCTIONS, function
from .random import default_generator
from .shapes import as_strided

_COPIES = (
    "alias detach diagonal expand narrow permute select split split_with_sizes squeeze t transpose unbind unfold unsqueeze view "
    "as_strided"
)


def _copy_of(name: str) -> Callable[..., Any]:
    make: Callable[..., Any] = FUNCTIONS.get(name, mg.positive)

    def call(*args: Any, **options: Any) -> Any:
        y = make(*args, **options)
        return tuple(mg.asarray(part, copy=True) for part in y) if isinstance(y, tuple) else mg.asarray(y, copy=True)

    call.__name__, call.__doc__ = f"{name}_copy", f"`{name}`, without sharing memory."
    return call


for _name in _COPIES.split():
    function(_copy_of(_name), method=False)


@function
def slice_(input: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    """The slices start, start + step, … along `dim`."""
    return input[(slice(None),) * (dim % input.raw.ndim) + (slice(start, end, step),)]


@function(method=False)
def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """`input` with `src` in the place of `as_strided(input, size, stride)`."""
    numbers = mg.reshape(mg.arange(input.raw.size), tuple(input.shape))
    places = as_strided(numbers, size, stride, storage_offset)
    flat = FUNCTIONS["index_copy"](mg.reshape(input, (-1,)), 0, mg.reshape(places, (-1,)), mg.reshape(src, (-1,)))
    return mg.reshape(flat, tuple(input.shape))


@function(method=False)
def _unsafe_masked_index(input: Any, mask: Any, indices: Any, fill: Any) -> Any:
    """input[indices] where the mask holds, `fill` elsewhere."""
    safe = tuple(slice(None) if i is None else mg.where(mask, i, 0) for i in indices)
    return mg.where(mask, input[safe], fill)


@function(method=False)
def _chunk_cat(tensors: Any, dim: int, num_chunks: int) -> Any:
    """Tensors cut into chunks along `dim` (filled up with zeros), flattened, and joined."""
    rows = []
    for x in tensors:
        n = x.shape[dim]
        size = -(-n // num_chunks)
        widths = [(0, size * num_chunks - n if i == dim % x.raw.ndim else 0) for i in range(x.raw.ndim)]
        rows.append(mg.reshape(mg.pad(x, widths), (*x.shape[: dim % x.raw.ndim], num_chunks, -1)))
    return mg.concat(rows, axis=-1)


@function(method=False)
def native_layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    """The normalised tensor, the means and the reciprocals of the standard deviations."""
    axes = tuple(range(input.raw.ndim - len(normalized_shape), input.raw.ndim))
    mean = mg.mean(input, axis=axes, keepdims=True)
    rstd = mg.rsqrt(mg.mean(mg.square(input - mean), axis=axes, keepdims=True) + eps)
    y = (input - mean) * rstd
    y = y if weight is None else y * weight
    return y if bias is None else y + bias, mg.stop_gradient(mean), mg.stop_gradient(rstd)


@function(method=False)
def native_group_norm(input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float) -> Any:
    """The normalised tensor, the means and the reciprocals of the standard deviations of each group."""
    x = mg.reshape(input, (N, group, C // group * HxW))
    mean = mg.mean(x, axis=-1, keepdims=True)
    rstd = mg.rsqrt(mg.mean(mg.square(x - mean), axis=-1, keepdims=True) + eps)
    y = mg.reshape((x - mean) * rstd, tuple(input.shape))
    shape = (1, C) + (1,) * (input.raw.ndim - 2)
    y = y if weight is None else y * mg.reshape(weight, shape)
    y = y if bias is None else y + mg.reshape(bias, shape)
    return y, mg.reshape(mean, (N, group)), mg.reshape(rstd, (N, group))


@function(method=False)
def native_batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> Any:
    """The normalised tensor, and in training the means and the reciprocals of the standard deviations of the batch."""
    y = mg.nn.functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        empty = mg.zeros((0,), dtype=input.raw.dtype)
        return y, empty, empty
    axes = (0, *range(2, input.raw.ndim))
    mean = mg.mean(input, axis=axes, keepdims=True)
    var = mg.mean(mg.square(input - mean), axis=axes)
    return y, mg.stop_gradient(mg.reshape(mean, (-1,))), mg.stop_gradient(mg.rsqrt(var + eps))


@function(method=False)
def _native_batch_norm_legit(
    input: Any, weight: Any, bias: Any, running_mean: Any = None, running_var: Any = None, training: Any = True,
    momentum: Any = 0.1, eps: Any = 1e-5,
) -> Any:  # fmt: skip
    """`native_batch_norm`; without running statistics if there are only six arguments."""
    if isinstance(running_mean, bool):
        return native_batch_norm(input, weight, bias, None, None, running_mean, running_var, training)
    return native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


@function
def positive(input: Any) -> Any:
    """The tensor itself."""
    return input


@function(method=False)
def detach(input: Any) -> Any:
    """The same numbers, in the same memory, without a gradient."""
    return input.detach()


@function
def is_same_size(input: Any, other: Any) -> bool:
    """Whether the shapes are equal."""
    note_lengths_told(input)
    note_lengths_told(other)
    return tuple(input.shape) == tuple(other.shape)


@function
def is_signed(input: Any) -> bool:
    """Whether the dtype has negative numbers."""
    return input.raw.dtype.kind in "ifc"


def _never(name: str, doc: str) -> None:
    def call(input: Any) -> bool:
        return False

    call.__name__, call.__doc__ = name, doc
    function(call)


_never("is_conj", "False: conjugates are computed at once.")
_never("is_neg", "False: negatives are computed at once.")
_never("is_inference", "False: `inference_mode` is `no_grad` here.")


@function(method=False)
def get_device(input: Any) -> int:
    """-1: the CPU."""
    return -1


@function(method=False)
def range_(start: Any = 0, end: Any = None, step: Any = 1, **options: Any) -> Any:
    """start, start + step, … up to and with end."""
    start, end = (0, start) if end is None else (start, end)
    return arange(
        start, start + step * (int((end - start) / step) + 0.5), step, **{"dtype": mg.get_default_dtype(), **options}
    )


@function(method=False)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of each entry, the highest first unless `increasing`."""
    y = mg.linalg.vander(x, n=N)
    return y if increasing else mg.flip(y, axis=1)


@function(method=False)
def nuclear_norm(input: Any, keepdim: bool = False) -> Any:
    """The sum of the singular values."""
    return mg.linalg.matrix_norm(input, ord="nuc", keepdims=keepdim)


@function(method=False)
def binomial(count: Any, prob: Any, generator: Any = None) -> Any:
    """Numbers of successes in `count` trials of probability `prob`."""
    drawn = (generator or default_generator).samplers().binomial(count.raw, prob.raw)
    return mg.asarray(np.asarray(drawn, count.raw.dtype))


@function(method=False)
def native_dropout_backward(grad_output: Any, mask: Any, scale: float) -> Any:
    """grad_output · mask · scale."""
    return grad_output * mg.astype(mask, grad_output.raw.dtype) * scale


@function(method=False)
def _softmax_backward_data(grad_output: Any, output: Any, dim: int, input_dtype: Any) -> Any:
    """The cotangent of softmax's argument: output · (grad - Σ grad · output)."""
    product = grad_output * output
    return product - output * mg.sum(product, axis=dim, keepdims=True) if output.raw.ndim else product - product


def _grid_sampler(name: str) -> None:
    def call(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
        modes, paddings = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
        return mg.nn.functional.grid_sample(
            input, grid, modes[interpolation_mode], paddings[padding_mode], align_corners
        )

    call.__name__, call.__doc__ = name, "`grid_sample`, with its modes by number."
    function(call, method=False)


_grid_sampler("grid_sampler_2d")
_grid_sampler("grid_sampler_3d")


@function
def mvlgamma(input: Any, p: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension p."""
    y = p * (p - 1) / 4 * math.log(math.pi)
    for j in range(p):
        y = y + mg.lgamma(input - j / 2)
    return y


@function
def polygamma(n: Any, input: Any = None) -> Any:
    """The n-th derivative of digamma: `polygamma(n, x)` or `x.polygamma(n)`."""
    order, x = (input, n) if isinstance(n, Base) else (n, input)
    return mg.polygamma(order, x)


@function
def angle(input: Any) -> Any:
    """The angle of complex numbers; 0 or π of real ones."""
    if input.raw.dtype.kind == "c":
        return mg.angle(input)
    x = input if input.raw.dtype.kind == "f" else mg.astype(input, mg.get_default_dtype())
    return mg.where(mg.isnan(x), x, mg.where(mg.less(x, 0), math.pi, 0.0 * mg.stop_gradient(x)))


@function(method=False)
def view_as_real(input: Any) -> Any:
    """Complex numbers as pairs of real ones, in a new last axis."""
    return mg.view_as_real(input)


@function(method=False)
def view_as_complex(input: Any) -> Any:
    """Pairs of real numbers along the last axis as complex ones."""
    return mg.view_as_complex(input)


@function
def matrix_exp(input: Any) -> Any:
    """Σ inputᵏ / k!"""
    return mg.linalg.matrix_exp(input)


@function(method=False)
def _segment_reduce(
    data: Any, reduce: str, *, lengths: Any = None, indices: Any = None, offsets: Any = None, axis: int = 0, unsafe: bool = False,
    initial: Any = None,
) -> Any:  # fmt: skip
    """sum, mean, max, min or prod of consecutive segments along `axis`, given by their lengths or where they begin and end."""
    if lengths is None:
        lengths = offsets[..., 1:] - offsets[..., :-1]
    counts = lengths.raw
    if counts.ndim > 1:
        rows = [
            _segment_reduce(d, reduce, lengths=c, axis=axis - 1, initial=initial)
            for d, c in zip(data, lengths, strict=True)
        ]
        return mg.stack(rows, axis=0)
    parts, start = [], 0
    for n in counts.tolist():
        parts.append(_reduced(data[start : start + n], reduce, initial))
        start += n
    return mg.stack(parts, axis=0)


def _reduced(part: Any, reduce: str, initial: Any) -> Any:
    name = {"sum": mg.sum, "mean": mg.mean, "max": mg.max, "min": mg.min, "prod": mg.prod}[reduce]
    empty = {"sum": 0.0, "mean": math.nan, "max": -math.inf, "min": math.inf, "prod": 1.0}[reduce]
    start = empty if initial is None else initial
    if not part.shape[0]:
        return mg.full(tuple(part.shape[1:]), float(start), dtype=part.raw.dtype)
    y = name(part, axis=0)
    if initial is None:
        return y
    joined = {
        "sum": lambda: y + start,
        "mean": lambda: (mg.sum(part, axis=0) + start) / part.shape[0],
        "prod": lambda: y * start,
    }
    return (
        joined[reduce]()
        if reduce in joined
        else (mg.maximum if reduce == "max" else mg.minimum)(y, mg.asarray(start, dtype=y.raw.dtype))
    )
