"""What the doctor sees of one forward and backward pass: every operation with its numbers, its layer and its line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ...array_world import ARRAY
from ...errors import ArgumentError, ArgumentTypeError, format_location, user_frame
from ...nn import Module
from ...tape import Cut, Node, Recorder, backward, recording, topological
from ...tensor import Tensor


class Event(NamedTuple):
    """One operation: the raw data of its arguments and its result, the path of the layer that ran it, its line."""

    args: tuple[Any, ...]
    value: Any
    layer: str
    location: tuple[str, int]

    @property
    def where(self) -> str:
        """The line as `train.py:14`."""
        return format_location(self.location)


class Call(NamedTuple):
    """One call of a module: its path, what it was given and what it returned."""

    layer: str
    module: Module
    args: tuple[Any, ...]
    output: Any


class Quiet(Recorder):
    """Tapes operations and looks at none. Under it compiled functions run as they are written, and nothing is compiled."""


class Probe(Quiet):
    """Records events while a loss is computed; knows which layer is running by hooks of the model's modules."""

    def __init__(self, model: Module) -> None:
        self.events: dict[Node, Event] = {}
        self.calls: list[Call] = []
        self.cuts: dict[Node, Cut] = {}
        self._running = [""]
        self._model = model

    def record(self, node: Node, args: Sequence[Any], y: Any) -> None:
        """Called by the engine for each operation that goes on the tape."""
        at = user_frame(sys._getframe(1))
        self.events[node] = Event(tuple(args), y, self._running[-1], (at.f_code.co_filename, at.f_lineno))

    def note_cut(self, node: Node, cut: Cut) -> None:
        """Called by the engine where the value of `node` is used as a constant."""
        self.cuts.setdefault(node, cut)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Inside, the model's modules tell when they run."""
        handles = []
        for path, module in self._model.named_modules():
            handles.append(module.register_forward_pre_hook(self._entering(path), prepend=True))
            handles.append(module.register_forward_hook(self._leaving(path), prepend=True, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _entering(self, path: str) -> Callable[..., None]:
        def enter(module: Module, args: Any) -> None:
            self._running.append(path)

        return enter

    def _leaving(self, path: str) -> Callable[..., None]:
        def leave(module: Module, args: Any, output: Any) -> None:
            self._running.pop()
            self.calls.append(Call(path, module, args, output))

        return leave


class Pass:
    """One forward and backward pass: the probe's record, the loss and every gradient. It changes no `grad`."""

    def __init__(self, probe: Probe, loss: Tensor) -> None:
        self.probe, self.loss = probe, loss
        self.value = float(loss.raw.reshape(()))
        self.order: list[Node] = []  # in order of evaluation
        self.adjoints: dict[Node, Any] = {}
        self.uses: list[tuple[Node, int, Any, Any]] = []  # node, argument, upstream, contribution; latest first
        if loss.node is None:
            return
        latest_first = topological([loss.node])
        self.order = latest_first[::-1]
        with np.errstate(all="ignore"):
            seed = np.ones(loss.raw.shape, loss.raw.dtype)
            self.adjoints = backward(latest_first, {loss.node: seed}, ARRAY, observe=self._observe)

    def _observe(self, node: Node, argument: int, upstream: Any, contribution: Any) -> None:
        self.uses.append((node, argument, upstream, contribution))


@contextmanager
def taping(recorder: Recorder) -> Iterator[None]:
    """Inside, `recorder` tapes, whatever is recorded outside."""
    token = recording.set(recorder)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        recording.reset(token)


def observed(model: Module, loss_fn: Callable[..., Any], batch: Any) -> Pass:
    """Compute the loss once and differentiate it, looking at everything."""
    probe = Probe(model)
    with taping(probe):
        with probe.attached():
            loss = checked(loss_fn(model, batch))
        return Pass(probe, loss)


def checked(loss: Any) -> Tensor:
    """The loss, if it is one number."""
    if not isinstance(loss, Tensor):
        raise ArgumentTypeError(
            "MG116",
            f"`loss_fn(model, batch)` has to return the loss, a tensor; it returned {type(loss).__name__}. Write `return loss`.",
        )
    if loss.raw.size != 1:
        raise ArgumentError(
            "MG101",
            f"`loss_fn(model, batch)` has to return one number; its loss has shape {loss.shape}. Write `return mg.mean(loss)`.",
        )
    return loss


def predicted(calls: list[Call]) -> Any:
    """The output of the whole model in its last call, with a row an example; None if it is no array of floats."""
    output = next((call.output for call in reversed(calls) if call.layer == ""), None)
    if not isinstance(output, Tensor) or output.raw.dtype.kind != "f" or not output.raw.ndim or not len(output.raw):
        return None
    return np.asarray(output.raw, np.float64).reshape(len(output.raw), -1)
