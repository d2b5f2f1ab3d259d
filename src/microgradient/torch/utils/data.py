"""`torch.utils.data`: the data sets and loaders of `microgradient.data`, which follow PyTorch already."""

from __future__ import annotations

from ... import data as _data

_NAMES = (
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler", "IterableDataset",
    "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info", "random_split",
)  # fmt: skip
__all__ = [name for name in _NAMES if hasattr(_data, name)]
globals().update({name: getattr(_data, name) for name in __all__})
