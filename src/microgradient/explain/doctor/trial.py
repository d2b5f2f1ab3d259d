"""A few steps of training on the one batch, to see what the optimiser does: all of it is undone afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ... import optim
from ...array_world import ARRAY
from ...nn import Module
from ...operators import wrap
from ...optim import Optimizer
from ...random import shared_generator
from ...tape import backward, topological
from ...tensor import Tensor
from .graph import rms, size
from .probe import Call, Pass, Quiet, checked, predicted, taping

STEPS = 12  # with the user's optimiser
OWN_STEPS = 20  # with one of ours, where there is none or it gets nowhere
PARTS = (1e-2, 1e-3, 1e-4)  # of the weights' norm, by which to go against the gradient
FITTING = 0.01  # of a weight's size: a step that is not too large
REPLACING = 10.0  # times a weight's size: a step that leaves nothing of it, worth a look where no steps were asked for
FACTORS = (0.01, 10.0, 100.0, 1e3, 1e4)  # of the optimiser's step, along which the loss is looked at


class Trial:
    """What the optimiser would do. All steps see the same batch and the same random numbers.

    `ratios` has rms(step) / rms(weight) by parameter, `losses` the loss before each of the steps and after the last,
    `line` the loss at multiples of the first step, `lowering` the part of it that lowers the loss, if one does, `slope` the
    change that it promises, gradient · step; `ascent` is the cosine between the gradient and a first step from a new state,
    of which `fresh` has the root mean squares.
    Without an optimiser these are empty or NaN. `own` has the losses of steps of Adam, each parameter at a rate that
    suits its size, and `below` those a little against the gradient.
    """

    def __init__(
        self,
        model: Module,
        loss_fn: Callable[[Module, Any], Any],
        batch: Any,
        optimizer: Optimizer | None,
        seen: Pass,
        random_state: dict[str, int],
        taken: bool = True,
    ) -> None:
        self._model, self._loss_fn, self._batch, self._state = model, loss_fn, batch, random_state
        self.ratios: dict[str, float] = {}
        self.losses: list[float] = [seen.value]
        self.line: dict[float, float] = {}
        self.lowering: float | None = None
        self.slope = self.ascent = math.nan
        self.fresh: dict[str, float] = {}
        self.own: list[float] = [seen.value]
        self.below: dict[float, float] = {}
        self.predictions: Any = None  # of the last step
        self.steps = 0
        self.always_zero: set[str] = set()
        self._largest: dict[str, float] = {}
        self._names = {id(p): name for name, p in model.named_parameters()}
        self._start = {id(p): p.raw.copy() for p in model.parameters()}
        if not taken and optimizer is None:
            return
        found = [seen.adjoints[p.node] for p in self._trained(model.parameters(), seen) if p.node is not None]
        if not (found and math.isfinite(seen.value) and all(np.isfinite(g).all() for g in found)):
            return
        if optimizer is not None and not self._by_optimizer(optimizer, seen, taken):
            return
        if optimizer is None or not self.losses[-1] < 0.95 * self.losses[0]:
            self._by_adam(seen)
        self.steps = max(len(self.losses), len(self.own)) - 1
        self.always_zero = {name for name, g in self._largest.items() if g == 0}

    def not_higher(self, factor: float) -> bool:
        """Whether the loss is not higher, but for rounding, after `factor` times the step."""
        start = self.losses[0]
        return self.line.get(factor, math.inf) <= start + 1e-5 * abs(start)

    def _trained(self, parameters: Iterable[Tensor], seen: Pass) -> list[Tensor]:
        return [p for p in parameters if p.node is not None and seen.adjoints.get(p.node) is not None]

    def _by_optimizer(self, optimizer: Optimizer, seen: Pass, taken: bool) -> bool:
        """Follow its steps: all of them, or unless `taken` no more than one that is not large. Whether they were followed."""
        optimizer._hooks = ()
        held = [p for group in optimizer.param_groups for p in group["params"]]
        trained = self._trained(held, seen)
        if not trained:
            return taken
        gradients = {id(p): seen.adjoints[p.node] for p in trained if p.node is not None}
        if optimizer.needs_closure:
            return taken
        if taken:
            self.ascent = self._compare_with_a_new(optimizer, gradients)
        before = {id(p): p.raw.copy() for p in held}
        self._step(optimizer, held, gradients)
        moved = {id(p): p.raw - before[id(p)] for p in trained}
        self.slope = float(sum(np.vdot(gradients[id(p)].astype(np.float64), moved[id(p)]) for p in trained))
        for p in trained:
            touched = gradients[id(p)] != 0  # of an embedding, the rows that were used
            if id(p) in self._names and (weight := rms(before[id(p)][touched])) > 0:
                self.ratios[self._names[id(p)]] = rms(moved[id(p)][touched]) / weight
        if not taken and self._largest_step() <= REPLACING:
            self.ratios, self.slope = {}, math.nan
            for p in held:
                p.store(before[id(p)].copy())
            return False
        after = {id(p): p.raw.copy() for p in held}
        self._look_along(trained, before, moved)
        for p in held:
            p.store(after[id(p)].copy())
        for _ in range(STEPS - 1):
            loss, gradients = self._loss(held)
            self.losses.append(loss)
            if not math.isfinite(loss):
                return True
            self._step(optimizer, held, gradients)
        self.losses.append(self._loss()[0])
        for p in held:
            p.store(before[id(p)].copy())
        return True

    def _look_along(self, trained: list[Tensor], before: dict[int, Any], moved: dict[int, Any]) -> None:
        """The loss at multiples of a step; where a hundredth is still too far, at one that changes the weights a little."""

        def at(factor: float) -> float:
            for p in trained:
                p.store((before[id(p)] + factor * moved[id(p)]).astype(p.raw.dtype))
            return self._loss()[0]

        for factor in FACTORS:
            self.line[factor] = at(factor)
            if not self.not_higher(factor) and factor > 1:
                break
        ratio = self._largest_step()
        tried = [FACTORS[0]]
        if ratio > 1 and math.isfinite(ratio):
            small = 10.0 ** round(math.log10(FITTING / ratio))
            tried += [part for part in (small, small / 100) if part < FACTORS[0]]
        for part in tried:
            if (self.line[part] if part in self.line else at(part)) < self.losses[0]:
                self.lowering = part
                break

    def _largest_step(self) -> float:
        """The largest ratio of a matrix or kernel, if there is any."""
        shaped = {name for name, p in self._model.named_parameters() if p.ndim > 1}
        ratios = self.ratios
        return max((ratios[name] for name in shaped & ratios.keys() or ratios), default=0.0)

    def _by_adam(self, seen: Pass) -> None:
        trained = self._trained(self._model.parameters(), seen)
        for p in trained:
            p.store(self._start[id(p)].copy())
        self._look_down(trained, seen)
        groups = [{"params": [p], "lr": max(0.02 * rms(p.raw), 1e-3)} for p in trained]
        adam = optim.Adam(groups)
        gradients = {id(p): seen.adjoints[p.node] for p in trained if p.node is not None}
        for _ in range(OWN_STEPS):
            self._step(adam, trained, gradients)
            loss, gradients = self._loss(trained)
            self.own.append(loss)
            if not math.isfinite(loss):
                break
        for p in trained:
            p.store(self._start[id(p)].copy())

    def _look_down(self, trained: list[Tensor], seen: Pass) -> None:
        """The loss a little against the gradient."""
        pairs = [(p, self._start[id(p)], seen.adjoints[p.node]) for p in trained if p.node is not None]
        down, weights = math.hypot(*(size(g) for _, _, g in pairs)), math.hypot(*(size(w) for _, w, _ in pairs))
        length = (
            min(weights, 10 * abs(seen.value) / down) if down > 0 else 0.0
        )  # the latter promises ten times the loss
        for part in PARTS if down > 0 else ():
            for p, w, g in pairs:
                p.store((w - part * length / down * g).astype(w.dtype))
            self.below[part] = self._loss()[0]
            if self.below[part] < self.losses[0]:
                break
        for p, w, _ in pairs:
            p.store(w.copy())

    def _compare_with_a_new(self, optimizer: Optimizer, gradients: dict[int, Any]) -> float:
        """The cosine between the gradient and the first step of a new optimiser like this one; NaN if it has no formula."""
        if not optimizer._has_formula:
            return math.nan
        dot = g2 = d2 = 0.0
        for group in optimizer.param_groups:
            for p in group["params"]:
                g = gradients.get(id(p))
                if g is None or p.raw.dtype.kind != "f":
                    continue
                signed = -g if group.get("maximize") else g
                plain = {**group, "weight_decay": 0.0} if "weight_decay" in group else dict(group)
                step = optimizer.updated(ARRAY, p.raw, signed, optimizer.first_state(p, group), plain) - p.raw
                if id(p) in self._names and g.any():
                    self.fresh[self._names[id(p)]] = rms(step[g != 0])
                a, b = g.astype(np.float64).ravel(), np.asarray(step, np.float64).ravel()
                dot, g2, d2 = dot + float(a @ b), g2 + float(a @ a), d2 + float(b @ b)
        return dot / math.sqrt(g2 * d2) if g2 > 0 and d2 > 0 else math.nan

    def _step(self, optimizer: Optimizer, parameters: list[Tensor], gradients: dict[int, Any]) -> None:
        for p in parameters:
            g = gradients.get(id(p))
            if p.node is not None:
                p.grad = None if g is None else wrap(np.asarray(g), None, None, p.result_class)
        optimizer.step()

    def _loss(self, parameters: Iterable[Tensor] = ()) -> tuple[float, dict[int, Any]]:
        """The loss, and the gradients of the parameters that it reaches."""
        shared_generator().set_state(self._state)
        with taping(Quiet()):
            handle = self._model.register_forward_hook(self._keep_predictions)
            loss = checked(self._loss_fn(self._model, self._batch))
            handle.remove()
            value = float(loss.raw.reshape(()))
            if loss.node is None or not parameters:
                return value, {}
            found = backward(topological([loss.node]), {loss.node: np.ones(loss.raw.shape, loss.raw.dtype)}, ARRAY)
            gradients = {id(p): found[p.node] for p in parameters if p.node in found}
            for key, g in gradients.items():
                if (name := self._names.get(key)) is not None:
                    self._largest[name] = max(self._largest.get(name, 0.0), float(np.abs(g).max(initial=0.0)))
            return value, gradients

    def _keep_predictions(self, model: Module, args: Any, output: Any) -> None:
        self.predictions = predicted([Call("", model, args, output)])
