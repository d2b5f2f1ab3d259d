"""Random numbers from one counter-based generator: the same seed gives the same numbers, however the work is split.

Raw bits come from Philox4x64-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). Its
key is (seed mod 2^64, 0). **Block** k is the four 64-bit words it gives at counter (k, 0, 0, 0); as NumPy's Philox, the
first block is k = 1. A generator's whole state is its seed and its *counter*, the number of blocks already used.

A draw of n numbers uses whole blocks, those that follow the counter, and element i of the draw (in C order) is a function of
word i alone (of one pair of words, for normals). Words are 64 bits wide and number four to a block, or 32 bits wide and number
eight: each 64-bit word then gives its low half first. So any part of a draw can be made by itself, by any number of threads.

| draw | words | number |
| --- | --- | --- |
| uniform, float32 | 32-bit w | (w >> 8) · 2^-24 |
| uniform, float64 | 64-bit w | (w >> 11) · 2^-53 |
| normal | pairs of 32- or 64-bit words | Box-Muller, see box_muller.py |
| bernoulli | 32-bit w | 1 where the uniform float32 is less than p, else 0 |
| integers | 64-bit w | low + ((w · span) >> 64), with span = high - low, unless w is *rejected* |
| permutation | 64-bit w | the positions in increasing order of their words, equal words in order of position |

A word is rejected if (w · span) mod 2^64 < 2^64 mod span, which keeps integers unbiased (Lemire, "Fast random integer
generation in an interval", 2019). While any element is rejected, a further n words are drawn and it takes the new word at
its position. float16 is drawn as float32 and then rounded. low, high, mean and std are applied in the dtype of the draw,
as `low + (high - low) * u`, at most the largest number below high, and `mean + std * z`.
"""

from __future__ import annotations

import functools
import math
import operator
import os
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from typing import Any, TypeVar, cast

import numpy as np

from . import trace_hooks
from .box_muller import FORMATS, Format, box_muller
from .errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, as_given
from .indexing import new_shape
from .operators import get_default_dtype, wrap
from .other_names import answer_for
from .tensor import Tensor
from .traced_draws import traced_draw

__all__ = ["Generator", "bernoulli", "drawing_from", "get_state", "integers", "manual_seed", "normal", "permutation"]
__all__ += ["rand", "randint", "randn", "randperm", "set_state", "uniform"]

Shape = int | Sequence[int]
Function = TypeVar("Function", bound=Callable[..., Any])
Array = np.ndarray[Any, np.dtype[Any]]

_SMALL = 8  # normal draws of at most so many blocks are cut from normals made ahead
_AHEAD = 64  # so many blocks of them
_WORDS32, _WORDS64 = np.dtype("<u4"), np.dtype("<u8")


