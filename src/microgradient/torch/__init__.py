"""`import microgradient.torch as torch`: PyTorch's names, argument orders, defaults and meanings, on Microgradient's engine.

A `Tensor` here is one of Microgradient whose methods mean what PyTorch's mean; derivatives and programs are the package's.
The table in docs/differences.md says of every name of PyTorch's whether it is here, and where it differs.
"""

from __future__ import annotations

import importlib
import math
from types import SimpleNamespace
from typing import Any

from ..errors import MissingNameError
from ..tape import enable_grad, is_grad_enabled, no_grad
from . import (  # noqa: F401 (fill FUNCTIONS)
    autograd,
    fft,
    func,
    indexing,
    joining,
    linalg,
    older_names,
    ordering,
    pointwise,
    products,
    random,
    random_sampling,
    reductions,
    shapes,
    special,
    types,
    version,
)
from .amp import autocast
from .autograd import inference_mode, set_grad_enabled
from .conversions import can_cast, legacy, promote_types
from .creation import as_tensor, asarray, from_dlpack, from_numpy, frombuffer, tensor
from .function import FUNCTIONS
from .printing import set_printoptions
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .refused import REASONS, refused
from .settings import (
    are_deterministic_algorithms_enabled,
    finfo,
    get_default_device,
    get_default_dtype,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    iinfo,
    is_deterministic_algorithms_warn_only_enabled,
    is_inference_mode_enabled,
    is_storage,
    is_tensor,
    set_default_device,
    set_default_dtype,
    set_default_tensor_type,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    set_warn_always,
    typename,
    use_deterministic_algorithms,
)
from .tensor import Tensor
from .types import Size, device, dtype, layout, memory_format
from .version import __version__

__all__ = [
    "Generator", "Size", "Tensor", "__version__", "are_deterministic_algorithms_enabled", "as_tensor", "asarray",
    "autocast", "autograd", "can_cast", "default_generator", "device", "dtype", "enable_grad", "fft", "finfo",
    "from_dlpack", "from_numpy", "frombuffer", "func", "get_default_device", "get_default_dtype",
    "get_float32_matmul_precision", "get_num_interop_threads", "get_num_threads", "get_rng_state", "iinfo",
    "inference_mode", "initial_seed", "is_deterministic_algorithms_warn_only_enabled", "is_grad_enabled",
    "is_inference_mode_enabled", "is_storage", "is_tensor", "layout", "linalg", "manual_seed", "memory_format",
    "no_grad", "promote_types", "random", "seed", "set_default_device", "set_default_dtype",
    "set_default_tensor_type", "set_float32_matmul_precision", "set_flush_denormal", "set_grad_enabled",
    "set_num_interop_threads", "set_num_threads", "set_printoptions", "set_rng_state", "set_warn_always", "special",
    "tensor", "typename", "use_deterministic_algorithms", "version",
]  # fmt: skip
__all__ += FUNCTIONS

pi, e, inf, nan, newaxis = math.pi, math.e, math.inf, math.nan, None
for _table in (FUNCTIONS, types.DTYPES, legacy):
    globals().update(_table)
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
cond, vmap = func.cond, func.vmap

_LATE_MODULES = (
    "_dynamo", "accelerator", "amp", "backends", "compiler", "cuda", "distributions", "jit", "masked", "mps",
    "multiprocessing", "nn", "optim", "profiler", "signal", "sparse", "testing", "utils", "xpu",
)  # fmt: skip
_LATE = {"GradScaler": "amp", "compile": "compiling", "load": "serialization", "save": "serialization"}
_LATE |= dict.fromkeys(("sparse_coo_tensor", "sparse_csr_tensor"), "sparse")
_OF_LAYERS = (
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "alpha_dropout", "avg_pool1d", "bilinear",
    "binary_cross_entropy_with_logits", "celu", "channel_shuffle", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss", "cosine_similarity", "ctc_loss", "dropout",
    "embedding_bag", "feature_alpha_dropout", "group_norm", "hardshrink", "hinge_embedding_loss", "instance_norm",
    "kl_div", "layer_norm", "margin_ranking_loss", "max_pool1d", "max_pool2d", "max_pool3d", "pairwise_distance",
    "pdist", "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss", "rms_norm", "rrelu", "selu", "threshold",
    "triplet_margin_loss",
)  # fmt: skip
"""Functions of `torch.nn.functional` that are also `torch`'s."""


def __getattr__(name: str) -> Any:
    if name in ("mps", "xpu"):
        return importlib.import_module(".accelerator", __name__)
    if name in _LATE_MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _OF_LAYERS:
        return getattr(importlib.import_module(".nn.functional", __name__), name)
    if name.endswith("_") and not name.startswith("_") and callable(method := vars(Tensor).get(name)):
        return method  # torch.relu_(x) is x.relu_()
    if name in _LATE:
        return getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
    if name in REASONS:
        globals()[name] = refused(name)
        return globals()[name]
    raise MissingNameError("MG139", f"microgradient.torch has no `{name}`.")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE_MODULES, *_LATE, *_OF_LAYERS})
