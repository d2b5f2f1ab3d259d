"""Random numbers: PyTorch's generator on a CPU, so that a seed gives the numbers that it gives there.

The words are those of the Mersenne Twister (Matsumoto and Nishimura 1998), 32 bits each; two make one of 64 bits, the first its
high half. A uniform float32 has the low 24 bits of a word, a float64 the low 53 of a long one. Normals are Box and Muller's:
16 and more by rows of 16 in the dtype of the tensor, fewer one by one in float64. Integers are remainders; permutations are
Fisher and Yates'.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import microgradient as mg

from .. import random as shared
from .. import trace_hooks
from ..errors import ArgumentError
from ..indexing import shape_tuple
from ..operators import wrap
from ..random import Generator as Base
from ..tensor import Tensor as BaseTensor
from ..traced_draws import Drawing, traced_draw
from . import samplers, types
from .tensor import Tensor

Array = np.ndarray[Any, Any]


class Generator(Base):
    """PyTorch's generator of random numbers on a CPU.

    >>> import microgradient.torch as torch
    >>> g = torch.Generator().manual_seed(7)
    >>> torch.randperm(8, generator=g)
    tensor([7, 0, 3, 4, 1, 5, 2, 6])
    """

    def __init__(self, device: Any = "cpu") -> None:
        types.check_device(device)
        super().__init__(67280421310721)
        self.device = types.CPU
        self._start(self._seed)

    def _start(self, seed: int) -> None:
        self._seed = seed
        self._left_over: float | None = None
        self._made: Any = None  # when it is needed: numpy.random takes time to load

    @property
    def _twister(self) -> Any:
        if self._made is None:
            key = np.random.RandomState(self._seed & 0xFFFFFFFF).get_state(legacy=False)["state"]
            self._made = np.random.MT19937()
            self._made.state = {"bit_generator": "MT19937", "state": key}
        return self._made

    # ---------------------------------------------------------------------------------------------------------------- state

    def manual_seed(self, seed: Any) -> Generator:  # type: ignore[override]
        """Start again from `seed`. Returns the generator."""
        if trace_hooks.current() is not None:
            trace_hooks.current().refuse("Setting the seed", "Do it outside the compiled function.")
        self._start(_seed(seed))
        return self

    def seed(self) -> int:
        """Start again from a seed of the operating system's, which is returned."""
        seed = int.from_bytes(os.urandom(8)) >> 1
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed that the numbers began with."""
        return self._seed

    def get_state(self) -> Any:
        """The state, as a tensor of bytes."""
        state = self._twister.state["state"]
        numbers = np.array([self._seed & (2**64 - 1), state["pos"], self._left_over is not None], np.uint64)
        last = np.array([self._left_over or 0.0])
        parts = (numbers.view(np.uint8), last.view(np.uint8), state["key"].astype(np.uint32).view(np.uint8))
        return wrap(np.concatenate(parts), None, None, Tensor)

    def set_state(self, state: Any) -> Any:
        """Go on from a state that `get_state` gave."""
        data = np.ascontiguousarray(state.raw if isinstance(state, BaseTensor) else state, np.uint8)
        if data.size != 32 + 4 * 624:
            raise ArgumentError(
                "MG139", f"A random state has {32 + 4 * 624} bytes, not {data.size}. Use what get_state() gave."
            )
        seed, position, has_left = (int(n) for n in data[:24].view(np.uint64))
        self._seed = seed if seed < 2**63 else seed - 2**64
        self._left_over = float(data[24:32].view(np.float64)[0]) if has_left else None
        key = data[32:].view(np.uint32).copy()
        self._twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
        return self

    def clone_state(self) -> Generator:
        """Another generator in the same state."""
        other = Generator()
        other.set_state(self.get_state())
        return other

    def __reduce__(self) -> Any:
        return _generator, (np.array(self.get_state().raw),)

    # ---------------------------------------------------------------------------------------------------------------- draws

    def words32(self, n: int) -> Array:
        """The next n words of 32 bits."""
        with self._lock:
            return np.asarray(self._twister.random_raw(n), np.uint64)

    def words64(self, n: int) -> Array:
        """The next n words of 64 bits."""
        w = self.words32(2 * n)
        return (w[::2] << np.uint64(32)) | w[1::2]

    def transformed(self, shape: tuple[int, ...], dtype: Any, transform: Callable[[Array], Array]) -> Any:
        """`transform` of uniform float64 numbers."""
        return wrap(transform(self.doubles(math.prod(shape))).astype(dtype).reshape(shape), None)

    def doubles(self, n: int) -> Array:
        """n uniform float64 in [0, 1)."""
        return np.asarray((self.words64(n) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53)

    def _units(self, n: int, kind: np.dtype[Any]) -> Array:
        if kind == np.float64:
            return self.doubles(n)
        return ((self.words32(n) & np.uint64(2**24 - 1)).astype(np.float64) * 2.0**-24).astype(np.float32)

    def uniform(self, shape: Any = (), low: float = 0.0, high: float = 1.0, dtype: Any = None) -> Any:
        """Numbers spread evenly over [low, high)."""
        shape, kind = _shape(shape), dtype_or_default(dtype)
        most = float(np.finfo(kind).max)
        if not 0 <= high - low <= most:
            raise ArgumentError(
                "MG139",
                f"uniform_ draws from [from, to), where to - from is between 0 and {most:.5g}; got {low} and {high}.",
            )
        if trace_hooks.current() is not None:
            return traced_draw(self.uniform, (shape, float(low), float(high), kind), 0, kind)
        u = self._units(math.prod(shape), kind)
        if low != 0.0 or high != 1.0:
            u = _scaled(u, float(low), float(high))
        return wrap(u.astype(kind, copy=False).reshape(shape), None)

    def normal(self, shape: Any = (), mean: float = 0.0, std: float = 1.0, dtype: Any = None) -> Any:
        """Numbers of the normal distribution N(mean, std²)."""
        shape, kind = _shape(shape), dtype_or_default(dtype)
        if std < 0:
            raise ArgumentError("MG139", f"normal expects std >= 0.0, but found std {std}.")
        if trace_hooks.current() is not None:
            return traced_draw(self.normal, (shape, float(mean), float(std), kind), 0, kind)
        n = math.prod(shape)
        z = self._by_sixteen(n, kind) if n >= 16 else np.array([self.one_normal() for _ in range(n)])
        if n < 16:  # as one number each, in float64
            return wrap(np.asarray(z * std + mean).astype(kind).reshape(shape), None)
        z = z * z.dtype.type(std) + z.dtype.type(mean) if (mean, std) != (0, 1) else z
        return wrap(z.astype(kind, copy=False).reshape(shape), None)

    def one_normal(self) -> float:
        """A standard normal float64: they are made in pairs."""
        if self._left_over is not None:
            z, self._left_over = self._left_over, None
            return z
        u, v = self.doubles(2).tolist()
        radius, angle = math.sqrt(-2 * math.log1p(-v)), 2 * math.pi * u
        self._left_over = radius * math.sin(angle)
        return radius * math.cos(angle)

    def _by_sixteen(self, n: int, kind: np.dtype[Any]) -> Array:
        u = self._units(n, kind)
        z = np.empty_like(u)
        whole = n // 16 * 16
        z[:whole] = _sixteens(u[:whole])
        if n > whole:
            z[n - 16 :] = _sixteens(self._units(16, kind))
        return z

    def integers(self, low: int, high: int, shape: Any = ()) -> Any:
        """Whole numbers, low ≤ k < high."""
        shape = _shape(shape)
        low, high = operator.index(low), operator.index(high)
        if low >= high:
            raise ArgumentError(
                "MG139", f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}."
            )
        if trace_hooks.current() is not None:
            return traced_draw(self.integers, (low, high, shape), 2, np.dtype(np.int64))
        n, span = math.prod(shape), high - low
        words = self.words64(n) if span >= 2**28 else self.words32(n)
        found = (words % np.uint64(span) if span < 2**64 else words).astype(np.uint64) + np.uint64(low % 2**64)
        return wrap(found.view(np.int64).reshape(shape), None)

    def permutation(self, n: int) -> Any:
        """0 … n-1 in random order."""
        n = operator.index(n)
        if n < 0:
            raise ArgumentError("MG139", f"n must be non-negative, got {n}.")
        if trace_hooks.current() is not None:
            return traced_draw(self.permutation, (n,), None, np.dtype(np.int64))
        order = list(range(n))
        jumps = (self.words32(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint64)).tolist()
        for i, z in enumerate(jumps):
            order[i], order[i + z] = order[i + z], order[i]
        return wrap(np.array(order, np.int64), None)

    def bernoulli(self, p: Any, shape: Any = None, dtype: Any = None) -> Any:
        """Ones with probability p, zeros otherwise: one for each entry of p, or of `shape`."""
        places = _shape((p.shape if isinstance(p, BaseTensor) else np.shape(p)) if shape is None else shape)
        if trace_hooks.current() is not None:
            kind = np.dtype(dtype or mg.get_default_dtype())
            return traced_draw(self.bernoulli, (p, places, kind), 1, kind)
        chances = np.asarray(p.raw if isinstance(p, BaseTensor) else p)
        if chances.size and not (chances.min() >= 0 and chances.max() <= 1):
            raise ArgumentError(
                "MG139", f"A probability is between 0 and 1, got p from {chances.min()} to {chances.max()}."
            )
        n = math.prod(places)
        single = not isinstance(p, float | int) and chances.dtype == np.float32
        u = self._units(n, chances.dtype) if single else self.doubles(n)
        ones = u.reshape(places) < chances
        return wrap(ones.astype(mg.get_default_dtype() if dtype is None else dtype), None)

    def samplers(self) -> Any:
        """What draws gamma, Poisson and binomial numbers as PyTorch does."""
        return samplers.Samplers(self.one_double, self.one_normal, super().samplers)

    def one_double(self) -> float:
        """A uniform float64 in [0, 1)."""
        word = self._twister.random_raw
        return float((word() << 32 | word()) & (2**53 - 1)) * 2.0**-53

    def exponential(self, shape: Any, rate: float, dtype: Any) -> Any:
        """Numbers of the exponential distribution."""
        return transformed_draws(self, shape, dtype, lambda u: -1.0 / rate * np.log1p(-u))


def _generator(state: Array) -> Generator:
    made = Generator()
    made.set_state(state)
    return made


def _sixteens(u: Array) -> Array:
    rows = u.reshape(-1, 16)
    radius = np.sqrt(-2 * np.log(1 - rows[:, :8]))
    angle = u.dtype.type(2 * math.pi) * rows[:, 8:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1).astype(u.dtype)


def _scaled(u: Array, low: float, high: float) -> Array:
    """u (high - low) + low, rounded once, as PyTorch's fused multiply-add does."""
    start, width = u.dtype.type(low), u.dtype.type(high) - u.dtype.type(low)
    if u.dtype == np.float32:
        return (u.astype(np.float64) * float(width) + float(start)).astype(np.float32)
    product = u * width
    sum_ = product + start
    parts = sum_ - product
    lost = (product - (sum_ - parts)) + (start - parts)  # what the sum lost (Knuth 1969)
    return np.asarray(sum_ + (lost + _product_error(u, float(width))))


