"""Numbers and arrays that remember how they were computed: an optimiser's `update` runs on them as it does on arrays.

Each operation is done by the array world on the values, so that these are those of the real step to the last bit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...array_world import ARRAY
from ...primitives import TABLE


class Symbol(NamedTuple):
    """A name in a formula: β with the index 1, m with the index t-1."""

    stem: str
    subscript: str = ""


class Quantity:
    """A value, and the primitive `op` and the arguments that it was computed by; of what was given, `op` is "".

    `source` is "parameter", "gradient" or "state" for the arrays that an update begins with, and "" for all else.
    """

    __slots__ = ("args", "op", "source", "symbol", "value")
    __array_ufunc__ = None  # NumPy leaves arithmetic with a Quantity to it

    def __init__(self, value: Any, op: str = "", args: tuple[Quantity, ...] = (), symbol: Symbol | None = None) -> None:
        self.value, self.op, self.args, self.symbol = value, op, args, symbol
        self.source = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value; () of a number."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """How many axes the value has."""
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        """How many entries the value has."""
        return int(np.size(self.value))

    @property
    def dtype(self) -> Any:
        """That of an array."""
        return self.value.dtype

    def copy(self) -> Quantity:
        """The same: nothing is ever written into a Quantity."""
        return self

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError  # or NumPy would make it an array of objects

    __hash__ = object.__hash__
    __add__, __radd__ = (lambda a, b: _done("add", a, b)), (lambda a, b: _done("add", b, a))
    __sub__, __rsub__ = (lambda a, b: _done("subtract", a, b)), (lambda a, b: _done("subtract", b, a))
    __mul__, __rmul__ = (lambda a, b: _done("multiply", a, b)), (lambda a, b: _done("multiply", b, a))
    __truediv__, __rtruediv__ = (lambda a, b: _done("divide", a, b)), (lambda a, b: _done("divide", b, a))
    __pow__, __rpow__ = (lambda a, b: _done("pow", a, b)), (lambda a, b: _done("pow", b, a))
    __mod__, __rmod__ = (lambda a, b: _done("remainder", a, b)), (lambda a, b: _done("remainder", b, a))
    __and__, __rand__ = (lambda a, b: _done("and", a, b)), (lambda a, b: _done("and", b, a))
    __or__, __ror__ = (lambda a, b: _done("or", a, b)), (lambda a, b: _done("or", b, a))
    __gt__, __ge__ = (lambda a, b: _done("greater", a, b)), (lambda a, b: _done("greater_equal", a, b))
    __lt__, __le__ = (lambda a, b: _done("less", a, b)), (lambda a, b: _done("less_equal", a, b))
    __eq__, __ne__ = (lambda a, b: _done("equal", a, b)), (lambda a, b: _done("not_equal", a, b))  # type: ignore[assignment,return-value]
    __neg__, __abs__ = (lambda a: _done("negative", a)), (lambda a: _done("abs", a))


_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv, "pow": operator.pow,
    "remainder": operator.mod, "and": operator.and_, "or": operator.or_, "greater": operator.gt, "greater_equal": operator.ge,
    "less": operator.lt, "less_equal": operator.le, "equal": operator.eq, "not_equal": operator.ne,
    "negative": operator.neg, "abs": abs,
}  # fmt: skip


def _done(op: str, *args: Any) -> Quantity:
    given = tuple(map(as_quantity, args))
    return Quantity(_OPERATORS[op](*(a.value for a in given)), op, given)


def as_quantity(x: Any) -> Quantity:
    """A number or an array as a Quantity without a name."""
    return x if isinstance(x, Quantity) else Quantity(x)


_OF_ENTRIES = ("where", "sum", "max", "min", "ones_like", "zeros_like")


class _World:
    """The namespace `xp` for Quantities: what the array world computes entry by entry, remembered."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _OF_ENTRIES and (name not in TABLE or TABLE[name].kind != "pointwise"):
            raise AttributeError(name)
        kernel = getattr(ARRAY, name)

        def remembered(*args: Any, **params: Any) -> Any:
            given = tuple(map(as_quantity, args))
            found = kernel(*(a.value for a in given), **params)
            return Quantity(found, name, given)

        return remembered


WORLD = _World()


# ---------------------------------------------------------------------------------------------- an update on Quantities

_SETTINGS = {"eps": "ε", "weight_decay": "λ", "momentum": "μ", "dampening": "τ", "alpha": "α", "rho": "ρ", "lambd": "λ"}
_SEVERAL = {"betas": "β", "etas": "η", "eps": "ε"}
_STATES = {
    "step": "t", "exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "vmax", "momentum_buffer": "b", "square_avg": "v",
    "grad_avg": "m", "acc_delta": "u", "exp_inf": "u", "sum": "s",
}  # fmt: skip


def symbol_of(key: str) -> str:
    """What an entry of an optimiser's state is called in a formula: m for `exp_avg`."""
    return _STATES.get(key, key)


class Run(NamedTuple):
    """An update that was run: the parameter and its gradient before, what it made of them, and the state before and after."""

    p: Quantity
    g: Quantity
    new: Quantity
    before: dict[str, Quantity]
    after: dict[str, Quantity]
    made: list[Quantity]  # the arrays of the state that were computed


def run(optimizer: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], name: str) -> Run:
    """The optimiser's `update` of a parameter called `name`, with its gradient and what is remembered about it."""
    stem = "θ" if name in ("g", "t", *_STATES.values()) else name  # as of a bias, b
    parameter, gradient = Quantity(p, symbol=Symbol(stem)), Quantity(g, symbol=Symbol("g"))
    parameter.source, gradient.source = "parameter", "gradient"
    before = {key: _remembered(key, value) for key, value in state.items() if value is not None}
    after: dict[str, Any] = dict(before)
    with np.errstate(all="ignore"):
        given = -gradient if group.get("maximize") else gradient
        new = optimizer.update(WORLD, parameter, given, after, {key: _setting(key, x) for key, x in group.items()})
    found = {key: as_quantity(value) for key, value in after.items()}
    for key, value in found.items():
        if value.op and value.symbol is None:
            stem = symbol_of(key)
            value.symbol = Symbol(stem) if key == "step" else Symbol(stem, "t")
    made = [q for q in found.values() if q.op and is_array(q)]
    return Run(parameter, gradient, as_quantity(new), before, found, made)


def is_array(q: Quantity) -> bool:
    """Whether a value is NumPy's, as those of a parameter and its state are; settings and counts of steps are Python's."""
    return isinstance(q.value, np.ndarray | np.generic)


def _remembered(key: str, value: Any) -> Quantity:
    stem = symbol_of(key)
    found = Quantity(value, symbol=Symbol("(t - 1)") if key == "step" else Symbol(stem, "t-1"))
    found.source = "state" if is_array(found) else ""
    return found


def _setting(key: str, value: Any) -> Any:
    """A setting as a Quantity with a name; a switch as it is."""
    if isinstance(value, tuple | list) and key != "params":
        stem = _SEVERAL.get(key, key)
        return tuple(Quantity(x, symbol=Symbol(stem, str(k))) if _is_number(x) else x for k, x in enumerate(value, 1))
    return Quantity(value, symbol=Symbol(_SETTINGS.get(key, key))) if _is_number(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
