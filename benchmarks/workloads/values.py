"""W2 for every library with micrograd's `Value`: the loop of micrograd's demo, at a constant rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .definitions import WORKLOADS
from .definitions.dense import VALUES_DECAY, VALUES_RATE
from .definitions.workload import Step


def build(Value: Any, MLP: Any, compile: Callable[[Any], Any] = lambda function: function) -> Step:
    """The step, by one library's classes."""
    workload = WORKLOADS["W2"]
    model = MLP(2, [16, 16, 1])
    for parameter, number in zip(model.parameters(), workload.weights()["parameters"].tolist(), strict=True):
        parameter.data = number
    points, moons = (array.tolist() for array in workload.batch())

    @compile
    def step() -> Any:
        inputs = [[Value(x), Value(y)] for x, y in points]
        scores = [model(point) for point in inputs]
        losses = [(1 + -moon * score).relu() for moon, score in zip(moons, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + VALUES_DECAY * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= VALUES_RATE * p.grad
        return loss

    loss: Any = None

    def run(count: int) -> None:
        nonlocal loss
        for _ in range(count):
            loss = step()

    def repeat(count: int) -> None:
        nonlocal loss
        loss = step.repeat(count)

    return Step(run, lambda: float(loss.data), repeat if hasattr(step, "repeat") else None)
