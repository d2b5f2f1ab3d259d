"""What runtime/threadpool_ir.py does, in Python: threads are generators, and `choose` says which one moves next.

A launch is shared by cutting its pieces into a range for each thread. A thread takes from the front of its own range, then from
the others', always through a compare-and-exchange of a range that carries the number of its job: who comes late finds another
number there and goes. So what is called, and on which pieces, does not depend on who moves when; only the order does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Launch(NamedTuple):
    """A kernel's work: how many pieces, whether threads share it, and the status that it leaves."""

    pieces: int
    parallel: bool
    status: int = 0


class Call(NamedTuple):
    """A call of a kernel, and when it began and ended."""

    launch: int
    begin: int
    end: int
    began: int
    ended: int


class Pool:
    """`calls` is what `run` has done so far."""

    def __init__(self, threads: int, choose: Callable[[list[Any]], Any]) -> None:
        self.threads = threads
        self.choose = choose
        self.calls: list[Call] = []
        self.time = 0
        self.job = 0
        self.ranges: list[tuple[int, int]] = [(0, 0)] * threads  # the job, and how many pieces nobody has taken
        self.undone = 0
        self.workers: list[Iterator[None]] = []  # some perhaps still with an old job

    def run(self, launches: list[Launch], repeat: int) -> int:
        """All launches in order, `repeat` times, up to one that leaves a status."""
        for _ in range(repeat):
            for number, launch in enumerate(launches):
                if launch.parallel and launch.pieces > 1 and self.threads > 1:
                    self.share(number, launch.pieces)
                else:
                    for _ in self.call(number, 0, launch.pieces):
                        pass
                if launch.status:
                    return launch.status
        return 0

    def share(self, number: int, pieces: int) -> None:
        """One launch on all threads."""
        self.job, self.undone, n = self.job + 1, pieces, self.threads
        self.ranges = [(self.job, (t + 1) * pieces // n - t * pieces // n) for t in range(n)]
        self.workers += [self.work(me, self.job, number, pieces) for me in range(n)]
        while self.undone:
            worker = self.choose(self.workers)
            if next(worker, "gone") == "gone":
                self.workers.remove(worker)

    def work(self, me: int, job: int, number: int, pieces: int) -> Iterator[None]:
        """What thread `me` does for a job. Between any two steps another thread may move."""
        n = self.threads
        take = max(1, pieces // (8 * n))
        for whose in [(me + k) % n for k in range(n)]:
            while True:
                of, left = self.ranges[whose]
                yield
                if of != job:
                    return
                if not left:
                    break
                taken = min(left, take)
                if self.ranges[whose] != (of, left):  # the exchange fails
                    continue
                self.ranges[whose] = (job, left - taken)
                begin = (whose + 1) * pieces // n - left
                yield from self.call(number, begin, begin + taken)
                self.undone -= taken

    def call(self, number: int, begin: int, end: int) -> Iterator[None]:
        """A kernel's call, during which others move."""
        began, self.time = self.time, self.time + 1
        yield
        self.calls.append(Call(number, begin, end, began, self.time))
        self.time += 1