class Generator:
    """An independent generator; the functions of this module share another one.

    Without a seed it starts from the operating system's entropy.

    >>> from microgradient.random import Generator
    >>> a, b = Generator(7), Generator(7)
    >>> a.permutation(100).tolist() == b.permutation(100).tolist()
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._seed, self._counter = int.from_bytes(os.urandom(7)) if seed is None else _checked_seed(seed), 0
        self._restart()

    def _restart(self) -> None:
        self._philox: Any = None  # made when it is needed: importing numpy.random takes time
        self._philox_counter = 0
        self._ahead: dict[np.dtype[Any], tuple[int, Array]] = {}

    # --------------------------------------------------------------------------------------------------------- state

    def manual_seed(self, seed: int) -> None:
        """Start again from `seed`: any whole number from -2^63 to 2^64 - 1.

        >>> import microgradient as mg
        >>> mg.manual_seed(0)
        >>> x = mg.rand(3)
        >>> mg.manual_seed(0)
        >>> mg.all(mg.rand(3) == x)
        tensor(True)
        """
        _not_while_tracing()
        self.set_state({"seed": seed, "counter": 0})

    def get_state(self) -> dict[str, int]:
        """The seed and the number of blocks used so far: all there is to know, ready for JSON.

        >>> import microgradient as mg
        >>> mg.manual_seed(5)
        >>> mg.random.get_state()
        {'seed': 5, 'counter': 0}
        """
        _not_while_tracing()
        with self._lock:
            return {"seed": self._seed, "counter": self._counter}

    def set_state(self, state: dict[str, int]) -> None:
        """Continue from a state that `get_state` returned.

        >>> from microgradient import random
        >>> before = random.get_state()
        >>> x = random.normal((3,))
        >>> random.set_state(before)
        >>> random.normal((3,)).tolist() == x.tolist()
        True
        """
        _not_while_tracing()
        if not isinstance(state, dict) or set(state) != {"seed", "counter"}:
            raise ArgumentError("MG139", f"A random state is {{'seed': int, 'counter': int}}, got {as_given(state)}.")
        seed, counter = _checked_seed(state["seed"]), _whole(state["counter"], "counter")
        if not 0 <= counter < 2**64:
            raise ArgumentError("MG139", f"The counter of a random state is between 0 and 2^64 - 1, got {counter}.")
        with self._lock:
            self._seed, self._counter = seed, counter
            self._restart()

    # --------------------------------------------------------------------------------------------------------- draws

    def uniform(self, shape: Shape = (), low: float = 0.0, high: float = 1.0, dtype: Any = None) -> Tensor:
        """Numbers spread evenly over [low, high). `dtype` is a real floating dtype, by default the default float.

        Raises ArgumentError if low > high or a bound is not finite.

        >>> from microgradient import random
        >>> x = random.uniform((2, 3), -1.0, 1.0)
        >>> x.shape, bool((x >= -1).data.all() and (x < 1).data.all())
        ((2, 3), True)
        """
        shape, dtype = new_shape(shape), _floating(dtype)
        low, high = _real(low, "low"), _real(high, "high")
        if low > high:
            raise ArgumentError("MG139", f"uniform needs low <= high, got low = {low} and high = {high}.")
        if trace_hooks.current() is not None:
            return traced_draw(self.uniform, (shape, low, high, dtype), 0, dtype, (low, high))
        out = self._uniforms(math.prod(shape), np.dtype(np.float64 if dtype == np.float64 else np.float32))
        if dtype == np.float16 or low != 0.0 or high != 1.0:
            out = out * out.dtype.type(high - low)
            out += out.dtype.type(low)
            out = out.astype(dtype, copy=False)
            top = dtype.type(high)
            out = np.minimum(out, np.nextafter(top, dtype.type(-np.inf)) if low < high else top)
        return _tensor(out, shape)

    def normal(self, shape: Shape = (), mean: float = 0.0, std: float = 1.0, dtype: Any = None) -> Tensor:
        """Numbers from the normal distribution N(mean, std²). `dtype` is a real floating dtype, by default the default float.

        By Box and Muller, "A note on the generation of random normal deviates" (1958). The largest |z| that can come up is
        6.8 in float32 and 9.5 in float64. Raises ArgumentError if std is negative or a number is not finite.

        >>> from microgradient import random
        >>> random.normal((2, 3), mean=5.0, std=0.1).shape
        (2, 3)
        """
        shape, dtype = new_shape(shape), _floating(dtype)
        mean, std = _real(mean, "mean"), _real(std, "std")
        if std < 0:
            raise ArgumentError("MG139", f"A standard deviation must not be negative, got std = {std}.")
        if trace_hooks.current() is not None:
            return traced_draw(self.normal, (shape, mean, std, dtype), 0, dtype, (mean, std))
        out = self._normals(math.prod(shape), FORMATS[np.dtype(np.float64 if dtype == np.float64 else np.float32)])
        if std != 1.0:
            out *= out.dtype.type(std)
        if mean != 0.0:
            out += out.dtype.type(mean)
        return _tensor(out.astype(dtype, copy=False), shape)

    def integers(self, low: int, high: int, shape: Shape = ()) -> Tensor:
        """Whole numbers of dtype int64, low <= k < high, all equally likely. Raises ArgumentError unless low < high.

        >>> from microgradient import random
        >>> dice = random.integers(1, 7, (1000,))
        >>> sorted(set(dice.tolist()))
        [1, 2, 3, 4, 5, 6]
        """
        shape = new_shape(shape)
        low, high = _whole(low, "low"), _whole(high, "high")
        if not -(2**63) <= low < high <= 2**63:
            raise ArgumentError(
                "MG139",
                f"integers gives low <= k < high, so it needs low < high, within int64: got low = {low} and high = {high}. "
                "`high` itself is never drawn.",
            )
        if trace_hooks.current() is not None:
            return traced_draw(self.integers, (low, high, shape), 2, np.dtype(np.int64))
        n, span = math.prod(shape), high - low
        out, rejected = _scaled(self._words(n, _WORDS64), span)
        while rejected.any():
            again, rejected_again = _scaled(self._words(n, _WORDS64), span)
            out = np.where(rejected, again, out)
            rejected &= rejected_again
        if low:
            out += np.uint64(low % 2**64)  # modulo 2^64, as two's complement is
        return _tensor(out.view(np.int64), shape)

    def permutation(self, n: int) -> Tensor:
        """The numbers 0 … n-1 in random order, as an int64 tensor of shape (n,).

        >>> from microgradient import random
        >>> sorted(random.permutation(5).tolist())
        [0, 1, 2, 3, 4]
        """
        n = _whole(n, "n")
        if n < 0:
            raise ArgumentError("MG139", f"permutation needs n ≥ 0, got n = {n}.")
        if trace_hooks.current() is not None:
            return traced_draw(self.permutation, (n,), None, np.dtype(np.int64))
        return _tensor(np.argsort(self._words(n, _WORDS64), kind="stable").astype(np.int64, copy=False), (n,))

    def bernoulli(self, p: Any, shape: Shape | None = None, dtype: Any = None) -> Tensor:
        """Ones with probability `p` and zeros otherwise, in `dtype` (any; by default the default float).

        `p` is a number, or a tensor with a probability for each entry; `shape` is by default that of `p`.
        Raises ArgumentError for a probability outside [0, 1], ShapeError if `p` does not broadcast to `shape`.

        >>> from microgradient import random
        >>> random.bernoulli(1.0, (2, 2))
        tensor([[1., 1.],
                [1., 1.]])
        """
        if trace_hooks.current() is not None:
            places = new_shape((p.shape if isinstance(p, Tensor) else np.shape(p)) if shape is None else shape)
            numbers = (float(p),) if type(p) in (int, float) and 0 <= p <= 1 else None
            return traced_draw(self.bernoulli, (p, places, dtype), 1, np.dtype(dtype or get_default_dtype()), numbers)
        chances = np.asarray(p.raw if isinstance(p, Tensor) else p)
        shape = new_shape(chances.shape if shape is None else shape)
        if chances.dtype.kind not in "biuf" or not (chances.size == 0 or 0 <= chances.min() <= chances.max() <= 1):
            raise ArgumentError("MG139", f"A probability is between 0 and 1, got p = {_excerpt(chances)}.")
        if chances.ndim:
            try:
                chances = np.broadcast_to(chances, shape)
            except ValueError:
                raise ShapeError("MG129", f"Probabilities of shape {chances.shape} don't fit into {shape}.") from None
        ones = self._uniforms(math.prod(shape), np.dtype(np.float32)).reshape(shape) < chances
        return _tensor(ones.astype(get_default_dtype() if dtype is None else dtype), shape)

    def samplers(self) -> Any:
        """NumPy's generator of everything else, seeded by two numbers of this one."""
        key = self.integers(0, 1 << 62, (2,)).raw
        return np.random.Generator(np.random.Philox(key=key.astype(np.uint64)))

    # ------------------------------------------------------------------------------------------------------ raw bits

    def reserve(self, blocks: int) -> tuple[int, int]:
        """Count so many blocks as used, for somebody who makes them: (seed modulo 2^64, the counter before)."""
        with self._lock:
            start, self._counter = self._counter, self._counter + blocks
            return self._seed % 2**64, start % 2**64

    def _words(self, n: int, width: np.dtype[Any]) -> Array:
        """The first n words of the blocks that follow, which become used."""
        blocks = -(-n * width.itemsize // 32)
        with self._lock:
            start, self._counter = self._counter, self._counter + blocks
            words = self._blocks(start, blocks)
        return words.view(width)[:n]

    def _blocks(self, start: int, blocks: int) -> Array:
        """Blocks start + 1 … start + blocks, as 64-bit words. The lock is held."""
        if self._philox is None:
            self._philox = np.random.Philox(key=self._seed % 2**64)
        if self._philox_counter != start:
            state = self._philox.state
            state["state"]["counter"][:] = (start % 2**64, 0, 0, 0)
            state["buffer_pos"] = 4
            self._philox.state = state
        self._philox_counter = start + blocks
        words: Array = self._philox.random_raw(4 * blocks)
        return words.astype(_WORDS64, copy=False)

    def _uniforms(self, n: int, dtype: np.dtype[Any]) -> Array:
        if dtype == np.float64:
            return np.multiply(self._words(n, _WORDS64) >> 11, 2.0**-53, dtype=dtype, casting="unsafe")
        return np.multiply(self._words(n, _WORDS32) >> 8, 2.0**-24, dtype=dtype, casting="unsafe")

    def _normals(self, n: int, form: Format) -> Array:
        per_block = 256 // form.bits
        blocks = -(-n // per_block)
        if blocks > _SMALL:
            return box_muller(self._words(blocks * per_block, form.word), form)[:n]
        with self._lock:  # a pure function of the counter: it may be made ahead
            start, normals = self._ahead.get(form.real, (0, None))
            first = self._counter - start
            if normals is None or not 0 <= first <= _AHEAD - blocks:
                start, first = self._counter, 0
                normals = box_muller(self._blocks(start, _AHEAD).view(form.word), form)
                self._ahead[form.real] = start, normals
            self._counter += blocks
        return normals[first * per_block : first * per_block + n].copy()


def _scaled(words: Array, span: int) -> tuple[Array, Array]:
    """(words · span) >> 64, and where (words · span) mod 2^64 falls into the part that would make some numbers likelier."""
    if span == 2**64:
        return words.copy(), np.zeros(words.shape, bool)
    low, high = span % 2**32, span >> 32
    w0, w1 = words & (2**32 - 1), words >> 32
    middle = (w0 * low >> 32) + w1 * low
    scaled = middle >> 32
    if high:
        scaled += w1 * high + ((w0 * high + (middle & (2**32 - 1))) >> 32)
    return scaled, words * span < 2**64 % span


# ----------------------------------------------------------------------------------------------------- checks of arguments


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(
            "MG139", f"`{name}` must be a whole number, got {as_given(value)} ({type(value).__name__})."
        )
    return operator.index(value)


def _checked_seed(value: Any) -> int:
    seed = _whole(value, "seed")
    if not -(2**63) <= seed < 2**64:
        raise ArgumentError("MG139", f"A seed is between -2^63 and 2^64 - 1, got {seed}. Write `seed % 2**64`.")
    return seed


def _real(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentTypeError("MG139", f"`{name}` is one number, got {as_given(value)}.") from None
    if not math.isfinite(number):
        raise ArgumentError("MG139", f"`{name}` must be finite, got {number}.")
    return number


def _floating(dtype: Any) -> np.dtype[Any]:
    if dtype is None:
        return get_default_dtype()
    dtype = np.dtype(dtype)
    if dtype not in (np.float16, np.float32, np.float64):
        raise DTypeError("MG140", f"Random reals are float16, float32 or float64, not {dtype}.")
    return dtype


def _excerpt(values: Array) -> str:
    if values.dtype.kind not in "biuf":
        return repr(values.tolist())[:60]
    wrong = values[~((values >= 0) & (values <= 1))]
    return f"{wrong.flat[0]}" + (f" (and {wrong.size - 1} more)" if wrong.size > 1 else "")


def _not_while_tracing() -> None:
    trace = trace_hooks.current()
    if trace is not None:
        trace.refuse("Reading or setting the state of random numbers", "Do it outside the compiled function.")


def _tensor(data: Array, shape: tuple[int, ...]) -> Tensor:
    out: Tensor = wrap(data.reshape(shape), None)
    return out


# ------------------------------------------------------------------------------------- the generator that everything shares

_default = Generator()
_shared: ContextVar[Generator] = ContextVar("generator", default=_default)


class drawing_from:  # noqa: N801 (a context)
    """Inside, the functions of this module, and so all layers, draw from `generator`.

    >>> from microgradient import random
    >>> with random.drawing_from(random.Generator(7)):
    ...     x = random.permutation(100)
    >>> x.tolist() == random.Generator(7).permutation(100).tolist()
    True
    """

    __slots__ = ("_generator", "_tokens")

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._tokens: list[Token[Generator]] = []

    def __enter__(self) -> None:
        self._tokens.append(_shared.set(self._generator))

    def __exit__(self, *_: object) -> None:
        _shared.reset(self._tokens.pop())


def shared_generator() -> Generator:
    """The generator that the functions of this module draw from here."""
    return _shared.get()


def _of_shared(method: Function) -> Function:
    """The function that calls a method of the generator that is shared here."""
    name = method.__name__

    @functools.wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        return getattr(_shared.get(), name)(*args, **options)

    return cast("Function", call)


manual_seed, get_state, set_state = (
    _of_shared(_default.manual_seed),
    _of_shared(_default.get_state),
    _of_shared(_default.set_state),
)
uniform, normal, integers = _of_shared(_default.uniform), _of_shared(_default.normal), _of_shared(_default.integers)
permutation, bernoulli = _of_shared(_default.permutation), _of_shared(_default.bernoulli)


def rand(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Numbers spread evenly over [0, 1): `rand(2, 3)` or `rand((2, 3))`.

    >>> import microgradient as mg
    >>> mg.random.rand(2, 3).shape
    (2, 3)
    """
    return _leaf(uniform(_lengths(shape), dtype=dtype), requires_grad)


def randn(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers: `randn(2, 3)` or `randn((2, 3))`.

    >>> import microgradient as mg
    >>> mg.random.randn(2, 3, requires_grad=True).requires_grad
    True
    """
    return _leaf(normal(_lengths(shape), dtype=dtype), requires_grad)


def randint(low: int, high: Any, shape: Shape | None = None) -> Tensor:
    """Whole numbers low <= k < high: `randint(0, 10, (3,))`, or, from 0, `randint(10, (3,))`.

    >>> import microgradient as mg
    >>> bool((mg.random.randint(10, (3,)) < 10).data.all())
    True
    """
    if shape is None:
        return integers(0, low, high)
    return integers(low, high, shape)


def randperm(n: int) -> Tensor:
    """The numbers 0 … n-1 in random order; PyTorch's name for `permutation`.

    >>> import microgradient as mg
    >>> sorted(mg.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    return permutation(n)


def _lengths(shape: tuple[Any, ...]) -> Any:
    return shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape


def _leaf(out: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad:
        out.requires_grad = True
    return out


answer_for(__name__)