def _product_error(x: Array, number: float) -> Array:
    """What rounding makes of x · number, subtracted from that exactly (Dekker 1971)."""
    y, exponent = math.frexp(number)  # halves of a large number would overflow
    x_high, y_high = (v * 134217729.0 - (v * 134217729.0 - v) for v in (x, np.float64(y)))
    x_low, y_low = x - x_high, y - y_high
    return np.ldexp(((x_high * y_high - x * y) + x_high * y_low + x_low * y_high) + x_low * y_low, exponent)


def transformed_draws(generator: Any, shape: Any, dtype: Any, transform: Callable[[Array], Array]) -> Any:
    """`transform` of uniform float64 numbers; in a trace, an instruction that draws them."""
    shape, kind = _shape(shape), dtype_or_default(dtype)
    if (trace := trace_hooks.current()) is not None:
        drawing = Drawing(generator.transformed, (shape, kind, transform), 0)
        return wrap(trace.draw(drawing, "draw", shape, kind, (), None), None)
    return generator.transformed(shape, kind, transform)


def _shape(shape: Any) -> tuple[int, ...]:
    return shape_tuple(shape)


def dtype_or_default(dtype: Any) -> np.dtype[Any]:
    """NumPy's dtype for one of PyTorch's; the default float for None."""
    kind = types.numpy_dtype(dtype)
    return mg.get_default_dtype() if kind is None else kind


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        value = int(value)
    seed = operator.index(value)
    if not -(2**63) <= seed < 2**64:
        raise ArgumentError("MG139", f"Overflow when unpacking long: a seed is between -2^63 and 2^64 - 1, got {seed}.")
    return seed


default_generator = Generator()


def sharing() -> shared.drawing_from:
    """Inside, layers and functions of Microgradient draw from `default_generator`."""
    return shared.drawing_from(default_generator)


def manual_seed(seed: int) -> Generator:
    """Start the numbers that all functions share again from `seed`."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start them again from a seed of the operating system's, which is returned."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that they began with."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """Their state."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Go on from a state."""
    default_generator.set_state(state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """What is drawn inside does not change what is drawn afterwards."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
