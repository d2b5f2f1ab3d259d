"""Random sampling: the functions that draw from a generator, and the methods that fill a tensor with draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from .. import trace_hooks
from ..errors import ArgumentError, ArgumentTypeError
from ..operators import wrap
from ..random import Generator as BaseGenerator
from ..tensor import Tensor as BaseTensor
from . import memory, types
from .creation import lengths_of, made
from .function import function
from .random import Generator, default_generator, dtype_or_default, transformed_draws
from .tensor import Tensor

Array = np.ndarray[Any, Any]


def _of(generator: Any) -> Any:
    if generator is not None and not isinstance(generator, BaseGenerator):
        raise ArgumentTypeError("MG125", f"`generator` is a torch.Generator, not {type(generator).__name__}.")
    return default_generator if generator is None else generator


def _creation(name: str, draw: Callable[..., Any], doc: str) -> None:
    def call(*size: Any, generator: Any = None, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
        return made(draw(_of(generator), lengths_of(size, options), dtype), requires_grad, options)

    def like(
        input: Any, *, dtype: Any = None, requires_grad: bool = False, generator: Any = None, **options: Any
    ) -> Any:
        return made(draw(_of(generator), tuple(input.shape), dtype or input.raw.dtype), requires_grad, options)

    call.__name__, call.__doc__ = name, doc
    like.__name__, like.__doc__ = f"{name}_like", f"{doc} With the shape and dtype of `input`."
    function(call, method=False)
    function(like, method=False)


_creation("rand", lambda g, shape, dtype: _complex_parts(g.uniform, shape, dtype, 1.0), "Uniform numbers in [0, 1).")
_creation(
    "randn", lambda g, shape, dtype: _complex_parts(g.normal, shape, dtype, math.sqrt(0.5)), "Standard normal numbers."
)


def _complex_parts(draw: Any, shape: tuple[int, ...], dtype: Any, scale: float) -> Any:
    kind = dtype_or_default(dtype)
    if kind.kind != "c":
        return draw(shape, dtype=kind)
    parts = draw((*shape, 2), dtype=np.empty(0, kind).real.dtype).raw
    return wrap(np.ascontiguousarray(parts * parts.dtype.type(scale)).view(kind)[..., 0], None)


@function(method=False)
def randint(
    low: Any = 0, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = None, requires_grad: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    """Whole numbers, low ≤ k < high."""
    if size is None and isinstance(high, tuple | list):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not isinstance(size, tuple | list):
        raise ArgumentTypeError("MG125", f"randint takes `size` as a tuple, got {size!r:.80}. Write `size=(3,)`.")
    drawn = _of(generator).integers(int(low), int(high), tuple(size))
    return made(mg.astype(drawn, np.int64 if dtype is None else types.numpy_dtype(dtype)), requires_grad, options)


@function(method=False)
def randint_like(
    input: Any, low: Any, high: Any = None, *, dtype: Any = None, generator: Any = None, **options: Any
) -> Any:
    """Whole numbers, low ≤ k < high, with the shape and dtype of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(
        int(low), int(high), tuple(input.shape), dtype=dtype or input.raw.dtype, generator=generator, **options
    )


@function(method=False)
def randperm(n: int, *, generator: Any = None, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """0 … n-1 in random order."""
    drawn = _of(generator).permutation(n)
    return made(drawn if dtype is None else mg.astype(drawn, types.numpy_dtype(dtype)), requires_grad, options)


@function(method=False)
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None, **options: Any
) -> Any:
    """Numbers of N(mean, std²), which are numbers or tensors."""
    g = _of(generator)
    if size is not None:
        return made(
            g.normal(lengths_of((size,), {}), float(mean), float(std), dtype),
            options.pop("requires_grad", False),
            options,
        )
    kinds = [x.raw.dtype for x in (mean, std) if isinstance(x, BaseTensor)]
    shape = np.broadcast_shapes(*(np.shape(x.raw) if isinstance(x, BaseTensor) else () for x in (mean, std)))
    if isinstance(std, BaseTensor) and isinstance(std.raw, np.ndarray) and (std.raw < 0).any():
        raise ArgumentError("MG139", "normal expects all elements of std >= 0.0.")
    return mg.stop_gradient(g.normal(shape, dtype=kinds[0]) * std + mean)


@function
def bernoulli(input: Any, p: Any = None, *, generator: Any = None) -> Any:
    """Ones with the probabilities in `input`."""
    if p is not None:
        return _of(generator).bernoulli(float(p), tuple(input.shape), input.raw.dtype)
    return _of(generator).bernoulli(input, dtype=input.raw.dtype)


@function
def poisson(input: Any, generator: Any = None) -> Any:
    """Numbers of the Poisson distribution with the means in `input`."""
    g = _of(generator)

    def draw(rate: Any) -> Any:
        if not ((rate >= 0) & (rate < np.inf)).all():
            raise ArgumentError(
                "MG139", f"invalid Poisson rate, expected rate to be non-negative and finite; the least is {rate.min()}, the "
                f"greatest {rate.max()}.",
            )  # fmt: skip
        return np.asarray(g.samplers().poisson(rate), input.raw.dtype)

    return wrap(trace_hooks.on_data(draw, input.raw), None)


