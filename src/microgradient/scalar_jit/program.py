"""What a traced function of Values computes: a list of operations on floats, written down by the numbers themselves.

While a function is traced, the `data` and `grad` of its Values are `ScalarSym`s. A ScalarSym knows its place in a
`ScalarProgram`; calculating with it appends an operation there. Only what gives the
same bits in every case is simplified: x·1, x/1, x - 0, x + (-0), and x + 0 where x can't be -0.

`TRACED` is the namespace `xp` of this world: the rulebook's functions for ScalarSyms, and for plain numbers as SCALAR has them.
Truth is 1.0 or 0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from struct import Struct
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..array_world import UFUNCS
from ..errors import TraceError, format_location, user_location
from ..primitives import Primitive, for_each_primitive
from ..scalar_world import SCALAR, STEPS, TracedNumber

INPUT, CONSTANT, ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATIVE, ABS, SQRT = range(9)
LESS, LESS_EQUAL, EQUAL, NOT_EQUAL, AND, OR, SELECT, MULTIPLY_ADD = range(9, 17)
FIRST_FUNCTION, FIRST_OF_TWO, LIMIT = 17, 512, 1024
NAMES = dict(enumerate([
    "input", "constant", "add", "subtract", "multiply", "divide", "negative", "abs", "sqrt", "less", "less_equal", "equal",
    "not_equal", "logical_and", "logical_or", "where", "multiply_add",
]))  # fmt: skip
"""The operations by number. Those here are steps of arithmetic. Functions, which are called as they are, follow: those of one
number from FIRST_FUNCTION, those of two from FIRST_OF_TWO, each when it is first asked for."""
ARITY = np.zeros(LIMIT, np.int64)
ARITY[ADD:MULTIPLY_ADD], ARITY[[NEGATIVE, ABS, SQRT]], ARITY[[SELECT, MULTIPLY_ADD]] = 2, 1, 3
ARITY[FIRST_FUNCTION:FIRST_OF_TWO], ARITY[FIRST_OF_TWO:] = 1, 2


def opcode_of(name: str, arity: int) -> int:
    """The number of the function `name`, a new one if it has none yet."""
    known = next((opcode for opcode, other in NAMES.items() if other == name), None)
    if known is None:
        known = FIRST_FUNCTION if arity == 1 else FIRST_OF_TWO
        while known in NAMES:
            known += 1
        NAMES[known] = name
    return known


_packed = Struct("4i").pack


class ScalarProgram:
    """Operations in an order in which they can run.

    While it is traced, `operations` has four 32-bit numbers for each: opcode and operands, the first in the place of those
    that are not there. Operands are numbers of operations, those of an input or a constant its own. `close` makes columns of
    them: `kind[i]` is the opcode and `operands[:, i]` the operands; `number[i]` is which input or constant it is. `places[i]`,
    if they are kept, is the user's line that asked for operation i.
    """

    def __init__(self, keep_places: bool = False) -> None:
        self.operations = bytearray()
        self.constants: list[float] = []
        self.inputs = 0
        self.places: list[tuple[str, int]] | None = [] if keep_places else None
        self._numbers: dict[float | str, ScalarSym] = {}
        self._open = True
        self.kind: NDArray[np.int32] = np.zeros(0, np.int32)
        self.operands: NDArray[np.int32] = np.zeros((3, 0), np.int32)
        self.number: NDArray[np.int64] = np.zeros(0, np.int64)

    def input(self) -> ScalarSym:
        """A new input."""
        self.inputs += 1
        return self._given(INPUT)

    def constant(self, x: Any) -> Any:
        """The number x as a constant; NotImplemented if it is no number."""
        if not isinstance(x, int | float):
            if not isinstance(x, np.generic) or x.dtype.kind not in "biuf":
                return NotImplemented
            x = x.item()
        x = float(x)
        key = x or str(x)  # 0 == -0, but they are two constants
        sym = self._numbers.get(key)
        if sym is None:
            self.constants.append(x)
            sym = self._numbers[key] = self._given(CONSTANT, key != "-0.0")
        return sym

    def _given(self, opcode: int, never_minus_zero: bool = False) -> ScalarSym:
        slot = len(self.operations) >> 4
        return self.record(opcode, slot, slot, slot, never_minus_zero)

    def record(self, opcode: int, a: int, b: int, c: int, never_minus_zero: bool = False) -> ScalarSym:
        """The result of a new operation."""
        if not self._open:
            raise TraceError(
                "MG213",
                f"{format_location(user_location())}: a number is used that a compiled function left behind when it was traced: "
                "it never had a value. A compiled function runs in Python only once; what it computes must be returned by it, "
                "or stored in the `.data` or `.grad` of a Value that existed before.",
            )
        operations = self.operations
        sym = ScalarSym()
        sym.program = self
        sym.slot = len(operations) >> 4
        sym.never_minus_zero = never_minus_zero
        operations += _packed(opcode, a, b, c)
        if self.places is not None:
            self.places.append(user_location())
        return sym

    def close(self) -> None:
        """The trace is over: numbers that are still around can't be calculated with any more."""
        self._open = False
        columns = np.frombuffer(self.operations, np.int32).reshape(-1, 4).T
        self.kind, self.operands = columns[0].copy(), columns[1:].copy()
        counts = np.cumsum([self.kind == INPUT, self.kind == CONSTANT], axis=1) - 1
        self.number = np.where(self.kind == INPUT, *counts)
        self.operations, self._numbers = bytearray(), {}

    @property
    def size(self) -> int:
        """How many operations there are."""
        return len(self.kind)

    def is_truth(self, slot: int) -> bool:
        """Whether the result of an operation is a bool."""
        return bool(LESS <= self.kind[slot] <= OR)

    def line(self, slot: int) -> str:
        """One operation as text: `%7 = multiply %3 %5`."""
        kind, operands = int(self.kind[slot]), self.operands[:, slot].tolist()
        if kind == CONSTANT:
            shown = repr(self.constants[self.number[slot]])
        else:
            shown = str(self.number[slot]) if kind == INPUT else " ".join(f"%{i}" for i in operands[: ARITY[kind]])
        return f"%{slot} = {NAMES[kind]} {shown}"

    def __str__(self) -> str:
        return "\n".join(map(self.line, range(len(self.kind))))


