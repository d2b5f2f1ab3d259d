"""`torch.utils.benchmark`: how long a statement takes."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..settings import get_num_threads, set_num_threads

__all__ = ["Measurement", "Timer"]


@dataclass
class Measurement:
    """Times in seconds of several rounds, each of which ran the statement `number_per_run` times."""

    number_per_run: int
    raw_times: list[float]
    label: str = ""

    @property
    def times(self) -> list[float]:
        """Seconds for one run, in each round."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        """The mean of `times`."""
        return statistics.fmean(self.times)

    @property
    def median(self) -> float:
        """The median of `times`."""
        return statistics.median(self.times)

    @property
    def iqr(self) -> float:
        """The distance between the quartiles of `times`."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, method="inclusive")
        return high - low

    def __repr__(self) -> str:
        unit, factor = next(
            (u, f) for u, f in (("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)) if self.median * f >= 1 or u == "ns"
        )
        lines = [f"<torch.utils.benchmark.Measurement of {self.label}>", f"  Median: {self.median * factor:.2f} {unit}"]
        if len(self.times) > 1:
            lines.append(f"  IQR:    {self.iqr * factor:.2f} {unit}")
        return "\n".join([*lines, f"  {len(self.times)} measurements, {self.number_per_run} runs per measurement"])


@dataclass
class Timer:
    """Runs `stmt`, after `setup`, with the names in `globals`, on `num_threads` threads.

    >>> Timer("x + 1", globals={"x": 1}).timeit(10).number_per_run
    10
    """

    stmt: str = "pass"
    setup: str = "pass"
    global_setup: str = ""
    timer: Callable[[], float] = time.perf_counter
    globals: dict[str, Any] | None = None
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1
    _timer: timeit.Timer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._timer = timeit.Timer(self.stmt, self.setup, self.timer, dict(self.globals or {}))

    def timeit(self, number: int = 1000000) -> Measurement:
        """The time of one round of so many runs, after a warm-up."""
        return self._measured(number, lambda times: bool(times))

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Rounds of as many runs as take a thousandth of `min_run_time` or more, until they took that long together."""
        number = 1
        while self._seconds(number) < min_run_time / 1000:
            number *= 10

        def enough(times: list[float]) -> bool:
            if times and callback is not None:
                callback(number, times[-1])
            return sum(times) >= min_run_time

        return self._measured(number, enough)

    def _measured(self, number: int, enough: Callable[[list[float]], bool]) -> Measurement:
        times: list[float] = []
        self._seconds(max(number // 100, 2))
        while not enough(times):
            times.append(self._seconds(number))
        title = ": ".join(part for part in (self.label or self.stmt, self.sub_label, self.description) if part)
        return Measurement(number, times, title)

    def _seconds(self, number: int) -> float:
        before = get_num_threads()
        set_num_threads(self.num_threads)
        try:
            return self._timer.timeit(number)
        finally:
            set_num_threads(before)
