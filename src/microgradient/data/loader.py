"""DataLoader: batches of a data set, in order or shuffled, prepared ahead by workers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from .. import random
from ..errors import ArgumentError
from .collate import default_collate, default_convert
from .dataset import IterableDataset, TensorDataset
from .samplers import BatchSampler, RandomSampler, SequentialSampler
from .workers import Workers, check_context

STACKS: set[Any] = {default_collate}
"""What makes batches of tensors by stacking them."""


class DataLoader:
    """Iterates over batches of a data set: each `for batch in loader` is an epoch.

    `shuffle` takes the examples in a random order; a `sampler` says which, a `batch_sampler` which together.
    `collate_fn` makes a batch of a list of examples (`default_collate`); with batch_size=None there are no batches, and
    each example is converted (`default_convert`). `drop_last` leaves out a shorter batch at the end.

    `num_workers` processes prepare `prefetch_factor` (2) batches each ahead, or threads, with
    `multiprocessing_context="thread"`; it may also be a start method of `multiprocessing`. They are kept for the next
    epoch with `persistent_workers`. Each calls `worker_init_fn(number)` at its start; what it raises is raised here,
    with its traceback. A batch that takes longer than `timeout` seconds is a DataError. `pin_memory`,
    `pin_memory_device` and `in_order` are accepted.

    `state_dict()` is where the epoch is: after `load_state_dict` the next iteration goes on from there, in the same
    order.

    >>> import microgradient as mg
    >>> data = mg.data.TensorDataset(mg.arange(5), mg.arange(5) * 10)
    >>> for x, y in mg.data.DataLoader(data, batch_size=2):
    ...     print(x.tolist(), y.tolist())
    [0, 1] [0, 10]
    [2, 3] [20, 30]
    [4] [40]
    """

    default_collate, default_convert = staticmethod(default_collate), staticmethod(default_convert)

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None, sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None, num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None, multiprocessing_context: Any = None,
        generator: random.Generator | None = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
        pin_memory_device: str = "", in_order: bool = True,
    ) -> None:  # fmt: skip
        self.dataset, self.num_workers, self.timeout, self.worker_init_fn = (
            dataset,
            num_workers,
            timeout,
            worker_init_fn,
        )
        self.multiprocessing_context, self.generator, self.pin_memory = multiprocessing_context, generator, pin_memory
        self.persistent_workers, self.drop_last, self.batch_size = persistent_workers, drop_last, batch_size
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self._iterable = isinstance(dataset, IterableDataset)
        _check(self, shuffle, sampler, batch_sampler, prefetch_factor)
        if batch_sampler is not None:
            self.batch_size, self.drop_last = None, False
        if sampler is None and not self._iterable:
            sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None and sampler is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        batches = batch_sampler is not None or batch_size is not None
        self.collate_fn = collate_fn or (self.default_collate if batches else self.default_convert)
        self._workers: Workers | None = None
        self._position: dict[str, Any] = {"seed": None, "batch": 0, "sampler": None}  # of the epoch that is being taken
        self._resumed = False

    def __iter__(self) -> Iterator[Any]:
        start = self._position if self._resumed else {"seed": None, "batch": 0, "sampler": None}
        self._resumed = False
        seed = start["seed"]
        if seed is None:
            seed = self._draw_seed()
        own = getattr(self.sampler, "generator", None)
        if own is not None:
            if start["sampler"] is not None:
                own.set_state(start["sampler"])
            start = {**start, "sampler": own.get_state()}
        # every iteration has a position of its own, and `state_dict` is about the latest
        self._position = position = {**start, "seed": seed, "batch": 0}
        return self._epoch(position, seed, int(start["batch"] or 0), self._tasks(seed))

    def _tasks(self, seed: int) -> Iterator[Any]:
        """What identifies each batch: numbers of examples, or, without numbers, how many come next."""
        if self._iterable:
            return itertools.repeat(self.batch_size)
        with random.drawing_from(self._order_generator(seed)):
            return iter(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    def _draw_seed(self) -> int:
        """What decides the order of an epoch."""
        return int((self.generator or random).integers(0, 1 << 62).raw)

    def _order_generator(self, seed: int) -> random.Generator:
        """What its samplers draw from."""
        return random.Generator(seed)

    def _epoch(self, position: dict[str, Any], seed: int, skipped: int, tasks: Iterator[Any]) -> Iterator[Any]:
        if not self._iterable:
            position["batch"] = sum(1 for _ in itertools.islice(tasks, skipped))
        batches = self._by_workers(seed, tasks) if self.num_workers else self._by_itself(tasks)
        if self._iterable:
            for _ in itertools.islice(batches, skipped):
                position["batch"] += 1
        for batch in batches:
            position["batch"] += 1
            yield batch
        position |= {"seed": None, "batch": 0, "sampler": None}  # the next epoch is another

    def _by_itself(self, tasks: Iterator[Any]) -> Iterator[Any]:
        fetch = _fetcher(self.dataset, self.collate_fn, self.drop_last)
        for task in tasks:
            try:
                yield fetch(task)
            except StopIteration:
                return

    def _by_workers(self, seed: int, tasks: Iterator[Any]) -> Iterator[Any]:
        workers = self._workers or Workers(
            self.num_workers, partial(_fetcher, self.dataset, self.collate_fn, self.drop_last), self.dataset,
            self.worker_init_fn, self.multiprocessing_context, self.timeout,
        )  # fmt: skip
        self._workers = None  # while they are used
        try:
            workers.begin(seed)
            for _ in range(self.prefetch_factor or 2):
                for worker in range(self.num_workers):
                    for task in itertools.islice(tasks, 1):
                        workers.ask(worker, task)
            while workers.waiting:
                worker, batch, ended = workers.answer()
                if not ended:
                    for task in itertools.islice(tasks, 1):
                        workers.ask(worker, task)
                    yield batch
            if self.persistent_workers:
                self._workers, workers = workers, None  # type: ignore[assignment]
        finally:
            if workers is not None:
                workers.close()

    def __len__(self) -> int:
        if self._iterable:
            n = len(self.dataset)
            size = self.batch_size
            return n if size is None else n // size if self.drop_last else math.ceil(n / size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Any]:
        """Where the latest epoch is: how many batches of it have been taken, and what decided its order."""
        return dict(self._position)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next iteration go on from a `state_dict`, of a loader that was made in the same way."""
        if not {"seed", "batch", "sampler"} <= {*state_dict}:
            raise ArgumentError("MG180", "The state of a DataLoader has the entries 'seed', 'batch' and 'sampler'.")
        self._position, self._resumed = dict(state_dict), True