def _operator(opcode: int, reflected: bool = False, truth: bool = False, neutral: float | None = None) -> Any:
    """An operator method, whose result is the number itself if the other one is the constant `neutral`."""

    def method(self: ScalarSym, other: Any) -> Any:
        program = self.program
        if other.__class__ is not ScalarSym:
            if other.__class__ in _PLAIN and other == neutral and str(other) != "-0.0":
                return self
            other = _operand(program, method, self, other)
            if other.__class__ is not ScalarSym:
                return other
        if reflected:
            self, other = other, self
        slot = self.slot
        return program.record(opcode, slot, other.slot, slot, truth)

    return method


def _add(self: ScalarSym, other: Any) -> Any:
    program = self.program
    if other.__class__ is not ScalarSym:
        if other.__class__ in _PLAIN and not other and (self.never_minus_zero or str(other) == "-0.0"):
            return self
        other = _operand(program, _add, self, other)
        if other.__class__ is not ScalarSym:
            return other
    slot = self.slot
    return program.record(ADD, slot, other.slot, slot, self.never_minus_zero or other.never_minus_zero)


def _of_one(opcode: int, a: ScalarSym, never_minus_zero: bool = False) -> ScalarSym:
    return a.program.record(opcode, a.slot, a.slot, a.slot, never_minus_zero)


def _operand(program: ScalarProgram, method: Any, self: ScalarSym, other: Any) -> Any:
    """`other` as a constant; or what an array gives, entry by entry; or NotImplemented."""
    if isinstance(other, np.ndarray) and other.ndim:
        return np.vectorize(lambda x: method(self, x), otypes=[object])(other.astype(object))
    return program.constant(other.item() if isinstance(other, np.ndarray) else other)


def _refusal(what: str) -> Any:
    def method(self: ScalarSym, *args: Any) -> Any:
        raise TraceError(
            "MG212",
            f"{format_location(user_location())}: {what} needs the value of a number that a compiled function computes, and "
            "while `mg.compile` traces the function it has none yet. Return the Value and do this outside, or stay with Values: "
            "`v.exp()` (or `np.exp(v)`) instead of `math.exp(v.data)`.",
        )

    return method


