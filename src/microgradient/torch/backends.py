"""`torch.backends` and the other accelerators: switches that can be set and turn nothing; what isn't available says so."""

from __future__ import annotations

from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any


def _backend(name: str, available: bool = False, **settings: Any) -> Any:
    """A module, for `import torch.backends.cudnn`."""
    module = ModuleType(f"{__name__}.{name}")
    vars(module).update(is_available=lambda: available, is_built=lambda: available, **settings)
    return module


cudnn = _backend(
    "cudnn", enabled=False, benchmark=False, deterministic=True, allow_tf32=False, version=lambda: None,
    flags=lambda **_: nullcontext(),
)  # fmt: skip
cuda = _backend(
    "cuda", matmul=SimpleNamespace(allow_tf32=False, fp32_precision="ieee"),
    enable_flash_sdp=lambda enabled: None, enable_math_sdp=lambda enabled: None, enable_mem_efficient_sdp=lambda enabled: None,
    flash_sdp_enabled=lambda: False, math_sdp_enabled=lambda: True, sdp_kernel=lambda **_: nullcontext(),
)  # fmt: skip
mps, mkl, mkldnn, openmp, xeon, opt_einsum = map(_backend, ("mps", "mkl", "mkldnn", "openmp", "xeon", "opt_einsum"))
quantized = _backend("quantized", engine="none", supported_engines=["none"])
