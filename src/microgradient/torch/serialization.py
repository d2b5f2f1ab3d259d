"""`torch.save` and `torch.load`: tensors and containers, in files that can only hold numbers and texts.

A file of ours is a zip of `tensors.safetensors` and `object.json`. PyTorch's own `.pt` files are read, too, without unpickling: a
small interpreter of the pickle format's instructions (see pickle_file.py) builds tensors and containers, and refuses the rest.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, DataError
from ..operators import wrap
from ..tensor import Tensor as Base
from ..train import safetensors
from ..train.atomic import read_plain, write_atomically
from . import pickle_file, types
from .nn.parameter import Parameter
from .tensor import Tensor

_TENSORS, _OBJECT = "tensors.safetensors", "object.json"


def save(obj: Any, f: Any, *_: Any, **__: Any) -> None:
    """Write tensors, numbers, texts, and lists, tuples and dicts of them to a file, a path or a file object.

    Raises ArgumentTypeError for anything else, such as a module: write its `state_dict()`.

    >>> import io, microgradient.torch as torch
    >>> file = io.BytesIO()
    >>> torch.save({"w": torch.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'w': tensor([1., 1.]), 'epoch': 3}
    """
    tensors: dict[str, Any] = {}
    try:
        described = _described(obj, tensors, "the object")
    except RecursionError:
        raise ArgumentTypeError(
            "MG187", "torch.save: a container holds itself, or containers are nested too deeply. A file holds a tree."
        ) from None
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_OBJECT, json.dumps(described))
        archive.writestr(_TENSORS, safetensors.to_bytes(tensors))
    if hasattr(f, "write"):
        f.write(buffer.getvalue())
    else:
        write_atomically(f, buffer.getvalue())


def add_safe_globals(safe_globals: Any) -> None:
    """Accepted: `load` makes nothing of the classes that a file names, whoever calls them safe.

    >>> add_safe_globals([set])
    """


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: Any = None,
    **_: Any,
) -> Any:
    """Read what `save` wrote, or a file of PyTorch's that holds tensors and containers.

    Nothing in it is run. Raises DataError for a file that is damaged or holds anything else, which it names.
    """
    if map_location is not None and not callable(map_location) and not isinstance(map_location, dict):
        types.check_device(map_location)
    if not hasattr(f, "read") and not Path(f).exists():
        raise MissingFileError(
            "MG185", f"There is no file {f}, seen from {Path.cwd()}. Write the path that was saved to."
        )
    content, name = (f.read(), "the file") if hasattr(f, "read") else (read_plain(Path(f)), str(f))
    files = _unzipped(content, name)
    if _OBJECT not in files:
        return pickle_file.load(files, name)
    arrays, _meta = safetensors.from_bytes(files.get(_TENSORS, b""), name)
    try:
        return _built(json.loads(files[_OBJECT]), arrays)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError("MG185", f"{name} is damaged: its description can't be read ({error!r:.100}).") from None


def _unzipped(content: bytes, name: str) -> dict[str, bytes]:
    try:
        if not zipfile.is_zipfile(io.BytesIO(content)):
            old = content[:1] == b"\x80"
            what = "in PyTorch's format of before version 1.6. Save it anew with `torch.save`"
            raise DataError("MG185", f"{name} is {what if old else 'neither a file of `torch.save` nor whole'}.")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {entry: archive.read(entry) for entry in archive.namelist()}
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise DataError("MG185", f"{name} is damaged: {error}.") from None


class MissingFileError(DataError, FileNotFoundError):
    """A file that isn't there."""


_PLAIN = (str, bool, int, float, type(None))


def _described(x: Any, tensors: dict[str, Any], where: str) -> Any:
    if isinstance(x, Base):
        key = str(len(tensors))
        raw = np.asarray(x.raw)
        tensors[key] = _as_real(raw) if raw.dtype == np.complex128 else raw
        return {
            "tensor": key,
            "leaf": bool(x.requires_grad),
            "parameter": isinstance(x, Parameter),
            "dtype": raw.dtype.name,
        }
    if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "biufc":
        return {"array": _described(wrap(np.asarray(x), None), tensors, where)}
    if type(x) in _PLAIN:
        return x if not isinstance(x, float) or np.isfinite(x) else {"float": repr(x)}
    if isinstance(x, types.Size):
        return {"size": list(x)}
    if isinstance(x, types.dtype | types.device):
        return {type(x).__name__: x.name if isinstance(x, types.dtype) else str(x)}
    if isinstance(x, dict):
        pairs = [[_described(k, tensors, where), _described(v, tensors, f"{where}[{k!r}]")] for k, v in x.items()]
        return {"ordered" if isinstance(x, OrderedDict) else "dict": pairs}
    if type(x) in (list, tuple, set):
        return {type(x).__name__: [_described(v, tensors, f"{where}[{i}]") for i, v in enumerate(x)]}
    if isinstance(x, complex | bytes):
        return {type(x).__name__: repr(x) if isinstance(x, complex) else list(x)}
    hint = " Write its `state_dict()`." if hasattr(x, "state_dict") else ""
    raise ArgumentTypeError(
        "MG187",
        f"torch.save: {where} is a {type(x).__qualname__}; a file holds tensors, numbers, texts and containers.{hint}",
    )


def _as_real(array: Any) -> Any:
    """Real and imaginary parts along a last axis, since safetensors has no complex128."""
    return np.stack([array.real, array.imag], axis=-1)


def _built(x: Any, arrays: dict[str, Any]) -> Any:
    if not isinstance(x, dict):
        return x
    if "tensor" in x:
        return _tensor(arrays[x["tensor"]], x)
    (kind, value), *_ = x.items()
    if kind == "array":
        return np.array(_built(value, arrays).raw)
    if kind in ("dict", "ordered"):
        made = [(_built(k, arrays), _built(v, arrays)) for k, v in value]
        return dict(made) if kind == "dict" else OrderedDict(made)
    if kind in ("list", "tuple", "set"):
        return {"list": list, "tuple": tuple, "set": set}[kind](_built(v, arrays) for v in value)
    simple = {"float": float, "complex": complex, "bytes": bytes, "size": types.Size, "device": types.device}
    return types.DTYPES[value] if kind == "dtype" else simple[kind](value)


def _tensor(array: Any, x: dict[str, Any]) -> Any:
    if x["dtype"] == "complex128":
        array = array.view(np.complex128)[..., 0]
    out: Any = Parameter(requires_grad=False) if x["parameter"] else wrap(array, None, None, Tensor)
    out.raw = array
    if x["leaf"]:
        out.requires_grad = True
    return out
