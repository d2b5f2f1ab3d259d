"""The safetensors format: named arrays in a file that can only hold numbers, never code.

A file is: 8 bytes, the length of the header as a little-endian integer; the header, a JSON object `{name: {"dtype":
"F32", "shape": [2, 3], "data_offsets": [0, 24]}}` with an optional `"__metadata__"` of strings; then the arrays'
bytes, little-endian, in C order, without gaps. https://github.com/huggingface/safetensors describes it.
"""

from __future__ import annotations

import json
import math
import reprlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DTypeError
from ..tensor import Tensor
from .atomic import read_plain, write_atomically

Arrays = dict[str, NDArray[Any]]

_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
_CODES = {np.dtype(text): code for code, text in _DTYPES.items()}
_LARGEST_HEADER = 100_000_000
_LARGEST = int(np.iinfo(np.intp).max)  # number of bytes in an array


def save(path: Path, arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays (or tensors) to `path`, replacing the file in one go.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> save(folder / "w.safetensors", {"w": np.ones((2, 3), np.float32)}, {"step": "7"})
    >>> arrays, metadata = load(folder / "w.safetensors")
    >>> arrays["w"].shape, metadata
    ((2, 3), {'step': '7'})
    """
    write_atomically(path, to_bytes(arrays, metadata))


def load(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read a file: its arrays and its metadata. Raises `DataError` (MG185) if it is damaged or not there."""
    return from_bytes(read_plain(path), str(path))


def to_bytes(arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """The content of a file. Raises `DTypeError` (MG140) for a dtype the format has no code for."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    buffers: list[bytes] = []
    end = 0
    # Wide dtypes first, so that every array lies on a multiple of its own item size.
    plain = {name: np.asarray(x.data if isinstance(x, Tensor) else x) for name, x in arrays.items()}
    for name, array in sorted(plain.items(), key=lambda item: (-item[1].itemsize, item[0])):
        code = _CODES.get(array.dtype.newbyteorder("<"))
        if code is None:
            raise DTypeError("MG140", f"`{name}` is {array.dtype}, which a safetensors file can't hold.")
        buffer = array.astype(_DTYPES[code], copy=False).tobytes()
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [end, end + len(buffer)]}
        buffers.append(buffer)
        end += len(buffer)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *buffers])


def from_bytes(content: bytes, name: str = "the file") -> tuple[Arrays, dict[str, str]]:
    """The arrays and the metadata in a file's content; `name` is used in errors."""
    header, body = _split(content, name)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged(name, "its metadata is not a table of texts")
    arrays: Arrays = {}
    end = 0
    for key, (dtype, shape, start, stop) in _entries(header, name):
        if start != end:
            raise _damaged(
                name, f"`{key:.100}` begins at byte {start:,} of the data, the array before it ends at {end:,}"
            )
        if stop > len(body):
            raise _damaged(name, f"`{key:.100}` ends at byte {stop:,} of the data, and there are only {len(body):,}")
        if dtype == "BF16":  # the upper half of a float32
            widened = np.frombuffer(body[start:stop], "<u2").astype(np.uint32) << 16
            arrays[key] = widened.view(np.float32).reshape(shape)
        elif dtype == "BOOL":  # a byte that is neither 0 nor 1 is no NumPy bool
            arrays[key] = np.frombuffer(body[start:stop], np.uint8).reshape(shape) != 0
        else:
            array = np.frombuffer(body[start:stop], _DTYPES[dtype]).reshape(shape)
            arrays[key] = array.astype(array.dtype.newbyteorder("="))  # a copy: writable, in the machine's order
        end = stop
    if end != len(body):
        raise _damaged(name, f"{len(body) - end:,} bytes follow the last array")
    return arrays, metadata


def _split(content: bytes, name: str) -> tuple[dict[str, Any], bytes]:
    if len(content) < 8:
        raise _damaged(name, f"it has {len(content)} bytes, fewer than the 8 it begins with")
    length = struct.unpack_from("<Q", content)[0]
    if length > min(len(content) - 8, _LARGEST_HEADER):
        raise _damaged(name, f"its header claims {length:,} bytes, and {len(content) - 8:,} follow")
    text = content[8 : 8 + length]
    if not text.startswith(b"{"):
        raise _damaged(name, "its header is not JSON")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
        json.dumps(header, ensure_ascii=False).encode()  # halves of surrogate pairs are no text
    except (ValueError, RecursionError) as error:
        raise _damaged(name, f"its header is not JSON ({error})") from error
    return header, content[8 + length :]


def _entries(header: dict[str, Any], name: str) -> list[tuple[str, tuple[str, list[int], int, int]]]:
    """The arrays that the header announces, checked one by one, in the order of their bytes."""
    entries = []
    for key, entry in header.items():
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            raise _damaged(name, f"`{key:.100}` is not described by dtype, shape and data_offsets")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or (dtype != "BF16" and dtype not in _DTYPES):
            raise _damaged(name, f"`{key:.100}` has the dtype {reprlib.repr(dtype)}, which is not known here")
        if not _is_shape(shape) or not _are_counts(offsets) or len(offsets) != 2:
            raise _damaged(
                name, f"`{key:.100}` has the shape {reprlib.repr(shape)} and the offsets {reprlib.repr(offsets)}"
            )
        size = 2 if dtype == "BF16" else np.dtype(_DTYPES[dtype]).itemsize
        start, stop = offsets
        if math.prod(shape) * size != stop - start:
            raise _damaged(name, f"`{key:.100}` needs {math.prod(shape) * size:,} bytes for shape {reprlib.repr(shape)} "
                                 f"of {dtype}, and has {stop - start:,}")  # fmt: skip
        entries.append((key, (dtype, shape, start, stop)))
    return sorted(entries, key=lambda item: item[1][2:])


def _is_shape(value: object) -> bool:
    """Whether NumPy can make an array of it, which an axis of length 0 doesn't change."""
    return _are_counts(value) and len(value) <= 64 and math.prod(filter(None, value)) <= _LARGEST // 8


def _are_counts(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= _LARGEST for item in value)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _damaged(name: str, why: str) -> DataError:
    return DataError("MG185", f"{name} is not a whole safetensors file: {why}. Restore it from a copy.")
