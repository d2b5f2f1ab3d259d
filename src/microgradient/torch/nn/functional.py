"""`torch.nn.functional`: the functions of `microgradient.nn.functional`, which follow PyTorch already."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...nn import functional as _functional
from ..function import FUNCTIONS, in_place
from ..random import sharing
from ..tensor import Tensor, adopt

__all__: list[str] = []

_IN_PLACE = "relu relu6 elu selu celu leaky_relu rrelu threshold hardtanh"


def _function(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        options.pop("_stacklevel", None)
        inplace = options.pop("inplace", False) if f.__name__ in _IN_PLACE.split() else False
        with sharing():
            y = adopt(f(*args, **options))
        if inplace and isinstance(args[0], Tensor):
            from ..memory import write

            return write(args[0], y, f"`F.{f.__name__}(inplace=True)`")
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
