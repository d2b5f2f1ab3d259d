"""Data sets: what has examples by number, or gives them one after the other."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .. import random
from ..errors import ArgumentError, ArgumentTypeError, OutOfRangeError


class Dataset:
    """A subclass has `__getitem__(number)`, and `__len__` if its length is known; `a + b` is one after the other.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, i):
    ...         return i * i
    >>> (Squares() + Squares())[4]
    1
    """

    def __class_getitem__(cls, item: Any) -> Any:  # Dataset[int], as PyTorch's type hints write it
        return cls

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a `__getitem__`.")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """A subclass has `__iter__`, which gives one example after the other. With workers, `get_worker_info` says which
    part is whose.

    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> list(Count() + Count())
    [0, 1, 2, 0, 1, 2]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs an `__iter__`.")

    def __add__(self, other: Dataset) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Examples along the first axis of tensors of the same length, as tuples.

    >>> import microgradient as mg
    >>> data = TensorDataset(mg.tensor([[1.0], [2.0]]), mg.tensor([0, 1]))
    >>> data[1]
    (tensor([2.]), tensor(1))
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ArgumentError("MG180", "TensorDataset needs at least one tensor.")
        lengths = [tensor.shape[0] for tensor in tensors]
        if len(set(lengths)) > 1:
            raise ArgumentError("MG180", f"The tensors of a data set are of one length, got {lengths}.")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class StackDataset(Dataset):
    """The examples of several data sets side by side: as tuples, or, given by names, as dicts.

    >>> StackDataset(x=[1, 2], y=["a", "b"])[1]
    {'x': 2, 'y': 'b'}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) is bool(kwargs):
            raise ArgumentError("MG180", "StackDataset takes data sets either by position or by name.")
        self.datasets: Any = kwargs or args
        lengths = [len(d) for d in (kwargs.values() if kwargs else args)]
        if len(set(lengths)) > 1:
            raise ArgumentError("MG180", f"The data sets are of one length, got {lengths}.")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset):
    """Several data sets, one after the other.

    >>> data = ConcatDataset([[1, 2], [3]])
    >>> len(data), data[2], data[-1]
    (3, 3, 3)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("MG180", "ConcatDataset needs at least one data set.")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise ArgumentTypeError("MG180", "Data sets without numbers come one after the other in a ChainDataset.")
        self.cumulative_sizes = [*itertools.accumulate(len(d) for d in self.datasets)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise OutOfRangeError("MG180", f"There are {len(self)} examples, and none has the number {index}.")
        index = index % len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset):
    """Several iterable data sets, one after the other.

    >>> list(ChainDataset([range(2), range(2)]))
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset):
    """Some examples of a data set, by their numbers.

    >>> Subset(["a", "b", "c"], [2, 0])[0]
    'c'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: random.Generator | None = None
) -> list[Subset]:
    """Disjoint random subsets of the given lengths, or shares: what shares leave over goes to the first ones.

    Raises ArgumentError if the lengths don't add up to that of the data set, nor the shares to 1.

    >>> first, second = random_split(range(10), [0.75, 0.25])
    >>> len(first), len(second), sorted([*first, *second]) == list(range(10))
    (8, 2, True)
    """
    counts = [int(n) for n in lengths]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9:
        if any(not 0 <= share <= 1 for share in lengths):
            raise ArgumentError("MG180", f"A share is between 0 and 1, got {list(lengths)}.")
        counts = [math.floor(len(dataset) * share) for share in lengths]
        for i in range(len(dataset) - sum(counts)):
            counts[i % len(counts)] += 1
    if sum(counts) != len(dataset):
        raise ArgumentError(
            "MG180", f"The lengths {list(lengths)} don't add up to {len(dataset)}, that of the data set."
        )
    order = (random if generator is None else generator).permutation(len(dataset)).tolist()
    ends = [0, *itertools.accumulate(counts)]
    return [Subset(dataset, order[a:b]) for a, b in itertools.pairwise(ends)]
