"""Rules about signals and gradients on their way through the layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...nn.norm import _BatchNorm
from ...tape import Node
from .case import Activation, Case, layer_of
from .diagnosis import Finding
from .graph import WeightUse, rms, size

LEAST_GAIN, LARGEST_GAIN, FAR = 0.7, 1.4, 50.0
_FEW = 8  # units of which a share can be told
_EXAMPLES = 16  # examples and positions after which a unit that was never on counts as dead


class Profile(NamedTuple):
    """The gradient's norm at each depth, from the first weight's output to what enters the last; and the layer there."""

    norms: list[float]
    layers: list[str]

    @property
    def gain(self) -> float:
        """How much the gradient grows per layer on its way back: the geometric mean."""
        return float((self.norms[0] / self.norms[-1]) ** (1 / (len(self.norms) - 1)))

    @property
    def ratio(self) -> float:
        """First over last."""
        return self.norms[0] / self.norms[-1]

    @property
    def median_gain(self) -> float:
        """The gain that half of the layers exceed."""
        steps = [a / b for a, b in zip(self.norms, self.norms[1:], strict=False)]
        return float(np.median(steps))


def profile(case: Case) -> Profile | None:
    """The largest gradient that crosses from each depth to deeper ones. A residual block counts once."""
    graph = case.graph
    largest: dict[int, tuple[float, Node]] = {}
    for node in graph.order:
        depth, g = graph.depth[node], graph.adjoint(node)
        if depth == 0 or not isinstance(g, np.ndarray):
            continue
        deepest = max((graph.depth[child] for child in graph.children[node]), default=depth)
        for d in range(depth, deepest):
            if d not in largest or size(g) > largest[d][0]:
                largest[d] = size(g), node
    layers: dict[int, str] = {}
    for use in graph.weight_uses:
        layers.setdefault(graph.depth[use.node], layer_of(use.parameter))
    depths = [d for d in sorted(largest) if largest[d][1] is not largest.get(d - 1, (0, None))[1]]
    norms = [largest[d][0] for d in depths]
    if len(depths) < 3 or not all(norm > 0 and np.isfinite(norm) for norm in norms):
        return None
    return Profile(norms, [layers.get(d, "") for d in depths])


def vanishing(case: Case) -> Iterator[Finding]:
    """The gradient shrinks layer by layer: gain per layer below 0.7 and less than 1/50 of it left at the first."""
    p = profile(case)
    if p is None or not (p.gain < LEAST_GAIN and p.median_gain < LEAST_GAIN and p.ratio < 1 / FAR):
        return
    first, last = _named(p.layers[0]), _named(p.layers[-1])
    evidence = (
        f"The gradient shrinks ×{p.gain:.2f} per layer over {len(p.norms)} layers: `{first}` gets "
        f"{100 * p.ratio:.2g} % of what `{last}` gets."
    )
    cause, change, code = _why_vanishing(case)
    yield Finding("vanishing gradient", first, evidence, cause, change, code, {"gain": p.gain, "ratio": p.ratio})


def _why_vanishing(case: Case) -> tuple[str, str, str]:
    hidden = [a for a in case.activations if not case.graph.after_the_weights(a.node)]
    sigmoids = [a for a in hidden if a.kind == "sigmoid"]
    if sigmoids and 2 * len(sigmoids) >= len(hidden):
        return (
            "The derivative of the sigmoid is at most 0.25, and each layer multiplies by it.",
            "Use relu between the layers, with He's initialisation.",
            "nn.ReLU()  # in the place of nn.Sigmoid()\nnn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
        )
    kind = "tanh" if any(a.kind == "tanh" for a in hidden) else "relu"
    std, right = _typical_std(case, kind)
    init = "nn.init.xavier_normal_(layer.weight, gain=5 / 3)" if kind == "tanh" else (
        "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')")  # fmt: skip
    return (
        f"The weights are too small: their standard deviation is {std:.2g} where {right:.2g} keeps a signal's size.",
        "Initialise each weight for its number of inputs, or put a normalisation or a residual connection around each layer.",
        f"for layer in model.modules():\n    if isinstance(layer, (nn.Linear, nn.Conv2d)):\n        {init}",
    )


def exploding(case: Case) -> Iterator[Finding]:
    """The gradient grows layer by layer on its way back: gain above 1.4 and more than 50 times as much at the first."""
    p = profile(case)
    if p is None or not (p.gain > LARGEST_GAIN and p.median_gain > LARGEST_GAIN and p.ratio > FAR):
        return
    first, last = _named(p.layers[0]), _named(p.layers[-1])
    evidence = (
        f"The gradient grows ×{p.gain:.2f} per layer on its way back over {len(p.norms)} layers: `{first}` gets "
        f"{p.ratio:,.0f} times what `{last}` gets."
    )
    std, right = _typical_std(case, "relu")
    yield Finding(
        "exploding gradient", first, evidence,
        f"The weights are too large: their standard deviation is {std:.2g} where {right:.2g} keeps a signal's size.",
        "Initialise each weight for its number of inputs (in a residual branch, its last one by zeros).",
        "for layer in model.modules():\n    if isinstance(layer, (nn.Linear, nn.Conv2d)):\n"
        "        nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
        {"gain": p.gain, "ratio": p.ratio},
    )  # fmt: skip


def _typical_std(case: Case, kind: str) -> tuple[float, float]:
    """The median standard deviation of the weights between the first and the last, and what would keep a signal's size."""
    gain = {"tanh": 5 / 3, "relu": 2**0.5}[kind]
    uses = case.graph.weight_uses[1:-1] or case.graph.weight_uses
    stds = [float(np.std(use.weight)) for use in uses]
    rights = [gain / max(_inputs(use), 1) ** 0.5 for use in uses]
    return float(np.median(stds)), float(np.median(rights))


