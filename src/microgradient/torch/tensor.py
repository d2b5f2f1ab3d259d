"""`torch.Tensor`: a tensor of Microgradient whose methods mean what PyTorch's mean.

What PyTorch's functions do is in the files beside this one; `function.py` makes methods of them. Here is what only a method or an
attribute can be: `data`, `grad`, hooks, conversions, operators, indexing, printing.
"""

from __future__ import annotations

import copy as copying
import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from ..coercion import holds_tensor, to_array
from ..errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError
from ..in_place import note_written
from ..indexing import index_error, index_key
from ..interop import DEFAULT_FLOAT
from ..operators import derive, wrap
from ..tape import leave_graph
from ..taped_world import TAPED
from ..tensor import Tensor as Base
from ..tensor import leaf_node
from ..trace_hooks import Traced, current, note_lengths
from . import memory, types
from .graph import backward_node
from .operators import attach_operators
from .printing import shown


class Tensor(Base):
    """An n-dimensional array whose methods mean what PyTorch's mean; make one with `torch.tensor`.

    `Tensor(2, 3)` has that shape and arbitrary values (zeros), `Tensor([1, 2])` those values as the default float.

    >>> import microgradient.torch as torch
    >>> x = torch.tensor([[1.0, 4.0], [3.0, 2.0]], requires_grad=True)
    >>> x.max(dim=1).indices
    tensor([1, 0])
    >>> x.std().backward()
    >>> x.grad.shape
    torch.Size([2, 2])
    """

    _view: memory.View | None = None
    """How this one shares the memory of another."""
    _views: Any = None
    _idle: Any = None
    """The node of a leaf that requires no gradient any more, which keeps the one it has."""

    def __init__(self, *data: Any, device: Any = None) -> None:
        types.check_device(device)
        lengths = data[0] if len(data) == 1 and isinstance(data[0], types.Size) else data
        if all(isinstance(n, int) and not isinstance(n, bool) for n in lengths) and (data or lengths is data):
            self.raw = np.zeros(tuple(lengths) if lengths else (0,), DEFAULT_FLOAT[0])
        elif len(data) == 1:
            self.raw = to_array(numbers_in(data[0]), DEFAULT_FLOAT[0])
        else:
            raise ArgumentTypeError("MG125", "torch.Tensor(…) takes lengths, or one array: write `torch.tensor(data)`.")
        self.node = self.cut = None

    # ---------------------------------------------------------------------------------------------------------- attributes

    @property
    def data(self) -> Any:
        """The same numbers, in the same memory, without a gradient: writing them is not recorded."""
        return memory.share(
            wrap(self.raw, None, None, self.result_class), self, lambda base: base.detach(), cut=True, unwatched=True
        )

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, Base):
            raise ArgumentTypeError(
                "MG108", f"`.data` is a tensor, not {type(value).__name__}. Write `torch.tensor(…)`."
            )
        if self.node is not None and self.node.op is None and value.raw.dtype != self.raw.dtype:
            grad, self.node = self.node.grad, None
            self.raw = value.raw
            self.requires_grad = True
            self.node.grad = grad  # type: ignore[attr-defined]
        self.raw = value.raw

    def store(self, array: Any) -> None:
        """Take over new numbers, in the same memory: other tensors may share it."""
        same = isinstance(array, np.ndarray) and (array.shape, array.dtype) == (self.datum.shape, self.datum.dtype)
        if same and current() is None and self.datum.flags.writeable:
            np.copyto(self.datum, array)
            note_written(self.datum)
        else:
            self.raw = array

    @property
    def shape(self) -> types.Size:
        """The length of each axis."""
        note_lengths(self)
        return types.Size(self.raw.shape)

    @property
    def dtype(self) -> Any:
        """The type of the entries: `torch.float32`."""
        return types.of(self.raw.dtype)

    @property
    def device(self) -> Any:
        """`torch.device("cpu")`."""
        return types.CPU

    @property
    def grad(self) -> Any:
        """The gradient that `backward` has accumulated; it stays where `requires_grad` becomes False."""
        if self.node is None and self._idle is not None:
            return self._idle.grad
        found = Base.grad.fget(self)  # type: ignore[attr-defined]
        if found.__class__ is Base and self.node is not None:  # of a tensor that is no leaf
            found = adopt(found)
            if current() is None:
                self.node.stored = found
        return cast("Tensor | None", found)

    @grad.setter
    def grad(self, value: Any) -> None:
        idle = self.node is None
        if idle and value is not None:
            self.requires_grad = True
        Base.grad.fset(self, value if value is None else adopt(value))  # type: ignore[attr-defined]
        if idle and value is not None:
            self.requires_grad = False
        elif idle and self._idle is not None:
            self._idle.grad = None

    def _set_requires_grad(self, value: bool) -> None:
        before, idle = self.node, self._idle
        Base.requires_grad.fset(self, value)  # type: ignore[attr-defined]
        if before is not None and not value:
            self._idle = before
        elif before is None and value and idle is not None and (idle.shape, idle.dtype) == (self.shape, self.raw.dtype):
            self.node = idle

    requires_grad = property(
        Base.requires_grad.fget,  # type: ignore[attr-defined]
        _set_requires_grad,
        doc="Whether operations on this tensor are recorded. Can be set on leaves.",
    )

    @property
    def grad_fn(self) -> Any:
        """What this was computed by, None for leaves: it prints as in PyTorch, `<MulBackward0>`."""
        return None if self.node is None or self.node.op is None else backward_node(self.node)

    @property
    def layout(self) -> Any:
        """`torch.strided`."""
        return types.strided

    @property
    def itemsize(self) -> int:
        """Bytes of an entry."""
        return int(self.raw.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        note_lengths(self)
        return int(self.raw.size) * self.itemsize

    @property
    def names(self) -> tuple[None, ...]:
        """The names of the axes: they have none."""
        return (None,) * self.ndim

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    is_cuda = is_sparse = is_quantized = is_meta = is_mps = is_xpu = is_mkldnn = is_nested = is_sparse_csr = False
    is_cpu = True
    output_nr = 0

    @property
    def _version(self) -> int:
        return 0

    # ------------------------------------------------------------------------------------------------------- differentiation

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add ∂self/∂leaf to the `grad` of the leaves, or of `inputs` alone."""
        if inputs is None:
            keep = create_graph if retain_graph is None else retain_graph
            super().backward(gradient, retain_graph=keep, create_graph=create_graph)
            return
        from .autograd import grad

        inputs = [inputs] if isinstance(inputs, Base) else list(inputs)
        found = grad(self, inputs, gradient, retain_graph, create_graph, allow_unused=True)
        for x, g in zip(inputs, found, strict=True):
            if g is not None:
                x.retain_grad()
                x.node.grad = g if x.node.grad is None else x.node.grad + g

    def detach(self) -> Tensor:
        """The same numbers, in the same memory, without a gradient."""
        return memory.share(cast("Tensor", super().detach()), self, lambda base: Base.detach(base), cut=True)

    def detach_(self) -> Tensor:
        """Cut this tensor itself off from the graph."""
        self.node = None
        return self

    def retain_grad(self) -> None:  # type: ignore[override]
        """Store the gradient of this tensor in `.grad` at the next backward pass."""
        self.keep_grad()

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on a tensor that is no leaf."""
        from ..tape import NOT_STORED

        return self.node is not None and self.node.op is not None and self.node.stored is not NOT_STORED

    # ----------------------------------------------------------------------------------------------------------- conversions

    def size(self, dim: int | None = None) -> Any:  # type: ignore[override]
        """The shape, or the length of one axis."""
        note_lengths(self)
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of axes."""
        return int(self.raw.ndim)

    ndimension = dim

    def numel(self) -> int:
        """The number of entries."""
        note_lengths(self)
        return int(self.raw.size)

    nelement = numel

    def element_size(self) -> int:
        """Bytes of an entry."""
        return self.itemsize

    def numpy(self, *, force: bool = False) -> Any:
        """The array itself, whose memory the tensor shares. A tensor that requires a gradient must be detached, or `force`d."""
        if self.node is not None and not force:
            raise GradientError(
                "MG103", "Can't call numpy() on Tensor that requires grad: the array would leave the graph. Write "
                "`x.detach().numpy()`.",
            )  # fmt: skip
        leave_graph(self, ".numpy()")
        return np.asarray(self.raw)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy() if self.node is None or isinstance(self.raw, Traced) else super().__array__()
        return array if dtype is None else array.astype(dtype, copy=bool(copy))

    def item(self) -> Any:
        """The only entry as a Python number."""
        if isinstance(self.raw, np.ndarray) and self.raw.size != 1:
            raise NotOneNumberError(
                "MG123",
                f"a Tensor with {self.raw.size} elements cannot be converted to Scalar: it has shape {tuple(self.shape)}.",
            )
        return super().item()

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        return self.raw.tolist()

    def stride(self, dim: int | None = None) -> Any:
        """How many entries further in memory the next one along each axis lies, or along one."""
        note_lengths(self)
        steps = tuple(s // self.itemsize for s in self.raw.strides)
        return steps if dim is None else steps[dim]

    def storage_offset(self) -> int:
        """How many entries of the memory come before the first."""
        owner, array = self.raw, self.raw
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        return int(array.ctypes.data - owner.ctypes.data) // self.itemsize

    def data_ptr(self) -> int:
        """The address of the first entry."""
        return int(self.raw.ctypes.data)

    def untyped_storage(self) -> Any:
        """The memory, as an object that knows its size and address."""
        return Storage(self)

    storage = typed_storage = untyped_storage

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the entries lie in memory in the order of their indices."""
        return not isinstance(self.raw, np.ndarray) or bool(self.raw.flags.c_contiguous)

    def is_pinned(self, device: Any = None) -> bool:
        """False: there is no other device to copy to."""
        return False

    def is_shared(self) -> bool:
        """Whether other processes see the memory: they don't."""
        return False

    def get_device(self) -> int:
        """-1: the CPU."""
        return -1

    def share_memory_(self) -> Tensor:
        """Self: processes get copies."""
        return self

    def __bool__(self) -> bool:
        if isinstance(self.raw, np.ndarray) and self.raw.size != 1:
            raise NotOneNumberError(
                "MG123", f"Boolean value of Tensor with {'no' if not self.raw.size else 'more than one'} values is ambiguous: it "
                f"has shape {tuple(self.shape)}. Write `x.any()` or `x.all()`.",
            )  # fmt: skip
        return super().__bool__()

    def __index__(self) -> int:
        if self.raw.dtype.kind in "iub" and self.raw.size == 1 and isinstance(self.raw, np.ndarray):
            return int(self.raw.item())
        return super().__index__()

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return shown(self)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        if self.raw.ndim == 0 and not isinstance(self.raw, Traced):
            return format(self.raw.item(), spec)
        return format(str(self), spec) if not isinstance(self.raw, Traced) else super().__format__(spec)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self)})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy = super().__deepcopy__(memo)
        vars(copy).update({k: copying.deepcopy(v, memo) for k, v in vars(self).items() if k not in ("_view", "_views")})
        return cast("Tensor", copy)

    # ---------------------------------------------------------------------------------------------------- indexing, operators

    def __iter__(self) -> Iterator[Any]:
        if not self.raw.ndim:
            raise ArgumentTypeError("MG125", "iteration over a 0-d tensor.")
        return (self[i] for i in range(self.raw.shape[0]))

    def __getitem__(self, key: Any, /) -> Any:
        pattern, indices = index_key(key, self.raw.shape)
        if any(isinstance(p, slice) and p.step is not None and p.step < 0 for p in pattern):
            raise ArgumentError("MG128", "PyTorch's slices have no negative steps. Write `x.flip(0)`.")
        out = self._index(pattern, indices, key)
        if not indices and memory.shares(out, self):
            memory.share(out, self, lambda base: base._index(pattern, [], key))
        return out

    def _index(self, pattern: Any, indices: list[Any], key: Any) -> Tensor:
        if not indices and Ellipsis not in pattern:
            pattern = (*pattern, Ellipsis)  # so that one entry is a view, too, and not a number
        try:
            return cast("Tensor", TAPED.index(self, *indices, key=pattern))
        except IndexError as error:
            raise index_error(error, key, self.raw.shape) from None

    def __setitem__(self, key: Any, value: Any, /) -> None:
        pattern, indices = index_key(key, self.raw.shape)
        if not isinstance(value, Base):
            value = wrap(to_array(value, self.raw.dtype), None)
        elif value.raw.dtype != self.raw.dtype:
            value = TAPED.astype(value, dtype=self.raw.dtype)
        try:
            memory.assign(self, pattern, indices, value)
        except IndexError as error:
            raise index_error(error, key, self.raw.shape) from None
        except ValueError as error:
            raise ShapeError(
                "MG120", f"{error}. The tensor has shape {self.raw.shape}, the value {value.raw.shape}."
            ) from None

    __hash__ = object.__hash__


