"""How a Tensor meets the rest of Python and NumPy: attributes, numbers, arrays, DLPack, printing."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Self

import numpy as np

from .array_world import Array
from .errors import ArgumentError, ArgumentTypeError
from .tape import Cut, Node, leave_graph
from .trace_hooks import Traced

DEFAULT_FLOAT = [np.dtype(np.float32)]
"""The dtype that Python floats become: a list of one, changed by `set_default_dtype`."""


class Protocols:
    """The side of a Tensor that needs neither the tape nor the rulebook: `data` is an ndarray, `node` its Node or None.

    `cut` tells of a constant where what it was computed from had a gradient, and lost it.
    """

    __slots__ = ("__weakref__", "cut", "datum", "node")
    datum: Array
    node: Node | None
    cut: Cut | None

    def _set_data(self, value: Any) -> None:
        if value.__class__ is not np.ndarray:
            value = value.datum if isinstance(value, Protocols) else value
            if not isinstance(value, np.ndarray | np.generic | Traced):
                raise ArgumentTypeError(
                    "MG108", f"`.data` is an array or a tensor, not {type(value).__name__}. "
                    "Write `x.data = np.asarray(…, x.dtype)`.",
                )  # fmt: skip
            value = value if isinstance(value, Traced) else np.asarray(value)
        self.datum = value

    data = property(
        attrgetter("datum"), _set_data, doc="The raw array, which may be set; the engine reads it as `datum`."
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.datum.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        return self.datum.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.datum.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.datum.size

    @property
    def device(self) -> str:
        """Where the data lie: always "cpu"."""
        return "cpu"

    def numpy(self) -> Array:
        """A copy of the value as a NumPy array. Use `np.asarray(x)` for a read-only view without a copy."""
        leave_graph(self, ".numpy()")
        return np.array(self.datum)

    def item(self) -> Any:
        """The value of a tensor with one entry as a Python number."""
        if self.datum.size != 1:
            raise ArgumentError("MG123", f"Only one entry can become a number; this tensor has shape {self.shape}.")
        return self.datum.item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self.datum.tolist()

    def to_device(self, device: str, /, *, stream: Any = None) -> Self:
        """Self: the only device is "cpu"."""
        if device != "cpu" or stream is not None:
            raise ArgumentError("MG124", f"The only device is 'cpu', not {device!r}.")
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        leave_graph(self, "np.asarray(…)")
        if isinstance(self.datum, Traced):
            return np.asarray(self.datum, dtype)
        if copy or (dtype is not None and np.dtype(dtype) != self.dtype):
            if copy is False:
                raise ValueError(f"A change from {self.dtype} to {np.dtype(dtype)} needs a copy.")
            return self.datum.astype(dtype or self.dtype, copy=True)
        view = self.datum.view()
        view.flags.writeable = False
        return view

    def __dlpack__(
        self,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        leave_graph(self, "DLPack")
        if isinstance(self.datum, Traced):
            return np.asarray(self.datum).__dlpack__()
        data = self.datum if self.datum.flags.writeable or copy is False else self.datum.copy()
        return data.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self, /) -> tuple[Any, int]:
        return self.datum.__dlpack_device__()

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ArgumentError(
                "MG124", f"Version {api_version!r} of the array API standard is not supported; 2025.12 is."
            )
        import microgradient

        return microgradient

    def __complex__(self, /) -> complex:
        return complex(self.item())

    def __float__(self, /) -> float:
        leave_graph(self, "float(…)")
        return float(self.datum if isinstance(self.datum, Traced) else self.item())

    def __int__(self, /) -> int:
        return int(self.datum if isinstance(self.datum, Traced) else self.item())

    def __index__(self, /) -> int:
        if self.datum.dtype.kind not in "iu" or self.datum.ndim:
            raise ArgumentTypeError(
                "MG125", f"Only an integer tensor of shape () is an index, not {self.dtype} {self.shape}."
            )
        return int(self.datum)

    def __bool__(self, /) -> bool:
        if self.datum.size != 1:
            raise ArgumentError(
                "MG123", f"The truth of a tensor of shape {self.shape} is ambiguous. Write `mg.any(x)` or `mg.all(x)`."
            )
        return bool(self.datum if isinstance(self.datum, Traced) else self.datum.item())

    def __repr__(self) -> str:
        if isinstance(self.datum, Traced):
            return f"tensor({self.datum!r})"
        body = np.array2string(self.datum, separator=", ", prefix="tensor(")
        plain = self.datum.dtype in (np.bool_, np.int64, DEFAULT_FLOAT[0])
        dtype = "" if plain and self.datum.size else f", dtype={self.dtype}"
        how = (
            "" if self.node is None else ", requires_grad=True" if self.node.op is None else f", op={self.node.op.name}"
        )
        return f"tensor({body}{dtype}{how})"

    def __format__(self, spec: str) -> str:
        if isinstance(self.datum, Traced):
            return format(self.datum, spec) if spec else repr(self)
        return format(self.datum.item(), spec) if self.datum.ndim == 0 else format(str(self), spec)

    def __len__(self) -> int:
        if not self.datum.ndim:
            raise ArgumentTypeError("MG125", "A tensor of shape () has no length.")
        return len(self.datum)

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self.datum == (value.data if isinstance(value, Protocols) else value)))
