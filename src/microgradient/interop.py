"""How a Tensor meets the rest of Python and NumPy: attributes, numbers, arrays, DLPack, printing."""

from __future__ import annotations

from sys import getrefcount
from typing import Any, Self

import numpy as np

from . import trace_hooks
from .array_world import Array
from .errors import ArgumentError, ArgumentTypeError
from .in_place import lend
from .tape import Cut, Node, leave_graph, transforming
from .trace_hooks import Traced

DEFAULT_FLOAT = [np.dtype(np.float32)]
"""The dtype that Python floats become: a list of one, changed by `set_default_dtype`."""


class Protocols:
    """The side of a Tensor that needs neither the tape nor the rulebook: `datum` is an ndarray, `node` its Node or None.

    `datum` is as the slot has it; while something is traced, `raw` is what the trace knows of it. `cut` tells of a constant
    where what it was computed from had a gradient, and lost it.
    """

    __slots__ = ("__weakref__", "cut", "datum", "node")
    datum: Array
    node: Node | None
    cut: Cut | None

    @property
    def raw(self) -> Any:
        """The raw array. The package reads it by this name, since a derived class may mean something else by `data`."""
        hook = trace_hooks.hook
        if hook is None:
            return self.datum
        trace_hooks.note_lengths(self)
        return hook.read_data(self)

    @raw.setter
    def raw(self, value: Any) -> None:
        if value.__class__ is not np.ndarray:
            value = value.datum if isinstance(value, Protocols) else value
            if not isinstance(value, np.ndarray | np.generic | Traced):
                raise ArgumentTypeError(
                    "MG108", f"`.data` is an array or a tensor, not {type(value).__name__}. "
                    "Write `x.data = np.asarray(…, x.dtype)`.",
                )  # fmt: skip
            value = value if isinstance(value, Traced) else np.asarray(value)
        hook = trace_hooks.hook
        if hook is None:
            self.datum = value
        else:
            hook.write_data(self, value)

    def store(self, array: Any) -> None:
        """Take over new numbers, of the same shape and dtype: what optimisers and layers do to what they own.

        >>> import microgradient as mg, numpy as np
        >>> x = mg.zeros(2)
        >>> x.store(np.ones(2, np.float32))
        >>> x
        tensor([1., 1.])
        """
        self.raw = array

    @property
    def data(self) -> Any:
        """The raw array, which may be set."""
        trace_hooks.note_lengths(self)
        if self.node is not None and getrefcount(self.datum) > _HELD_ALONE and trace_hooks.hook is None:
            lend(self.datum)
        return self.raw

    @data.setter
    def data(self, value: Any) -> None:
        if self.node is not None and self.node.op is None:
            from .gradients import note_update

            note_update(self)
        self.raw = value

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        if trace_hooks.hook is None:
            return self.datum.shape
        trace_hooks.note_lengths(self)
        return self.raw.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        return (self.datum if trace_hooks.hook is None else self.raw).dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return (self.datum if trace_hooks.hook is None else self.raw).ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        if trace_hooks.hook is None:
            return self.datum.size
        trace_hooks.note_lengths(self)
        return self.raw.size

    @property
    def device(self) -> str:
        """Where the data lie: always "cpu"."""
        return "cpu"

    def numpy(self) -> Array:
        """A copy of the value as a NumPy array. Use `np.asarray(x)` for a read-only view without a copy."""
        leave_graph(self, ".numpy()")
        return np.array(self.raw)

    def item(self) -> Any:
        """The value of a tensor with one entry as a Python number."""
        if transforming[0]:  # elsewhere, as in a training loop, it is rather shown than computed with
            leave_graph(self, ".item()")
        if self.raw.size != 1:
            raise ArgumentError("MG123", f"Only one entry can become a number; this tensor has shape {self.shape}.")
        return self.raw.item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self.raw.tolist()

    def to_device(self, device: str, /, *, stream: Any = None) -> Self:
        """Self: the only device is "cpu"."""
        check_device(device if stream is None else stream)
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        leave_graph(self, "np.asarray(…)")
        if isinstance(self.raw, Traced):
            return np.asarray(self.raw, dtype)
        if copy or (dtype is not None and np.dtype(dtype) != self.dtype):
            if copy is False:
                raise ValueError(f"A change from {self.dtype} to {np.dtype(dtype)} needs a copy.")
            return self.raw.astype(dtype or self.dtype, copy=True)
        view = self.raw.view()
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
        if isinstance(self.raw, Traced):
            return np.asarray(self.raw).__dlpack__()
        data = self.raw if self.raw.flags.writeable or copy is False else self.raw.copy()
        return data.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self, /) -> tuple[Any, int]:
        return self.raw.__dlpack_device__()

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
        return float(self._number())

    def __int__(self, /) -> int:
        return int(self._number())

    def _number(self) -> Any:
        return self.raw if isinstance(self.raw, Traced) else self.item()

    def __index__(self, /) -> int:
        if self.raw.dtype.kind not in "iu" or self.raw.ndim:
            raise ArgumentTypeError(
                "MG125", f"Only an integer tensor of shape () is an index, not {self.dtype} {self.shape}."
            )
        return int(self.raw)

    def __bool__(self, /) -> bool:
        if self.raw.size != 1:
            raise ArgumentError(
                "MG123", f"The truth of a tensor of shape {self.shape} is ambiguous. Write `mg.any(x)` or `mg.all(x)`."
            )
        return bool(self.raw if isinstance(self.raw, Traced) else self.raw.item())

    def __repr__(self) -> str:
        if isinstance(self.raw, Traced):
            return f"tensor({self.raw!r})"
        body = np.array2string(self.raw, separator=", ", prefix="tensor(")
        plain = self.raw.dtype in (np.bool_, np.int64, DEFAULT_FLOAT[0])
        dtype = "" if plain and self.raw.size else f", dtype={self.dtype}"
        how = (
            "" if self.node is None else ", requires_grad=True" if self.node.op is None else f", op={self.node.op.name}"
        )
        return f"tensor({body}{dtype}{how})"

    def __format__(self, spec: str) -> str:
        if isinstance(self.raw, Traced):
            return format(self.raw, spec) if spec else repr(self)
        if not self.raw.ndim:
            return format(self.raw.item(), spec)
        try:
            return format(str(self), spec)
        except ValueError:
            raise ArgumentError(
                "MG123",
                f"The format {spec!r} is for one number; this tensor has shape {self.shape}. Write an entry, `x[0]`, a "
                "mean, `mg.mean(x)`, or `np.round(x.data, 2)`.",
            ) from None

    def __len__(self) -> int:
        if not self.raw.ndim:
            raise ArgumentTypeError("MG125", "A tensor of shape () has no length.")
        trace_hooks.note_lengths(self)
        return len(self.raw)

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self.raw == (value.raw if isinstance(value, Protocols) else value)))


_probe = Protocols()
_probe.datum = np.zeros(1)
_HELD_ALONE = getrefcount(_probe.datum)  # what Python counts for an array that nothing but a tensor holds


def check_device(device: Any) -> None:
    """Raise ArgumentError unless `device` is None or "cpu"."""
    if device is not None and str(device) != "cpu":
        raise ArgumentError("MG124", f"There is no device {str(device)!r}: the only device is 'cpu'.")
