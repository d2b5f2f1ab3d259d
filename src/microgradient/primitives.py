"""A primitive: one row of the rulebook, and how a row of each kind is registered. The rows themselves are in `rules.py`."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from .errors import ArgumentError

Rule = Callable[..., Any]
World = Any  # a namespace that holds the primitives: a module or an object


class Primitive:
    """One row of the rulebook: what is true of a function, whatever its numbers are.

    `maps` are the pointwise maps or the transposes, one per differentiable argument (None: not differentiable).
    `vjp(xp, t, y, args, wanted, params)` gives a cotangent per argument, `jvp(xp, tangents, y, args, params)` the
    tangent of the result; a tangent is None where an argument does not vary. `reads[wanted]` says what the vjp
    reads of (y, *args) when the arguments `wanted` need a gradient: only that is saved on the tape.
    """

    __slots__ = (
        "doc", "example", "floats", "formula", "is_method", "jvp", "kept", "kernel", "kind", "maps", "name", "params",
        "passes", "reads", "symbol", "varies", "vjp",
    )  # fmt: skip

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
        self.doc = self.example = self.formula = ""
        self.params: dict[str, Any] = {}
        self.kernel: Rule | None = None
        self.floats = False
        self.passes = False  # pointwise, and every map returns `t` as it came: the sweeps need not call them
        self.varies = any(f is not None for f in maps)
        self.is_method = kind == "pointwise" and len(maps) < 3  # of one or two arguments, and nothing else
        self.kept: dict[tuple[bool, ...], tuple[bool, ...]] = {}  # `reads`, remembered

    def __repr__(self) -> str:
        return f"<{self.kind} primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return TABLE.__getitem__, (self.name,)


TABLE: dict[str, Primitive] = {}
"""Every primitive by name."""


def for_each_primitive(make: Callable[[Primitive], None]) -> None:
    """Call `make` with every primitive: now with those in the table, and with each that is registered later.

    So is made whatever follows from the table: the functions `mg.sin`, the methods, the worlds.
    """
    for row in tuple(TABLE.values()):
        make(row)
    _followers.append(make)


_followers: list[Callable[[Primitive], None]] = []


def _register(row: Primitive) -> Primitive:
    if row.name in TABLE:
        raise ArgumentError("MG124", f"There is a primitive `{row.name}` already: choose another name.")
    TABLE[row.name] = row
    for make in _followers:
        make(row)
    return row


# ---------------------------------------------------------------------------------------------- how a row is registered


def pointwise(
    name: str,
    *maps: Rule | None,
    floats: bool = False,
    params: dict[str, Any] | None = None,
    symbol: str = "",
    formula: str = "",
    doc: str = "",
    example: str = "",
    kernel: Rule | None = None,
    method: bool = True,
) -> Primitive:
    """Register an elementwise primitive.

    `floats`: integer arguments become floats first (exp, divide, ...). `params`: further parameters, and values for them.
    `doc` makes it a function `mg.<name>` of x, or x1 and x2: what it is, and `example` a call, as "arguments -> result".
    `symbol` is its sign between or before arguments. `formula` is how sympy writes it, in a, b, c; without one it is the
    symbol, or sympy's function of that name, or, where sympy has none, a new function with this row's derivative.
    `kernel` computes it on arrays, where neither `array_world.py` nor NumPy has a function of its name. Without `method` it is
    none of `Value`, nor a function of its own.
    """
    params = params or {}

    def vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: dict[str, Any]) -> list[Any]:
        return [f(xp, t, y, *args, **params) if want and f else None for f, want in zip(maps, wanted, strict=False)]

    def jvp(xp: World, tangents: Any, y: Any, args: Any, params: dict[str, Any]) -> Any:
        return total(
            [f(xp, t, y, *args, **params) for f, t in zip(maps, tangents, strict=False) if f and t is not None]
        )

    used = [_reads(f, len(maps), params) if f else frozenset() for f in maps]
    passes = all(f is not None and _passes(f, len(maps), params) for f in maps)

    def reads(wanted: Sequence[bool]) -> tuple[bool, ...]:
        union = frozenset().union(*(u for u, want in zip(used, wanted, strict=False) if want))
        return tuple(i in union for i in range(len(wanted) + 1))

    row = Primitive(name, "pointwise", maps, vjp, jvp, reads, symbol)
    row.floats, row.passes, row.params = floats, passes, params
    row.is_method = row.is_method and not params and method
    row.formula, row.doc, row.example, row.kernel = formula, doc, example, kernel
    return _register(row)


def linear(name: str, transpose: Rule, varied: int | None = 1) -> Primitive:
    """Register a function jointly linear in its first `varied` arguments (None: in all of them, like concat).

    `transpose` returns the cotangent, or a list of one per varied argument. Further arguments are index arrays or masks: data.
    """

    def vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: dict[str, Any]) -> list[Any]:
        got = transpose(xp, t, *args, **params)
        return got if isinstance(got, list) else [got]

    def jvp(xp: World, tangents: Any, y: Any, args: Any, params: dict[str, Any]) -> Any:
        n = len(args) if varied is None else varied
        filled = [xp.zeros(a.shape, a.dtype) if t is None else t for t, a in zip(tangents[:n], args, strict=False)]
        return getattr(xp, name)(*filled, *args[n:], **params)

    def reads(wanted: Sequence[bool]) -> tuple[bool, ...]:
        n = len(wanted) if varied is None else varied
        return (False, *(i >= n for i in range(len(wanted))))

    return _register(Primitive(name, "linear", (transpose,), vjp, jvp, reads))


def multilinear(name: str, *transposes: Rule) -> Primitive:
    """Register a function linear in each argument. One transpose per argument; a single one serves any number (einsum)."""

    def vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: dict[str, Any]) -> list[Any]:
        if len(transposes) == 1:
            return [transposes[0](xp, t, i, *args, **params) if want else None for i, want in enumerate(wanted)]
        return [f(xp, t, *args, **params) if want else None for f, want in zip(transposes, wanted, strict=True)]

    def jvp(xp: World, tangents: Any, y: Any, args: Any, params: dict[str, Any]) -> Any:
        kernel = getattr(xp, name)
        return total([kernel(*args[:i], t, *args[i + 1 :], **params) for i, t in enumerate(tangents) if t is not None])

    def reads(wanted: Sequence[bool]) -> tuple[bool, ...]:
        several = sum(wanted) > 1
        return (False, *(several or not want for want in wanted))

    return _register(Primitive(name, "multilinear", transposes, vjp, jvp, reads))


def special(name: str, vjp: Rule, jvp: Rule, reads: str) -> Primitive:
    """Register a primitive with explicit rules. `reads`: which of y and the arguments a, b, c they use, as "ya".

    `vjp(xp, t, y, *args, **params)` returns a cotangent, or a list with one per argument;
    `jvp(xp, tangents, y, *args, **params)` the tangent of the result, or a tuple of them.
    """

    def all_vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: dict[str, Any]) -> list[Any]:
        got = vjp(xp, t, y, *args, **params)
        return got if isinstance(got, list) else [got]

    def all_jvp(xp: World, tangents: Any, y: Any, args: Any, params: dict[str, Any]) -> Any:
        return jvp(xp, tangents if len(args) > 1 else tangents[0], y, *args, **params)

    def kept(wanted: Sequence[bool]) -> tuple[bool, ...]:
        return ("y" in reads, *(chr(ord("a") + i) in reads for i in range(len(wanted))))

    return _register(Primitive(name, "special", (vjp,), all_vjp, all_jvp, kept))


def total(terms: Sequence[Any]) -> Any:
    """The sum of the terms, of which there is at least one."""
    return functools.reduce(operator.add, terms)


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


def _reads(rule: Rule, arity: int, params: dict[str, Any]) -> frozenset[int]:
    """Which of (y, a, b, ...) a pointwise map uses, as positions."""
    arguments = [_Probe(frozenset([i])) for i in range(arity + 1)]
    used = rule(_Probe(frozenset()), _Probe(frozenset()), *arguments, **params)
    return used.names if isinstance(used, _Probe) else frozenset()


def _passes(rule: Rule, arity: int, params: dict[str, Any]) -> bool:
    """Whether a pointwise map returns what arrives, unchanged."""
    t, other = _Probe(frozenset()), _Probe(frozenset())
    return rule(other, t, *[other] * (arity + 1), **params) is t