@function
def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Any:
    """Indices drawn with the probabilities (or weights) in the rows of `input`."""
    g = _of(generator)
    if isinstance(input.raw, np.ndarray):
        _check_weights(input.raw, num_samples, replacement)
    if (trace := trace_hooks.current()) is not None:
        shape = (*input.shape[:-1], num_samples)
        drawn = trace.draw(
            lambda x: _indices(g, x, num_samples, replacement), "multinomial", shape, np.int64, (input.raw,), None
        )
        return wrap(drawn, None)
    return wrap(_indices(g, input.raw, num_samples, replacement), None)


def _check_weights(p: Array, n: int, replacement: bool) -> None:
    if p.ndim not in (1, 2) or p.dtype.kind != "f":
        raise ArgumentError(
            "MG139", f"multinomial takes weights of shape (n,) or (rows, n), floating point, not {p.dtype} {p.shape}."
        )
    if n < 1 or (not replacement and n > p.shape[-1]):
        raise ArgumentError(
            "MG139", f"cannot sample n_sample > prob_dist.size(-1) samples without replacement: {n} of {p.shape[-1]}."
        )
    if p.size and not (np.isfinite(p).all() and p.min() >= 0):
        raise WeightsError("MG139", "probability tensor contains either `inf`, `nan` or element < 0.")
    if p.size and not (p.sum(axis=-1) > 0).all():
        raise WeightsError("MG139", "invalid multinomial distribution (sum of probabilities <= 0).")


class WeightsError(ArgumentError, RuntimeError):
    """Weights that are no distribution."""


def _indices(g: Generator, p: Array, n: int, replacement: bool) -> Array:
    if not replacement or n == 1:  # the largest of p / exponential numbers
        times = g.exponential(p.shape, 1.0, p.dtype).raw
        keys = p / times
        if n == 1:
            return np.asarray(keys.argmax(axis=-1, keepdims=True), np.int64)
        return np.asarray(np.argsort(-keys, axis=-1, kind="stable")[..., :n], np.int64)
    rows = p.reshape(-1, p.shape[-1])
    sums = np.cumsum(rows, axis=1, dtype=rows.dtype)
    sums = sums / sums[:, -1:]
    found = [np.searchsorted(row, g.doubles(n).astype(row.dtype), side="left") for row in sums]
    last = [np.flatnonzero(row > 0)[-1] for row in rows]
    return np.minimum(np.array(found), np.array(last)[:, None]).reshape(*p.shape[:-1], n).astype(np.int64)


def _into(name: str, draw: Callable[..., Any], doc: str) -> None:
    """A method that fills a tensor with draws."""

    def method(self: Any, *args: Any, generator: Any = None, **options: Any) -> Any:
        return memory.write(
            self, draw(_of(generator), tuple(self.shape), self.raw.dtype, *args, **options), f"`x.{name}(…)`"
        )

    method.__name__, method.__doc__ = name, doc
    setattr(Tensor, name, method)


def _uniform(g: Any, shape: Any, kind: Any, a: float = 0.0, b: float = 1.0, **named: Any) -> Any:
    return g.uniform(shape, float(named.get("from", a)), float(named.get("to", b)), kind)


def _random(g: Any, shape: Any, kind: Any, a: int | None = None, b: int | None = None, **named: Any) -> Any:
    low, high = named.get("from", a), named.get("to", b)
    if high is None and low is not None:
        low, high = 0, low
    if high is None:
        digits = {"float64": 53, "float32": 24, "float16": 11, "bool": 1}
        low, high = 0, 2 ** digits.get(kind.name, kind.itemsize * 8 - (kind.kind == "i")) + (kind.kind == "f")
    return mg.astype(g.integers(low or 0, high, shape), kind)


def _log_normal(g: Any, shape: Any, kind: Any, mean: float, std: float) -> Any:
    normals = [g.one_normal() for _ in range(math.prod(shape))]
    return wrap(np.exp(np.array(normals) * std + mean).astype(kind).reshape(shape), None)


def _cauchy(g: Any, shape: Any, kind: Any, median: float = 0.0, sigma: float = 1.0) -> Any:
    return transformed_draws(g, shape, kind, lambda u: median + sigma * np.tan(math.pi * (u - 0.5)))


def _geometric(g: Any, shape: Any, kind: Any, p: float) -> Any:
    return mg.astype(transformed_draws(g, shape, np.float64, lambda u: np.ceil(np.log(u) / math.log1p(-p))), kind)


_into("uniform_", _uniform, "Fill with uniform numbers of [from, to).")
_into(
    "normal_",
    lambda g, shape, kind, mean=0.0, std=1.0: g.normal(shape, float(mean), float(std), kind),
    "Fill with N(mean, std²).",
)
_into("random_", _random, "Fill with whole numbers, from ≤ k < to.")
_into(
    "exponential_", lambda g, shape, kind, lambd=1.0: g.exponential(shape, float(lambd), kind),
    "Fill with numbers of the exponential distribution.",
)  # fmt: skip
_into(
    "log_normal_", lambda g, shape, kind, mean=1.0, std=2.0: _log_normal(g, shape, kind, float(mean), float(std)),
    "Fill with exponentials of N(mean, std²).",
)  # fmt: skip
_into("cauchy_", _cauchy, "Fill with numbers of the Cauchy distribution.")
_into("geometric_", _geometric, "Fill with the numbers of trials to the first success.")
_into(
    "bernoulli_",
    lambda g, shape, kind, p=0.5: g.bernoulli(p if isinstance(p, BaseTensor) else float(p), shape, kind),
    "Fill with ones, with probability p, and zeros.",
)  # fmt: skip
