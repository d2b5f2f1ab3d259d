"""Reading PyTorch's `.pt` files without unpickling: the instructions of a pickle, of which those that could run code are refused.

The file is a zip of `data.pkl`, which describes the object, and `data/0`, `data/1`, … the memory of its tensors. The instructions
are listed by the standard library's `pickletools`; here each does to a stack what it says, and the only functions that can be
called are those that PyTorch and NumPy write for tensors, storages, arrays and containers.
"""

from __future__ import annotations

import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

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


_ORDERS: dict[bytes, Literal["<", ">"]] = {b"little": "<", b"big": ">"}


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
        order = _ORDERS[files.get(f"{root}byteorder", b"little").strip()]
        return _Reader(memory, name, order).read(files[described])
    except DataError:
        raise
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("MG185", f"{name} is damaged, or holds what is not known here: {error!r:.200}.") from None


class _Reader:
    def __init__(self, memory: dict[str, bytes], name: str, order: Literal["<", ">"]) -> None:
        self.memory, self.name, self.order = memory, name, order  # that of the bytes of a number
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
            stack.append(self._named(*arg.split(" ", 1)))
        elif op == "STACK_GLOBAL":
            name, module = stack.pop(), stack.pop()
            stack.append(self._named(module, name))
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
        target = self.stack[-1]
        if isinstance(target, np.dtype) and tuple(state[2:5]) == (None,) * 3:  # without fields
            target.__setstate__(state)  # type: ignore[attr-defined]
        elif isinstance(target, np.ndarray) and state[2].kind in _PLAIN:
            target.__setstate__(state)
        elif not isinstance(target, OrderedDict):  # of which PyTorch's `_metadata` says the versions of modules
            raise ValueError(f"the state of a {type(target).__name__} would be set")

    def _named(self, module: str, name: str) -> Any:
        """What stands for a function or class of the file's; a dtype is one of ours."""
        if module == "torch" and name in types.DTYPES:
            return types.DTYPES[name]
        module = {"__builtin__": "builtins", "numpy._core.multiarray": "numpy.core.multiarray"}.get(module, module)
        if f"{module}.{name}" not in _ALLOWED and not (module in _OF_STORAGES and name in _STORAGES):
            raise DataError(
                "MG188", f"{self.name} would call {module}.{name} when read, and is refused: files hold "
                "tensors, numbers, texts and containers here. Save a `state_dict()`.",
            )  # fmt: skip
        return _Name(module, name)

    def _storage(self, given: Any) -> _Storage:
        kind, cls, key, *_ = given
        if kind != "storage" or cls.module not in _OF_STORAGES:
            raise ValueError(f"a persistent object {kind!r}")
        if key not in self.storages:
            dtype = np.dtype(_STORAGES[cls.name]).newbyteorder(self.order)
            self.storages[key] = _Storage(np.frombuffer(self.memory[key], dtype), cls.name == "BFloat16Storage")
        return self.storages[key]

    def _call(self, function: Any, args: Any) -> Any:
        if not isinstance(function, _Name):
            raise ValueError(f"{function!r} would be called")
        return _ALLOWED[f"{function.module}.{function.name}"](*args)


def _rebuilt(
    storage: _Storage, offset: int, size: Any, stride: Any, requires_grad: bool = False, _hooks: Any = None,
    seen_as: Any = None,
) -> Any:  # fmt: skip
    """A tensor. `seen_as` says whether its memory holds the conjugates ("conj") or the negatives ("neg") of its numbers."""
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
    array = array.astype(array.dtype.newbyteorder("="))
    for name, function in (("conj", np.conj), ("neg", np.negative)):
        if seen_as and seen_as.get(name):
            array = function(array)
    out: Any = wrap(array, None, None, Tensor)
    if requires_grad:
        out.requires_grad = True
    return out


def _rebuilt_as(storage: _Storage, *given: Any) -> Any:
    """A tensor of a dtype that has no class of storages."""
    offset, size, stride, requires_grad, hooks, dtype, *seen_as = given
    storage = storage._replace(array=storage.array.view(dtype.dtype))
    return _rebuilt(storage, offset, size, stride, requires_grad, hooks, *seen_as)


def _parameter(data: Any, requires_grad: bool, *_: Any) -> Any:
    return Parameter(data, requires_grad)


def _numpy_dtype(text: str, *_: Any) -> Any:
    if np.dtype(text).kind not in _PLAIN:
        raise ValueError(f"an array of dtype {text}")
    return np.dtype(text, False, True)  # a new object, whose state is set


def _numpy_array(*_: Any) -> Any:
    return np.ndarray((0,), np.int8)  # its state is set


def _numpy_number(dtype: Any, content: bytes) -> Any:
    return np.frombuffer(content, dtype, 1)[0]


_PLAIN = "biufcSU"
"""Kinds of NumPy's dtypes that hold numbers or text."""
_OF_STORAGES = "torch", "torch.storage"
_ALLOWED: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _rebuilt,
    "torch._utils._rebuild_tensor_v3": _rebuilt_as,
    "torch._utils._rebuild_parameter": _parameter,
    "collections.OrderedDict": lambda *pairs: OrderedDict(*pairs),
    "torch.Size": lambda lengths: types.Size(lengths),
    "torch.device": lambda *given: types.device(*given),
    "collections.Counter": lambda *counts: Counter(*counts),
    **{f"builtins.{kind.__name__}": kind for kind in (set, frozenset, complex, bytearray)},
    "_codecs.encode": lambda text, encoding: text.encode(encoding),
    "numpy.dtype": _numpy_dtype,
    "numpy.ndarray": _numpy_array,
    "numpy.core.multiarray._reconstruct": _numpy_array,
    "numpy.core.multiarray.scalar": _numpy_number,
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
