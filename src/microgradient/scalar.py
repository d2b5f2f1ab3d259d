"""Value: single numbers that record how they were computed, and small neural networks made of them.

This is the graph you can hold in your head: a Value is its own node, with its number, its gradient and its parents. The
derivatives are those of the rulebook, run on Python floats. A drop-in for micrograd (https://github.com/karpathy/micrograd):
a program written for it gives the same numbers after changing its import lines. Different on purpose: a second `backward()`
accumulates, and chains of any length work.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import chain
from math import isfinite
from numbers import Real
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from .array_world import UFUNCS
from .errors import ArgumentTypeError, GradientError, as_given
from .gradients import cause_of_nonfinite, warn_of_nonfinite, warn_of_stale
from .in_place import next_seq, warn_of_a_new_value
from .interop import Protocols
from .primitives import TABLE, Primitive, World, for_each_primitive
from .scalar_sweep import ancestors, contributions, sweep
from .scalar_world import SCALAR, TracedNumber
from .tape import note_backward
from .trace_hooks import Traced

__all__ = ["MLP", "Layer", "Module", "Neuron", "Value"]

Number = int | float
Operand = Any  # a Value, a Python or NumPy number, or an array of them


def unary(name: str, xp: World = SCALAR, cls: type[Value] | None = None) -> Callable[[Value], Value]:
    """The Value method of a pointwise primitive of one argument, on numbers of the world `xp`; gives a `cls`, or a Value."""
    op, kernel = TABLE[name], getattr(xp, name)

    def method(self: Value) -> Value:
        out = _new(cls or Value)
        out.seq = next_seq()
        out.data = kernel(self.data)
        out.grad = 0
        out._cotangent = None
        out.op = op
        out._first, out._second = self, None
        return out

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of this number."
    return method


def binary(
    name: str, reflected: bool = False, xp: World = SCALAR, cls: type[Value] | None = None, in_place: bool = False
) -> Callable[[Value, Operand], Value]:
    """The operator method of a pointwise primitive of two arguments; `reflected`: self is the second.

    `in_place`: `a += b`, which gives the name a new Value.
    """
    op, kernel = TABLE[name], getattr(xp, name)

    def method(self: Value, other: Operand) -> Value:
        if other.__class__ is not Value and other.__class__ is not cls:
            if isinstance(other, np.ndarray):
                other = np.asarray(other, dtype=object)
                return np.vectorize(lambda x: method(self, x), otypes=[object])(other)
            other = _constant(other)
            if other is NotImplemented:
                return NotImplemented
            if in_place and self.op is None and self.grad:
                warn_of_a_new_value(self.data, self.grad, op.symbol)
        if reflected:
            self, other = other, self
        out = _new(cls or Value)
        out.seq = next_seq()
        out.data = kernel(self.data, other.data)
        out.grad = 0
        out._cotangent = None
        out.op = op
        out._first, out._second = self, other
        return out

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of this number and another."
    return method


def _comparison(sign: Callable[[Any, Any], Any]) -> Callable[[Value, Operand], bool]:
    return lambda self, other: sign(self.data, _number(other))


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

    __slots__ = (
        "__weakref__", "_by_hand", "_children", "_cotangent", "_first", "_label", "_name", "_second", "_summed", "_used",
        "data", "grad", "op", "seq",
    )  # fmt: skip
    data: Any
    grad: Any
    _cotangent: Any
    op: Primitive | None
    _first: Value | None  # the arguments, in slots of their own: a tuple would take longer to walk through
    _second: Value | None
    _by_hand: Callable[[], None]
    _children: tuple[Value, ...]  # of a Value made by hand, without an op
    _summed: tuple[
        int, Any, Any
    ]  # where grad is the sum of several backward passes: of how many, the sum, and data then
    _used: tuple[list[Value], list[Any], list[Any]]  # at a root's backward(): what was given, its data, its grad
    seq: int

    if TYPE_CHECKING:  # the methods made from the rulebook below

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, data: Any, _children: Any = (), _op: str = "", label: str = "") -> None:
        self.seq = next_seq()  # first, because a trace asks a Value's age before it writes its data
        self.data = data if data.__class__ is float or data.__class__ is int else _one_number(data)
        self.grad = 0
        self._cotangent = None
        self.op = None
        self._first = self._second = None
        if _children:
            self._children = tuple(_children)
            self._first = self._children[0]
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
    def parents(self) -> tuple[Value, ...]:
        """The numbers this one was computed from, in the order of the operation's arguments."""
        if self._first is None:
            return ()
        if self.op is None:
            return self._children
        return (self._first,) if self._second is None else (self._first, self._second)

    @property
    def _backward(self) -> Callable[[], None]:
        """Adds to the parents' grad what this one sends them; set it on a Value made by hand (micrograd's name)."""
        return getattr(self, "_by_hand", None) or partial(_pass_on, self)

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        self._by_hand = function

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
        if isinstance(self.data, Value):
            raise ArgumentTypeError(
                "MG111",
                "The `data` of a Value that this was computed from is a Value itself. Write `v.data = other.data`.",
            )
        computed, given = ancestors(self)
        if self.data.__class__ is float and not isfinite(self.data):
            warn_of_nonfinite(self.data, given, cause_of_nonfinite(computed))
        self._used = given, [v.data for v in given], [v.grad for v in given]
        self._cotangent = 1
        try:
            sweep(computed, SCALAR)
            for v in given:
                v.grad += v._cotangent
        finally:
            for v in chain(computed, given):
                v._cotangent = None
        if not isinstance(self.data, TracedNumber) and any(self._used[2]):
            if count := _used_before(given, self._used[2]):
                warn_of_stale(count, count + 1)
            for v, grad in zip(given, self._used[2], strict=True):
                count, total, _ = getattr(v, "_summed", (1, grad, 0))
                v._summed = (count + 1 if total == grad else 2 if grad else 1), v.grad, v.data
        note_backward(self)

    def __pow__(self, other: Operand) -> Value:
        if isinstance(other, int | float) or (isinstance(other, np.generic) and np.isrealobj(other)):
            exponent = other.item() if isinstance(other, np.generic) else other
            out = _new(Value)
            out.seq = next_seq()
            out.data = SCALAR.pow(self.data, exponent)
            out.grad = 0
            out._cotangent = None
            out.op = _power(exponent, isinstance(out.data, TracedNumber) or out.data == out.data)
            out._first, out._second = self, None
            return out
        return _pow(self, other)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise ArgumentTypeError("MG111", f"np.{ufunc.__name__} ({method}) can't work with Values.")
        row = TABLE.get(UFUNCS.get(ufunc, ""))
        first, *rest = inputs
        if row is not None and row.is_method and isinstance(first, np.ndarray):
            return np.vectorize(lambda x: ufunc(x, *rest), otypes=[object])(first.astype(object))
        try:
            if row is not None and row.is_method:
                if not row.varies:  # of numbers, like a comparison
                    return getattr(SCALAR, row.name)(*map(_number, inputs))
                return getattr(_constant(first), row.name)(*rest)
        except (TypeError, AttributeError):
            pass
        raise ArgumentTypeError("MG111", f"np.{ufunc.__name__} has no rule for Values.")

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .explain.display import of_value

        return of_value(self)

    def __float__(self) -> float:
        return float(self.data)

    def __reduce__(self) -> Any:
        if self.parents:
            raise GradientError("MG110", "Only a Value that was not computed from others can be copied or pickled.")
        return Value, (self.data, (), "", self.label), (None, {"grad": self.grad})

    __add__, __radd__ = binary("add"), binary("add", reflected=True)
    __sub__, __rsub__ = binary("subtract"), binary("subtract", reflected=True)
    __mul__, __rmul__ = binary("multiply"), binary("multiply", reflected=True)
    __truediv__, __rtruediv__ = binary("divide"), binary("divide", reflected=True)
    __mod__, __rmod__ = binary("remainder"), binary("remainder", reflected=True)
    __floordiv__, __rfloordiv__ = binary("floor_divide"), binary("floor_divide", reflected=True)
    __rpow__ = binary("pow", reflected=True)
    __lt__, __le__, __gt__, __ge__ = (
        _comparison(sign) for sign in (operator.lt, operator.le, operator.gt, operator.ge)
    )
    __iadd__, __isub__ = binary("add", in_place=True), binary("subtract", in_place=True)
    __neg__, __pos__, __abs__ = unary("negative"), unary("positive"), unary("abs")


