"""THE RULEBOOK. Every primitive of Microgradient and its derivative, written once.

A row names a primitive and says how a small change passes through it. `xp` is the namespace of the world in which the
row runs (Python floats, NumPy arrays, Tensors, sympy expressions, ...): it holds every primitive under its own name,
so a row never asks what its numbers are. `t` is what arrives (a cotangent going backward, a tangent going forward),
`y` the primitive's result and `a`, `b`, ... its arguments.

There are four kinds of row:

* pointwise: the Jacobian is diagonal, hence self-adjoint. One map per argument is at once the vjp, the jvp, the rule
  for a single number and, with t = 1, the symbolic partial derivative.
* linear: the function is its own derivative; the row holds the transpose. `jointly` linear: in all arguments at once.
* multilinear: linear in each argument; one transpose per argument.
* special: none of these; an explicit vjp and jvp. The list is short (the decompositions are in `rules_linalg.py`).

Broadcasting is undone in one place, `unbroadcast`, by the sweep that applies the rows, and so are changes of dtype.

Conventions at kinks: relu'(0) = 0, abs'(0) = 0, maximum/minimum at a tie and max/min reductions share the gradient
equally (the NaNs do, where there are any), clip passes it at its bounds, atan2, hypot and norms have derivative 0 at 0;
otherwise as PyTorch does. The second derivative of abs, copysign, atan2, hypot and norms at 0 is NaN, because it depends on
the composition (|x|² has one, |x| has not) and a 0 would be wrong; relu, clip, maximum and max count as linear on each side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

Rule = Callable[..., Any]
World = Any  # a namespace that holds the primitives: a module or an object


class Primitive:
    """One row of the rulebook.

    `maps` are the pointwise maps or the transposes, one per differentiable argument (None: not differentiable).
    `vjp(xp, t, y, args, wanted, params)` gives a cotangent per argument, `jvp(xp, tangents, y, args, params)` the
    tangent of the result; a tangent is None where an argument does not vary. `reads[wanted]` says what the vjp
    reads of (y, *args) when the arguments `wanted` need a gradient: only that is saved on the tape.
    """

    __slots__ = ("floats", "jvp", "kept", "kind", "maps", "name", "passes", "reads", "symbol", "varies", "vjp")

    def __init__(
        self, name: str, kind: str, maps: tuple[Rule | None, ...], vjp: Rule, jvp: Rule, reads: Rule, symbol: str = ""
    ) -> None:
        self.name = name
        self.kind = kind
        self.maps = maps
        self.vjp = vjp
        self.jvp = jvp
        self.reads = reads
        self.symbol = symbol
        self.floats = False
        self.passes = False  # pointwise, and every map returns `t` as it came: the sweeps need not call them
        self.varies = any(f is not None for f in maps)
        self.kept: dict[tuple[bool, ...], tuple[bool, ...]] = {}  # `reads`, remembered

    def __repr__(self) -> str:
        return f"<{self.kind} primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return TABLE.__getitem__, (self.name,)


TABLE: dict[str, Primitive] = {}
"""Every primitive by name."""


# ---------------------------------------------------------------------------------------------- how a row is registered


def pointwise(name: str, *maps: Rule | None, floats: bool = False, symbol: str = "") -> Primitive:
    """Register an elementwise primitive. `floats`: integer arguments become floats first (exp, divide, ...)."""

    def vjp(
        xp: World, t: Any, y: Any, args: Sequence[Any], wanted: Sequence[bool], params: dict[str, Any]
    ) -> list[Any]:
        return [f(xp, t, y, *args, **params) if want and f else None for f, want in zip(maps, wanted, strict=False)]

    def jvp(xp: World, tangents: Sequence[Any], y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        terms = [
            f(xp, t, y, *args, **params)
            for f, t in zip(maps, tangents, strict=False)
            if f is not None and t is not None
        ]
        return _sum(terms)

    used = [_reads(f, len(maps)) if f else frozenset() for f in maps]
    passes = all(f is not None and _passes(f, len(maps)) for f in maps)

    def reads(wanted: Sequence[bool]) -> tuple[bool, ...]:
        union = frozenset().union(*(u for u, want in zip(used, wanted, strict=False) if want))
        return tuple(i in union for i in range(len(wanted) + 1))

    row = Primitive(name, "pointwise", maps, vjp, jvp, reads, symbol)
    row.floats = floats
    row.passes = passes
    TABLE[name] = row
    return row


def linear(name: str, transpose: Rule) -> Primitive:
    """Register a function linear in its first argument. Further arguments are index arrays or masks: data, not varied."""

    def vjp(
        xp: World, t: Any, y: Any, args: Sequence[Any], wanted: Sequence[bool], params: dict[str, Any]
    ) -> list[Any]:
        return [transpose(xp, t, *args, **params)]

    def jvp(xp: World, tangents: Sequence[Any], y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return getattr(xp, name)(tangents[0], *args[1:], **params)

    def reads(wanted: Sequence[bool]) -> tuple[bool, ...]:
        return (False, False, *(True for _ in wanted[1:]))

    TABLE[name] = Primitive(name, "linear", (transpose,), vjp, jvp, reads)
    return TABLE[name]


def jointly(name: str, transposes: Rule, varied: int | None = None) -> Primitive:
    """Register a function jointly linear in its first `varied` arguments (None: in all of them), like concat.

    `transposes` returns one cotangent per varied argument.
    """

    def vjp(
        xp: World, t: Any, y: Any, args: Sequence[Any], wanted: Sequence[bool], params: dict[str, Any]
    ) -> list[Any]:
        return list(transposes(xp, t, *args, **params))

    def jvp(xp: World, tangents: Sequence[Any], y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        n = len(args) if varied is None else varied
        filled = [xp.zeros(a.shape, a.dtype) if t is None else t for t, a in zip(tangents[:n], args, strict=False)]
        return getattr(xp, name)(*filled, *args[n:], **params)

    def reads(wanted: Sequence[bool]) -> tuple[bool, ...]:
        n = len(wanted) if varied is None else varied
        return (False, *(i >= n for i in range(len(wanted))))

    TABLE[name] = Primitive(name, "linear", (transposes,), vjp, jvp, reads)
    return TABLE[name]


def multilinear(name: str, *transposes: Rule | None) -> Primitive:
    """Register a function linear in each argument. One transpose per argument; a single one serves any number (einsum)."""

    def pick(i: int) -> Rule:
        rule = transposes[i] if len(transposes) > 1 else transposes[0]
        assert rule is not None
        return rule

    def vjp(
        xp: World, t: Any, y: Any, args: Sequence[Any], wanted: Sequence[bool], params: dict[str, Any]
    ) -> list[Any]:
        if len(transposes) == 1:
            return [pick(0)(xp, t, i, *args, **params) if want else None for i, want in enumerate(wanted)]
        return [pick(i)(xp, t, *args, **params) if want else None for i, want in enumerate(wanted)]

    def jvp(xp: World, tangents: Sequence[Any], y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        kernel = getattr(xp, name)
        terms = [kernel(*args[:i], t, *args[i + 1 :], **params) for i, t in enumerate(tangents) if t is not None]
        return _sum(terms)

    def reads(wanted: Sequence[bool]) -> tuple[bool, ...]:
        several = sum(wanted) > 1
        return (False, *(several or not want for want in wanted))

    TABLE[name] = Primitive(name, "multilinear", transposes, vjp, jvp, reads)
    return TABLE[name]


def special(name: str, vjp: Rule, jvp: Rule, reads: str) -> Primitive:
    """Register a primitive with explicit rules. `reads`: which of y and the arguments a, b, c they use, as "ya".

    `vjp(xp, t, y, *args, **params)` returns a cotangent, or a list with one per argument;
    `jvp(xp, tangents, y, *args, **params)` the tangent of the result, or a tuple of them.
    """

    def all_vjp(
        xp: World, t: Any, y: Any, args: Sequence[Any], wanted: Sequence[bool], params: dict[str, Any]
    ) -> list[Any]:
        got = vjp(xp, t, y, *args, **params)
        return got if isinstance(got, list) else [got]

    def all_jvp(xp: World, tangents: Sequence[Any], y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return jvp(xp, tangents if len(args) > 1 else tangents[0], y, *args, **params)

    def kept(wanted: Sequence[bool]) -> tuple[bool, ...]:
        return ("y" in reads, *(chr(ord("a") + i) in reads for i in range(len(wanted))))

    TABLE[name] = Primitive(name, "special", (vjp,), all_vjp, all_jvp, kept)
    return TABLE[name]


def _sum(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class _Probe:
    """Stands for an argument while a pointwise map is run once at import, to see which arguments it reads."""

    def __init__(self, names: frozenset[int]) -> None:
        self.names = names

    def __getattr__(self, name: str) -> Callable[..., _Probe]:
        return lambda *args, **params: _probe(*args)


def _probe(*args: Any) -> _Probe:
    return _Probe(frozenset().union(*(a.names for a in args if isinstance(a, _Probe))))


for _operator in (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "rpow", "neg",
    "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "invert",
):  # fmt: skip
    setattr(_Probe, f"__{_operator}__", _probe)


def _reads(rule: Rule, arity: int) -> frozenset[int]:
    """Which of (y, a, b, ...) a pointwise map uses, as positions."""
    arguments = [_Probe(frozenset([i])) for i in range(arity + 1)]
    used = rule(_Probe(frozenset()), _Probe(frozenset()), *arguments)
    return used.names if isinstance(used, _Probe) else frozenset()


def _passes(rule: Rule, arity: int) -> bool:
    """Whether a pointwise map returns what arrives, unchanged."""
    t, other = _Probe(frozenset()), _Probe(frozenset())
    return rule(other, t, *[other] * (arity + 1)) is t


# --------------------------------------------------------------------------------------------------- pointwise: arithmetic


def _kink(xp: World, a: Any) -> Any:
    """1. Its derivative is 0, and 0·0⁻¹ = NaN where a is 0: a factor of a first derivative that has none there itself."""
    return xp.power(a, n=0)


def _over_length(xp: World, a: Any, y: Any) -> Any:
    """a / y for the length y of a vector with the entry a, and 0 where y is 0."""
    return a * _kink(xp, y) / xp.where(xp.equal(y, 0), 1, y)


def _over_square(xp: World, a: Any, y: Any) -> Any:
    return _over_length(xp, _over_length(xp, a, y), y)  # y² might under- or overflow


def _difference(xp: World, a: Any, b: Any) -> Any:
    """a - b, but -∞ where b is +∞ or a is -∞, also if both are: what is -∞ has no part in a sum of exponentials."""
    return xp.where(xp.equal(a, -math.inf), -math.inf, a - b)


pointwise("positive", lambda xp, t, y, a: t, symbol="+")
pointwise("negative", lambda xp, t, y, a: -t, symbol="-")
pointwise("add", lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: t, symbol="+")
pointwise("subtract", lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: -t, symbol="-")
pointwise("multiply", lambda xp, t, y, a, b: t * b, lambda xp, t, y, a, b: t * a, symbol="*")
pointwise("divide", lambda xp, t, y, a, b: t / b, lambda xp, t, y, a, b: -t * y / b, floats=True, symbol="/")
pointwise(
    "pow",  # the base is 1 where 0·0⁻¹ would be NaN, and log 0 where 0ᵇ stays 0
    lambda xp, t, y, a, b: t * (b * xp.pow(xp.where(xp.logical_and(xp.equal(b, 0), xp.equal(a, 0)), 1, a), b - 1)),
    lambda xp, t, y, a, b: t * (y * xp.log(xp.where(xp.logical_and(xp.equal(a, 0), xp.greater_equal(b, 0)), 1, a))),
    symbol="**",
)
pointwise("power", lambda xp, t, y, a, n=1: t * (n * a ** (n - 1)))  # a number n ≠ 0 as exponent: much cheaper
pointwise("floor_divide", lambda xp, t, y, a, b: xp.zeros_like(t), lambda xp, t, y, a, b: xp.zeros_like(t), symbol="//")
pointwise("remainder", lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: -t * xp.floor(a / b), symbol="%")
pointwise("square", lambda xp, t, y, a: t * (2 * a))
pointwise("sqrt", lambda xp, t, y, a: t / (2 * y), floats=True)
pointwise("reciprocal", lambda xp, t, y, a: -t * (y * y), floats=True)
pointwise("abs", lambda xp, t, y, a: t * (xp.sign(a) * _kink(xp, a)))
for _flat in ("sign", "floor", "ceil", "round", "trunc"):
    pointwise(_flat, lambda xp, t, y, a: xp.zeros_like(t))
pointwise("copysign",
          lambda xp, t, y, a, b: t * (xp.where(xp.equal(a, 0), 0, xp.sign(y) * xp.sign(a)) * _kink(xp, a)),
          lambda xp, t, y, a, b: xp.zeros_like(t), floats=True)  # fmt: skip
pointwise("hypot",
          lambda xp, t, y, a, b: t * _over_length(xp, a, y),
          lambda xp, t, y, a, b: t * _over_length(xp, b, y), floats=True)  # fmt: skip

# --------------------------------------------------------------------------------------- pointwise: exponentials, logarithms

pointwise("exp", lambda xp, t, y, a: t * y, floats=True)
pointwise("exp2", lambda xp, t, y, a: t * (y * math.log(2)), floats=True)
pointwise("expm1", lambda xp, t, y, a: t * (y + 1), floats=True)
pointwise("log", lambda xp, t, y, a: t / a, floats=True)
pointwise("log2", lambda xp, t, y, a: t / (a * math.log(2)), floats=True)
pointwise("log10", lambda xp, t, y, a: t / (a * math.log(10)), floats=True)
pointwise("log1p", lambda xp, t, y, a: t / (a + 1), floats=True)
pointwise("logaddexp",
          lambda xp, t, y, a, b: t * xp.sigmoid(_difference(xp, a, b)),
          lambda xp, t, y, a, b: t * xp.sigmoid(_difference(xp, b, a)), floats=True)  # fmt: skip
pointwise("sigmoid", lambda xp, t, y, a: t * (y * (1 - y)), floats=True)
pointwise("softplus", lambda xp, t, y, a: t * xp.sigmoid(a), floats=True)

# ------------------------------------------------------------------------------- pointwise: trigonometric and hyperbolic

pointwise("sin", lambda xp, t, y, a: t * xp.cos(a), floats=True)
pointwise("cos", lambda xp, t, y, a: -t * xp.sin(a), floats=True)
pointwise("tan", lambda xp, t, y, a: t * (1 + y * y), floats=True)
pointwise("asin", lambda xp, t, y, a: t / xp.sqrt(1 - a * a), floats=True)
pointwise("acos", lambda xp, t, y, a: -t / xp.sqrt(1 - a * a), floats=True)
pointwise("atan", lambda xp, t, y, a: t / (1 + a * a), floats=True)
pointwise("atan2",
          lambda xp, t, y, a, b: t * _over_square(xp, b, xp.hypot(a, b)),
          lambda xp, t, y, a, b: -t * _over_square(xp, a, xp.hypot(a, b)), floats=True)  # fmt: skip
pointwise("sinh", lambda xp, t, y, a: t * xp.cosh(a), floats=True)
pointwise("cosh", lambda xp, t, y, a: t * xp.sinh(a), floats=True)
pointwise("tanh", lambda xp, t, y, a: t * (1 - y * y), floats=True)
pointwise("asinh", lambda xp, t, y, a: t / xp.sqrt(a * a + 1), floats=True)
pointwise("acosh", lambda xp, t, y, a: t / (xp.sqrt(a - 1) * xp.sqrt(a + 1)), floats=True)
pointwise("atanh", lambda xp, t, y, a: t / (1 - a * a), floats=True)

# -------------------------------------------------------------------------------------------- pointwise: special functions

pointwise("erf", lambda xp, t, y, a: t * (2 / math.sqrt(math.pi) * xp.exp(-a * a)), floats=True)
pointwise("erfc", lambda xp, t, y, a: t * (-2 / math.sqrt(math.pi) * xp.exp(-a * a)), floats=True)
pointwise("erfinv", lambda xp, t, y, a: t * (math.sqrt(math.pi) / 2 * xp.exp(y * y)), floats=True)
pointwise("lgamma", lambda xp, t, y, a: t * xp.digamma(a), floats=True)
pointwise("digamma", lambda xp, t, y, a: t * xp.polygamma(a, n=1), floats=True)
pointwise("polygamma", lambda xp, t, y, a, n=0: t * xp.polygamma(a, n=n + 1), floats=True)

# --------------------------------------------------------------------------------------------------- pointwise: with kinks

pointwise("relu", lambda xp, t, y, a: xp.where(xp.less_equal(y, 0), 0, t))
pointwise(
    "maximum",
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.less(a, b), 0, 1)),
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.less(b, a), 0, 1)),
)
pointwise(
    "minimum",
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.greater(a, b), 0, 1)),
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.greater(b, a), 0, 1)),
)
pointwise(
    "clip",  # min(max(a, lo), hi); a bound takes the gradient where it is the one that counts
    lambda xp, t, y, a, lo, hi: xp.where(xp.logical_and(xp.greater_equal(a, lo), xp.less_equal(a, hi)), t, 0),
    lambda xp, t, y, a, lo, hi: xp.where(xp.logical_and(xp.less(a, lo), xp.less(lo, hi)), t, 0),
    lambda xp, t, y, a, lo, hi: xp.where(xp.logical_or(xp.greater(a, hi), xp.greater(lo, hi)), t, 0),
)
pointwise("where", None, lambda xp, t, y, c, a, b: xp.where(c, t, 0), lambda xp, t, y, c, a, b: xp.where(c, 0, t))

# ------------------------------------------------------------------------------------ pointwise: without a derivative

for _one in ("isfinite", "isinf", "isnan", "signbit", "logical_not", "bitwise_invert"):
    pointwise(_one, None)
for _two in (
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "nextafter",
):  # fmt: skip
    pointwise(_two, None, None)
for _name, _sign in {"equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
                     "greater_equal": ">=", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
                     "bitwise_left_shift": "<<", "bitwise_right_shift": ">>", "bitwise_invert": "~"}.items():  # fmt: skip
    TABLE[_name].symbol = _sign


# ------------------------------------------------------------------------------------------------ linear: sums and shapes


def unbroadcast(xp: World, t: Any, shape: tuple[int, ...]) -> Any:
    """Sum `t` over the axes along which an array of `shape` was broadcast: the transpose of broadcasting."""
    if t.shape == shape:
        return t
    extra = t.ndim - len(shape)
    axes = tuple(i for i in range(t.ndim) if i < extra or (shape[i - extra] == 1 and t.shape[i] != 1))
    return xp.reshape(xp.sum(t, axis=axes, keepdims=False), shape=shape)


def _kept(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with the reduced axes as 1, as `keepdims=True` leaves it."""
    return tuple(1 if i in axis else n for i, n in enumerate(shape))


