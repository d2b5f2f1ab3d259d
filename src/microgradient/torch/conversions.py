"""Copies, dtypes and devices; and filling in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ArgumentTypeError
from ..tensor import Tensor as Base
from ..trace_hooks import note_lengths
from . import memory, types
from .function import function
from .promotion import promoted, together
from .tensor import Tensor, adopt


@function
def clone(input: Any, *, memory_format: Any = None) -> Any:
    """The same values; the derivative goes on."""
    return mg.asarray(input, copy=True)


def _cast(x: Any, kind: Any) -> Any:
    return x if x.raw.dtype == kind else adopt(mg.astype(x, kind))


def to(self: Tensor, *args: Any, **options: Any) -> Any:
    """`x` in another dtype, or on another device, of which there is one: `x.to("cpu", torch.float64)`.

    A tensor gives its dtype. Returns `x` itself where nothing changes, unless `copy=True`.
    """
    kind, copy = options.pop("dtype", None), options.pop("copy", False)
    device = options.pop("device", None)
    other = options.pop("other", None)
    for arg in args:
        if isinstance(arg, Base):
            other = arg
        elif isinstance(arg, types.dtype | np.dtype | type):
            kind = arg
        elif isinstance(arg, str | types.device | int) and not isinstance(arg, bool):
            device = arg
        elif arg is not None and not isinstance(arg, bool):
            raise ArgumentTypeError(
                "MG125", f"x.to takes a dtype, a device or a tensor, not {arg!r}. Write `x.to(torch.float64)`."
            )
    if unknown := options.keys() - {"non_blocking", "memory_format"}:
        raise ArgumentTypeError("MG125", f"x.to has no option {', '.join(sorted(unknown))}.")
    types.check_device(device)
    wanted = types.numpy_dtype(kind) if kind is not None else other.raw.dtype if other is not None else None
    y = self if wanted is None else _cast(self, wanted)
    return clone(y) if copy and y is self else y


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """`x` itself: it is there."""
    return self


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """Raises: there is no such device."""
    types.check_device(device if device is not None else "cuda")
    return self


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the type, "torch.FloatTensor"; with an argument the tensor in that type."""
    if dtype is None:
        return f"torch.{LEGACY[self.raw.dtype.name]}"
    if isinstance(dtype, str):
        kinds = {f"torch.{name}": kind for kind, name in LEGACY.items()}
        if dtype not in kinds:
            raise ArgumentError("MG124", f"invalid type: {dtype!r}. These are: {', '.join(kinds)}.")
        return _cast(self, np.dtype(kinds[dtype]))
    return to(self, getattr(dtype, "kind_of_legacy", dtype))


LEGACY = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor", "uint8": "ByteTensor", "int8": "CharTensor",
    "int16": "ShortTensor", "int32": "IntTensor", "int64": "LongTensor", "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
}  # fmt: skip
"""The old names of the types, by NumPy's."""


class _LegacyType(type):
    """`torch.LongTensor([1, 2])`, and `isinstance(x, torch.LongTensor)`."""

    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, Tensor) and x.raw.dtype == cls.kind_of_legacy  # type: ignore[attr-defined]

    def __call__(cls, *data: Any) -> Any:
        return to(Tensor(*data) if data else Tensor(0), cls.kind_of_legacy)  # type: ignore[attr-defined]


legacy = {name: _LegacyType(name, (), {"kind_of_legacy": types.DTYPES[kind]}) for kind, name in LEGACY.items()}
"""The old constructors, by name."""

_SHORT = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32", "short": "int16",
    "char": "int8", "byte": "uint8", "bool": "bool", "bfloat16": "bfloat16", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


def _shortcut(name: str, kind: str) -> Callable[..., Any]:
    def method(self: Tensor, memory_format: Any = None) -> Any:
        return to(self, types.DTYPES[kind])

    method.__name__, method.__doc__ = name, f"`x.to(torch.{kind})`."
    return method


