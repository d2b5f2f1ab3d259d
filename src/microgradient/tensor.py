"""Tensor: an n-dimensional array whose derivatives can be asked for.

A tensor is a datum (`data`, an ndarray) and, where a gradient is needed, a `Node` of the tape. How one multiplication
runs: `Tensor.__mul__` below is a closure made by `binary("multiply")` in operators.py: it calls the kernel on the data and,
if an argument has a node, makes a node with what the rule will read. `Tensor.backward` gives the node to the sweep in tape.py.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from math import isfinite
from sys import getrefcount
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from . import array_world, trace_hooks
from .coercion import holds_tensor, to_array
from .errors import (
    ArgumentTypeError,
    DTypeError,
    GradientError,
    ShapeError,
    user_location,
    warn_once,
)
from .gradients import (
    NEW,
    accumulate,
    cause_of_nonfinite,
    checked_leaf,
    no_gradient_for,
    not_one_number,
    not_stored,
    note_update,
    update_of_leaf,
    warn_if_departed,
    warn_if_flat,
    warn_of_nonfinite,
)
from .in_place import LENT, settle
from .indexing import index_error, index_key
from .interop import Protocols
from .operators import Operand, apply, binary, install, unary, world, wrap
from .primitives import TABLE
from .tape import (
    DEPARTED,
    NO_PARAMS,
    NOT_STORED,
    TAPE,
    Node,
    Spent,
    backward,
    cut,
    note_backward,
    recording,
    topological,
)
from .taped_world import TAPED
from .tensor_hooks import AFTER_ACCUMULATION, ON_COTANGENT, RemovableHandle, add_hook, added

_recorder = recording.get


# --------------------------------------------------------------------------------------------------------------- Tensor


def _inplace(operator_: Callable[[Tensor, Operand], Tensor]) -> Callable[[Tensor, Operand], Tensor]:
    """`x += y` makes a new tensor; only a leaf that needs a gradient keeps its identity, under no_grad."""

    def method(self: Tensor, other: Operand, /) -> Tensor:
        leaf = self.node is not None and self.node.op is None
        if leaf:
            row = TABLE.get(operator_.__name__)
            self._refuse_leaf_update(f" {row.symbol if row else '**'}= …")
        new = operator_(self, other)
        if new is NotImplemented:
            return new
        if new.shape != self.shape:
            raise ShapeError(
                "MG121",
                f"An update in place keeps the shape {self.shape}; this one would make it {new.shape}. Write `y = x + z`.",
            )
        if new.dtype != self.dtype:
            if not np.can_cast(new.dtype, self.dtype, "same_kind"):
                raise DTypeError(
                    "MG141", f"An update in place keeps the dtype {self.dtype}; this one gives {new.dtype}."
                )
            new = apply(TABLE["astype"], new, dtype=self.dtype)
        if leaf:
            note_update(self)
            self.raw = new.raw
            return self
        return new

    return method


class Tensor(Protocols):
    """An n-dimensional array of numbers that may record how it was computed.

    Make one with :func:`tensor` (copies; `requires_grad=True` for a leaf whose `grad` you want) or the creation functions
    of the array API standard. Operators and functions follow the standard 2025.12 (https://data-apis.org/array-api),
    `backward` and `grad` follow PyTorch. Tensors never change under a tape: `x += y` and `x[i] = v` give `x` a new value.

    >>> import microgradient as mg
    >>> x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()
    result_class: ClassVar[type[Tensor]]
    """The class of what is computed from such tensors."""

    if TYPE_CHECKING:  # the functions of `functions/` are also methods: see functions/methods.py

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, data: Any, dtype: Any = ..., requires_grad: bool = False) -> None:
        self.raw = to_array(data, None if dtype is ... else dtype)
        if dtype is ... and self.raw.dtype.kind in "iu" and isinstance(data, list | tuple | int):
            raise ArgumentTypeError(
                "MG125", f"mg.Tensor({data!r:.40}): PyTorch makes floats of these, or a shape. Write `mg.tensor([1, 2])` for "
                "integers, `mg.tensor([1.0, 2.0])` for floats.",
            )  # fmt: skip
        self.node = None
        self.cut = cut(data, "mg.tensor(…)") if isinstance(data, Tensor) else None
        if requires_grad:
            self.requires_grad = True

    # ------------------------------------------------------------------------------------------------------ attributes

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded. Can be set on leaves of a floating dtype, complex ones included."""
        trace_hooks.note_node(self)
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.node is not None and self.node.op is not None:
            if not value:
                raise GradientError("MG106", "Only leaves can stop requiring a gradient. Write `x = x.detach()`.")
            return
        if not value:
            self.node = None
        elif self.node is None:
            if self.raw.dtype.kind not in "fc":
                raise DTypeError("MG142", no_gradient_for(self.raw.dtype))
            self.node = leaf_node(self)
            self.node.grad = None

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by the user rather than computed from one that requires a gradient."""
        trace_hooks.note_node(self)
        return self.node is None or self.node.op is None

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated by `backward`: for leaves, and after :meth:`keep_grad` for any tensor."""
        if trace_hooks.hook is not None:
            trace_hooks.note_node(self)
        node = self.node
        if node is None:
            return None
        found: Any = node.grad
        if found is NOT_STORED:
            warn_once("MG107", lambda: not_stored(self))
            return None
        if found is None and DEPARTED:
            warn_if_departed(node)
        return found

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise ArgumentTypeError("MG108", f"A gradient is a Tensor or None, not {type(value).__name__}.")
        if value is not None and value.shape != self.shape:
            raise ShapeError("MG122", f"A gradient for a tensor of shape {self.shape} can't have shape {value.shape}.")
        trace_hooks.note_node(self)
        if self.node is not None:
            self.node.grad = value
            if value is None:
                self.node.summed = NEW
        elif value is not None:
            raise GradientError("MG109", "This tensor needs no gradient. Write `x.requires_grad = True` first.")

    # ---------------------------------------------------------------------------------------------------- differentiation

    def backward(self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add ∂self/∂leaf to the `grad` of every leaf that this tensor was computed from.

        `gradient` is the cotangent of this tensor, needed unless it has a single, real entry (then 1). What the graph saved is
        released unless `retain_graph`. With `create_graph` the gradients can be differentiated again.
        The gradient of a real L in a complex leaf u + iv is ∂L/∂u + i ∂L/∂v, the direction in which L grows, as in PyTorch:
        the conjugate of what :func:`grad` gives, which follows JAX.
        Raises GradientError if no leaf can be reached, if the graph was released, or if a gradient is needed but not given.
        """
        node = self.node
        if node is None or node.op is None:
            node = checked_leaf(self)
        if LENT:
            settle()
        datum, seed = self.raw, self._seed(gradient)
        t, order = seed.raw, topological([node])
        if t.dtype.kind == "c":  # the sweeps carry the conjugates of gradients
            seed = TAPED.conj(seed)
            t = seed.raw
        value = datum.item() if gradient is None and datum.__class__ is np.ndarray else 0.0
        cause = "" if isfinite(value) else cause_of_nonfinite(order)
        if create_graph:
            leaves = backward(order, {node: seed}, TAPED, wrap)
        else:
            spent = None if retain_graph or _recorder() is not TAPE else Spent(user_location())
            with np.errstate(all="ignore"):
                leaves = backward(order, {node: t}, world(), spent=spent)
        if DEPARTED and _recorder() is not None and trace_hooks.hook is None:
            warn_if_flat(leaves, node)
        if cause:
            warn_of_nonfinite(value, leaves, cause)
        accumulate(leaves, t)
        if added[0] and AFTER_ACCUMULATION:
            for hook in [hook for leaf in leaves for hook in AFTER_ACCUMULATION.get(leaf, ())]:
                hook()
        note_backward(node)

    def _seed(self, gradient: Any) -> Tensor:
        if gradient is None:
            datum = self.raw
            if datum.size != 1:
                raise not_one_number(self)
            if datum.dtype.kind == "c":
                raise GradientError(
                    "MG101",
                    f"A gradient needs a real number; this one is {datum.dtype}. Write `mg.real(loss).backward()` or "
                    "`mg.abs(loss).backward()`, or pass a weight: `loss.backward(weight)`.",
                )
            return cast("Tensor", wrap(np.ones(datum.shape, datum.dtype), None))
        seed = gradient if isinstance(gradient, Tensor) else Tensor(gradient, self.dtype)
        if seed.shape != self.shape:
            raise ShapeError(
                "MG122",
                f"The gradient passed to backward() has shape {seed.shape}, the tensor {self.shape}: give one number for each "
                f"entry, as `mg.ones({self.shape})`.",
            )
        return seed if seed.dtype == self.dtype else cast("Tensor", apply(TABLE["astype"], seed, dtype=self.dtype))

    def keep_grad(self) -> Tensor:
        """Store the gradient of this intermediate tensor in `.grad` at the next backward pass (PyTorch: retain_grad)."""
        if self.node is None:
            raise GradientError("MG109", "This tensor needs no gradient, so there is none to keep.")
        if self.node.grad is NOT_STORED:
            self.node.grad = None
        return self

    retain_grad = keep_grad

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(gradient)` when a backward pass has this tensor's gradient; what it returns, unless None, goes on instead.

        Raises GradientError if the tensor needs no gradient. A function that is compiled has the hooks of when it was traced.

        >>> import microgradient as mg
        >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * 3.0
        >>> handle = y.register_hook(lambda g: g * 2.0)
        >>> mg.sum(y).backward()
        >>> x.grad
        tensor([6., 6.])
        """
        if self.node is None:
            raise GradientError("MG109", "This tensor needs no gradient, so no hook would be called.")
        shape, cls = self.shape, self.result_class

        def on_cotangent(t: Any) -> Any:
            gradient = t if isinstance(t, Tensor) else wrap(t, None, None, cls)
            if gradient.raw.dtype.kind == "c":  # the sweep carries the conjugate
                gradient = TAPED.conj(gradient)
            if (new := hook(gradient)) is None:
                return t
            if not isinstance(new, Tensor) or new.shape != shape:
                raise ShapeError(
                    "MG122", f"A hook of a tensor of shape {shape} returns a tensor of that shape, or None."
                )
            if new.raw.dtype.kind == "c":
                new = TAPED.conj(new)
            return new if isinstance(t, Tensor) else new.raw

        return add_hook(ON_COTANGENT, self.node, on_cotangent)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(tensor)` at the end of each backward pass that has added to `grad` of this leaf.

        >>> import microgradient as mg
        >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda p: print(p.grad))
        >>> mg.sum(x).backward()
        tensor([1., 1.])
        """
        if self.node is None or self.node.op is not None:
            raise GradientError("MG109", "Only a leaf that needs a gradient accumulates one.")
        held = weakref.ref(self)

        def call() -> None:
            if (tensor := held()) is not None:
                hook(tensor)

        return add_hook(AFTER_ACCUMULATION, self.node, call)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` and return self."""
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """The same value, cut off from the graph: a constant."""
        return cast("Tensor", wrap(trace_hooks.detached(self.raw), None, cut(self, ".detach()"), self.result_class))

    # ------------------------------------------------------------------------------------- copies, iteration

    def __iter__(self) -> Iterator[Tensor]:
        if not self.raw.ndim:
            raise ArgumentTypeError("MG125", "A tensor of shape () can't be iterated over.")
        return (self[i] for i in range(len(self.raw)))

    def __reduce__(self) -> Any:
        return _rebuilt, (type(self), self.raw, self.requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.node is not None and self.node.op is not None:
            raise GradientError("MG110", "Only leaves can be deep-copied. Write `copy.deepcopy(x.detach())`.")
        copy = _rebuilt(type(self), self.raw.copy(), self.requires_grad)
        memo[id(self)] = copy
        if self.node is not None and self.node.grad is not None:
            copy.grad = wrap(self.node.grad.raw.copy(), None, cls=self.result_class)
        return copy

    # -------------------------------------------------------------------------------------------------- indexing, operators

    def __getitem__(self, key: Any, /) -> Tensor:
        pattern, indices = index_key(key, self.shape)
        try:
            return cast("Tensor", apply(TABLE["index"], self, *indices, key=pattern))
        except IndexError as error:
            raise index_error(error, key, self.shape) from None

    def __setitem__(self, key: Any, value: Any, /) -> None:
        if self.node is not None and self.node.op is None:
            self._refuse_leaf_update("[i] = …")
        pattern, indices = index_key(key, self.shape)
        new = Tensor(value, None) if not isinstance(value, Tensor) and holds_tensor(value) else value
        new = new if isinstance(new, Tensor) else wrap(np.asarray(new), None)
        if new.dtype != self.dtype:
            strict = isinstance(value, Tensor) or new.dtype.kind == "c"
            if strict and not np.can_cast(new.dtype, self.dtype, "same_kind"):
                raise DTypeError(
                    "MG141", f"Values of dtype {new.dtype} can't be put into a tensor of dtype {self.dtype}."
                )
            fits = new.dtype.kind in "iuf" and self.dtype.kind == "f"
            if fits or isinstance(value, np.ndarray) or holds_tensor(value):
                new = apply(TABLE["astype"], new, dtype=self.dtype)
            else:
                new = wrap(to_array(value, self.dtype), None)  # which refuses None, and 300 for an int8
        try:
            if self.node is None and new.node is None and _alone(self):
                array_world.assign(self.raw, new.raw, *indices, key=pattern)
                return
            out = apply(TABLE["index_set"], self, new, *indices, key=pattern)
        except IndexError as error:
            raise index_error(error, key, self.shape) from None
        except ValueError as error:
            raise ShapeError("MG120", f"{error}. The tensor has shape {self.shape}, the value {new.shape}.") from None
        self.raw = out.raw
        if self.node is None or self.node.op is not None:
            self.node, self.cut = out.node, out.cut

    def _refuse_leaf_update(self, what: str) -> None:
        if _recorder() is not None:
            raise update_of_leaf(self, what)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .explain.display import of_tensor

        return of_tensor(self)

    __hash__ = object.__hash__  # by identity

    def __pow__(self, other: Operand, /) -> Tensor:
        if other.__class__ is int and other == 2:
            return _square(self)  # by far the most common power, and much the fastest this way
        if self.node is not None and (other.__class__ is float or other.__class__ is int) and other != 0:
            return cast("Tensor", apply(TABLE["power"], self, n=other))
        return _pow(self, other)

    __add__, __radd__ = binary("add"), binary("add", reflected=True)
    __sub__, __rsub__ = binary("subtract"), binary("subtract", reflected=True)
    __mul__, __rmul__ = binary("multiply"), binary("multiply", reflected=True)
    __truediv__, __rtruediv__ = binary("divide"), binary("divide", reflected=True)
    __floordiv__, __rfloordiv__ = binary("floor_divide"), binary("floor_divide", reflected=True)
    __mod__, __rmod__ = binary("remainder"), binary("remainder", reflected=True)
    __rpow__ = binary("pow", reflected=True)
    __and__, __rand__ = binary("bitwise_and"), binary("bitwise_and", reflected=True)
    __or__, __ror__ = binary("bitwise_or"), binary("bitwise_or", reflected=True)
    __xor__, __rxor__ = binary("bitwise_xor"), binary("bitwise_xor", reflected=True)
    __lshift__, __rlshift__ = binary("bitwise_left_shift"), binary("bitwise_left_shift", reflected=True)
    __rshift__, __rrshift__ = binary("bitwise_right_shift"), binary("bitwise_right_shift", reflected=True)
    __lt__, __le__, __gt__, __ge__ = binary("less"), binary("less_equal"), binary("greater"), binary("greater_equal")
    __eq__, __ne__ = binary("equal"), binary("not_equal")  # type: ignore[assignment]
    __neg__, __pos__, __abs__, __invert__ = unary("negative"), unary("positive"), unary("abs"), unary("bitwise_invert")
    __iadd__, __isub__, __imul__ = _inplace(__add__), _inplace(__sub__), _inplace(__mul__)
    __itruediv__, __ifloordiv__, __imod__ = _inplace(__truediv__), _inplace(__floordiv__), _inplace(__mod__)
    __ipow__, __iand__, __ior__, __ixor__ = _inplace(__pow__), _inplace(__and__), _inplace(__or__), _inplace(__xor__)
    __ilshift__, __irshift__ = _inplace(__lshift__), _inplace(__rshift__)


install(Tensor)
_square, _pow = unary("square"), binary("pow")


def _alone(x: Tensor) -> bool:
    """Whether nothing but `x` holds its array: no view, no tensor that shares it, no tape, no trace."""
    held = getrefcount(x.raw) == _ALONE and x.raw.__class__ is np.ndarray
    return held and x.raw.base is None and x.raw.flags.writeable and trace_hooks.current() is None


_probe = wrap(np.zeros(1), None)
_ALONE = getrefcount(_probe.raw)  # what Python counts for such an array

# ------------------------------------------------------------------------------------------------- making tensors, leaves


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested sequences of numbers or tensors, arrays.

    Python floats become the default float (float32, see :func:`set_default_dtype`), integers int64, booleans bool; NumPy
    arrays keep their dtype. `requires_grad` makes it a leaf: `backward` accumulates its gradient in `.grad`.

    >>> import microgradient as mg
    >>> mg.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> mg.tensor([0.5], requires_grad=True)
    tensor([0.5], requires_grad=True)
    """
    return Tensor(data, dtype, requires_grad)


def leaf_node(x: Tensor) -> Node:
    """The node of a new leaf with the data of `x`."""
    params = NO_PARAMS if x.result_class is Tensor else {"gradient_class": x.result_class}
    return Node(None, (), (), params, x.raw.shape, x.raw.dtype)


def _rebuilt(cls: type[Tensor], data: Any, requires_grad: bool) -> Tensor:
    out = cls.__new__(cls)
    out.raw = data
    out.node = out.cut = None
    out.requires_grad = requires_grad
    return out