def _spread(xp: World, t: Any, a: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The result of a reduction over `axis`, shaped so that it broadcasts against the argument `a`."""
    return t if keepdims else xp.reshape(t, shape=_kept(a.shape, axis))


def _sum_transpose(xp: World, t: Any, a: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    return xp.broadcast_to(_spread(xp, t, a, axis, keepdims), shape=a.shape)


def _cumsum_transpose(xp: World, t: Any, a: Any, *, axis: int) -> Any:
    return xp.flip(xp.cumulative_sum(xp.flip(t, axis=(axis,)), axis=axis), axis=(axis,))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


linear("sum", _sum_transpose)
linear("broadcast_to", lambda xp, t, a, *, shape: unbroadcast(xp, t, a.shape))
linear("reshape", lambda xp, t, a, *, shape: xp.reshape(t, shape=a.shape))
linear("permute_dims", lambda xp, t, a, *, axes: xp.permute_dims(t, axes=_inverse(axes)))
linear("flip", lambda xp, t, a, *, axis: xp.flip(t, axis=axis))
linear("roll", lambda xp, t, a, *, shift, axis: xp.roll(t, shift=tuple(-s for s in shift), axis=axis))
linear("cumulative_sum", _cumsum_transpose)
linear("tril", lambda xp, t, a, *, k: xp.tril(t, k=k))
linear("triu", lambda xp, t, a, *, k: xp.triu(t, k=k))
linear("astype", lambda xp, t, a, *, dtype: xp.astype(t, dtype=a.dtype))

# ----------------------------------------------------------------------------------------------- linear: moving entries


def _pad_transpose(xp: World, t: Any, a: Any, *, widths: tuple[tuple[int, int], ...]) -> Any:
    return xp.index(t, key=tuple(slice(lo, lo + n) for (lo, _), n in zip(widths, a.shape, strict=True)))


def _concat_transposes(xp: World, t: Any, *arrays: Any, axis: int) -> list[Any]:
    parts, start = [], 0
    for a in arrays:
        stop = start + a.shape[axis]
        parts.append(xp.index(t, key=(slice(None),) * axis + (slice(start, stop),)))
        start = stop
    return parts


def _index_set_transposes(xp: World, t: Any, a: Any, v: Any, *indices: Any, key: Any) -> list[Any]:
    hole, g = xp.index_set(t, 0, *indices, key=key), xp.index(t, *indices, key=key)
    if any(i.dtype.kind != "b" for i in indices):  # of several values for one entry the last stays: it alone is read
        number = xp.reshape(xp.cumulative_sum(xp.zeros((math.prod(g.shape),), int) + 1, axis=0), shape=g.shape)
        kept = xp.index_set(xp.zeros(t.shape, int), number, *indices, key=key)
        g = xp.where(xp.equal(xp.index(kept, *indices, key=key), number), g, 0)
    return [hole, unbroadcast(xp, g, v.shape)]


linear("pad", _pad_transpose)
jointly("concat", _concat_transposes)
# `key` is an indexing expression with INDEX in the places of the index arrays, which follow as arguments
linear("index", lambda xp, t, a, *idx, key: xp.index_add(t, *idx, key=key, shape=a.shape))
linear("index_add", lambda xp, t, a, *idx, key, shape: xp.index(t, *idx, key=key))
jointly("index_set", _index_set_transposes, varied=2)
linear("take_along_axis",
       lambda xp, t, a, i, *, axis: xp.scatter_along_axis(t, i, axis=axis, shape=a.shape))  # fmt: skip
linear("scatter_along_axis", lambda xp, t, a, i, *, axis, shape: xp.take_along_axis(t, i, axis=axis))
# sliding windows over the trailing axes, as new trailing axes (a view), and their adjoint
linear("windows", lambda xp, t, a, **w: xp.windows_add(t, **w, size=a.shape[a.ndim - len(w["window"]) :]))
linear("windows_add", lambda xp, t, a, *, size, **w: xp.windows(t, **w))

INDEX = "<array>"
"""Stands in an index key for an index array."""


# ------------------------------------------------------------------------------------------------------------- multilinear


def _mT(xp: World, a: Any) -> Any:
    return xp.permute_dims(a, axes=(*range(a.ndim - 2), a.ndim - 1, a.ndim - 2))


def _einsum_transpose(xp: World, t: Any, i: int, *args: Any, spec: str) -> Any:
    inputs, output = spec.split("->")
    terms = inputs.split(",")
    others = [args[j] for j in range(len(args)) if j != i]
    other_terms = [terms[j] for j in range(len(args)) if j != i]
    known = set(output).union(*other_terms)
    present = "".join(c for c in terms[i] if c in known)
    g = xp.einsum(t, *others, spec=f"{','.join([output, *other_terms])}->{present}")
    if present == terms[i]:
        return g
    shape = args[i].shape  # an index summed over in this argument alone: spread the cotangent along it
    kept = tuple(n if c in known else 1 for c, n in zip(terms[i], shape, strict=True))
    return xp.broadcast_to(xp.reshape(g, shape=kept), shape=shape)


multilinear("matmul", lambda xp, t, a, b: xp.matmul(t, _mT(xp, b)), lambda xp, t, a, b: xp.matmul(_mT(xp, a), t))
multilinear("einsum", _einsum_transpose)
# y = conv(x, w) is linear in x and in w, so there are three functions of two arguments each, and each is a transpose of
# the others: conv (x, w -> y), conv_input (y, w -> x), conv_weight (x, y -> w). PyTorch's conv_transpose is conv_input.
multilinear("conv",
            lambda xp, t, x, w, **c: xp.conv_input(t, w, **c, size=x.shape[2:]),
            lambda xp, t, x, w, **c: xp.conv_weight(x, t, **c, window=w.shape[2:]))  # fmt: skip
multilinear("conv_input",
            lambda xp, t, y, w, *, size, **c: xp.conv(t, w, **c),
            lambda xp, t, y, w, *, size, **c: xp.conv_weight(t, y, **c, window=w.shape[2:]))  # fmt: skip
multilinear("conv_weight",
            lambda xp, t, x, y, *, window, **c: xp.conv_input(y, t, **c, size=x.shape[2:]),
            lambda xp, t, x, y, *, window, **c: xp.conv(x, t, **c))  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------- special


def _shares(xp: World, y: Any, a: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """How the derivative of a maximum is divided: 1/k for each of the k entries that attain it, or are NaN."""
    attained = xp.logical_or(xp.equal(a, _spread(xp, y, a, axis, keepdims)), xp.not_equal(a, a))
    hits = xp.astype(attained, dtype=a.dtype)
    return hits / xp.sum(hits, axis=axis, keepdims=True)


def _extremum_vjp(xp: World, t: Any, y: Any, a: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    return _spread(xp, t, a, axis, keepdims) * _shares(xp, y, a, axis, keepdims)


def _extremum_jvp(xp: World, t: Any, y: Any, a: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    return xp.sum(t * _shares(xp, y, a, axis, keepdims), axis=axis, keepdims=keepdims)


def _shifted(xp: World, a: Any, axis: int, first: Any) -> Any:
    """`a` moved one place along `axis`, with `first` (0 or 1) in the free place."""
    rest = (slice(None),) * axis
    edge = first + xp.zeros_like(xp.index(a, key=(*rest, slice(0, 1))))
    return xp.concat(edge, xp.index(a, key=(*rest, slice(0, -1))), axis=axis)


def _before(xp: World, a: Any, axis: int) -> Any:
    """For each entry the product of those before it along `axis`."""
    return _shifted(xp, xp.cumulative_prod(a, axis=axis), axis, 1) if a.shape[axis] else a


def _others(xp: World, a: Any, axis: int) -> Any:
    """For each entry the product of all the others along `axis`: exact when some entries are 0."""
    after = xp.flip(_before(xp, xp.flip(a, axis=(axis,)), axis), axis=(axis,))
    return _before(xp, a, axis) * after


def _prod_vjp(xp: World, t: Any, y: Any, a: Any, *, axis: int, keepdims: bool) -> Any:
    return _spread(xp, t, a, (axis,), keepdims) * _others(xp, a, axis)


def _prod_jvp(xp: World, t: Any, y: Any, a: Any, *, axis: int, keepdims: bool) -> Any:
    return xp.sum(t * _others(xp, a, axis), axis=(axis,), keepdims=keepdims)


def _adjoint_recurrence(xp: World, t: Any, a: Any, axis: int) -> Any:
    """r_i = t_i + a_{i+1} r_{i+1}, the transpose of the recurrence below, by running it from the end."""
    coefficients = xp.flip(xp.roll(a, shift=(-1,), axis=(axis,)), axis=(axis,))
    return xp.flip(xp.recurrence(xp.flip(t, axis=(axis,)), coefficients, axis=axis), axis=(axis,))


def _recurrence_vjp(xp: World, t: Any, y: Any, b: Any, a: Any, *, axis: int) -> Any:
    if not y.shape[axis]:
        return [t, t]
    r = _adjoint_recurrence(xp, t, a, axis)
    return [r, r * _shifted(xp, y, axis, 0)]


def _recurrence_jvp(xp: World, t: Any, y: Any, b: Any, a: Any, *, axis: int) -> Any:
    tb, ta = t
    if not y.shape[axis]:
        return y
    terms = [] if tb is None else [tb]
    terms += [] if ta is None else [ta * _shifted(xp, y, axis, 0)]
    return xp.recurrence(_sum(terms), a, axis=axis)


def _cumprod_vjp(xp: World, t: Any, y: Any, a: Any, *, axis: int) -> Any:
    return _before(xp, a, axis) * _adjoint_recurrence(xp, t, a, axis) if a.shape[axis] else t


special("max", _extremum_vjp, _extremum_jvp, reads="ya")
special("min", _extremum_vjp, _extremum_jvp, reads="ya")
special("prod", _prod_vjp, _prod_jvp, reads="a")
special("cumulative_prod", _cumprod_vjp,
        lambda xp, t, y, a, *, axis: xp.recurrence(t * _before(xp, a, axis), a, axis=axis), reads="a")  # fmt: skip
# s_i = a_i s_{i-1} + b_i along an axis: what the derivative of a cumulative product is made of, exact at zeros
special("recurrence", _recurrence_vjp, _recurrence_jvp, reads="yb")
# One result of a primitive that has several (eigh, svd, qr): the sweep gathers their cotangents into one tuple.
special("pick", lambda xp, t, y, a, *, i, n: tuple(t if j == i else None for j in range(n)),
        lambda xp, t, y, a, *, i, n: t[i], reads="")  # fmt: skip