for _name, _kind in _SHORT.items():
    setattr(Tensor, _name, _shortcut(_name, _kind))


def type_as(self: Tensor, other: Any) -> Any:
    """`x` in the dtype of another tensor."""
    return _cast(self, other.raw.dtype)


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Take over the values of `src`, in place, in one's own dtype."""
    src = src if isinstance(src, Base) else mg.asarray(src)
    kind = self.raw.dtype
    return memory.write(self, src if src.raw.dtype == kind else mg.astype(src, kind), "`x.copy_(…)`")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Let every entry be `value`, in place."""
    if isinstance(value, Base):
        if value.raw.ndim:
            raise ArgumentError(
                "MG123",
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.raw.ndim} dimensions.",
            )
        return copy_(self, value)
    return memory.write(self, mg.asarray(self.raw.dtype.type(value)), "`x.fill_(…)`")


def zero_(self: Tensor) -> Tensor:
    """Let every entry be 0, in place."""
    return fill_(self, 0)


@function(method=False)
def fill(input: Any, value: Any) -> Any:
    """`value` everywhere, in the shape and dtype of `input`."""
    value = value if isinstance(value, Base) else mg.asarray(input.raw.dtype.type(value))
    return mg.broadcast_to(mg.astype(value, input.raw.dtype), tuple(input.shape))


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Let the main diagonal be `fill_value`, in place."""
    step = sum(self.raw.shape[-1] ** k for k in range(self.raw.ndim)) if self.raw.ndim != 2 else self.raw.shape[1] + 1
    stop = None if wrap or self.raw.ndim != 2 else self.raw.shape[1] ** 2
    flat = np.zeros(self.raw.size, bool)
    flat[:stop:step] = True
    mask = mg.asarray(flat.reshape(self.raw.shape))
    return memory.write(self, mg.where(mask, self.raw.dtype.type(fill_value), self), "`x.fill_diagonal_(…)`")


def set_(self: Tensor, source: Any = None, *_: Any) -> Tensor:
    """Let this be a tensor with the memory of `source`."""
    self.raw = source.raw if source is not None else np.zeros(0, self.raw.dtype)
    return self


def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Another shape, in place: the entries in order, zeros for new ones."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    if self.raw.shape != shape:
        new = np.zeros(int(np.prod(shape)), self.raw.dtype)
        count = min(new.size, self.raw.size)
        new[:count] = self.raw.reshape(-1)[:count]
        self.raw = new.reshape(shape)
    return self


def resize_as_(self: Tensor, other: Any, memory_format: Any = None) -> Tensor:
    """The shape of another tensor, in place."""
    return resize_(self, *other.shape)


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Let every entry be what a Python function makes of it, in place: slow."""
    return memory.write(self, mg.asarray(np.vectorize(callable)(self.raw).astype(self.raw.dtype)), "`x.apply_(…)`")


def map_(self: Tensor, other: Any, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Let every entry be what a Python function makes of it and one of `other`, in place: slow."""
    return memory.write(
        self, mg.asarray(np.vectorize(callable)(self.raw, other.raw).astype(self.raw.dtype)), "`x.map_(…)`"
    )


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """`x` itself: there is no other device to copy to."""
    return self


