"""`torch.optim`: the optimisers of `microgradient.optim`, which already follow PyTorch."""

from __future__ import annotations

from ... import optim as _optim

globals().update({name: getattr(_optim, name) for name in dir(_optim) if not name.startswith("_")})
