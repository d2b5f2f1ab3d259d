"""Rules about parameters and the steps that the optimiser takes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...errors import format_location
from ...tape import topological
from .case import Case, inputs_of, layer_of, rate_of, written
from .diagnosis import Finding
from .graph import rms
from .trial import FACTORS, REPLACING

LARGE_STEP, TINY_STEP = 0.1, 1e-5  # of a weight's size
FARTHER = 1000.0  # times the step


def no_gradient(case: Case) -> Iterator[Finding]:
    """Parameters that should be trained and that the loss does not depend on."""
    trained = {name: p for name, p in case.parameters.items() if p.node is not None}
    held = None if case.optimizer is None else {id(p) for g in case.optimizer.param_groups for p in g["params"]}
    missing = [
        name
        for name, p in trained.items()
        if p.node not in case.seen.adjoints and (held is None or id(p) in held or len(case.gradients) == 0)
    ]
    if not case.parameters or (trained and not missing):
        yield from _zero_gradient(case)
        return
    if not trained:
        yield Finding(
            "no gradient", "model",
            f"None of the {len(case.parameters)} parameters requires a gradient.", "All of the model is frozen.",
            "Let those train that should.", "model.requires_grad_(True)", {"parameters": float(len(case.parameters))},
        )  # fmt: skip
        return
    shown = ", ".join(f"`{name}`" for name in missing[:4]) + (
        f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    )
    evidence = f"{len(missing)} of {len(trained)} parameters get no gradient: {shown}."
    numbers = {"parameters": float(len(missing))}
    if (where := _cut_after(case, missing)) is not None:
        yield Finding(
            "no gradient", missing[0], evidence, f"What is computed from them is cut off from the loss: {where}.",
            "Leave out what cuts it off, or use the `mg.` function on the tensor.",
            "h = self.layer(x)  # without .detach()", numbers,
        )  # fmt: skip
        return
    yield Finding(
        "no gradient", missing[0], evidence, "The forward pass does not use them.",
        "Use the layer in `forward`, or take it out of the model.", f"h = {written(layer_of(missing[0]), 'self')}(h)", numbers,
    )  # fmt: skip


def _zero_gradient(case: Case) -> Iterator[Finding]:
    """Parameters whose gradient is 0 in every step."""
    zero = [
        name
        for name, g in case.gradients.items()
        if name in case.trial.always_zero and not np.any(g) and case.trial.steps > 4
    ]
    if not zero or (len(zero) == len(case.gradients) and case.seen.value == 0):  # there is nothing left to learn
        return
    shown = ", ".join(f"`{name}`" for name in zero[:4]) + (f" and {len(zero) - 4} more" if len(zero) > 4 else "")
    yield Finding(
        "no gradient", zero[0],
        f"The gradient of {len(zero)} of {len(case.gradients)} parameters is exactly 0 in {case.trial.steps} steps: {shown}.",
        "What is computed from them is multiplied by zero, clipped, or behind units that are off.",
        "Look at what follows them.", f"print(mg.why({written(zero[0])}, of=loss))", {"parameters": float(len(zero))},
    )  # fmt: skip


def _cut_after(case: Case, missing: list[str]) -> str | None:
    """What cut off something that was computed from one of these parameters."""
    nodes = {case.parameters[name].node for name in missing}
    for node, cut in case.seen.probe.cuts.items():
        if nodes & set(topological([node])):
            return str(cut)
    if case.seen.loss.cut is not None:
        return str(case.seen.loss.cut)
    silent = [call for call in case.seen.probe.calls if getattr(call.output, "cut", None) is not None]
    named = {name.rpartition(".")[0] for name in missing}
    for call in silent:
        if call.layer in named:
            return f"{call.output.cut.what} at {format_location(call.output.cut.where)}"
    return None


def outside_optimizer(case: Case) -> Iterator[Finding]:
    """Parameters that get a gradient and that the optimiser does not have."""
    if case.optimizer is None:
        return
    held = {id(p) for group in case.optimizer.param_groups for p in group["params"]}
    ours = {id(p) for p in case.parameters.values()}
    missing = [name for name in case.gradients if id(case.parameters[name]) not in held]
    if not missing:
        return
    shown = ", ".join(f"`{name}`" for name in missing[:4]) + (
        f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    )
    strangers = len(held - ours)
    cause = (
        f"The optimiser was made for other parameters, {strangers} of which the model no longer has: a layer was replaced later."
        if strangers
        else "They were not given to the optimiser."
    )
    yield Finding(
        "not in optimizer", missing[0],
        f"{len(missing)} of {len(case.gradients)} parameters with a gradient are not in the optimiser: {shown}.",
        cause, "Make the optimiser from all parameters, after the model is complete.",
        f"optimizer = mg.optim.{type(case.optimizer).__name__}(model.parameters(), lr={rate_of(case):g})",
        {"parameters": float(len(missing)), "strangers": float(strangers)},
    )  # fmt: skip


def ascent(case: Case) -> Iterator[Finding]:
    """Steps along the gradient in the place of against it."""
    trial = case.trial
    if not trial.ascent > 0.05:
        return
    rise = f" In {len(trial.losses) - 1} steps the loss goes from {trial.losses[0]:.4g} to {trial.losses[-1]:.4g}."
    maximize = any(group.get("maximize") for group in case.optimizer.param_groups) if case.optimizer else False
    yield Finding(
        "wrong sign", "optimizer",
        f"The cosine between the gradient and the optimiser's step is {trial.ascent:+.2f}; descending it is negative.{rise}",
        "The optimiser has `maximize=True`." if maximize else "The optimiser steps along the gradient.",
        "Leave it out." if maximize else "Step against the gradient.",
        f"optimizer = mg.optim.{type(case.optimizer).__name__}(model.parameters(), lr={rate_of(case):g})",
        {"cosine": trial.ascent},
    )  # fmt: skip


def large_rate(case: Case) -> Iterator[Finding]:
    """Steps that are large beside the weights, and after which the loss is higher; or that leave nothing of the weights.

    A weight that starts smaller than 1/√inputs, such as the last one of a policy, counts as if it had this size.
    """
    trial = case.trial
    ratio = max((_against_inputs(case, name) for name in _weights(case)), default=0.0)
    if len(trial.losses) < 2 or not math.isfinite(trial.losses[0]):
        return
    start = trial.losses[0]
    tail = float(np.median(trial.losses[-4:]))
    higher = not all(map(math.isfinite, trial.losses)) or tail > start + 0.05 * abs(start)
    rises = max(trial.losses[1:4]) - start > max(abs(start), abs(trial.slope))
    found = (ratio > LARGE_STEP and higher) or (ratio > 2 and rises) or ratio > REPLACING
    weight = max(_weights(case), key=lambda name: _against_inputs(case, name), default="")
    if found and not math.isfinite(ratio) and any(below < start for below in trial.below.values()):
        evidence = f"One step changes `{weight}` by more than its dtype can hold; the loss was {start:.4g}."
        better = 1e-3
    elif found and trial.lowering is not None:
        evidence = (
            f"One step changes `{weight}` by {100 * ratio:.3g} % of its size (about 0.1 % is usual), and after "
            f"{_counted(len(trial.losses) - 1)} on this batch the loss is {tail:.4g}, from {start:.4g}; "
            f"{_part(trial.lowering)} of it lowers it."
        )
        better = rate_of(case) * 10.0 ** round(math.log10(1e-2 / ratio))
    else:
        return
    yield Finding(
        "learning rate too large", "optimizer", evidence,
        f"The learning rate {rate_of(case):g} is too large.",
        "Lower it.",
        f"optimizer = mg.optim.{type(case.optimizer).__name__}(model.parameters(), lr={better:.0e})",
        {"ratio": ratio, "before": start, "after": tail}, {"lr": float(f"{better:.0e}")},
    )  # fmt: skip


def small_rate(case: Case) -> Iterator[Finding]:
    """Steps that are nothing beside the weights, while ones a thousand times as large would still lower the loss; or that are
    rounded away.
    """
    trial = case.trial
    ratio = _step(case)
    if ratio == 0.0 and rate_of(case) > 0 and any(np.any(g) for g in case.gradients.values()):
        yield Finding(
            "learning rate too small", "optimizer",
            f"One step changes no weight: at the learning rate {rate_of(case):g} it is lost in rounding.",
            f"The learning rate {rate_of(case):g} is too small.",
            "Raise it.",
            f"optimizer = mg.optim.{type(case.optimizer).__name__}(model.parameters(), lr=1e-3)",
            {"ratio": 0.0}, {"lr": 1e-3},
        )  # fmt: skip
        return
    if ratio is None or not (ratio < TINY_STEP and trial.slope < 0 and trial.not_higher(FARTHER)):
        return
    farthest = max(factor for factor in trial.line if trial.not_higher(factor))
    better = rate_of(case) * 10.0 ** round(math.log10(1e-3 / ratio)) if ratio > 0 else 1e-3
    yield Finding(
        "learning rate too small", "optimizer",
        f"One step changes the weights by {100 * ratio:.2g} % of their size (about 0.1 % is usual), and a step {farthest:,.0f} "
        "times as large would not be too large.",
        f"The learning rate {rate_of(case):g} is too small.",
        "Raise it.",
        f"optimizer = mg.optim.{type(case.optimizer).__name__}(model.parameters(), lr={better:.0e})",
        {"ratio": ratio, "farther": farthest}, {"lr": float(f"{better:.0e}")},
    )  # fmt: skip


def _part(part: float) -> str:
    """A part of a step in words."""
    return "a hundredth" if part == FACTORS[0] else f"{part:.0e}"


def _counted(steps: int) -> str:
    return "one step" if steps == 1 else f"{steps} steps"


def _against_inputs(case: Case, name: str) -> float:
    """rms(step) / max(rms(weight), 1/√inputs)."""
    inputs = next((inputs_of(use) for use in case.graph.weight_uses if use.parameter == name), None)
    weight = rms(case.parameters[name].raw)
    usual = max(inputs, 1) ** -0.5 if inputs is not None else 0.0
    return case.trial.ratios[name] * weight / max(weight, usual)


def _weights(case: Case) -> list[str]:
    """The parameters with a ratio: matrices and kernels, if there are any."""
    named = [name for name in case.trial.ratios if case.parameters[name].ndim > 1]
    return named or list(case.trial.ratios)


def _step(case: Case) -> float | None:
    """The largest ratio of step to weight."""
    return max((case.trial.ratios[name] for name in _weights(case)), default=None)
