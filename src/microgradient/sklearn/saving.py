"""An estimator as a file without pickle: its arrays as safetensors, all else as JSON in the metadata."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

import microgradient

from ..errors import ArgumentTypeError, type_name
from ..tensor import Tensor
from ..train import safetensors
from ..train.safetensors import Arrays


class Saved(BaseEstimator):
    """An estimator that can be saved. One that has learnt objects of its own says how they are made plain, and made again."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learnt to a file, which `microgradient.sklearn.load` reads: the same bits are predicted.

        The file is replaced in one go. Raises `DataError` (MG186) if it can't be written, and `ArgumentTypeError` (MG188) if a
        parameter is neither a number, a text nor an array of these, or if the estimator is of a class of your own, which
        `load` would not know.
        """
        check_is_fitted(self)
        known = next(kind for kind in type(self).__mro__ if kind.__module__.startswith(f"{__package__}."))
        if known is not type(self):
            raise ArgumentTypeError("MG188", f"{type(self).__name__} can't be saved: `microgradient.sklearn.load` knows "
                                             f"{known.__name__}, but not what is derived from it.")  # fmt: skip
        arrays: dict[str, Any] = {}
        parameters = self.get_params(deep=False)
        learnt = {name: value for name, value in vars(self).items() if name not in parameters}
        content = {
            "estimator": type(self).__name__,
            "version": microgradient.__version__,
            "parameters": json.dumps(plain(parameters, "parameters", arrays)),
            "learnt": json.dumps(plain(self._simplified(learnt), "learnt", arrays)),
        }
        safetensors.save(Path(path), arrays, content)

    def _simplified(self, learnt: dict[str, Any]) -> dict[str, Any]:
        """What was learnt, as numbers, texts, arrays, and lists, tuples and tables of these."""
        return learnt

    def _restored(self, learnt: dict[str, Any]) -> dict[str, Any]:
        """What `_simplified` was given."""
        return learnt


def plain(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """A value as JSON has it. Arrays of numbers go to `arrays`, under names of their own.

    >>> arrays = {}
    >>> plain({"sizes": (2, 3), "w": np.ones(2)}, "x", arrays), sorted(arrays)
    ({'table': [['sizes', {'tuple': [2, 3]}], ['w', {'array': 'x.w'}]]}, ['x.w'])
    """
    if isinstance(value, Tensor):
        value = np.asarray(value.raw)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {"table": [[plain(key, name, arrays), plain(v, f"{name}.{key}", arrays)] for key, v in value.items()]}
    if isinstance(value, list | tuple):
        items = [plain(v, f"{name}.{k}", arrays) for k, v in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        while name in arrays:
            name += "'"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.ndarray) and value.dtype.kind in "mM":
        return {"times": plain(value.astype(np.int64), name, arrays), "dtype": value.dtype.str}
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "UOT":
        return {"items": [plain(v, name, arrays) for v in value.tolist()], "object": value.dtype.kind == "O"}
    raise ArgumentTypeError(
        "MG188",
        f"{name} is {_described(value)}, which can't be saved: numbers, texts, and arrays of numbers or times can.",
    )


def _described(value: Any) -> str:
    return f"an array of {value.dtype} with {value.ndim} axes" if isinstance(value, np.ndarray) else type_name(value)


def restored(value: Any, arrays: Arrays) -> Any:
    """What `plain` was given."""
    if isinstance(value, list):
        return [restored(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if "table" in value:
        return {restored(key, arrays): restored(v, arrays) for key, v in value["table"]}
    if "tuple" in value:
        return tuple(restored(v, arrays) for v in value["tuple"])
    if "items" in value:
        return np.array(value["items"], dtype=object if value["object"] else str)
    if "times" in value:
        if np.dtype(value["dtype"]).kind not in "mM":
            raise ValueError(f"times are no {value['dtype']!r:.80}")
        return restored(value["times"], arrays).astype(value["dtype"])
    return arrays[value["array"]]