_new: Callable[[type[Value]], Value] = Value.__new__
_pow = binary("pow")


@for_each_primitive
def _method(row: Primitive) -> None:
    """Value's method of a pointwise primitive with a derivative."""
    if row.is_method and row.varies:
        method: Any = unary(row.name) if len(row.maps) == 1 else binary(row.name)
        setattr(Value, row.name, method if row.name != "pow" else lambda a, b: a**b)


def _used_before(given: list[Value], grads: list[Any]) -> int:
    """Of how many passes gradients were the sum when a step moved all that have one against it, at one rate; 0 for none."""
    rates: list[Any] = []
    count = 0
    for v, grad in zip(given, grads, strict=True):
        count, total, data = getattr(v, "_summed", (count, None, 0))
        if grad and total == grad:
            rates.append((data - v.data) / grad)
    return count if rates and min(rates) > 0 and max(rates) <= min(rates) * (1 + 1e-6) else 0


@lru_cache(maxsize=1000, typed=True)  # 2 and 2.0 have different signs
def _power(exponent: Number, real: bool) -> Primitive:
    """The row of the rulebook for a power with a constant exponent, as a primitive of one argument whose sign is `**2`.

    `real`: the power is a number. The root of a negative number is not, nor is its derivative: the general row sees to it.
    """
    op = TABLE["pow" if exponent == 0 or not real else "square" if exponent == 2 else "power"]
    rule: Any = op.maps[0]
    if op.name != "square":  # with the exponent as its default: a wrapper would double the time it takes
        rule = FunctionType(rule.__code__, rule.__globals__, "power", (exponent,), rule.__closure__)
    row = Primitive(op.name, "pointwise", (rule,), op.vjp, op.jvp, op.reads, f"**{exponent}")
    row.params = {"n": exponent}
    return row


