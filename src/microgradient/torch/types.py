"""PyTorch's small types: dtypes, devices, shapes, and the pairs that some functions return."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any, NamedTuple, Self

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, DTypeError, as_given
from .strict import differs


class dtype:  # noqa: N801 (PyTorch's name)
    """The type of a tensor's entries: `torch.float32`, `torch.int64`, … NumPy takes it for its own dtype, and equal to it.

    >>> import microgradient.torch as torch
    >>> torch.ones(2).dtype, torch.ones(2).dtype.itemsize
    (torch.float32, 4)
    """

    def __init__(self, name: str, numpy_name: str = "") -> None:
        self.name = name
        self.dtype = np.dtype(numpy_name or name)
        """NumPy's dtype; NumPy asks for it by this name."""
        self.is_floating_point = self.dtype.kind == "f"
        self.is_complex = self.dtype.kind == "c"
        self.is_signed = self.dtype.kind in "ifc"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dtype, name)  # kind, itemsize, type: what else a dtype of NumPy has

    def __eq__(self, other: object) -> bool:
        if isinstance(other, dtype):
            return self.name == other.name
        return isinstance(other, np.dtype | type | str) and self.dtype == other

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def to_complex(self) -> dtype:
        """The complex dtype with parts of this precision."""
        return of(np.result_type(self.dtype, np.complex64))

    def to_real(self) -> dtype:
        """The dtype of the parts of a complex number."""
        return of(np.empty(0, self.dtype).real.dtype)


bool_ = dtype("bool")
uint8, uint16, uint32, uint64 = dtype("uint8"), dtype("uint16"), dtype("uint32"), dtype("uint64")
int8, int16, int32, int64 = dtype("int8"), dtype("int16"), dtype("int32"), dtype("int64")
float16, float32, float64 = dtype("float16"), dtype("float32"), dtype("float64")
bfloat16 = dtype("bfloat16", "float32")  # NumPy has none
complex64, complex128 = dtype("complex64"), dtype("complex128")

DTYPES = {
    "bool": bool_, "uint8": uint8, "uint16": uint16, "uint32": uint32, "uint64": uint64, "int8": int8, "int16": int16,
    "int32": int32, "int64": int64, "float16": float16, "float32": float32, "float64": float64, "complex64": complex64,
    "complex128": complex128, "bfloat16": bfloat16, "short": int16, "int": int32, "long": int64, "half": float16,
    "float": float32, "double": float64, "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip
_BY_NUMPY = {d.dtype: d for d in DTYPES.values() if d is not bfloat16}
_PYTHON = {bool: bool_, int: int64, float: float64, complex: complex128}


def of(numpy_dtype: Any) -> dtype:
    """The dtype for one of NumPy's."""
    return _BY_NUMPY[np.dtype(numpy_dtype)]


def numpy_dtype(wanted: Any) -> np.dtype[Any] | None:
    """NumPy's dtype for a `dtype=` argument, None for None. Raises DTypeError if it is none."""
    if wanted is None:
        return None
    if wanted is bfloat16:
        differs("MG145", "There is no bfloat16 in NumPy: it is computed as float32.")
    try:
        return np.dtype(_PYTHON.get(wanted, wanted) if wanted.__hash__ else wanted)
    except TypeError:
        raise DTypeError("MG143", f"{as_given(wanted)} is not a dtype. Write one like `torch.float32`.") from None


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple that knows the product of its lengths.

    >>> import microgradient.torch as torch
    >>> torch.ones(2, 3).shape, torch.ones(2, 3).shape.numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of entries."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(tuple(self) + tuple(other))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple(self) * times)

    __rmul__ = __mul__


class device:  # noqa: N801 (PyTorch's name)
    """A place for tensors. There is one, "cpu"; others can be named, and nothing be moved to them. "meta" there isn't.

    >>> import microgradient.torch as torch
    >>> torch.device("cpu").type
    'cpu'
    """

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int):
            type, index = "cuda", type
        elif not isinstance(type, str):
            raise ArgumentTypeError("MG125", f"A device is a string such as 'cpu', not {type!r}.")
        if ":" in type:
            type, _, number = type.partition(":")
            index = int(number)
        if type not in _DEVICES:
            raise ArgumentError(
                "MG124", f"{type!r} names no device: one of {', '.join(_DEVICES)}, of which 'cpu' is here."
            )
        self.type: str = type
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __enter__(self) -> Self:
        check_device(self)
        return self

    def __exit__(self, *_: object) -> None:
        pass


_DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "hip", "xla", "mkldnn", "hpu", "vulkan", "ipu", "privateuseone")
CPU = device("cpu")


def check_device(wanted: Any) -> None:
    """Raise unless `wanted` is None or the CPU."""
    if wanted is not None and device(wanted).type != "cpu":
        raise NoDeviceError(
            "MG124", f"There is no device {str(device(wanted))!r} here: Microgradient computes on the CPU, and "
            "`torch.cuda.is_available()` is False. Write `device = torch.device('cpu')`.",
        )  # fmt: skip


class NoDeviceError(ArgumentError, RuntimeError):
    """A device that isn't there."""


class layout(NamedTuple):  # noqa: N801 (PyTorch's name)
    """How a tensor lies in memory: always strided."""

    name: str

    def __repr__(self) -> str:
        return f"torch.{self.name}"


class memory_format(layout):  # noqa: N801 (PyTorch's name)
    """The order of axes in memory: accepted, and of no effect."""


class Sparse:
    """What sparse tensors are of; their class is loaded when the first is made."""

    def called(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The result of `torch.name`, one of whose arguments this is."""
        raise NotImplementedError


strided, sparse_coo, sparse_csr = layout("strided"), layout("sparse_coo"), layout("sparse_csr")
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")


def _pair_text(pair: Any) -> str:
    lines = ",\n".join(f"{name}={value!r}" for name, value in zip(pair._fields, pair, strict=True))
    return f"torch.return_types.{type(pair).__name__}(\n{lines})"


def _pair(name: str, fields: str) -> Any:
    made: Any = namedtuple(name, fields)  # type: ignore[misc]
    made.__module__ = f"{__name__.rpartition('.')[0]}.return_types"
    setattr(made, "__repr__", _pair_text)  # noqa: B010
    return made


_FIELDS = {
    "values indices": "max min sort topk median nanmedian mode kthvalue cummax cummin",
    "min max": "aminmax", "hist bin_edges": "histogram histogramdd", "mantissa exponent": "frexp",
    "sign logabsdet": "slogdet linalg_slogdet", "U S V": "svd", "U S Vh": "linalg_svd", "Q R": "qr linalg_qr",
    "eigenvalues eigenvectors": "linalg_eig linalg_eigh", "solution residuals rank singular_values": "linalg_lstsq",
    "P L U": "linalg_lu", "LU pivots": "linalg_lu_factor", "LU pivots info": "linalg_lu_factor_ex",
    "inverse info": "linalg_inv_ex", "L info": "linalg_cholesky_ex", "result info": "linalg_solve_ex",
    "LD pivots": "linalg_ldl_factor", "LD pivots info": "linalg_ldl_factor_ex", "a tau": "geqrf",
    "solution cloned_coefficient": "triangular_solve",
}  # fmt: skip
return_types = {name: _pair(name, fields) for fields, names in _FIELDS.items() for name in names.split()}
"""The named tuples that functions return, by the names of the functions."""

Number = int | float | bool
Device = device | str | int | None
