"""Samplers: in which order examples are taken.

What is random is drawn when an iteration begins, from the sampler's `generator` or else the shared one, so that the
order of an epoch is decided by where that stands; numbers with replacement, of which there may be no end, as they are taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from .. import random
from ..errors import ArgumentError


class Sampler:
    """The numbers of examples, one after the other: a subclass has `__iter__`, and `__len__` if it is known.

    >>> class Backwards(Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(len(self.data))[::-1])
    >>> list(Backwards("abc"))
    [2, 1, 0]
    """

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs an `__iter__`.")


class SequentialSampler(Sampler):
    """All numbers in their order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """All numbers in a random order; with `replacement`, each anew from all. `num_samples` of them, by default as many
    as there are.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
        generator: random.Generator | None = None,
    ) -> None:  # fmt: skip
        if num_samples is not None and (not isinstance(num_samples, int) or num_samples < 1):
            raise ArgumentError("MG180", f"`num_samples` is a whole number of at least 1, got {num_samples!r}.")
        self.data_source, self.replacement, self._num_samples = data_source, replacement, num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many numbers an iteration gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        source, n, count = self.generator or random.shared_generator(), len(self.data_source), self.num_samples
        if self.replacement:  # as PyTorch draws them: 32 at a time
            sizes = (min(32, count - done) for done in range(0, count, 32))
            return (i for size in sizes for i in source.integers(0, n, (size,)).tolist())
        # as PyTorch draws them: a part of one more order after the whole ones, though it be empty
        rounds = [source.permutation(n).tolist() for _ in range(count // n + 1)] if n else []
        return iter([i for order in rounds for i in order][:count])

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given numbers in a random order.

    >>> sorted(SubsetRandomSampler([2, 5]))
    [2, 5]
    """

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        order = (self.generator or random).permutation(len(self.indices)).tolist()
        return iter([self.indices[i] for i in order])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` numbers, each with a probability in proportion to its weight; without `replacement` each at most
    once.

    >>> list(WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True,
        generator: random.Generator | None = None,
    ) -> None:  # fmt: skip
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1 or not np.all(self.weights >= 0) or not np.any(self.weights):
            raise ArgumentError("MG180", "`weights` are numbers of at least 0, and not all 0, along one axis.")
        if not isinstance(num_samples, int) or num_samples < 1:
            raise ArgumentError("MG180", f"`num_samples` is a whole number of at least 1, got {num_samples!r}.")
        if not replacement and num_samples > np.count_nonzero(self.weights):
            raise ArgumentError(
                "MG180",
                f"Only {np.count_nonzero(self.weights)} numbers have a weight: {num_samples} can't be drawn without replacement.",
            )
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        source = self.generator or random
        if self.replacement:
            ends = np.cumsum(self.weights)
            u = source.uniform((self.num_samples,), dtype=np.float64).raw * ends[-1]
            chosen = np.minimum(np.searchsorted(ends, u, side="right"), np.flatnonzero(self.weights)[-1])
            return iter(chosen.tolist())
        u = source.uniform((len(self.weights),), dtype=np.float64).raw
        with np.errstate(all="ignore"):  # the smallest of exponential times (Efraimidis and Spirakis 2006)
            times = np.where(self.weights > 0, -np.log1p(-u) / self.weights, np.inf)
        return iter(np.argsort(times, kind="stable")[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The numbers of another sampler in lists of `batch_size`; with `drop_last`, without a shorter one at the end.

    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ArgumentError("MG180", f"`batch_size` is a whole number of at least 1, got {batch_size!r}.")
        if not isinstance(drop_last, bool):
            raise ArgumentError("MG180", f"`drop_last` is True or False, got {drop_last!r}.")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        return self._batches(iter(self.sampler))  # which draws now

    def _batches(self, numbers: Iterator[Any]) -> Iterator[list[Any]]:
        batch: list[Any] = []
        for number in numbers:
            batch.append(number)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n: int = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else math.ceil(n / self.batch_size)


class DistributedSampler(Sampler):
    """Every `num_replicas`-th number, beginning with the `rank`-th, of an order that is decided by `seed` and
    `set_epoch(epoch)`.

    All get the same count: some numbers come twice, or, with `drop_last`, some not at all.

    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self, dataset: Sized, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True, seed: int = 0,
        drop_last: bool = False,
    ) -> None:  # fmt: skip
        self.num_replicas = 1 if num_replicas is None else num_replicas
        self.rank = 0 if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ArgumentError("MG180", f"`rank` is between 0 and {self.num_replicas - 1}, got {self.rank}.")
        self.dataset, self.shuffle, self.seed, self.drop_last, self.epoch = dataset, shuffle, seed, drop_last, 0
        n = len(dataset)
        self.num_samples = n // self.num_replicas if drop_last else math.ceil(n / self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = self._shuffled(n) if self.shuffle else list(range(n))
        if n:
            order = (order * math.ceil(self.total_size / n))[: self.total_size]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def _shuffled(self, n: int) -> list[int]:
        return list(random.Generator(self.seed + self.epoch).permutation(n).tolist())

    def set_epoch(self, epoch: int) -> None:
        """Decide the order of the next iteration."""
        self.epoch = epoch
