"""`torch.utils.data`: what `microgradient.data` has, with tensors of this package and PyTorch's random orders."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ... import data as _data
from ...data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    TensorDataset,
    get_worker_info,
)
from ...data.loader import STACKS
from ...random import drawing_from, shared_generator
from ..random import Generator, default_generator, sharing
from ..tensor import adopt

__all__ = [
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler", "IterableDataset",
    "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info", "random_split",
]  # fmt: skip


def default_collate(batch: Sequence[Any]) -> Any:
    """Examples as one, in tensors of this package."""
    return _adopted(_data.default_collate(batch))


def default_convert(data: Any) -> Any:
    """Arrays and NumPy's numbers as tensors of this package."""
    return _adopted(_data.default_convert(data))


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Any = None) -> list[Subset]:
    """Disjoint random subsets, those that PyTorch draws."""
    with sharing():
        return _data.random_split(dataset, lengths, generator)


class RandomSampler(_data.RandomSampler):
    """All numbers in the order in which PyTorch draws them: from one number of the shared generator, unless it has its own.

    >>> import microgradient.torch as torch
    >>> _ = torch.manual_seed(0)
    >>> list(torch.utils.data.RandomSampler(range(6)))
    [0, 1, 2, 3, 5, 4]
    """

    def __iter__(self) -> Iterator[int]:
        if self.generator is not None or _in_loader():
            return super().__iter__()
        with drawing_from(Generator().manual_seed(_whole(default_generator))):
            return super().__iter__()


class SubsetRandomSampler(_data.SubsetRandomSampler):
    """The given numbers in the order in which PyTorch draws them."""

    def __iter__(self) -> Iterator[int]:
        with drawing_from(shared_generator() if _in_loader() else default_generator):
            return super().__iter__()


class WeightedRandomSampler(_data.WeightedRandomSampler):
    """Numbers with probabilities in proportion to their weights, those that PyTorch draws."""

    def __iter__(self) -> Iterator[int]:
        with drawing_from(shared_generator() if _in_loader() else default_generator):
            return super().__iter__()


class DistributedSampler(_data.DistributedSampler):
    """Every `num_replicas`-th number of the order that PyTorch draws for a seed and an epoch."""

    def _shuffled(self, n: int) -> list[int]:
        return list(Generator().manual_seed(self.seed + self.epoch).permutation(n).tolist())


def _in_loader() -> bool:
    """Whether a loader has said from what generator its order is drawn."""
    source = shared_generator()
    return isinstance(source, Generator) and source is not default_generator


class DataLoader(_data.DataLoader):
    """Batches in the order in which PyTorch's loader gives them after the same seed.

    >>> import microgradient.torch as torch
    >>> data = torch.utils.data.TensorDataset(torch.arange(4))
    >>> [batch[0].tolist() for batch in torch.utils.data.DataLoader(data, batch_size=3)]
    [[0, 1, 2], [3]]
    """

    default_collate, default_convert = staticmethod(default_collate), staticmethod(default_convert)

    def __iter__(self) -> Iterator[Any]:
        with sharing():
            return super().__iter__()

    def _draw_seed(self) -> int:
        """PyTorch draws a number for the workers, then one for the order if a RandomSampler has no generator."""
        seed = _whole(self.generator or default_generator)
        return _whole(default_generator) if self._is_seeded() else seed

    def _order_generator(self, seed: int) -> Any:
        return Generator().manual_seed(seed) if self._is_seeded() else self.generator or default_generator

    def _is_seeded(self) -> bool:
        return (
            self.generator is None and isinstance(self.sampler, _data.RandomSampler) and self.sampler.generator is None
        )


def _whole(generator: Any) -> int:
    """A number as `torch.empty((), dtype=torch.int64).random_()` gives it."""
    from .. import empty, int64

    return int(empty((), dtype=int64).random_(generator=generator).item())


def _adopted(x: Any) -> Any:
    return type(x)({k: _adopted(v) for k, v in x.items()}) if isinstance(x, dict) else adopt(x)


STACKS.add(default_collate)
globals().update(
    dict.fromkeys(["dataset", "dataloader", "sampler", "distributed"], sys.modules[__name__])
)  # each has all names
