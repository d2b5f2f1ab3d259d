"""Optimisers and mistakes: steps without gradients, parameters left out, settings and groups that make no sense."""

from __future__ import annotations

import math

import numpy as np
import pytest

import microgradient as mg
from microgradient import optim
from microgradient.errors import MicrogradientWarning
from microgradient.optim import lr_scheduler
from test_optim import leaf

# ---------------------------------------------------------------------------------------------------------------- warnings


def test_a_step_without_any_gradient_warns():
    p = leaf([1.0])
    opt = optim.SGD([p], lr=0.1)
    with pytest.warns(MicrogradientWarning, match=r"No parameter has a gradient; nothing changed\..*\[MG168\]"):
        opt.step()
    assert p.item() == 1.0


@pytest.mark.parametrize(
    ("how", "name"), [("given", "`{}` "), ("found", r"`params\['{}'\]` "), ("unknown", "parameter {} of group 0 ")]
)
def test_parameters_left_out_of_the_first_steps_are_named_once(how, name):
    params = {name: leaf([1.0] * n) for n, name in enumerate(["used", "a", "b", "c", "d", "e", "f", "frozen"])}
    params["frozen"].requires_grad = False
    params["used"].grad = mg.tensor(np.zeros(0))
    opt = optim.SGD(params.items() if how == "given" else params.values(), lr=0.1)
    first, fifth = (name.format(*part) for part in ([1], [5])) if how == "unknown" else map(name.format, "ae")
    if how == "unknown":
        del params
    for _ in range(9):
        opt.step()
    told = rf"^6 of 8 .*in the first 10 steps.*{first}\(1,\), .*{fifth}\(5,\) and 1 more\."
    with pytest.warns(MicrogradientWarning, match=told) as caught:
        opt.step()
    assert ("named_parameters" in str(caught[0].message)) is (how == "unknown")
    opt.step()


def test_parameters_that_take_turns_are_not_missing():
    """Two tasks, experts, layers left out at random: a step without a gradient is no mistake."""
    tasks = [leaf([1.0]) for _ in range(5)]
    opt = optim.SGD(tasks, lr=0.1)
    for turn in range(30):
        opt.zero_grad()
        mg.sum(tasks[turn % 5] ** 2).backward()
        opt.step()


def test_a_compiled_step_names_what_gets_no_gradient_at_once():
    used, left_out = leaf([1.0]), leaf([1.0, 2.0])
    opt = optim.SGD([("used", used), ("left", left_out)], lr=0.1)

    @mg.compile
    def step():
        opt.zero_grad()
        mg.sum(used**2).backward()
        opt.step()

    with pytest.warns(MicrogradientWarning, match=r"1 of 2 .*in this step.*`left` \(2,\)"):
        step()


def test_frozen_parameters_may_have_no_gradient():
    p, q = leaf([1.0]), leaf([1.0])
    q.requires_grad = False
    p.grad = mg.tensor(np.array([1.0]))
    optim.SGD([p, q], lr=0.1).step()
    assert q.item() == 1.0


# ------------------------------------------------------------------------------------------------------------------ mistakes


