"""Random programs with inputs for them, and how far from their numbers another way of computing them may come.

Every value carries a bound of its rounding error. Inputs are multiples of 1/4, so sums and products of few of them are exact,
and only exact values decide anything: comparisons, ties of a maximum, indices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradient.program.program import Alias, Program
from microgradient.rules import INDEX
from programs import Book, Recorded

Choose = Callable[[int], int]  # choose(n): one of 0 … n - 1
_SIZES = (1, 2, 3, 5, 4, 7, 8, 16, 17, 33, 0, 61)
_LARGEST = 4000  # entries
_STEEP = 1e4  # values beyond are not used


class Case(NamedTuple):
    """A program, the arrays it is run on, and for each output how far it may be off."""

    program: Program
    inputs: list[Any]
    errors: list[float]


class RandomProgram:
    """A program being written, by choices that somebody else makes."""

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.book = Book()
        self.rng = np.random.default_rng(choose(1000))
        self.dtype = np.dtype((np.float32, np.float64)[choose(2)])
        self.errors: dict[int, float] = {}
        self.pool: list[Recorded] = []  # real arrays
        self.whole: list[Recorded] = []  # integer arrays
        self.scalars: list[Recorded] = []
        rank = self.one((1, 2, 2, 3, 3, 4, 0))
        self.shape = self.limited(tuple(self.one(_SIZES) for _ in range(rank)))
        for _ in range(1 + choose(4)):
            shape = self.shape if choose(2) else self.broadcastable(self.shape)
            self.known(self.book.input(self.numbers(shape)))
        if choose(3) == 0:
            x = self.book.input(np.float64(0.75))
            x.instruction.weak = True
            self.scalars.append(x)
        if choose(4) == 0:
            self.known(self.book.constant(self.numbers(self.shape)))

    # ------------------------------------------------------------------------------------------------------- choosing

    def one(self, options: Any) -> Any:
        return options[self.choose(len(options))]

    def limited(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        while math.prod(shape) > _LARGEST:
            k = max(range(len(shape)), key=lambda a: shape[a])
            shape = (*shape[:k], max(shape[k] // 3, 1), *shape[k + 1 :])
        return shape

    def broadcastable(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 if self.choose(3) == 0 else n for n in shape[self.choose(len(shape) + 1) :])

    def numbers(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return np.asarray(self.rng.integers(-6, 7, shape) / 4, dtype or self.dtype)

    def any(self, ndim: int = 0, exact: bool = False) -> Recorded | None:
        found = [x for x in self.pool if x.ndim >= ndim and (not exact or not self.error(x))]
        if not found:
            return None
        late = found[-6:]
        return self.one(late) if self.choose(4) else self.one(found)

    def partner(self, x: Recorded) -> Any:
        """Something to combine x with elementwise: an array that broadcasts with it, or a number."""
        kind = self.choose(8)
        if kind == 0:
            return (0.5, 2, -1.25, 0.0, 1)[self.choose(5)]
        if kind == 1 and self.scalars:
            return self.scalars[0]
        found = []
        for y in self.pool:
            try:
                shape = np.broadcast_shapes(x.shape, y.shape)
            except ValueError:
                continue
            if math.prod(shape) <= _LARGEST and len(shape) <= 5:
                found.append(y)
        return self.one(found[-8:]) if found else 0.75

    # -------------------------------------------------------------------------------------------------------- bookkeeping

    def error(self, x: Any) -> float:
        return self.errors.get(id(x.instruction), 0.0) if isinstance(x, Recorded) else 0.0

    def top(self, x: Any) -> float:
        a = np.abs(np.asarray(x.array if isinstance(x, Recorded) else x))
        return float(a.max()) if a.size else 0.0

    def eps(self, *xs: Any) -> float:
        return max(
            (np.finfo(x.dtype).eps for x in xs if isinstance(x, Recorded) and x.dtype.kind == "f"), default=2e-16
        )

    def known(self, x: Recorded, error: float = 0.0) -> Recorded | None:
        """Remember a new value, if it is of use: neither huge nor all rounding error."""
        if x.dtype.kind != "f" or not np.isfinite(x.array).all() or self.top(x) > _STEEP or error > 1e-3:
            return None
        self.errors[id(x.instruction)] = error
        self.pool.append(x)
        return x

    def rounded(self, x: Recorded, error: float, count: int = 1) -> Recorded | None:
        """Remember what was computed with `count` roundings of numbers of its own size."""
        return self.known(x, error + 2 * count * self.eps(x) * max(self.top(x), 1.0))

    def exactly(self, x: Recorded, error: float, terms: float) -> Recorded | None:
        """Remember sums of products: exact if the operands are, and no partial sum can reach 2²⁰ units."""
        exact = error == 0 and x.dtype.kind == "f" and not (np.asarray(x.array) * 2.0**8 % 1).any() and terms < 2.0**11
        return self.known(x) if exact else self.rounded(x, error + self.eps(x) * terms)

    # ------------------------------------------------------------------------------------------------------------ steps

    def step(self) -> None:
        x = self.any()
        if x is not None:
            self.one(_STEPS)(self, x)

    def arithmetic(self, x: Recorded) -> None:
        y, b = self.partner(x), self.book
        if self.choose(2) and isinstance(y, Recorded):
            x, y = y, x
        kind = self.choose(7)
        ex, ey = self.error(x), self.error(y)
        if kind <= 1:
            self.exactly((b.add, b.subtract)[kind](x, y), ex + ey, self.top(x) + self.top(y))
        elif kind <= 3:
            self.exactly(b.multiply(x, y), ex * self.top(y) + ey * self.top(x) + ex * ey, self.top(x) * self.top(y))
        elif kind <= 5:
            self.known((b.maximum, b.minimum)[kind - 4](x, y), ex + ey)
        else:
            below = b.add(b.square(y), 1.0) if isinstance(y, Recorded) and y.dtype.kind == "f" and y.ndim else 4.0
            self.rounded(
                b.divide(x, below), 3 * (ex + ey * (1 + self.top(x)) * (1 + self.top(y))), 4 + int(self.top(x))
            )

    def function(self, x: Recorded) -> None:
        name = self.one(("negative", "abs", "tanh", "sin", "sigmoid", "relu", "square", "cos", "atan", "erf", "softplus",
                         "clip", "positive"))  # fmt: skip
        if name == "clip":
            self.known(self.book.clip(x, -1.5, 0.5), self.error(x))
        elif name in ("negative", "abs", "relu", "positive"):
            self.known(getattr(self.book, name)(x), self.error(x))
        elif name == "square":
            self.exactly(self.book.square(x), 3 * self.error(x) * (1 + self.top(x)), self.top(x) ** 2)
        else:
            self.rounded(getattr(self.book, name)(x), 1.2 * self.error(x), 4)

    def choice(self, x: Recorded) -> None:
        """where(comparison, …)."""
        sample = self.any(exact=True)
        if sample is None:
            return
        y, other = self.partner(sample), self.partner(x)
        if self.error(y):
            return
        name = self.one(("less", "greater_equal", "equal", "not_equal", "less_equal", "greater"))
        mask = getattr(self.book, name)(sample, y)
        if self.choose(3) == 0:
            mask = self.book.logical_and(mask, self.book.less(sample, 1.0))
        try:
            shape = np.broadcast_shapes(
                mask.shape, x.shape, np.shape(other.array if isinstance(other, Recorded) else other)
            )
        except ValueError:
            self.known(self.book.astype(mask, dtype=self.dtype))
            return
        if math.prod(shape) <= _LARGEST:
            self.known(self.book.where(mask, x, other), max(self.error(x), self.error(other)))

    def axes(self, x: Recorded) -> tuple[int, ...]:
        if self.choose(3) == 0 and x.ndim:
            return (x.ndim - 1,)
        return tuple(a for a in range(x.ndim) if self.choose(2))

    def reduction(self, x: Recorded) -> None:
        axis, keepdims = self.axes(x), bool(self.choose(2))
        n = math.prod(x.shape[a] for a in axis)
        name = self.one(("sum", "sum", "sum", "max", "min", "prod"))
        if name == "sum":
            self.exactly(self.book.sum(x, axis=axis, keepdims=keepdims), n * self.error(x), n * self.top(x))
        elif name == "prod":
            if self.top(x) <= 1.5 and n <= 8:
                self.rounded(self.book.prod(x, axis=axis, keepdims=keepdims), 30 * n * self.error(x), n * 4)
        elif n:
            self.known(getattr(self.book, name)(x, axis=axis, keepdims=keepdims), self.error(x))

    def softmax(self, x: Recorded) -> None:
        if not x.ndim or not x.size:
            return
        axis = (self.choose(x.ndim),)
        b = self.book
        e = b.exp(b.subtract(x, b.max(x, axis=axis, keepdims=True)))
        total = b.sum(e, axis=axis, keepdims=True)
        n = x.shape[axis[0]]
        self.rounded(b.divide(e, total), 10 * self.error(x), 10 + int(self.top(x)) + n)
        if self.choose(2):
            self.rounded(b.log(total), 10 * n * self.error(x), 10 + int(self.top(x)) + n)

    def normalised(self, x: Recorded) -> None:
        axis = self.axes(x)
        n = math.prod(x.shape[a] for a in axis)
        if not n or not x.size:
            return
        b = self.book
        centred = b.subtract(x, b.multiply(b.sum(x, axis=axis, keepdims=True), 1 / n))
        spread = b.multiply(b.sum(b.square(centred), axis=axis, keepdims=True), 1 / n)
        y = b.divide(centred, b.sqrt(b.add(spread, 1.0)))
        big = 1 + self.top(x)
        self.rounded(y, 30 * big * big * self.error(x), int(10 + big * (4 + n)))

    def view(self, x: Recorded) -> None:
        kind, b, e = self.choose(8), self.book, self.error(x)
        n = x.ndim
        if kind == 0:
            self.known(b.reshape(x, shape=self.other_shape(x)), e)
        elif kind == 1 and n > 1:
            axes = list(range(n))
            for k in range(n - 1, 0, -1):
                j = self.choose(k + 1)
                axes[k], axes[j] = axes[j], axes[k]
            self.known(b.permute_dims(x, axes=tuple(axes)), e)
        elif kind == 2 and n < 5:
            shape = tuple(self.one((2, 3, 5)) if m == 1 and self.choose(2) else m for m in x.shape)
            shape = (*(() if self.choose(2) else (self.one((1, 2, 3)),)), *shape)
            if math.prod(shape) <= _LARGEST:
                self.known(b.broadcast_to(x, shape=shape), e)
        elif kind == 3 and n:
            self.known(b.flip(x, axis=self.axes(x)), e)
        elif kind in (4, 5):
            self.known(b.index(x, key=self.key(x)), e)
        elif kind == 6 and n:
            axis = self.choose(n)
            self.known(b.roll(x, shift=(self.choose(5) - 2,), axis=(axis,)), e)
        elif kind == 7 and n > 1:
            self.known(self.one((b.tril, b.triu))(x, k=self.choose(4) - 2), e)

    def other_shape(self, x: Recorded) -> tuple[int, ...]:
        shape = list(x.shape)
        kind = self.choose(4)
        if kind == 0 or not shape:
            return (x.size,)
        if kind == 1 and len(shape) > 1:
            k = self.choose(len(shape) - 1)
            return (*shape[:k], shape[k] * shape[k + 1], *shape[k + 2 :])
        if kind == 2 and len(shape) < 5:
            k = self.choose(len(shape))
            factor = next((f for f in (2, 3, 4, 7) if shape[k] % f == 0 and shape[k]), 1)
            return (*shape[:k], factor, shape[k] // factor, *shape[k + 1 :])
        k = self.choose(len(shape) + 1)
        return (*shape[:k], 1, *shape[k:]) if len(shape) < 5 else tuple(shape)

    def key(self, x: Recorded) -> tuple[Any, ...]:
        """A basic index."""
        key: list[Any] = []
        for n in x.shape:
            kind = self.choose(6)
            if kind == 0 and n:
                key.append(self.choose(2 * n) - n)
            elif kind <= 2:
                key.append(slice(None))
            elif kind == 3:
                key.append(slice(None, None, self.one((-1, 2, -2, 3))))
            else:
                start = self.choose(max(n, 1))
                key.append(slice(start, start + 1 + self.choose(max(n - start, 1)), self.one((None, 1, 2))))
        if self.choose(4) == 0 and x.ndim < 5:
            key.insert(self.choose(len(key) + 1), None)
        return tuple(key)

    def joined(self, x: Recorded) -> None:
        """concat, pad, windows, and the transposes of views."""
        b, e, kind = self.book, self.error(x), self.choose(6)
        if kind == 0 and x.ndim:
            widths = tuple((self.choose(3), self.choose(3)) for _ in x.shape)
            if math.prod(n + lo + hi for n, (lo, hi) in zip(x.shape, widths, strict=True)) <= _LARGEST:
                self.known(b.pad(x, widths=widths), e)
        elif kind <= 2 and x.ndim:
            axis = self.choose(x.ndim)
            fits = [y for y in self.pool if y.ndim == x.ndim and y.dtype == x.dtype
                    and all(p == q for k, (p, q) in enumerate(zip(x.shape, y.shape, strict=True)) if k != axis)]  # fmt: skip
            parts = [x, *(self.one(fits) for _ in range(1 + self.choose(2)))]
            if sum(math.prod(p.shape) for p in parts) <= _LARGEST:
                self.known(b.concat(*parts, axis=axis), max(map(self.error, parts)))
        elif kind == 3 and x.ndim:
            key = tuple(k for k in self.key(x) if k is not None)
            y = b.index(x, key=key)
            self.known(b.index_add(y, key=key, shape=x.shape), e)
        elif kind == 4 and x.ndim:
            key = tuple(k for k in self.key(x) if k is not None)
            shape = np.shape(np.zeros(x.shape)[key])
            value = (
                self.book.constant(self.numbers(shape, x.dtype)) if self.choose(2) else b.index(b.negative(x), key=key)
            )
            self.known(b.index_set(x, value, key=key), e)
        elif kind == 5 and x.ndim and all(x.shape) and x.ndim <= 3:
            count = 1 + self.choose(min(x.ndim, 2))
            window = tuple(1 + self.choose(min(3, n)) for n in x.shape[-count:])
            stride = tuple(1 + self.choose(3) for _ in window)
            dilation = tuple(
                1 + self.choose(2) if n >= 2 * (m - 1) + 1 else 1 for n, m in zip(x.shape[-count:], window, strict=True)
            )
            options = {"window": window, "stride": stride, "dilation": dilation}
            v = self.known(b.windows(x, **options), e)
            if v is not None and math.prod(v.shape) <= _LARGEST:
                m = math.prod(window)
                if self.choose(2):
                    y = b.max(v, axis=tuple(range(v.ndim - count, v.ndim)), keepdims=True)
                    self.known(y, e)
                    v = self.known(b.multiply(v, b.astype(b.less(v, 0.5), dtype=x.dtype)), e) if not e else v
                if v is not None:
                    back = b.windows_add(v, **options, size=x.shape[-count:])
                    self.exactly(back, m * self.error(v), m * self.top(v))

    def product(self, x: Recorded) -> None:
        """matmul with something made to fit, einsum, a convolution."""
        b, kind = self.book, self.choose(6)
        if not x.ndim:
            return
        if kind == 0 and x.ndim in (3, 4) and all(x.shape):
            self.convolution(x)
            return
        if kind == 1:
            labels = "abcdefgh"[: x.ndim]
            out = "".join(c for c in labels if self.choose(2))
            y = self.any(ndim=0)
            if y is not None and y.shape == x.shape:
                n = math.prod(x.shape) / max(math.prod(x.shape["abcdefgh".index(c)] for c in out), 1)
                self.multiplied(b.einsum(x, y, spec=f"{labels},{labels}->{out}"), x, y, max(n, 1))
            return
        k = x.shape[-1]
        fits = [y for y in self.pool if y.ndim == 2 and y.shape[0] == k and y.dtype == x.dtype]
        turned = [y for y in self.pool if y.ndim == 2 and y.shape[1] == k and y.dtype == x.dtype]
        if kind == 2 and fits:
            y = self.one(fits)
        elif kind == 3 and turned:
            other = self.one(turned)
            y = b.permute_dims(other, axes=(1, 0))
            self.errors[id(y.instruction)] = self.error(other)
        elif kind == 4 and x.ndim > 1:
            axes = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
            y = b.permute_dims(x, axes=axes)
            self.errors[id(y.instruction)] = self.error(x)
        else:
            shape = self.one([(k,), (k, 1), (k, 5), (k, 17), *([(x.shape[0], k, 3)] if x.ndim == 3 else [])])
            y = b.input(self.numbers(shape, x.dtype))
            self.known(y)
        if math.prod(x.shape[:-1]) * math.prod(y.shape[1:]) <= _LARGEST:
            self.multiplied(b.matmul(x, y), x, y, k)

    def multiplied(self, z: Recorded, x: Recorded, y: Recorded, n: float) -> None:
        ex, ey = self.error(x), self.error(y)
        self.exactly(z, n * (ex * self.top(y) + ey * self.top(x)), n * self.top(x) * self.top(y))

    def convolution(self, x: Recorded) -> None:
        b = self.book
        d = x.ndim - 2
        window = tuple(1 + self.choose(min(3, n)) for n in x.shape[2:])
        groups = 2 if x.shape[1] % 2 == 0 and self.choose(2) else 1
        options: dict[str, Any] = {
            "stride": tuple(1 + self.choose(2) for _ in range(d)),
            "padding": tuple((self.choose(2), self.choose(2)) for _ in range(d)),
            "dilation": (1,) * d,
            "groups": groups,
        }
        w = b.input(self.numbers((groups * (1 + self.choose(4)), x.shape[1] // groups, *window), x.dtype))
        self.known(w)
        y = b.conv(x, w, **options)
        if math.prod(y.shape) > _LARGEST:
            return
        n = math.prod(w.shape[1:])
        self.multiplied(y, x, w, n)
        if self.choose(2) and id(y.instruction) in self.errors:
            self.multiplied(b.conv_input(y, w, **options, size=x.shape[2:]), y, w, math.prod(w.shape))
            self.multiplied(b.conv_weight(x, y, **options, window=window), x, y, math.prod(y.shape))

    def indexed(self, x: Recorded) -> None:
        """Indexing by arrays, and its transposes."""
        if not x.ndim or not all(x.shape):
            return
        b, e, kind = self.book, self.error(x), self.choose(5)
        axis = self.choose(x.ndim)
        n = x.shape[axis]
        if kind <= 1:
            shape = (self.one((1, 2, 5, 9, 0)), *(() if self.choose(2) else (3,)))
            i = b.input(self.rng.integers(-n, n, shape).astype(self.one((np.int64, np.int32))))
            key: list[Any] = [slice(None)] * x.ndim
            key[axis] = INDEX
            indices = [i]
            if kind == 1 and x.ndim > 1 and self.choose(2):
                other = (axis + 1) % x.ndim
                key[other] = INDEX
                j = b.input(self.rng.integers(0, x.shape[other], shape[-1:]))
                indices = [i, j] if other > axis else [j, i]
            y = b.index(x, *indices, key=tuple(key))
            if math.prod(y.shape) > _LARGEST:
                return
            self.known(y, e)
            if self.choose(2):
                self.known(b.index_set(x, b.negative(y), *indices, key=tuple(key)), e)
            if self.choose(2):
                count = max(math.prod(shape), 1)
                back = b.index_add(y, *indices, key=tuple(key), shape=x.shape)
                self.exactly(back, count * e, count * self.top(x))
        elif kind <= 3:
            shape = tuple(self.one((1, 3, 6)) if a == axis else m for a, m in enumerate(x.shape))
            i = b.input(self.rng.integers(-n, n, shape))
            y = b.take_along_axis(x, i, axis=axis)
            self.known(y, e)
            if self.choose(2):
                back = b.scatter_along_axis(y, i, axis=axis, shape=x.shape)
                self.exactly(back, shape[axis] * e, shape[axis] * self.top(x))
        else:
            self.exactly(b.cumulative_sum(x, axis=axis), n * e, n * self.top(x))

    def converted(self, x: Recorded) -> None:
        kind = self.choose(3)
        if kind == 0:
            other = np.float64 if x.dtype == np.float32 else np.float32
            self.exactly(self.book.astype(x, dtype=np.dtype(other)), self.error(x), self.top(x))
        elif kind == 1 and not self.error(x):
            whole = self.book.astype(x, dtype=np.dtype(self.one((np.int64, np.int32, np.int8))))
            self.known(self.book.astype(self.book.add(whole, 1), dtype=x.dtype))
        else:
            v = self.book.norm(x, axis=self.axes(x), keepdims=True) if all(x.shape) else x
            if v is not x:
                self.rounded(v, math.sqrt(math.prod(x.shape)) * self.error(x), 8 + math.prod(x.shape))

    # ------------------------------------------------------------------------------------------------------------ outputs

    def case(self) -> Case:
        b = self.book
        outputs = [self.pool[-1]]
        for _ in range(self.choose(6)):
            outputs.append(self.one(self.pool[-10:]) if self.choose(5) else self.one(self.pool))
        aliases = []
        for number, x in enumerate(list(b.inputs)):
            if self.choose(3) or x.dtype.kind != "f" or x.instruction.weak:
                continue
            same = [k for k, y in enumerate(outputs) if y.shape == x.shape and y.dtype == x.dtype
                    and all(a.output != k for a in aliases)]  # fmt: skip
            if same:
                aliases.append(Alias(self.one(same), number))
                continue
            fits = [y for y in self.pool if y.shape == x.shape and y.dtype == x.dtype]
            outputs.append(self.one(fits))
            if self.choose(2):
                y = b.add(x, b.multiply(outputs[-1], -0.5))
                self.errors[id(y.instruction)] = self.error(outputs[-1]) + 4 * self.eps(x) * (1 + self.top(y))
                outputs[-1] = y
            aliases.append(Alias(len(outputs) - 1, number))
        return Case(b.program(*outputs, aliases=aliases), [x.array for x in b.inputs], [self.error(y) for y in outputs])


_STEPS = (
    [RandomProgram.arithmetic] * 5 + [RandomProgram.function] * 3 + [RandomProgram.view] * 4 + [RandomProgram.reduction] * 3
    + [RandomProgram.product] * 3 + [RandomProgram.joined] * 2 + [RandomProgram.choice, RandomProgram.softmax]
    + [RandomProgram.normalised, RandomProgram.indexed, RandomProgram.indexed, RandomProgram.converted]
)  # fmt: skip


def random_case(choose: Choose, steps: int) -> Case:
    """A program of about so many steps."""
    p = RandomProgram(choose)
    for _ in range(steps // 4 + choose(steps)):
        p.step()
    return p.case()
