"""What an optimiser remembers, as it is saved and as it is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..operators import wrap
from ..tensor import Tensor

State = dict[str, Any]  # what an optimiser remembers about one parameter: arrays, and numbers


def exported(value: Any, name: str) -> Any:
    """An entry of the state as a tensor of its own, numbers too; that of the steps has float32, as in PyTorch."""
    if value is None:
        return None
    if isinstance(value, list):
        return [exported(x, name) for x in value]
    array = np.array(value)
    return wrap(array.astype(np.float32) if name == "step" else array, None)


def imported(value: Any, is_number: bool, dtype: Any) -> Any:
    """An entry of a saved state as `update` takes it: a number, such as that of the steps, or an array of this dtype."""
    if value is None:
        return None
    if isinstance(value, list):
        return [imported(x, not np.ndim(x), dtype) for x in value]
    array = np.asarray(value.raw if isinstance(value, Tensor) else value).copy()
    return array.item() if is_number else array.astype(dtype, copy=False)


def copied(value: Any, dtype: Any) -> Any:
    """An entry of a saved state as it is, with tensors of their own; floating ones get `dtype`, unless that is None."""
    if isinstance(value, list | tuple):
        return type(value)(copied(x, dtype) for x in value)
    if isinstance(value, dict):
        return {k: copied(x, dtype) for k, x in value.items()}
    if not isinstance(value, Tensor):
        return value
    array = value.raw.copy()
    return wrap(
        array.astype(dtype) if dtype is not None and array.dtype.kind == "f" else array, None, None, value.result_class
    )


def check_shape(value: Any, shape: tuple[int, ...], name: str, index: Any) -> None:
    """Raise unless an entry of a saved state, if it is an array, has the shape of the one that it is to replace."""
    if isinstance(value, np.ndarray) and value.shape != shape:
        raise ArgumentError(
            "MG167", f"The saved `{name}` of parameter {index} has shape {value.shape}, the parameter {shape}."
        )


def replace(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Give a dict the entries of another; it stays the same dict, which compiled steps know it by."""
    old.clear()
    old.update(new)


def is_array(value: Any) -> bool:
    """Whether an entry of the state has axes."""
    return isinstance(value, np.ndarray) and value.ndim > 0