def _inputs(use: WeightUse) -> int:
    """How many entries each weighted sum has."""
    w, y = np.asarray(use.weight), use.node
    if y.op is not None and y.op.name == "conv":
        return int(np.prod(w.shape[1:]))
    return int(w.shape[0]) if w.ndim == 2 else int(w.shape[-1])


# ----------------------------------------------------------------------------------------------------- dead and saturated


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
        expected = max(float(act.always_on.mean()), _dead_by_chance(act))
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
        f"{round(dead * units)} of {units} relus behind `{_named(layer)}` are 0 for all of {n:,} examples and positions; by "
        f"chance {100 * expected:.2g} % would be."
    )
    bias = next((b for b in (f"{layer}.bias", "bias") if b in case.parameters), None)
    offset = np.asarray(case.parameters[bias].raw) if bias is not None else np.zeros(1)
    if offset.shape == (units,) and np.mean(~((act.inputs - offset) > 0).any(axis=0)) < 0.5 * dead:
        return Finding(
            "dead relu", _named(layer), evidence,
            f"The biases lie below everything that the inputs bring: their mean is {offset.mean():.3g}, the weighted sums reach "
            f"{(act.inputs - offset).max():.3g}.",
            "Start the biases at zero.",
            f"nn.init.zeros_(model.{bias})",
            {"dead": dead, "expected": expected, "bias": float(offset.mean())},
        )  # fmt: skip
    return Finding(
        "dead relu", _named(layer), evidence,
        "The weights make every weighted sum negative: a step that was too large, or an initialisation that is not centred.",
        "Draw these weights anew and lower the learning rate, or let some gradient pass below zero.",
        f"nn.init.kaiming_normal_(model.{layer}.weight, nonlinearity='relu')  # or nn.LeakyReLU() behind it",
        {"dead": dead, "expected": expected},
    )  # fmt: skip


def saturation(case: Case) -> Iterator[Finding]:
    """Hidden sigmoids and tanhs that are flat for more than half of the entries: derivative below 1 % of its largest."""
    for act in case.activations:
        if act.kind == "relu" or case.graph.after_the_weights(act.node) or act.inputs.size < _EXAMPLES:
            continue
        if not (flat := act.saturated) > 0.5:
            continue
        z = rms(act.inputs)
        yield Finding(
            "saturation", _named(act.layer),
            f"{100 * flat:.0f} % of the {act.kind}s behind `{_named(act.layer)}` are flat: their inputs have the root mean "
            f"square {z:.3g}, and beyond {'2.6' if act.kind == 'tanh' else '6'} the derivative is below 1 % of its largest.",
            *_why_saturated(act),
            {"saturated": flat, "rms": z},
        )  # fmt: skip
        return


