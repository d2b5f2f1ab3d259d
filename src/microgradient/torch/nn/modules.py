"""`torch.nn.Module` and the layers: those of `microgradient.nn`, made modules of this kind.

A layer is a class derived from `Module` here and from Microgradient's layer of that name. What is put into a module becomes a
parameter, tensor or module of this package (`as_torch`), so layers that make layers need not know.
"""

from __future__ import annotations

import itertools
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, Self, cast

from ... import nn as _nn
from ...nn import functional as _functional
from ...nn.attention import NonDynamicallyQuantizableLinear
from ...nn.module import Module as Base
from ...nn.parameter import Parameter as BaseParameter
from ...nn.state_dict import LoadResult, misfit
from ...nn.utils.parametrize import ParametrizationList
from ...tape import next_seq
from ...tensor import Tensor as BaseTensor
from .. import memory, types
from ..graph import note_called
from ..random import sharing
from ..strict import differs
from ..tensor import Tensor, adopt
from .hook_views import KINDS, HookView, replace_hooks
from .parameter import Parameter, as_parameter
from .reprs import functions, shown


class Module(Base):
    """A function with parameters, as PyTorch's: parts are found in attributes, not in plain lists and dicts.

    >>> import microgradient.torch as torch
    >>> class Net(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = torch.nn.Linear(2, 1)
    ...     def forward(self, x):
    ...         return self.fc(x).relu()
    >>> [name for name, _ in Net().named_parameters()]
    ['fc.weight', 'fc.bias']
    """

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, as_torch(value))

    def _held(self) -> Iterator[tuple[str, Any]]:
        for name, value in vars(self).items():
            if isinstance(value, BaseParameter | Base):
                yield name, value

    @property
    def _modules(self) -> _Parts:
        return _Parts(self, {name: value for name, value in vars(self).items() if isinstance(value, Base)})

    @property
    def _parameters(self) -> _Parts:
        return _Parts(self, {name: value for name, value in vars(self).items() if isinstance(value, BaseParameter)})

    @property
    def _buffers(self) -> _Parts:
        names = vars(self).get("_buffer_names", {})
        return _Parts(self, {name: vars(self).get(name) for name in names})

    def __repr__(self) -> str:
        lines = [f"({name}): {text}".replace("\n", "\n  ") for name, text in self._shown_parts()]
        own = self.extra_repr().split("\n") if self.extra_repr() else []
        inside = own[0] if len(own) == 1 and not lines else "".join(f"\n  {line}" for line in [*own, *lines])
        return f"{type(self).__name__}({inside}{chr(10) if lines or len(own) > 1 else ''})"

    def _shown_parts(self) -> list[tuple[str, str]]:
        """The name and the text of each part; those of a list that follow each other and look the same as one."""
        parts = [(name, repr(child)) for name, child in self._modules.items()]
        if not isinstance(self, _nn.ModuleList):
            return parts
        runs = [list(run) for _, run in itertools.groupby(parts, key=lambda part: part[1])]
        return [run[0] if len(run) == 1 else (f"{run[0][0]}-{run[-1][0]}", f"{len(run)} x {run[0][1]}") for run in runs]

    def state_dict(self, *args: Any, prefix: str = "", keep_vars: bool = False, **options: Any) -> Any:
        """Every parameter and saved buffer by its path: tensors that share their memory, without gradients."""
        destination = options.get("destination")
        found = OrderedDict(super().state_dict(prefix=prefix, keep_vars=keep_vars))
        if prefix:
            found = OrderedDict((k if k.startswith(prefix) else f"{prefix}{k}", v) for k, v in found.items())
        if destination is not None:
            destination.update(found)
            return destination
        return found

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Take over the numbers of a `state_dict`."""
        return _IncompatibleKeys(*super().load_state_dict(state_dict, strict=strict))

    @staticmethod
    def _misfit(
        name: str, own: Any, arrays: Any, misshaped: list[str], missing: list[str], unexpected: list[str]
    ) -> str:
        lists = {"Missing": missing, "Unexpected": unexpected}
        quoted = {what: ", ".join(f'"{key}"' for key in keys) for what, keys in lists.items() if keys}
        lines = [f"{what} key(s) in state_dict: {keys}. " for what, keys in quoted.items()]
        lines += [
            f"size mismatch for {key}: copying a param with shape {types.Size(arrays[key].shape)} from checkpoint, the shape in "
            f"current model is {types.Size(own[key].shape)}."
            for key in misshaped
        ]
        advice = misfit(name, own, arrays, misshaped, missing, unexpected).rpartition("\n")[2]
        return "\n".join([f"Error(s) in loading state_dict for {name}:", *(f"\t{line}" for line in lines), advice])

    def to(self, *args: Any, **options: Any) -> Self:
        """Change the dtype of floating parameters and buffers; a device can be named, and there is one."""
        dtype = options.get("dtype")
        for arg in args:
            if isinstance(arg, BaseTensor):
                dtype = arg.raw.dtype
            elif isinstance(arg, types.dtype) or (isinstance(arg, type) and arg is not bool):
                dtype = arg
            elif isinstance(arg, str | types.device | int):
                _check_device(arg)
        _check_device(options.get("device"))
        return self if dtype is None else super().to(dtype=types.numpy_dtype(dtype))

    def cuda(self, device: Any = None) -> Self:
        """Raises: there is no such device."""
        types.check_device("cuda" if device is None else device)
        return self

    def cpu(self) -> Self:
        """The module itself: it is there."""
        return self

    def bfloat16(self) -> Self:
        """`to(torch.bfloat16)`, which is computed as float32."""
        return self.to(types.bfloat16)

    def half(self) -> Self:
        """`to(torch.float16)`."""
        return self.to(types.float16)

    def compile(self, *args: Any, **options: Any) -> None:
        """Let calls of this module run compiled."""
        from .. import compile

        object.__setattr__(self, "forward", compile(self.forward))


for _attribute, _kind in KINDS.items():
    setattr(Module, _attribute, property(partial(HookView, kind=_kind), partial(replace_hooks, kind=_kind)))


class _IncompatibleKeys(LoadResult):
    """What `Module.load_state_dict` did not use: keys of the model, keys of the dictionary."""


class _Parts(dict[str, Any]):
    """The parts of a module by name, as they are now; setting one sets the attribute."""

    def __init__(self, module: Module, parts: dict[str, Any]) -> None:
        super().__init__(parts)
        self._module = module

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        setattr(self._module, name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        delattr(self._module, name)

    def pop(self, name: str, *default: Any) -> Any:
        """Take one out."""
        if name in self:
            delattr(self._module, name)
        return super().pop(name, *default)


class _Layer(Module):
    """What the layers have beside what Microgradient's have: they draw random numbers as PyTorch does, and take its dtypes."""

    _function: str | None = None
    """The function of `torch.nn.functional` that this is, by name."""
    _is_view = False
    """Whether the result may share the memory of the argument."""

    def __init__(self, *args: Any, **options: Any) -> None:
        types.check_device(options.pop("device", None))
        with sharing():
            super().__init__(*args, **options)

    def __call__(self, *args: Any, **options: Any) -> Any:
        first = next_seq()
        with sharing():
            y = adopt(super().__call__(*args, **options))
        if self._function is not None:
            note_called(y, self._function, True, first)
        elif isinstance(y, tuple) and isinstance(y[0], Tensor):
            rest = y[1] if isinstance(y[1], tuple) else y[1:]
            for part, name in zip((y[0], *rest), functions(type(self).__name__, self, y[0].raw.ndim), strict=False):
                note_called(part, name, True, first)
        if y.__class__ is Tensor and not self._is_view:
            memory.apart(y, args)
        if vars(self).get("inplace") and isinstance(args[0], Tensor) and y is not args[0]:
            return memory.write(args[0], y, f"`nn.{type(self).__name__}(inplace=True)`")
        return y

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr."""
        theirs = shown(type(self).__name__, self)
        if theirs is not None:
            return theirs
        inplace = vars(self).get("inplace")
        always = isinstance(self, _nn.Dropout.__mro__[1])
        last = f"inplace={inplace}" if inplace or (always and inplace is not None) else ""
        return ", ".join(filter(None, [super().extra_repr(), last]))

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        with sharing():
            super().reset_parameters()  # type: ignore[misc]


def as_torch(value: Any) -> Any:
    """A parameter, tensor or module of Microgradient's as one of this package; anything else as it is.

    A module stays the same object, with another class.
    """
    if isinstance(value, BaseParameter):
        return value if isinstance(value, Parameter) else as_parameter(value)
    if isinstance(value, BaseTensor):
        return adopt(value)
    if isinstance(value, Base) and not isinstance(value, Module):
        theirs = layers.get(type(value).__name__) or inner.get(type(value).__name__)
        if theirs is not None and issubclass(theirs, type(value)):
            value.__class__ = theirs
        for name, part in list(vars(value).items()):
            if isinstance(part, BaseTensor | Base):
                vars(value)[name] = as_torch(part)
    return value


def layer(base: type[Base]) -> type[Module]:
    """A class of Microgradient's modules as one of this package."""
    if base.__name__ in layers:
        return cast("type[Module]", layers[base.__name__])
    parents = [layer(parent) for parent in base.__bases__ if parent.__name__ in _nn.__all__ and parent is not Base]
    made = type(
        base.__name__,
        (*(parents or [_Layer]), base),
        {
            "__module__": "microgradient.torch.nn",
            "__doc__": (base.__doc__ or "").partition("\n\n")[0],
            "_function": _function_of(base.__name__),
            "_is_view": base in (_nn.Flatten, _nn.Unflatten, _nn.Sequential),
        },
    )
    for name, value in vars(base).items():
        if isinstance(value, staticmethod) and not name.startswith("_"):
            setattr(made, name, staticmethod(_adopting(value.__func__)))
    if not hasattr(base, "reset_parameters"):
        made.reset_parameters = None  # type: ignore[attr-defined]
    return made


