"""`torch.autograd.forward_ad`: dual numbers are not kept on tensors here; `torch.func.jvp` computes the same."""

from __future__ import annotations

from typing import Any

from ...errors import GradientError


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise GradientError(
        "MG116", f"torch.autograd.forward_ad.{name} is not here: write `torch.func.jvp(f, (x,), (v,))`, which gives f(x) and its "
        "derivative along v.",
    )  # fmt: skip
