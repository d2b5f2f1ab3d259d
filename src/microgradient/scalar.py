"""Value: single numbers that record how they were computed, and small neural networks made of them.

This is the graph you can hold in your head: a Value is its own node, with its number, its gradient and its parents. The
derivatives are those of the rulebook, run on Python floats. A drop-in for micrograd (https://github.com/karpathy/micrograd):
a program written for it gives the same numbers after changing its import lines. Different on purpose: a second `backward()`
accumulates, and chains of any length work.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ArgumentTypeError, GradientError
from .rules import TABLE, Primitive, Rule
from .scalar_world import SCALAR
from .tape import next_seq, note_backward

Number = int | float
Operand = Any  # a Value, a Python or NumPy number, or an array of them


def unary(name: str) -> Callable[[Value], Value]:
    """The Value method of a pointwise primitive of one argument."""
    op, kernel = TABLE[name], getattr(SCALAR, name)

    def method(self: Value) -> Value:
        out = _new(Value)
        out.data = kernel(self.data)
        out.grad = 0
        out._cotangent = None
        out.op = op
        out.parents = (self,)
        out.seq = next_seq()
        return out

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of this number."
    return method


def binary(name: str, reflected: bool = False) -> Callable[[Value, Operand], Value]:
    """The operator method of a pointwise primitive of two arguments; `reflected`: self is the second."""
    op, kernel = TABLE[name], getattr(SCALAR, name)

    def method(self: Value, other: Operand) -> Value:
        if other.__class__ is not Value:
            if isinstance(other, np.ndarray):
                other = np.asarray(other, dtype=object)
                return np.vectorize(lambda x: method(self, x), otypes=[object])(other)
            other = _constant(other)
            if other is NotImplemented:
                return NotImplemented
        if reflected:
            self, other = other, self
        out = _new(Value)
        out.data = kernel(self.data, other.data)
        out.grad = 0
        out._cotangent = None
        out.op = op
        out.parents = (self, other)
        out.seq = next_seq()
        return out

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of this number and another."
    return method


class Value:
    """One number of a computation: `data`, its gradient `grad`, and where it came from (`_prev`, `_op`).

    Operators `+ - * / ** // %` and methods (`relu tanh exp log sigmoid sqrt sin cos abs ...`) record the computation;
    `backward()` adds the derivative of this number by every number it was computed from to their `grad`.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> c = a * b + a ** 2
    >>> c.backward()
    >>> c.data, a.grad, b.grad
    (-2.0, 1.0, 2.0)
    """

    __slots__ = ("__weakref__", "_backward", "_cotangent", "_label", "_name", "data", "grad", "op", "parents", "seq")
    data: Any
    grad: Any
    _cotangent: Any
    op: Primitive | None
    parents: tuple[Value, ...]
    seq: int

    if TYPE_CHECKING:  # the methods made from the rulebook below

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, data: Any, _children: Any = (), _op: str = "", label: str = "") -> None:
        self.data = (
            data.item() if isinstance(data, np.generic) or (isinstance(data, np.ndarray) and not data.ndim) else data
        )
        self.grad = 0
        self._cotangent = None
        self.op = None
        self.parents = tuple(_children)
        self.seq = next_seq()
        if label:
            self._label = label
        if _op:
            self._name = _op

    @property
    def label(self) -> str:
        """The name shown for this number in explanations; set it freely."""
        return getattr(self, "_label", "")

    @label.setter
    def label(self, value: str) -> None:
        self._label = value

    @property
    def _prev(self) -> set[Value]:
        """The numbers this one was computed from (micrograd's name)."""
        return set(self.parents)

    @property
    def _op(self) -> str:
        """The sign or name of the operation, "" for a number of the user's (micrograd's name)."""
        if self.op is None:
            return getattr(self, "_name", "")
        return self.op.symbol or {"relu": "ReLU"}.get(self.op.name, self.op.name)

    def backward(self) -> None:
        """Add ∂self/∂v to `v.grad` for every number v that this one was computed from, this one included.

        Calling it again adds again; set `grad = 0` (or `model.zero_grad()`) between training steps.
        """
        reached = [self]
        self._cotangent = 1
        for v in reached:  # grows while it is walked through
            for p in v.parents:
                if p._cotangent is None:
                    p._cotangent = 0
                    reached.append(p)
        reached.sort(key=_seq, reverse=True)
        try:
            _sweep(reached)
        finally:
            for v in reached:
                v._cotangent = None
        note_backward(self)

    def relu(self) -> Value:
        """max(self, 0), with derivative 0 at 0."""
        return _relu(self)

    def __pow__(self, other: Operand) -> Value:
        if isinstance(other, int | float) or (isinstance(other, np.generic) and np.isrealobj(other)):
            out = _new(Value)
            exponent = other.item() if isinstance(other, np.generic) else other
            out.data = SCALAR.pow(self.data, exponent)
            out.grad = 0
            out._cotangent = None
            out.op = _power(exponent)
            out.parents = (self,)
            out.seq = next_seq()
            return out
        return _pow(self, other)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise ArgumentTypeError("MG111", f"np.{ufunc.__name__} ({method}) can't work with Values.")
        name = _UFUNCS.get(ufunc.__name__)
        if name is None:
            raise ArgumentTypeError("MG111", f"np.{ufunc.__name__} has no rule for Values.")
        first, *rest = inputs
        if not rest:
            return getattr(first, name)()
        if isinstance(first, Value):
            return getattr(first, name)(rest[0])
        return getattr(rest[0], _REFLECTED[name])(first)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def __float__(self) -> float:
        return float(self.data)

    def __lt__(self, other: Operand) -> bool:
        return bool(self.data < _number(other))

    def __le__(self, other: Operand) -> bool:
        return bool(self.data <= _number(other))

    def __gt__(self, other: Operand) -> bool:
        return bool(self.data > _number(other))

    def __ge__(self, other: Operand) -> bool:
        return bool(self.data >= _number(other))

    def __reduce__(self) -> Any:
        if self.parents:
            raise GradientError("MG110", "Only a Value that was not computed from others can be copied or pickled.")
        return _rebuilt, (self.data, self.grad, self.label)

    __add__, __radd__ = binary("add"), binary("add", reflected=True)
    __sub__, __rsub__ = binary("subtract"), binary("subtract", reflected=True)
    __mul__, __rmul__ = binary("multiply"), binary("multiply", reflected=True)
    __truediv__, __rtruediv__ = binary("divide"), binary("divide", reflected=True)
    __mod__, __rmod__ = binary("remainder"), binary("remainder", reflected=True)
    __floordiv__, __rfloordiv__ = binary("floor_divide"), binary("floor_divide", reflected=True)
    __rpow__ = binary("pow", reflected=True)
    __neg__, __pos__, __abs__ = unary("negative"), unary("positive"), unary("abs")
    atan2, hypot, logaddexp = binary("atan2"), binary("hypot"), binary("logaddexp")
    maximum, minimum = binary("maximum"), binary("minimum")


for _name in (
    "abs", "sign", "floor", "ceil", "trunc", "square", "sqrt", "reciprocal", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "sigmoid", "softplus", "erf", "erfc", "erfinv", "lgamma", "digamma",
):  # fmt: skip
    setattr(Value, _name, unary(_name))

_new: Callable[[type[Value]], Value] = Value.__new__
_seq = attrgetter("seq")
_relu, _pow = unary("relu"), binary("pow")
_REFLECTED = {
    "__add__": "__radd__", "__sub__": "__rsub__", "__mul__": "__rmul__", "__truediv__": "__rtruediv__",
    "__pow__": "__rpow__", "__mod__": "__rmod__", "__floordiv__": "__rfloordiv__",
    "__lt__": "__gt__", "__le__": "__ge__", "__gt__": "__lt__", "__ge__": "__le__",
}  # fmt: skip
_UFUNCS = {
    "add": "__add__", "subtract": "__sub__", "multiply": "__mul__", "divide": "__truediv__", "power": "__pow__",
    "remainder": "__mod__", "floor_divide": "__floordiv__", "negative": "__neg__", "positive": "__pos__",
    "absolute": "abs", "fabs": "abs", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "less": "__lt__", "less_equal": "__le__", "greater": "__gt__",
    "greater_equal": "__ge__",
} | {name: name for name in (
    "sign", "floor", "ceil", "trunc", "square", "sqrt", "reciprocal", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh",
)}  # fmt: skip
_powers: dict[Number, Primitive] = {}


def _sweep(order: list[Value]) -> None:
    """Apply the rules to `order`, latest first: each Value's cotangent is complete when its turn comes."""
    for v in order:
        t = v._cotangent
        v.grad += t
        parents = v.parents
        if not parents:
            continue
        op = v.op
        if op is None:
            _call_own_backward(v)
            continue
        try:
            if len(parents) == 2:
                p, q = parents
                f, g = op.maps
                y, a, b = v.data, p.data, q.data
                to_p, to_q = f(SCALAR, t, y, a, b), g(SCALAR, t, y, a, b)  # type: ignore[misc]
                p._cotangent += to_p
                q._cotangent += to_q
            else:
                p = parents[0]
                p._cotangent += op.maps[0](SCALAR, t, v.data, p.data)  # type: ignore[misc]
        except (ZeroDivisionError, OverflowError):
            _follow_ieee(v, op)


def _power(exponent: Number) -> Primitive:
    """The row of `pow` with a constant exponent: a primitive of one argument, its sign `**2`."""
    row = _powers.get(exponent)
    if row is None or type(exponent) is not type(row.maps[0].exponent):  # type: ignore[union-attr]
        of_base: Rule = TABLE["pow"].maps[0]  # type: ignore[assignment]
        of_square: Rule = TABLE["square"].maps[0]  # type: ignore[assignment]

        def rule(xp: Any, t: Any, y: Any, a: Any) -> Any:
            return of_square(xp, t, y, a) if exponent == 2 else of_base(xp, t, y, a, exponent)

        rule.exponent = exponent  # type: ignore[attr-defined]
        op = TABLE["pow"]
        row = Primitive("pow", "pointwise", (rule,), op.vjp, op.jvp, op.reads, f"**{exponent}")
        if len(_powers) < 1000:
            _powers[exponent] = row
    return row


def _constant(x: Any) -> Any:
    """A number that meets a Value, as a Value."""
    if isinstance(x, int | float):
        return Value(x)
    if isinstance(x, np.generic) and x.dtype.kind in "biuf":
        return Value(x.item())
    return NotImplemented


def _number(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


def _rebuilt(data: Any, grad: Any, label: str) -> Value:
    value = Value(data, label=label)
    value.grad = grad
    return value


def _call_own_backward(v: Value) -> None:
    """A Value made by hand, `Value(data, (a, b), op)`: call its `_backward`, which adds to its parents' grad.

    It reads `v.grad`, so this shows it the cotangent of this sweep alone, and moves what it adds into the sweep.
    """
    own: Callable[[], None] | None = getattr(v, "_backward", None)
    if own is None:
        raise GradientError(
            "MG103",
            f"{v!r} was made by hand with parents but has no derivative. Set `out._backward`, or use the operators.",
        )
    kept, before = v.grad, [(p, p.grad) for p in dict.fromkeys(v.parents)]
    v.grad = v._cotangent
    for p, _ in before:
        p.grad = 0
    own()
    for p, grad in before:
        p._cotangent += p.grad
        p.grad = grad
    v.grad = kept


def _follow_ieee(v: Value, op: Primitive) -> None:
    """Python raises where IEEE arithmetic gives inf or NaN, as 1/sqrt(0) does: apply the rule to NumPy numbers instead."""
    numbers = [np.float64(p.data) for p in v.parents]
    with np.errstate(all="ignore"):
        for p, rule in zip(v.parents, op.maps, strict=True):
            p._cotangent += float(rule(SCALAR, np.float64(v._cotangent), np.float64(v.data), *numbers))  # type: ignore[misc]


# ---------------------------------------------------------------------------------------------------- networks of Values


class Module:
    """Something with parameters: micrograd's base class."""

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0

    def parameters(self) -> list[Value]:
        """The Values to be trained."""
        return []


class Neuron(Module):
    """relu(w·x + b), without the relu if not `nonlin`; w uniform in [-1, 1] from Python's `random`, b = 0."""

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Any) -> Value:
        act = self.b
        for wi, xi in zip(self.w, x, strict=False):
            act = act + wi * xi
        return act.relu() if self.nonlin else act

    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """`nout` neurons with `nin` inputs each; one neuron gives a Value, several a list."""

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x: Any) -> Any:
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """Those of each neuron in turn."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(neuron) for neuron in self.neurons)}]"


class MLP(Module):
    """Layers of neurons, all but the last with relu.

    >>> random.seed(0)
    >>> MLP(2, [3, 1])
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
    """

    def __init__(self, nin: int, nouts: list[int]) -> None:
        sizes = [nin, *nouts]
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != len(nouts) - 1) for i in range(len(nouts))]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        """Those of each layer in turn."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"
