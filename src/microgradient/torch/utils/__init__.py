"""`torch.utils`."""

from . import _pytree, benchmark, checkpoint, data, dlpack, model_zoo, tensorboard

__all__ = ["_pytree", "benchmark", "checkpoint", "data", "dlpack", "model_zoo", "tensorboard"]
