"""`torch.nn.utils`: that of Microgradient, which draws from PyTorch's generator here."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ...nn import utils as _utils
from ..random import sharing


def _drawing(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        with sharing():
            return f(*args, **options)

    return call


def _names(module: ModuleType) -> dict[str, Any]:
    found = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return {name: _drawing(value) if inspect.isfunction(value) else value for name, value in found.items()}


def _module(name: str) -> ModuleType:
    made = ModuleType(f"{__name__}.{name}", getattr(_utils, name).__doc__)
    vars(made).update(_names(getattr(_utils, name)))
    return made


globals().update(_names(_utils))
parametrizations, prune = _module("parametrizations"), _module("prune")
globals().update(
    dict.fromkeys(["clip_grad", "convert_parameters", "fusion"], sys.modules[__name__])
)  # each has all names
