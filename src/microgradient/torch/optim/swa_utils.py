"""`torch.optim.swa_utils`: averages of weights. An averaged model is a module of this package."""

from __future__ import annotations

from typing import Any

from ...optim import swa_utils as _swa_utils
from ...optim.swa_utils import (
    SWALR,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)
from ..nn.modules import layer

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn"]
__all__ += ["get_swa_multi_avg_fn", "update_bn"]

AveragedModel: Any = layer(_swa_utils.AveragedModel)
