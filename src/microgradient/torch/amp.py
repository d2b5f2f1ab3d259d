"""`torch.amp`: mixed precision. On a CPU it saves nothing, so `autocast` computes in the dtypes that are there."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any, Self

from .strict import differs

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


class autocast(ContextDecorator):  # noqa: N801 (PyTorch's name)
    """Accepted: inside, everything is computed in the dtypes that the tensors have, which a note says once.

    >>> import microgradient.torch as torch
    >>> with torch.autocast("cpu", enabled=False):
    ...     (torch.ones(2) @ torch.ones(2)).dtype
    torch.float32
    """

    def __init__(
        self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device_type, self.dtype, self.enabled = device_type, dtype, enabled and device_type == "cpu"

    def __enter__(self) -> Self:
        if self.enabled:
            differs("MG147", "autocast changes no dtype here: a CPU computes float32 faster than bfloat16.")
        return self

    def __exit__(self, *_: object) -> None:
        pass


class GradScaler:
    """Scales a loss for gradients in float16, of which there are none: every factor is 1, and `step` calls the optimiser's.

    >>> import microgradient.torch as torch
    >>> torch.amp.GradScaler("cuda").is_enabled()
    False
    """

    def __init__(self, device: str = "cuda", *_: Any, enabled: bool = True, **__: Any) -> None:
        pass

    def scale(self, outputs: Any) -> Any:
        """The loss as it is."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: the gradients are not scaled."""

    def step(self, optimizer: Any, *args: Any, **options: Any) -> Any:
        """The optimiser's step."""
        return optimizer.step(*args, **options)

    def update(self, new_scale: Any = None) -> None:
        """Nothing: the factor stays 1."""

    def get_scale(self) -> float:
        """1."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Nothing to save."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to load."""


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` changes anything: no."""
    return False


def custom_fwd(fwd: Any = None, **_: Any) -> Any:
    """A decorator: accepted."""
    return fwd if fwd is not None else lambda f: f


def custom_bwd(bwd: Any = None, **_: Any) -> Any:
    """A decorator: accepted."""
    return bwd if bwd is not None else lambda f: f