def _why_saturated(act: Activation) -> tuple[str, str, str]:
    layer, use = act.layer, act.source
    if use is None:
        return "What enters it is too large.", "Divide what enters by its standard deviation.", "x = x / x.std()"
    std, right = float(np.std(use.weight)), max(_inputs(use), 1) ** -0.5
    return (
        f"The weights are too large: their standard deviation is {std:.2g} where {right:.2g} keeps a signal's size.",
        "Initialise them for their number of inputs.",
        f"nn.init.xavier_normal_(model.{use.parameter if layer else 'weight'})",
    )


# ------------------------------------------------------------------------------------------ inputs, symmetry, batch norm


def unnormalised_data(case: Case) -> Iterator[Finding]:
    """Data that enter the first weight with a size or an offset far from 1, where no normalisation follows."""
    for use in case.graph.weight_uses:
        x = np.asarray(use.signal_value)
        if use.signal is not None or x.dtype.kind != "f" or x.size < 2 or not np.isfinite(x).all():
            continue
        if use.node.op is not None and use.node.op.name == "index":
            continue
        z, g = np.asarray(case.graph.value(use.node)), case.graph.adjoint(use.node)
        if g is not None and abs(float(np.vdot(z, g))) < 1e-3 * size(z) * size(g):
            continue  # its size does not matter: a normalisation follows
        large = rms(x)
        axis = tuple(i for i in range(x.ndim) if i != (1 if x.ndim > 2 and _is_conv(use) else x.ndim - 1))
        spread = float(np.median(np.std(x, axis=axis))) or float(np.std(x))
        if not (large > 10 and rms(z) > 10):
            continue
        yield Finding(
            "data not normalised", _named(layer_of(use.parameter)),
            f"What enters `{_named(layer_of(use.parameter))}` has the root mean square {large:.4g} (mean {x.mean():.4g}, "
            f"standard deviation {spread:.3g}), and what leaves it {rms(z):.4g}.",
            "The data come in units of their own, and the initialisation is made for numbers of about 1.",
            "Subtract the mean and divide by the standard deviation, both of the training data.",
            "x = (x - x_train.mean(axis=0)) / x_train.std(axis=0)",
            {"rms": large, "mean": float(x.mean()), "std": spread},
        )  # fmt: skip
        return


def _is_conv(use: WeightUse) -> bool:
    return use.node.op is not None and use.node.op.name.startswith("conv")


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
                    "symmetric initialisation", _named(layer_of(use.parameter)),
                    f"All {units} units of `{use.parameter}` have the same weights, {w.flat[0]:.4g} …, and gradients.",
                    "Units that start alike stay alike: the layer has one unit in effect.",
                    "Draw the weights at random.",
                    f"nn.init.kaiming_uniform_(model.{use.parameter})",
                    {"units": float(units)},
                )  # fmt: skip
                return


def _all_alike(a: Any, axis: int) -> bool:
    first = np.take(a, [0], axis=axis)
    return bool(np.all(np.abs(a - first) <= 1e-6 * np.abs(a).max(initial=0.0)))


def frozen_batch_norm(case: Case) -> Iterator[Finding]:
    """Batch norm in evaluation mode whose running statistics are not those of what enters."""
    for call in case.seen.probe.calls:
        module = call.module
        if not isinstance(module, _BatchNorm) or module.training or module.running_mean is None or not call.args:
            continue
        x = np.asarray(call.args[0].raw, np.float64)
        if x.ndim < 2 or x.size // x.shape[1] < 4:
            continue
        axes = (0, *range(2, x.ndim))
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running, spread = (np.asarray(x.raw) for x in (module.running_mean, module.running_var) if x is not None)
        off = float(np.median(np.abs(mean - running) / np.sqrt(spread + module.eps)))
        ratio = float(np.median((var + module.eps) / (spread + module.eps)))
        if off < 0.5 and 0.5 < ratio < 2:
            continue
        yield Finding(
            "frozen batch norm", _named(call.layer),
            f"`{_named(call.layer)}` is in evaluation mode and its running statistics do not fit: the batch lies {off:.2g} "
            f"standard deviations off, with {ratio:.2g} times the variance.",
            "The model is in evaluation mode while it is trained, so batch norm uses statistics that it never measured.",
            "Switch to training mode before the training loop, and back for evaluation.",
            "model.train()",
            {"offset": off, "variance_ratio": ratio},
        )  # fmt: skip
        return


def _named(layer: str) -> str:
    return layer or "model"