def _constant(x: Any) -> Any:
    """A number that meets a Value, as a Value."""
    if isinstance(x, Value):  # of a class of the user's
        return x
    if isinstance(x, int | float):
        return Value(x)
    if isinstance(x, np.generic) and x.dtype.kind in "biuf":
        return Value(x.item())
    if isinstance(x, Traced | Protocols):
        Value(0.0)  # raises where mg.compile has yet to learn that it traces a function of Values
    return Value(x) if isinstance(x, TracedNumber) else NotImplemented


def _one_number(data: Any) -> Any:
    """What a Value is made of, other than a float or an int: any real number, also one of NumPy, of an array without axes, or of
    another Value."""
    if isinstance(data, np.generic | np.ndarray) and not data.ndim:
        data = data.item()
    if isinstance(data, Value):
        return data.data
    if isinstance(data, Real | TracedNumber) or isinstance(getattr(data, "raw", data), Traced):
        # a trace of tensors ends where `data` is set to one of its own: the function is one of Values
        return data
    if getattr(data, "shape", None) == ():
        instead = "Write `Value(x.item())`."
    elif isinstance(data, list | tuple) or hasattr(data, "shape"):
        instead = "Make a Value of each, or write `mg.tensor(x)`."
    else:
        instead = "Write one like `Value(2.0)`."
    raise ArgumentTypeError("MG111", f"A Value is one real number, not {as_given(data)}. {instead}")


def _number(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


def _pass_on(v: Value) -> None:
    """micrograd's `_backward`, for one operation by hand: add the gradient of `v`, times the rule, to its parents'."""
    if v.op is None and v.parents:
        raise GradientError(
            "MG103",
            f"{v!r} was made by hand with parents but has no derivative. Set `out._backward`, or use the operators.",
        )
    for p, contribution in zip(v.parents, contributions(v, v.grad, SCALAR) if v.op else (), strict=True):
        p.grad += contribution


# ---------------------------------------------------------------------------------------------------- networks of Values


class Module:
    """Something with parameters: micrograd's base class.

    >>> layer = Layer(2, 3)
    >>> len(layer.parameters())
    9
    >>> layer.zero_grad()
    >>> {p.grad for p in layer.parameters()}
    {0}
    """

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0

    def parameters(self) -> list[Value]:
        """The Values to be trained."""
        return []


class Neuron(Module):
    """relu(w·x + b), without the relu if not `nonlin`; w uniform in [-1, 1] from Python's `random`, b = 0.

    >>> neuron = Neuron(2)
    >>> for w, value in zip(neuron.w, [0.5, -1.0]):
    ...     w.data = value
    >>> neuron([4.0, 1.0]).data
    1.0
    """

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
    """`nout` neurons with `nin` inputs each; one neuron gives a Value, several a list.

    >>> len(Layer(2, 3)([1.0, -1.0]))
    3
    """

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