class Module:
    def parameters(self):
        return [leaf([1.0])]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: optim.SGD([], lr=0.1), ValueError, "got no parameters"),
        (lambda p: optim.SGD(iter([]), lr=0.1), ValueError, "already be used up"),
        (lambda p: optim.SGD(p, lr=0.1), TypeError, r"Write `\[w\]`"),
        (lambda p: optim.SGD(3, lr=0.1), TypeError, "not an int"),
        (lambda p: optim.SGD(Module(), lr=0.1), TypeError, r"model\.parameters\(\)"),
        (lambda p: optim.SGD([np.ones(2)], lr=0.1), TypeError, "parameter 0 of group 0 is an ndarray"),
        (lambda p: optim.SGD([("w", 3.0)], lr=0.1), TypeError, "`w` is a float"),
        (lambda p: optim.SGD([("w", p), leaf([1.0])], lr=0.1), ValueError, "have a name or none"),
        (lambda p: optim.SGD([p * 2], lr=0.1), ValueError, "was computed from other tensors"),
        (lambda p: optim.SGD([p, p], lr=0.1), ValueError, "updated twice"),
        (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1), ValueError, "updated twice"),
        (lambda p: optim.SGD([p], lr=0.1).add_param_group([p]), TypeError, "a dict with an entry 'params'"),
        (lambda p: optim.SGD([p], lr=-0.1), ValueError, r"`lr` must be at least 0, got -0\.1\. .*maximize=True"),
        (lambda p: optim.SGD([p], lr=math.nan), ValueError, "`lr` must be finite, got nan"),
        (lambda p: optim.Adam([p], lr=math.inf), ValueError, "`lr` must be finite, got inf"),
        (lambda p: optim.SGD([p], lr="fast"), TypeError, "`lr` must be a number, got 'fast'"),
        (lambda p: optim.SGD([p], momentum=-1), ValueError, "`momentum` must be at least 0, got -1"),
        (lambda p: optim.SGD([p], weight_decay=-1), ValueError, "`weight_decay` must be at least 0"),
        (lambda p: optim.SGD([p], nesterov=True), ValueError, "needs momentum > 0 and dampening = 0"),
        (lambda p: optim.Adam([p], eps=-1e-8), ValueError, "`eps` must be at least 0"),
        (lambda p: optim.Adadelta([p], rho=1.5), ValueError, "`rho` must be between 0 and 1, got 1.5"),
        (lambda p: optim.Adafactor([mg.ones((2, 2))], beta2_decay=0.5), ValueError, "`beta2_decay` must be at most 0"),
        (lambda p: optim.Rprop([p], etas=(1.5, 2.0)), ValueError, "0 < η⁻ < 1"),
        (lambda p: optim.Rprop([p], etas=0.5), TypeError, r"`etas` is 2 numbers in a tuple, got 0\.5"),
        (lambda p: optim.Adam([p], betas=(0.9,)), TypeError, r"`betas` is 2 numbers"),
        (lambda p: optim.Adafactor([p], eps=1e-3), TypeError, r"`eps` is \(ε₁, ε₂\)"),
        (lambda p: lr_scheduler.MultiStepLR(optim.SGD([p]), 3), TypeError, r"Write `\[3\]`"),
        (lambda p: lr_scheduler.StepLR(p, 3), TypeError, "takes an optimiser"),
        (lambda p: lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1), ValueError, "needs `total_steps`"),
        (lambda p: lr_scheduler.CyclicLR(optim.Adagrad([p]), 0.1, 0.2), ValueError, "neither a momentum nor betas"),
        (lambda p: optim.Muon([p]), ValueError, r"for matrices, and a parameter has shape \(1,\)"),
        (lambda p: optim.Muon([p], adjust_lr_fn="x"), ValueError, "'original' or 'match_rms_adamw'"),
        (lambda p: optim.SparseAdam([p], eps=0), ValueError, "must be more than 0"),
        (lambda p: optim.LBFGS([p], line_search_fn="x"), ValueError, "None or 'strong_wolfe'"),
        (lambda p: optim.LBFGS([p]).add_param_group({"params": [leaf(2.0)]}), ValueError, "one group of parameters"),
        (lambda p: optim.SGD([p], lr=mg.tensor([0.1, 0.2])), ValueError, r"one number, got a Tensor of shape \(2,\)"),
        (
            lambda p: optim.SGD([p], lr=0.1).add_param_group({"params": [("w", leaf(1.0))]}),
            ValueError,
            "all groups have names",
        ),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, r"less than 1, got \(0\.9, 1\.0\)"),
        (lambda p: optim.SGD([{"params": [p], "lr": -1}], lr=0.1), ValueError, "`lr` must be at least 0"),
        (lambda p: lr_scheduler.StepLR(optim.SGD([p]), 0), ValueError, "`step_size` must be more than 0"),
        (lambda p: lr_scheduler.LinearLR(optim.SGD([p]), 2.0), ValueError, "between 0 and 1"),
        (lambda p: lr_scheduler.LambdaLR(optim.SGD([p]), []), ValueError, "1 groups of parameters need 1 functions"),
    ],
)
def test_mistakes_are_named(make, error, text):
    with pytest.raises(error, match=text):
        make(leaf([1.0]))


def test_a_replaced_parameter_is_noticed():
    p = leaf([1.0, 2.0])
    p.grad = mg.tensor(np.ones(2))
    p.data = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"shape \(3, 2\) has a gradient of shape \(2,\)"):
        optim.SGD([p], lr=0.1).step()
