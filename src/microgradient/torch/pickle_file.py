"""Reading PyTorch's `.pt` files without unpickling: the instructions of a pickle, of which those that could run code are refused.

The file is a zip of `data.pkl`, which describes the object, and `data/0`, `data/1`, … the memory of its tensors. The instructions
are listed by the standard library's `pickletools`; here each does to a stack what it says, and the only functions that can be
called are those that PyTorch writes for tensors, storages and ordered dictionaries.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from ..operators import wrap
from . import types
from .nn.parameter import Parameter
from .tensor import Tensor

_STORAGES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?", "BFloat16Storage": "<u2",
    "ComplexFloatStorage": "<c8", "ComplexDoubleStorage": "<c16", "UntypedStorage": "u1",
}  # fmt: skip


class _Storage(NamedTuple):
    array: Any
    is_bfloat16: bool


class _Name(NamedTuple):
    """A function or class that the file names."""

    module: str
    name: str


class _Mark:
    pass


_MARK = _Mark()


def load(files: dict[str, bytes], name: str) -> Any:
    """The object in the files of a zip of PyTorch's. Raises DataError for what is refused, or damaged."""
    described = next((path for path in files if path.endswith("data.pkl")), None)
    if described is None:
        raise DataError("MG185", f"{name} is a zip that `torch.save` did not write: it has no data.pkl.")
    if any(path.endswith(("/constants.pkl", "/code")) or "/code/" in path for path in files):
        raise DataError(
            "MG185", f"{name} holds a TorchScript program, which is code. Save the `state_dict()` of its module."
        )
    root = described.removesuffix("data.pkl")
    memory = {
        path.removeprefix(f"{root}data/"): content for path, content in files.items() if path.startswith(f"{root}data/")
    }
    try:
        return _Reader(memory, name).read(files[described])
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("MG185", f"{name} is damaged, or holds what is not known here: {error!r:.200}.") from None


class _Reader:
    def __init__(self, memory: dict[str, bytes], name: str) -> None:
        self.memory, self.name = memory, name
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}

    def read(self, content: bytes) -> Any:
        for op, arg, _ in pickletools.genops(content):
            if op.name == "STOP":
                return self.stack.pop()
            self._do(op.name, arg)
        raise ValueError("the pickle has no end")

    def _do(self, op: str, arg: Any) -> None:
        stack = self.stack
        if op in _PUSHED:
            stack.append(arg)
        elif op in _CONSTANTS:
            made = _CONSTANTS[op]
            stack.append(made() if callable(made) else made)
        elif op in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[arg] = stack[-1]
        elif op == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif op in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[arg])
        elif op in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(op[-1])
            stack[-n:] = [tuple(stack[-n:])]
        elif op in _FROM_MARK:
            parts = self._to_mark()
            _FROM_MARK[op](stack, parts)
        elif op == "APPEND":
            value = stack.pop()
            stack[-1].append(value)
        elif op == "SETITEM":
            value, key = stack.pop(), stack.pop()
            stack[-1][key] = value
        elif op == "GLOBAL":
            stack.append(_Name(*arg.split(" ", 1)))
        elif op == "STACK_GLOBAL":
            name, module = stack.pop(), stack.pop()
            stack.append(_Name(module, name))
        elif op in ("REDUCE", "NEWOBJ"):
            args, function = stack.pop(), stack.pop()
            stack.append(self._call(function, args))
        elif op == "BUILD":
            self._set_state(stack.pop())
        elif op == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif op not in ("PROTO", "FRAME"):
            raise ValueError(f"the instruction {op} is not known")

    def _to_mark(self) -> list[Any]:
        parts = []
        while (top := self.stack.pop()) is not _MARK:
            parts.append(top)
        return parts[::-1]

    def _set_state(self, state: Any) -> None:
        if not isinstance(self.stack[-1], OrderedDict):  # of which PyTorch's `_metadata` says the versions of modules
            raise ValueError(f"the state of a {type(self.stack[-1]).__name__} would be set")

    def _storage(self, given: Any) -> _Storage:
        kind, cls, key, *_ = given
        if kind != "storage" or (cls.module != "torch" and cls.module != "torch.storage"):
            raise ValueError(f"a persistent object {kind!r}")
        if key not in self.storages:
            self.storages[key] = _Storage(
                np.frombuffer(self.memory[key], _STORAGES[cls.name]), cls.name == "BFloat16Storage"
            )
        return self.storages[key]

    def _call(self, function: Any, args: Any) -> Any:
        if not isinstance(function, _Name):
            raise ValueError(f"{function!r} would be called")
        made: Callable[..., Any] | None = _ALLOWED.get(f"{function.module}.{function.name}")
        if made is None:
            raise DataError(
                "MG188", f"{self.name} would call {function.module}.{function.name} when read, and is refused: files hold "
                "tensors, numbers, texts and containers here. Save a `state_dict()`.",
            )  # fmt: skip
        return made(*args)


def _rebuilt(storage: _Storage, offset: int, size: Any, stride: Any, requires_grad: bool = False, *_: Any) -> Any:
    flat = storage.array
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 not in size and not (offset >= 0 and last < flat.size and all(s >= 0 for s in stride)):
        raise ValueError(f"a tensor of shape {size} lies outside its memory of {flat.size} numbers")
    if 0 in size:
        array = np.zeros(size, flat.dtype)
    else:
        array = np.lib.stride_tricks.as_strided(flat[offset:], size, [s * flat.itemsize for s in stride]).copy()
    if storage.is_bfloat16:  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    out: Any = wrap(array.astype(array.dtype.newbyteorder("=")), None, None, Tensor)
    if requires_grad:
        out.requires_grad = True
    return out


def _parameter(data: Any, requires_grad: bool, *_: Any) -> Any:
    return Parameter(data, requires_grad)


_ALLOWED: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _rebuilt,
    "torch._utils._rebuild_parameter": _parameter,
    "collections.OrderedDict": lambda *pairs: OrderedDict(*pairs),
    "torch.Size": lambda lengths: types.Size(lengths),
    "torch.device": lambda *given: types.device(*given),
    "builtins.set": lambda *values: set(*values),
    "builtins.complex": complex,
}
_PUSHED = {
    "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "INT", "BINFLOAT", "FLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "UNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINSTRING", "SHORT_BINSTRING", "STRING",
}  # fmt: skip
_CONSTANTS: dict[str, Any] = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set, "MARK": lambda: _MARK,
}  # fmt: skip


def _items(stack: list[Any], parts: list[Any]) -> None:
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        stack[-1][key] = value


_FROM_MARK: dict[str, Callable[[list[Any], list[Any]], Any]] = {
    "TUPLE": lambda stack, parts: stack.append(tuple(parts)),
    "LIST": lambda stack, parts: stack.append(list(parts)),
    "DICT": lambda stack, parts: stack.append(dict(zip(parts[::2], parts[1::2], strict=True))),
    "APPENDS": lambda stack, parts: stack[-1].extend(parts),
    "ADDITEMS": lambda stack, parts: stack[-1].update(parts),
    "SETITEMS": _items,
}