def _fetcher(dataset: Any, collate: Callable[[Any], Any], drop_last: bool) -> Callable[[Any], Any]:
    """What makes a batch of its task."""
    if isinstance(dataset, IterableDataset):
        examples = iter(dataset)

        def fetch(size: int | None) -> Any:
            if size is None:
                return collate(next(examples))
            batch = list(itertools.islice(examples, size))
            if not batch or (drop_last and len(batch) < size):
                raise StopIteration
            return collate(batch)

        return fetch
    if type(dataset) is TensorDataset and collate in STACKS:
        return lambda numbers: [
            tensor[numbers] for tensor in dataset.tensors
        ]  # the same, without a tensor for each example

    def fetch_numbered(numbers: Any) -> Any:
        if not isinstance(numbers, list | tuple):
            return collate(dataset[numbers])
        several = getattr(dataset, "__getitems__", None)
        return collate(several(numbers) if several is not None else [dataset[i] for i in numbers])

    return fetch_numbered


def _check(loader: DataLoader, shuffle: Any, sampler: Any, batch_sampler: Any, prefetch: int | None) -> None:
    """Raise for options that contradict each other."""
    size, last, workers = loader.batch_size, loader.drop_last, loader.num_workers
    mistakes = {
        f"`num_workers` is at least 0, got {workers}.": workers < 0,
        f"`timeout` is at least 0, got {loader.timeout}.": loader.timeout < 0,
        f"`prefetch_factor` is at least 1, got {prefetch}.": prefetch is not None and prefetch < 1,
        "`prefetch_factor`, `timeout` and `persistent_workers` are for workers: give `num_workers`, too.": not workers
        and (prefetch is not None or loader.persistent_workers),
        "A data set without numbers (IterableDataset) has its own order: leave out `shuffle`, `sampler` and `batch_sampler`.":
        loader._iterable and (shuffle or sampler is not None or batch_sampler is not None),
        "Either `shuffle` or a `sampler` says in which order examples come.": sampler is not None and bool(shuffle),
        "A `batch_sampler` takes the place of `batch_size`, `shuffle`, `sampler` and `drop_last`.": batch_sampler is not None
        and (size != 1 or bool(shuffle) or sampler is not None or last),
        "Without batches (batch_size=None) there is no last one to drop.": batch_sampler is None and size is None and last,
    }  # fmt: skip
    for text, wrong in mistakes.items():
        if wrong:
            raise ArgumentError("MG180", text)
    check_context(loader.multiprocessing_context)
