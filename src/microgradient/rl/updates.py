"""Updates as compiled calls: one for a minibatch, one for many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from ..tensor import Tensor


def program(function: Callable[..., Any], compiled: bool = True) -> Callable[..., Any]:
    """`function` of tensors as a function that takes arrays too: compiled, or as it is.

    >>> program(lambda x: 2 * x)(np.ones(2, np.float32))
    tensor([2., 2.])
    """
    if compiled:
        return mg.compile(function, dynamic=False)
    return lambda *args: function(*(Tensor(x) if isinstance(x, np.ndarray) else x for x in args))


class Update:
    """`step`, a function of one minibatch that changes parameters and returns the loss, for many minibatches in a row
    without Python's part: they lie along the first axis of the arrays.

    >>> w = mg.tensor(0.0, requires_grad=True)
    >>> optimizer = mg.optim.SGD([w], lr=0.25)
    >>> def step(x):
    ...     optimizer.zero_grad()
    ...     loss = mg.mean((w - x) ** 2)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> Update(step)(np.array([[1.0], [1.0], [1.0]], np.float32)), w.item()
    (0.4375, 0.875)
    """

    def __init__(self, step: Callable[..., Any], compiled: bool = True) -> None:
        self._single = program(step, compiled)
        self._at, self._total = Tensor(np.zeros((), np.int64)), Tensor(np.zeros((), np.float32))
        self._compiled = compiled

        def walk(*arrays: Any) -> Any:
            loss = step(*(array[self._at] for array in arrays))
            with mg.no_grad():
                self._at.data = (self._at + 1).data
                self._total.data = (self._total + loss).data
            return self._total

        self._walk = program(walk, compiled)

    def __call__(self, *arrays: NDArray[Any]) -> float:
        """The mean of the losses."""
        count = len(arrays[0])
        if count == 1 or not self._compiled:
            return float(np.mean([self._single(*(array[i] for array in arrays)).item() for i in range(count)]))
        self._at.data, self._total.data = np.zeros((), np.int64), np.zeros((), np.float32)
        return float(self._walk.repeat(count, *arrays).item()) / count  # type: ignore[attr-defined]


class Optimizers:
    """Several optimisers with the state of one: parameters are counted through, groups follow each other.

    >>> a, b = (mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.1) for _ in range(2))
    >>> [group["params"] for group in Optimizers(a, b).state_dict()["param_groups"]]
    [[0], [1]]
    """

    def __init__(self, *optimizers: Any) -> None:
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        """Let each take a step."""
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """The states of all as if they were of one."""
        states: dict[int, Any] = {}
        groups: list[dict[str, Any]] = []
        for first, optimizer in zip(self._firsts(), self.optimizers, strict=True):
            found = optimizer.state_dict()
            states |= {first + index: state for index, state in found["state"].items()}
            groups += [{**group, "params": [first + i for i in group["params"]]} for group in found["param_groups"]]
        return {"state": states, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Give each its part."""
        groups = [*state["param_groups"]]
        for first, optimizer in zip(self._firsts(), self.optimizers, strict=True):
            own, groups = groups[: len(optimizer.param_groups)], groups[len(optimizer.param_groups) :]
            own = [{**group, "params": [i - first for i in group["params"]]} for group in own]
            indices = {i for group in own for i in group["params"]}
            states = {i - first: entries for i, entries in state["state"].items() if i - first in indices}
            optimizer.load_state_dict({"state": states, "param_groups": own})

    def _firsts(self) -> Sequence[int]:
        counts = [sum(len(group["params"]) for group in optimizer.param_groups) for optimizer in self.optimizers]
        return [sum(counts[:i]) for i in range(len(counts))]
