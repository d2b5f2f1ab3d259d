"""What the library can do, in the words of the standard: `__array_namespace_info__`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..interop import DEFAULT_FLOAT, check_device
from . import dtypes
from .data_types import isdtype

__all__ = ["__array_api_version__", "__array_namespace_info__"]

__array_api_version__ = "2025.12"


class Info:
    """The answers to the questions of the standard about a namespace."""

    def capabilities(self) -> dict[str, Any]:
        """Which optional features there are."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The device of new arrays."""
        return "cpu"

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of new arrays, by kind."""
        check_device(device)
        return {
            "real floating": DEFAULT_FLOAT[0],
            "complex floating": np.result_type(DEFAULT_FLOAT[0], 1j),
            "integral": np.dtype(np.int64),
            "indexing": np.dtype(np.int64),
        }

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, np.dtype[Any]]:
        """The dtypes by name, of one kind or of several."""
        check_device(device)
        every = {name: getattr(dtypes, name) for name in dtypes.__all__}
        if kind is None:
            return every
        if not isinstance(kind, str | tuple):
            raise ArgumentError("MG124", f"A kind is a name or a tuple of names, not {kind!r}.")
        return {name: dtype for name, dtype in every.items() if isdtype(dtype, kind)}


def __array_namespace_info__() -> Info:  # noqa: N807 (the standard's name)
    """What this namespace can do: dtypes, devices, capabilities.

    >>> import microgradient as mg
    >>> mg.__array_namespace_info__().default_device()
    'cpu'
    """
    return Info()
