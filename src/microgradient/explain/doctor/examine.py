"""`mg.doctor`: one pass and a few steps, looked at by every rule."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from ...errors import ArgumentTypeError, MicrogradientError
from ...nn import Module
from ...optim import Optimizer
from ...random import shared_generator
from . import data_rules, depth_rules, fit_rules, loss_rules, number_rules, policy_rules, step_rules, unit_rules
from .case import Case
from .diagnosis import Diagnosis, Finding
from .probe import observed
from .snapshot import left_as_it_was
from .trial import Trial

RULES: tuple[Callable[[Case], Any], ...] = (
    number_rules.not_finite,
    loss_rules.softmax_twice,
    loss_rules.sigmoid_twice,
    loss_rules.no_logarithm,
    loss_rules.unfit_targets,
    loss_rules.stretched,
    loss_rules.wrong_sign,
    step_rules.no_gradient,
    data_rules.unnormalised_data,
    data_rules.unnormalised_targets,
    unit_rules.symmetric,
    unit_rules.dead_relu,
    unit_rules.saturation,
    depth_rules.exploding,
    depth_rules.through_time,
    depth_rules.vanishing,
    data_rules.frozen_batch_norm,
    step_rules.outside_optimizer,
    step_rules.ascent,
    step_rules.large_rate,
    step_rules.small_rate,
    policy_rules.entropy_collapse,
    policy_rules.clipped_errors,
    fit_rules.cannot_overfit,
)
"""In the order in which findings are told."""

_STEPS = ("learning rate too large", "learning rate too small", "cannot overfit")
_SIGNALS = ("vanishing gradient", "exploding gradient", "saturation", "dead relu")
EXPLAINS: dict[str, tuple[str, ...]] = {
    "softmax twice": (*_STEPS, "vanishing gradient"),
    "sigmoid twice": (*_STEPS, "vanishing gradient"),
    "softmax before nll": (*_STEPS, "wrong sign"),
    "labels": (*_STEPS, "saturation"),
    "shape mismatch": _STEPS,
    "wrong sign": _STEPS,
    "data not normalised": (*_SIGNALS, "no gradient", *_STEPS),
    "symmetric initialisation": (*_SIGNALS, *_STEPS),
    "dead relu": ("vanishing gradient", "no gradient", *_STEPS),
    "saturation": ("vanishing gradient", "exploding gradient", "no gradient", *_STEPS),
    "exploding gradient": _STEPS,
    "vanishing gradient": ("learning rate too small", "cannot overfit"),
    "entropy collapse": ("no gradient", "saturation", "cannot overfit", "learning rate too small"),
    "clipped td error": ("no gradient", *_STEPS),
    "cannot overfit": ("no gradient",),
    "not in optimizer": ("cannot overfit",),
    "frozen batch norm": ("cannot overfit", "dead relu"),
    "learning rate too large": ("cannot overfit",),
    "learning rate too small": ("cannot overfit",),
}
"""Which findings another one explains, so that they are hidden. Numbers that are not finite explain all."""


def doctor(
    model: Module, loss_fn: Callable[[Any, Any], Any], batch: Any, optimizer: Optimizer | None = None
) -> Diagnosis:
    """Why does the model not learn, where, and what is to be changed? One line when nothing is wrong.

    `loss_fn(model, batch)` gives the loss, one number. The loss is computed and differentiated once, with a look at every
    operation, and then followed over a few steps on the same batch: all in all less than 50 steps. Afterwards the model, the
    optimiser and the random states are what they were, to the bit, also if `loss_fn` raises an error (which is passed on,
    unless it is about targets that don't fit: that is a finding).

    Rules compare; they know no absolute size. With gₗ the norm of ∂loss/∂(what leaves layer l), through residual connections
    too, over L layers, the gain per layer is (g₁ / g_L)^(1/(L-1)): *vanishing* is a gain below 0.7 with g₁ / g_L < 1/50,
    *exploding* one above 1.4 with g₁ / g_L > 50. *Dead* is a relu that is on for none of n examples; more than half of a layer
    are, and three times as many as are on for all of them or would be off by chance, (1 - a)ⁿ for units on with probability a.
    *Saturated* is an entry of a sigmoid or tanh with less than 1 % of its largest derivative. Steps are told by rms(Δw) / rms(w),
    and by the loss at multiples of the step.

    What a finding explains is kept in `hidden`: `EXPLAINS` says what explains what.

    >>> import microgradient as mg
    >>> from microgradient import nn
    >>> mg.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(1))
    >>> x, y = mg.randn(32, 4), mg.randint(3, (32,))
    >>> found = mg.doctor(model, lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1]), (x, y))
    >>> [finding.rule for finding in found.findings]
    ['softmax twice']
    >>> print(found.findings[0].change)
    Give it the scores before the softmax.
    """
    return examined(model, loss_fn, batch, optimizer)


def examined(
    model: Module, loss_fn: Callable[[Any, Any], Any], batch: Any, optimizer: Optimizer | None, steps: bool = True
) -> Diagnosis:
    """What `doctor` returns; without `steps` from the one pass alone, which takes a tenth of the time."""
    if not isinstance(model, Module):
        raise ArgumentTypeError("MG116", f"mg.doctor examines an nn.Module, not {type(model).__name__}.")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError("MG116", f"`optimizer` is one of mg.optim, not {type(optimizer).__name__}.")
    with left_as_it_was(model, optimizer), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = shared_generator().get_state()
        try:
            seen = observed(model, loss_fn, batch)
        except MicrogradientError as error:
            if (finding := loss_rules.refused(error)) is None:
                raise
            return Diagnosis([finding], [], [], math.nan)
        trial = Trial(model, loss_fn, batch, optimizer, seen, state, steps)
        case = Case(model, batch, optimizer, seen, trial)
        found = list(dict.fromkeys(finding for rule in RULES for finding in rule(case)))
        raw = any(finding.rule == "data not normalised" for finding in found)  # which makes the steps large
        if case.finite and not raw and (blown_up := number_rules.grown(case)) is not None:
            shown, hidden = [blown_up], [finding for finding in found if finding != blown_up]
        else:
            shown, hidden = (found[:1], found[1:]) if not case.finite else _explained(found)
        layers = case.layers
    return Diagnosis(shown, layers, hidden, seen.value, _said(case))


def _explained(found: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """The findings that no other explains, and the others."""
    explained = {rule for finding in found for rule in EXPLAINS.get(finding.rule, ()) if rule != finding.rule}
    return [f for f in found if f.rule not in explained], [f for f in found if f.rule in explained]


def _said(case: Case) -> list[str]:
    """What is told of a healthy model."""
    layers, trial = case.layers, case.trial
    told = [f"loss {case.seen.value:.4g}", f"{len(layers)} layer{'' if len(layers) == 1 else 's'}"]
    if (along := depth_rules.profile(case)) is not None:
        told.append(f"gradient ×{along.gain:.2g} a layer")
    if trial.ratios:
        told.append(f"steps of {100 * max(trial.ratios[n] for n in step_rules._weights(case)):.2g} % of the weights")
    return told