class NotOneNumberError(ArgumentError, RuntimeError):
    """A tensor in a place where one number is needed."""


class Storage:
    """The memory of a tensor: its address and its size in bytes."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def data_ptr(self) -> int:
        """The address of the first byte."""
        owner = self._tensor.raw
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        return int(owner.ctypes.data)

    def nbytes(self) -> int:
        """The number of bytes."""
        owner = self._tensor.raw
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        return int(owner.nbytes)

    def size(self) -> int:
        """The number of entries."""
        return self.nbytes() // self._tensor.itemsize

    __len__ = size


attach_operators(Tensor)
derive(Tensor)


def numbers_in(data: Any) -> Any:
    """Nested sequences with each tensor in them, which has one entry, as a number."""
    if not isinstance(data, list | tuple) or not holds_tensor(data):
        return data
    return [_number(x) if isinstance(x, Base) else numbers_in(x) for x in data]


def _number(x: Any) -> Any:
    if math.prod(x.shape) != 1:
        raise ArgumentError(
            "MG125", f"Only tensors of one entry can be numbers of a tensor; one has the shape {tuple(x.shape)}. Write "
            "`torch.stack(tensors)`."
        )  # fmt: skip
    return x.reshape(()) if x.shape else x


def adopt(x: Any) -> Any:
    """`x`, a result of the package's functions, with the tensors in it as tensors of this module."""
    cls = x.__class__
    if cls is Base:
        out = wrap(x.raw, x.node, x.cut, Tensor)
        if x.node is not None and x.node.op is None and not x.node.params:
            out.node.params = leaf_node(out).params
        return out
    if cls is tuple or cls is list:
        return cls([adopt(part) for part in x])
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return cls(*[adopt(part) for part in x])
    return x
