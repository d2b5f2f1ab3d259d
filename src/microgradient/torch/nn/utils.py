"""`torch.nn.utils`."""

from __future__ import annotations

from ...nn import utils as _utils

globals().update({name: getattr(_utils, name) for name in dir(_utils) if not name.startswith("_")})