def _adopting(f: Callable[..., Any]) -> Callable[..., Any]:
    return wraps(f)(lambda *args, **options: adopt(f(*args, **options)))


def _function_of(layer: str) -> str | None:
    """The name of the function that a layer is: `cross_entropy` of CrossEntropyLoss, `conv2d` of Conv2d."""
    own = layer.lower().replace("bce", "binarycrossentropy")
    tried = (own, own.removesuffix("loss"), re.sub(r"\dd$", "", own))
    return next((_BARE[name] for name in tried if name in _BARE), None)


_BARE = {name.replace("_", ""): name for name in (*_functional.__all__, "flatten", "unflatten")}
layers: dict[str, Any] = {}
"""The layers, by name."""
for _name in _nn.__all__:
    _found = getattr(_nn, _name)
    if isinstance(_found, type) and issubclass(_found, Base) and _found is not Base:
        layers[_name] = layer(_found)
inner = {base.__name__: layer(base) for base in (NonDynamicallyQuantizableLinear, ParametrizationList)}
"""Layers that others have inside."""
for _found in layers.values():
    if hasattr(_found, "cls_to_become"):  # a lazy layer
        _found.cls_to_become = layers[_found.cls_to_become.__name__]


def _check_device(wanted: Any) -> None:
    """Raise unless it is there. A module on "meta", a shape for `functional_call`, keeps its numbers."""
    if wanted is None or types.device(wanted).type != "meta":
        return types.check_device(wanted)
    differs("MG124", "A module sent to the device 'meta' stays on the CPU and keeps its numbers.")