class ScalarSym(TracedNumber):
    """A float that is not there yet: the result of operation `slot` of `program`."""

    __slots__ = ("never_minus_zero", "program", "slot")
    program: ScalarProgram
    slot: int
    never_minus_zero: bool  # x + 0 is x then
    __hash__ = None  # type: ignore[assignment]

    __add__ = __radd__ = _add
    __mul__ = __rmul__ = _operator(MULTIPLY, neutral=1)
    __sub__, __rsub__ = _operator(SUBTRACT, neutral=0), _operator(SUBTRACT, reflected=True)
    __truediv__, __rtruediv__ = _operator(DIVIDE, neutral=1), _operator(DIVIDE, reflected=True)
    __mod__, __rmod__ = _operator(opcode_of("remainder", 2)), _operator(opcode_of("remainder", 2), reflected=True)
    __floordiv__, __rfloordiv__ = (
        _operator(opcode_of("floor_divide", 2)),
        _operator(opcode_of("floor_divide", 2), reflected=True),
    )
    __pow__, __rpow__ = _operator(opcode_of("pow", 2)), _operator(opcode_of("pow", 2), reflected=True)
    __lt__, __gt__ = _operator(LESS, truth=True), _operator(LESS, reflected=True, truth=True)
    __le__, __ge__ = _operator(LESS_EQUAL, truth=True), _operator(LESS_EQUAL, reflected=True, truth=True)
    __eq__, __ne__ = _operator(EQUAL, truth=True), _operator(NOT_EQUAL, truth=True)
    __and__ = __rand__ = _operator(AND, truth=True)
    __or__ = __ror__ = _operator(OR, truth=True)

    def __neg__(self) -> ScalarSym:
        return _of_one(NEGATIVE, self)

    def __pos__(self) -> ScalarSym:
        return self

    def __abs__(self) -> ScalarSym:
        return _of_one(ABS, self, True)

    def __bool__(self) -> bool:
        raise TraceError(
            "MG211",
            f"{format_location(user_location())}: Python would branch on a number that a compiled function computes (`if`, "
            "`while`, `and`, `not`, `max`, `sorted`, `assert`), but while `mg.compile` traces the function it has no value yet. "
            "Return the Value and decide outside. Inside, `a.maximum(b)`, `a.minimum(b)` and `v.relu()` choose, and comparisons "
            "are numbers that can be returned or counted: `correct += (v.data > 0) * 1.0`.",
        )

    __float__, __int__, __index__ = _refusal("float()"), _refusal("int()"), _refusal("an index")
    __complex__, __round__ = _refusal("complex()"), _refusal("round()")
    __floor__, __ceil__, __trunc__ = _refusal("math.floor"), _refusal("math.ceil"), _refusal("math.trunc")
    __reduce__ = _refusal("pickling")

    def item(self) -> ScalarSym:
        """This number, as that of an array with one entry."""
        return self

    def __copy__(self) -> ScalarSym:
        return self

    def __deepcopy__(self, memo: Any) -> ScalarSym:
        return self

    def __repr__(self) -> str:
        return f"<traced %{self.slot}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        function = getattr(TRACED, UFUNCS.get(ufunc, ""), None) if method == "__call__" and not options else None
        if function is None:
            return _refusal(f"np.{ufunc.__name__}")(self)
        if any(isinstance(x, np.ndarray) and x.ndim for x in inputs):
            return np.vectorize(function, otypes=[object])(*(np.asarray(x, object) for x in inputs))
        return function(*(x.item() if isinstance(x, np.ndarray | np.generic) else x for x in inputs))


_PLAIN = frozenset([int, float, bool])


# ------------------------------------------------------------------------------------------------- the namespace of this world


def _calling(name: str, n: int = 1) -> Callable[..., Any]:
    """The function `name` of `n` numbers, as an operation if one of them is traced."""
    opcode, plain = opcode_of(name, n), getattr(SCALAR, name)

    def of_one(a: Any) -> Any:
        return _of_one(opcode, a) if a.__class__ is ScalarSym else plain(a)

    def of_two(a: Any, b: Any) -> Any:
        program = a.program if a.__class__ is ScalarSym else b.program if b.__class__ is ScalarSym else None
        if program is None:
            return plain(a, b)
        first, second = ((x if x.__class__ is ScalarSym else program.constant(x)).slot for x in (a, b))
        return program.record(opcode, first, second, first)

    return of_one if n == 1 else of_two


def _where(condition: Any, a: Any, b: Any) -> Any:
    if condition.__class__ is not ScalarSym:
        return a if condition else b
    if a is b:
        return a
    program = condition.program
    x, y = (n if n.__class__ is ScalarSym else program.constant(n) for n in (a, b))
    return program.record(SELECT, condition.slot, x.slot, y.slot, x.never_minus_zero and y.never_minus_zero)


def _plus_zero(function: Callable[..., Any], a: Any) -> Any:
    return function(a) + 0.0


TRACED: Any = ModuleType("traced_world", "The namespace `xp` for ScalarSyms.")
TRACED.where = _where
for _name in ("add", "subtract", "multiply", "negative", "positive", "abs", "equal", "not_equal", "less", "less_equal",
              "greater", "greater_equal", "logical_and", "logical_or"):  # fmt: skip
    setattr(TRACED, _name, getattr(SCALAR, _name))  # Python's operators
for _name in ("floor", "ceil", "trunc"):  # plus 0, because there is no -0 among Python's ints
    setattr(TRACED, _name, partial(_plus_zero, _calling(_name)))


for _name, _steps in STEPS.items():
    setattr(TRACED, _name, partial(_steps, TRACED))


def _polygamma(a: Any, *, n: int) -> Any:
    if a.__class__ is not ScalarSym:
        return SCALAR.polygamma(a, n=n)
    order = a.program.constant(n).slot
    return a.program.record(opcode_of("polygamma", 2), order, a.slot, order)


TRACED.polygamma = _polygamma


@for_each_primitive
def _call(row: Primitive) -> None:
    """What is neither arithmetic nor made of others is called."""
    if row.is_method and not hasattr(TRACED, row.name):
        setattr(TRACED, row.name, _calling(row.name, len(row.maps)))
