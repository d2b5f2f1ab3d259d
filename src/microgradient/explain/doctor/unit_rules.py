"""Rules about the units of a layer: dead, saturated, all alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Activation, Case, inputs_of, layer_of, named, rate_of, written
from .diagnosis import Finding
from .graph import rms

_FEW = 8  # units of which a share can be told
_OF_GATED = 0.8
_EXAMPLES = 16  # examples and positions after which a unit that was never on counts as dead


def dead_relu(case: Case) -> Iterator[Finding]:
    """Units that are zero for every example, far more than a symmetric initialisation and chance would give.

    A random layer has as many units that are never on as such that are always on, by symmetry; and a unit that is on with
    probability a is off for all of n examples with (1 - a)ⁿ. More than half of the units and three times that is the rule.
    """
    for act in case.activations:
        if act.kind != "relu" or not act.outputs.size or case.graph.after_the_weights(act.node):
            continue
        n, units = act.inputs.shape
        dead = float(act.dead.mean())
        on = float(act.always_on.mean())
        expected = max(on, _dead_by_chance(act))
        if on > 0 and dead + on > 0.95:  # no unit tells examples apart: which sign it has is a coin's toss
            expected = 0.5
        if n < _EXAMPLES or (units < _FEW and dead < 1):
            continue
        if not (dead > 0.5 and dead > 3 * expected):
            continue
        yield _dead_finding(case, act, dead, expected)
        return


def _dead_by_chance(act: Activation) -> float:
    on = (act.inputs > 0).mean(axis=0)
    live = on[on > 0]
    return float(np.mean((1 - live) ** len(act.inputs))) if live.size else 0.0


def _dead_finding(case: Case, act: Activation, dead: float, expected: float) -> Finding:
    n, units = act.inputs.shape
    layer = act.layer
    evidence = (
        f"{round(dead * units)} of {units} relus behind `{named(layer)}` are 0 for all of {n:,} examples and positions; by "
        f"chance {100 * expected:.2g} % would be."
    )
    bias = next((b for b in (f"{layer}.bias", "bias") if b in case.parameters), None)
    offset = np.asarray(case.parameters[bias].raw) if bias is not None else np.zeros(1)
    if bias is not None and offset.shape == (units,) and np.mean(~((act.inputs - offset) > 0).any(axis=0)) < 0.5 * dead:
        return Finding(
            "dead relu", named(layer), evidence,
            f"The biases lie below everything that the inputs bring: their mean is {offset.mean():.3g}, the weighted sums reach "
            f"{(act.inputs - offset).max():.3g}.",
            "Start the biases at zero.",
            f"nn.init.zeros_({written(bias)})",
            {"dead": dead, "expected": expected, "bias": float(offset.mean())},
        )  # fmt: skip
    moved = {
        use.parameter: case.trial.fresh[use.parameter] * max(inputs_of(use), 1) ** 0.5
        for use in case.graph.weight_uses
        if use.parameter in case.trial.fresh
    }
    if moved and (largest := max(moved.values())) > 1:
        better = rate_of(case) * 10.0 ** round(math.log10(1e-2 / largest))
        return Finding(
            "learning rate too large", "optimizer",
            f"{evidence} One first step of such an optimiser moves weights by {largest:.3g} times the size at which they start.",
            "Steps that were too large have pushed the weighted sums below zero for good.",
            "Lower the learning rate, and draw the weights anew.",
            f"optimizer = mg.optim.{type(case.optimizer).__name__}(model.parameters(), lr={better:.0e})",
            {"dead": dead, "expected": expected, "step": largest}, {"lr": float(f"{better:.0e}")},
        )  # fmt: skip
    return Finding(
        "dead relu", named(layer), evidence,
        "The weights make every weighted sum negative: a step that was too large, or an initialisation that is not centred.",
        "Draw these weights anew and lower the learning rate, or let some gradient pass below zero.",
        f"nn.init.kaiming_normal_({written(layer)}.weight, nonlinearity='relu')  # or nn.LeakyReLU() behind it",
        {"dead": dead, "expected": expected},
    )  # fmt: skip


def saturation(case: Case) -> Iterator[Finding]:
    """Hidden sigmoids and tanhs that are flat for more than half of the entries: derivative below 1 % of its largest.

    In gated layers, as of an LSTM, 80 %: gates learn to be open or shut, and let the gradient pass beside the tanh.
    """
    for act in case.activations:
        if act.kind == "relu" or case.graph.after_the_weights(act.node) or act.inputs.size < _EXAMPLES:
            continue
        gated = {"sigmoid", "tanh"} <= {other.kind for other in case.activations if other.layer == act.layer}
        if not (flat := act.saturated) > (_OF_GATED if gated else 0.5):
            continue
        z = rms(act.inputs)
        yield Finding(
            "saturation", named(act.layer),
            f"{100 * flat:.0f} % of the {act.kind}s behind `{named(act.layer)}` are flat: their inputs have the root mean "
            f"square {z:.3g}, and beyond {'3' if act.kind == 'tanh' else '6'} the derivative is below 1 % of its largest.",
            *_why_saturated(act),
            {"saturated": flat, "rms": z},
        )  # fmt: skip
        return


def _why_saturated(act: Activation) -> tuple[str, str, str]:
    use = act.source
    if use is None:
        return "What enters it is too large.", "Divide what enters by its standard deviation.", "x = x / x.std()"
    std, right = float(np.std(use.weight)), max(inputs_of(use), 1) ** -0.5
    return (
        f"The weights are too large: their standard deviation is {std:.2g} where {right:.2g} keeps a signal's size.",
        "Initialise them for their number of inputs.",
        f"nn.init.xavier_normal_({written(use.parameter)})",
    )


def symmetric(case: Case) -> Iterator[Finding]:
    """A layer whose units are all the same, and whose gradients are, so that they stay the same."""
    for use in case.graph.weight_uses:
        w, g = case.parameters[use.parameter].raw, case.gradients.get(use.parameter)
        if g is None or w.ndim < 2:
            continue
        for axis in (0, 1):
            if w.shape[axis] > 1 and _all_alike(w, axis) and _all_alike(g, axis):
                units = w.shape[axis]
                yield Finding(
                    "symmetric initialisation", named(layer_of(use.parameter)),
                    f"All {units} units of `{use.parameter}` have the same weights, {w.flat[0]:.4g} …, and gradients.",
                    "Units that start alike stay alike: the layer has one unit in effect.",
                    "Draw the weights at random.",
                    f"nn.init.kaiming_uniform_({written(use.parameter)})",
                    {"units": float(units)},
                )  # fmt: skip
                return


def _all_alike(a: Any, axis: int) -> bool:
    first = np.take(a, [0], axis=axis)
    return bool(np.all(np.abs(a - first) <= 1e-6 * np.abs(a).max(initial=0.0)))