def sum_to_size(self: Tensor, *size: Any) -> Any:
    """Summed over the axes along which a tensor of that shape would be broadcast."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
    lead = self.raw.ndim - len(shape)
    axes = tuple(i for i, n in enumerate(self.raw.shape) if i < lead or (shape[i - lead] == 1 != n))
    y = mg.sum(self, axis=axes, keepdims=True)
    return adopt(mg.reshape(y, shape))


def to_sparse(self: Tensor, sparse_dim: int | None = None, *, layout: Any = None) -> Any:
    """The entries that are not 0 of a matrix, as `torch.sparse_coo`, or in another layout."""
    from .sparse_tensor import sparse_of

    if sparse_dim not in (None, 2):
        raise ArgumentError(
            "MG136", f"Sparse tensors are matrices of numbers here; sparse_dim={sparse_dim} would be others."
        )
    return sparse_of(self, layout)


def to_sparse_coo(self: Tensor) -> Any:
    """The entries that are not 0 of a matrix, by rows and columns."""
    return to_sparse(self)


def to_sparse_csr(self: Tensor) -> Any:
    """The entries that are not 0 of a matrix, by rows."""
    return to_sparse(self, layout=types.sparse_csr)


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
    """`x` itself: it is dense."""
    return self if dtype is None else to(self, dtype)


def sparse_mask(self: Tensor, mask: Any) -> Any:
    """The entries of `x` at the places of a sparse tensor."""
    return mask.picked_from(self)


for _method in (
    to_sparse, to_sparse_coo, to_sparse_csr, to_dense, sparse_mask,
    to, cpu, cuda, type_as, copy_, fill_, zero_, fill_diagonal_, set_, resize_, resize_as_, apply_, map_, pin_memory, sum_to_size,
):  # fmt: skip
    setattr(Tensor, _method.__name__, _method)
Tensor.type = type_  # type: ignore[attr-defined]
Tensor.is_floating_point = lambda self: self.raw.dtype.kind == "f"  # type: ignore[attr-defined]
Tensor.is_complex = lambda self: self.raw.dtype.kind == "c"  # type: ignore[attr-defined]
Tensor.is_signed = lambda self: self.raw.dtype.kind in "ifc"  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------------------ of dtypes


@function(method=False)
def is_floating_point(input: Any) -> bool:
    """Whether the entries are real floating-point numbers."""
    return bool(input.raw.dtype.kind == "f")


@function(method=False)
def is_complex(input: Any) -> bool:
    """Whether the entries are complex."""
    return bool(input.raw.dtype.kind == "c")


@function(method=False)
def is_nonzero(input: Any) -> bool:
    """Whether the only entry is not 0."""
    return bool(input.item() != 0)


@function(method=False)
def numel(input: Any) -> int:
    """The number of entries."""
    note_lengths(input)
    return int(input.raw.size)


@function(method=False)
def result_type(tensor1: Any, tensor2: Any) -> Any:
    """The dtype that an operation on both would give."""
    if isinstance(tensor1, Base) and isinstance(tensor2, Base):
        return types.of(together(tensor1, tensor2)[0].raw.dtype)
    if not isinstance(tensor1, Base) and not isinstance(tensor2, Base):
        return types.of(mg.result_type(np.zeros((), bool), tensor1, tensor2))
    number, tensor = (tensor1, tensor2) if isinstance(tensor2, Base) else (tensor2, tensor1)
    return types.of(mg.result_type(tensor.raw.dtype, number))


def promote_types(type1: Any, type2: Any) -> Any:
    """The smallest dtype that both can be cast to."""
    return types.of(promoted(types.numpy_dtype(type1), types.numpy_dtype(type2)))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether PyTorch's promotion would write numbers of one dtype into a tensor of the other."""
    order = "buifc"
    a, b = np.dtype(from_), np.dtype(to)
    return order.index(a.kind) <= order.index(b.kind) or (a.kind in "ui" and b.kind in "ui")


@function(names="conj_physical")
def conj(input: Any) -> Any:
    """The complex conjugate; real numbers as they are."""
    return mg.conj(input) if input.raw.dtype.kind == "c" else input


@function
def real(input: Any) -> Any:
    """The real part."""
    return mg.real(input)


@function(method=False)
def imag(input: Any) -> Any:
    """The imaginary part."""
    return mg.imag(input)


Tensor.real = property(lambda self: real(self) if self.raw.dtype.kind == "c" else self, doc="The real part.")  # type: ignore
Tensor.imag = property(lambda self: imag(self), doc="The imaginary part.")  # type: ignore
