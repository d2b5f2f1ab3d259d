"""`import microgradient.torch as torch`: PyTorch's names, argument orders, defaults and meanings, on Microgradient's engine.

A `Tensor` here is one of Microgradient whose methods mean what PyTorch's mean; programs and layers are the package's own.
The table in docs/torch.md says of every name of PyTorch's whether it is here, and where it differs.
"""

from __future__ import annotations

import importlib
import math
from types import SimpleNamespace
from typing import Any

from ..errors import MissingNameError
from ..tape import enable_grad, is_grad_enabled, no_grad
from . import (
    autograd,
    conversions,
    creation,
    func,
    indexing,
    linalg,
    pointwise,
    printing,
    products,
    random,
    reductions,
    shapes,
    types,
)
from .autograd import inference_mode, set_grad_enabled
from .conversions import can_cast, legacy, promote_types
from .creation import as_tensor, asarray, from_dlpack, from_numpy, frombuffer, tensor
from .function import FUNCTIONS
from .printing import set_printoptions
from .random import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .tensor import Tensor, adopt
from .types import Size, device, dtype, layout, memory_format

__version__ = "2.13.0+microgradient"

pi, e, inf, nan, newaxis = math.pi, math.e, math.inf, math.nan, None

__all__ = [
    "Generator", "Size", "Tensor", "adopt", "as_tensor", "asarray", "autograd", "can_cast", "conversions", "creation",
    "default_generator", "device", "dtype", "enable_grad", "fork_rng", "from_dlpack", "from_numpy", "frombuffer", "func",
    "get_rng_state", "indexing", "inference_mode", "initial_seed", "is_grad_enabled", "layout", "linalg", "manual_seed",
    "memory_format", "no_grad", "pointwise", "printing", "products", "promote_types", "random", "reductions", "seed",
    "set_grad_enabled", "set_printoptions", "set_rng_state", "shapes", "tensor", "types",
]  # fmt: skip
__all__ += FUNCTIONS

globals().update(FUNCTIONS)
globals().update(types.DTYPES)
globals().update(legacy)
for _name in (
    "strided",
    "sparse_coo",
    "sparse_csr",
    "contiguous_format",
    "preserve_format",
    "channels_last",
    "channels_last_3d",
):
    globals()[_name] = getattr(types, _name)
return_types = SimpleNamespace(**types.return_types)
vmap = func.vmap


_LATE = ("cuda", "fft", "nn", "optim", "special", "utils", "distributions", "testing")


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return importlib.import_module(f".{name}", __name__)
    if name == "compile":
        return importlib.import_module(".compiling", __name__).compile
    raise MissingNameError("MG139", f"microgradient.torch has no `{name}`.")
