"""`torch.nn.functional`: the functions of `microgradient.nn.functional`, which follow PyTorch already."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ...nn import functional as _functional
from ...nn.functional.activation import relaxed_sample
from ...tape import next_seq
from .. import memory
from ..function import FUNCTIONS, in_place
from ..graph import note_called
from ..random import sharing
from ..tensor import Tensor, adopt

__all__: list[str] = []

_IN_PLACE = "relu relu6 elu selu celu leaky_relu rrelu threshold hardtanh"
"""The functions that `torch.nn.functional` also has as `relu_`."""


def _function(f: Callable[..., Any]) -> Callable[..., Any]:
    names = list(inspect.signature(f).parameters)
    place = names.index("inplace") if "inplace" in names else None
    name = f.__name__

    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        options.pop("_stacklevel", None)
        first = next_seq()
        with sharing():
            y = adopt(f(*args, **options))
        note_called(y, name, True, first)
        if y.__class__ is Tensor and not name.endswith("flatten"):
            memory.apart(y, args or options.values())
        if place is not None and (args[place] if len(args) > place else options.get("inplace")):
            x = args[0] if args else options["input"]
            if isinstance(x, Tensor) and y is not x:
                return memory.write(x, y, f"`F.{f.__name__}(inplace=True)`")
        return y

    return call


for _name in _functional.__all__:
    _found = getattr(_functional, _name)
    if callable(_found):
        globals()[_name] = _function(_found)
        __all__.append(_name)
for _name in ("softmax", "log_softmax", "sigmoid", "tanh"):
    globals()[_name] = FUNCTIONS[_name]
for _name in _IN_PLACE.split():
    if _name in globals():
        globals()[f"{_name}_"] = in_place(globals()[_name], f"{_name}_")
        __all__.append(f"{_name}_")


def gumbel_softmax(logits: Any, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """softmax((x + g) / tau) along `dim`, with g = -log of an exponential number, drawn anew as PyTorch does."""
    noise = -logits.detach().new_empty(logits.shape).exponential_().log()
    return adopt(relaxed_sample(logits, noise, tau, hard, dim))
