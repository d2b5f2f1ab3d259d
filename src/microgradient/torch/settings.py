"""What PyTorch sets for a whole process: defaults, threads, determinism."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError
from ..tensor import Tensor as Base
from . import types
from .conversions import LEGACY
from .tensor import Storage, Tensor


def set_default_dtype(d: Any) -> None:
    """Set the dtype that Python floats become."""
    mg.set_default_dtype(types.numpy_dtype(d))


def get_default_dtype() -> Any:
    """The dtype that Python floats become."""
    return types.of(mg.get_default_dtype())


def set_default_tensor_type(t: Any) -> None:
    """The old way to set it: by the name of a type, "torch.DoubleTensor"."""
    name = t.removeprefix("torch.") if isinstance(t, str) else t.__name__
    set_default_dtype(types.DTYPES[{v: k for k, v in LEGACY.items()}[name]])


def set_default_device(device: Any) -> None:
    """Accepted for the CPU."""
    types.check_device(device)


def get_default_device() -> Any:
    """`torch.device("cpu")`."""
    return types.CPU


def set_num_threads(n: int) -> None:
    """How many threads compiled programs use."""
    mg.set_num_threads(n)


def get_num_threads() -> int:
    """How many threads compiled programs use."""
    return int(mg.get_num_threads())


def set_num_interop_threads(n: int) -> None:
    """Accepted: operations run one after another."""


def get_num_interop_threads() -> int:
    """1."""
    return 1


_deterministic = [False]


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: everything here is deterministic."""
    _deterministic[0] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What was set; everything is deterministic either way."""
    return _deterministic[0]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False."""
    return False


_precision = ["highest"]


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: products of float32 are of that precision."""
    if precision not in ("highest", "high", "medium"):
        raise ArgumentError("MG124", f"The precision is 'highest', 'high' or 'medium', not {precision!r}.")
    _precision[0] = precision


def get_float32_matmul_precision() -> str:
    """What was set."""
    return _precision[0]


def set_flush_denormal(mode: bool) -> bool:
    """False: numbers near 0 keep their digits."""
    return False


def set_warn_always(b: bool) -> None:
    """Accepted."""


def is_tensor(obj: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(obj, Base | types.Sparse)


def is_storage(obj: Any) -> bool:
    """Whether it is the memory of a tensor."""
    return isinstance(obj, Storage)


def is_inference_mode_enabled() -> bool:
    """Whether nothing is recorded."""
    return not mg.is_grad_enabled()


def typename(obj: Any) -> str:
    """The name of the type of a tensor, or of anything else."""
    return obj.type() if isinstance(obj, Tensor) else f"{type(obj).__module__}.{type(obj).__qualname__}"


class finfo:  # noqa: N801 (PyTorch's name)
    """The limits of a floating dtype.

    >>> import microgradient.torch as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: Any = None) -> None:
        kind = types.numpy_dtype(type) or mg.get_default_dtype()
        if kind.kind not in "fc":
            raise ArgumentError(
                "MG140", f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{kind}'."
            )
        found = np.finfo(kind)
        self.bits, self.dtype = found.bits, kind.name
        self.eps, self.max, self.min = float(found.eps), float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        self.resolution = float(found.resolution)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution}, min={self.min}, max={self.max}, eps={self.eps}, dtype={self.dtype})"
        )


class iinfo:  # noqa: N801 (PyTorch's name)
    """The limits of an integer dtype.

    >>> import microgradient.torch as torch
    >>> torch.iinfo(torch.int8).max
    127
    """

    def __init__(self, type: Any) -> None:
        kind = np.dtype(type)
        if kind.kind not in "iu":
            raise ArgumentError(
                "MG140", f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{kind}'."
            )
        found = np.iinfo(kind)
        self.bits, self.dtype, self.max, self.min = int(found.bits), kind.name, int(found.max), int(found.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
