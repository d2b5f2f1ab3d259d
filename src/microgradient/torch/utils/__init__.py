"""`torch.utils`."""

from . import checkpoint, data, dlpack, model_zoo, tensorboard

__all__ = ["checkpoint", "data", "dlpack", "model_zoo", "tensorboard"]
