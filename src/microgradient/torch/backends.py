"""`torch.backends` and the other accelerators: switches that can be set and turn nothing; what isn't available says so."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any


def _backend(available: bool = False, **settings: Any) -> Any:
    return SimpleNamespace(is_available=lambda: available, is_built=lambda: available, **settings)


cudnn = _backend(enabled=False, benchmark=False, deterministic=True, allow_tf32=False, version=lambda: None)
cuda = _backend(
    matmul=SimpleNamespace(allow_tf32=False, fp32_precision="ieee"),
    enable_flash_sdp=lambda enabled: None, enable_math_sdp=lambda enabled: None, enable_mem_efficient_sdp=lambda enabled: None,
    flash_sdp_enabled=lambda: False, math_sdp_enabled=lambda: True, sdp_kernel=lambda **_: nullcontext(),
)  # fmt: skip
mps, mkl, mkldnn, openmp, xeon, opt_einsum = (_backend() for _ in range(6))
quantized = SimpleNamespace(engine="none", supported_engines=["none"])
