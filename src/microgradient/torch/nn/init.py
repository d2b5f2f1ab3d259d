"""`torch.nn.init`: initial numbers for parameters, written in place, with PyTorch's random numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...nn import init as _init
from ...operators import wrap
from ...random import drawing_from
from ...tape import no_grad
from .. import memory
from ..random import default_generator


def _initialiser(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def call(tensor: Any, *args: Any, generator: Any = None, **options: Any) -> Any:
        drawn = wrap(tensor.raw.copy(), None)
        with no_grad(), drawing_from(generator or default_generator):
            return memory.write(tensor, f(drawn, *args, **options), f"`init.{f.__name__}`")

    return call


for _name in dir(_init):
    if _name.endswith("_") and not _name.startswith("_") and callable(getattr(_init, _name)):
        globals()[_name] = _initialiser(getattr(_init, _name))
        globals().setdefault(_name.rstrip("_"), globals()[_name])  # the old names
calculate_gain = getattr(_init, "calculate_gain", None)
_calculate_fan_in_and_fan_out = getattr(_init, "fans", None)
