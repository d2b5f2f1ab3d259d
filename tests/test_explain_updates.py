"""`mg.why_update`: the terms add up to the step that is taken, come from the optimiser's own update, and change nothing."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn, optim
from microgradient.errors import ArgumentTypeError, GradientError
from microgradient.explain import derivation
from microgradient.explain.render import width
from microgradient.language import speaking
from optimizers import OF_ARRAYS, OF_ENTRIES, OF_MATRICES


def after_steps(make, given, steps=3, dtype=np.float32):
    """A matrix and its optimiser after some steps, with a gradient for the next one."""
    w = mg.tensor(np.array([[1.0, 20.0, -3.0], [0.5, -0.25, 0.0]], dtype), requires_grad=True)
    optimizer = make([w], **given)
    target = mg.tensor(np.array([[0.0, 1.0, 1.0], [0.0, 2.0, 3.0]], dtype))
    for k in range(steps + 1):
        optimizer.zero_grad()
        mg.sum(mg.sin(w - target) * (k + 1)).backward()
        if k < steps:
            optimizer.step()
    return w, optimizer


def told(optimizer):
    return repr(copy.deepcopy(optimizer.state_dict()))


@pytest.mark.parametrize(
    ("make", "given"), OF_ENTRIES + OF_ARRAYS + OF_MATRICES, ids=lambda x: getattr(x, "__name__", "")
)
@pytest.mark.parametrize("steps", [0, 3])
def test_the_next_step_is_told_to_the_bit_and_nothing_changes(make, given, steps):
    w, optimizer = after_steps(make, given, steps)
    before, state, grad = w.numpy(), told(optimizer), w.grad.numpy()
    whole, entry = mg.why_update(w), mg.why_update(w, (0, 1), optimizer=optimizer)
    assert np.array_equal(w.numpy(), before)
    assert np.array_equal(w.grad.numpy(), grad)
    assert told(optimizer) == state
    assert not whole.taken
    optimizer.step()
    assert np.array_equal(whole.after.astype(np.float32), w.numpy())
    assert np.float32(entry.after) == w.numpy()[0, 1]
    assert entry.gradient == grad[0, 1]


def bound(update, dtype, units=1.5):
    """What the parameter's last place is worth, and the roundings of what is added to it, at most 16 operations each.

    The new value is rounded once, to half a unit; with decoupled decay 1 - lr · λ and its product with the old one before.
    """
    size = sum(np.abs(term.contribution) for term in update.terms)
    unit = np.spacing(np.maximum(np.abs(update.before), np.abs(update.after)).astype(dtype)).astype(np.float64)
    return units * unit + 16 * np.finfo(dtype).eps * size


@pytest.mark.parametrize(("make", "given"), OF_ENTRIES, ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_terms_add_up_to_the_change_but_for_the_roundings(make, given, dtype):
    w, _ = after_steps(make, given, dtype=dtype)
    whole = mg.why_update(w)
    assert whole.terms
    assert np.all(np.abs(whole.rounding) <= bound(whole, dtype))
    for place in np.ndindex(2, 3):
        entry = mg.why_update(w, place)
        assert abs(entry.rounding) <= bound(entry, dtype)
        assert entry.sum == pytest.approx(whole.sum[place], rel=1e-9, abs=1e-12)
        for text in (entry.latex(), whole.latex()):
            assert text.count("{") == text.count("}")
        for text in (entry.mathml(), whole.mathml()):
            ET.fromstring(text)


NUMBERS = st.one_of(st.just(0.0), st.floats(1e-4, 1e3), st.floats(-1e3, -1e-4))
SETTINGS = st.one_of(
    st.tuples(
        st.just(optim.SGD),
        st.fixed_dictionaries({
            "lr": st.floats(1e-4, 1.0), "momentum": st.sampled_from([0.0, 0.5, 0.9]), "weight_decay": st.sampled_from([0.0, 0.1]),
            "dampening": st.sampled_from([0.0, 0.3]), "maximize": st.booleans(),
        }),
    ),
    st.tuples(
        st.just(optim.SGD),
        st.fixed_dictionaries({
            "lr": st.floats(1e-4, 1.0), "momentum": st.sampled_from([0.5, 0.9]), "weight_decay": st.sampled_from([0.0, 0.1]),
            "nesterov": st.just(True),
        }),
    ),
    st.tuples(
        st.sampled_from([optim.Adam, optim.AdamW]),
        st.fixed_dictionaries({
            "lr": st.floats(1e-4, 1.0), "betas": st.sampled_from([(0.9, 0.999), (0.5, 0.75)]), "amsgrad": st.booleans(),
            "weight_decay": st.sampled_from([0.0, 0.1]), "maximize": st.booleans(),
        }),
    ),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    chosen=SETTINGS,
    dtype=st.sampled_from([np.float32, np.float64]),
    start=NUMBERS,
    gradients=st.lists(NUMBERS, min_size=1, max_size=4),
)
def test_property_sum_and_rounding_are_the_change(chosen, dtype, start, gradients):
    """sum + rounding is the change, and the rounding no more than the dtype's: see `bound`."""
    make, given_settings = chosen
    w = mg.tensor(np.array(start, dtype), requires_grad=True)
    optimizer = make([w], **given_settings)
    for g in gradients:
        w.grad = mg.tensor(np.array(g, dtype))
        update = mg.why_update(w, optimizer=optimizer)
        before = w.item()
        optimizer.step()
        assert update.before == before
        assert update.after == w.item()
        assert update.change == w.item() - before
        assert abs(update.sum + update.rounding - update.change) <= np.spacing(abs(update.change))
        decays = make is optim.AdamW and given_settings["weight_decay"] > 0
        assert abs(update.rounding) <= bound(update, dtype, 1.5 if decays else 0.5)


def test_adam_by_hand():
    """The first step: m = (1 - β₁) g, v = (1 - β₂) g², so that the step is lr · g / (|g| + ε)."""
    w = mg.tensor(np.array(2.0), requires_grad=True)
    optimizer = optim.AdamW([w], lr=0.001, weight_decay=0.1)
    w.grad = mg.tensor(np.array(0.004))
    update = mg.why_update(w)
    assert [term.kind for term in update.terms] == ["gradient", "momentum", "weight decay"]
    gradient, momentum, decay = update.terms
    assert gradient.coefficient == pytest.approx(-0.001 / 0.004, rel=1e-5)
    assert gradient.value == 0.004
    assert gradient.contribution == pytest.approx(-0.001, rel=1e-5)
    assert momentum.contribution == 0
    assert (decay.formula, decay.contribution) == ("-lr · λ", pytest.approx(-0.001 * 0.1 * 2))
    assert gradient.formula == "-lr · (1 - β₁) / ((1 - β₁ᵗ) · (√vₜ / √(1 - β₂ᵗ) + ε))"
    assert gradient.numbers == "-0.001 · (1 - 0.9) / ((1 - 0.9¹) · (√1.6e-08 / √(1 - 0.999¹) + 1e-08))"
    assert "mₜ = mₜ₋₁ + (1 - β₁) · (g - mₜ₋₁) = 0 + (1 - 0.9) · (0.004 - 0) = 0.0004" in update.text()
    assert "AdamW turned 0.004 into -0.0012" in update.text()
    assert update.remembered["exp_avg_sq"] == (0, pytest.approx(1.6e-8))
    assert optimizer.state == {}


def test_nesterov_s_step_is_multiplied_out():
    w = mg.tensor(1.0, requires_grad=True)
    optim_ = optim.SGD([w], lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.01)
    for _ in range(2):
        w.grad = mg.tensor(1.0)
        optim_.step()
    terms = {term.kind: term.formula for term in mg.why_update(w).terms}
    assert terms == {"gradient": "-lr · (1 + μ)", "momentum": "-lr · μ²", "weight decay": "-lr · λ · (1 + μ)"}


def test_the_step_that_was_taken_under_a_trace():
    mg.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    values = []
    with mg.trace():
        for _ in range(3):
            optimizer.zero_grad()
            mg.sum(model(mg.tensor([[1.0, 2.0]])) ** 2).backward()
            values.append(model.weight.numpy())
            optimizer.step()
    values.append(model.weight.numpy())
    update = mg.why_update(model.weight, (0, 1))
    assert (update.taken, update.step, update.name) == (True, 3, "model.weight[0, 1]")
    assert (update.before, update.after) == (values[2][0, 1], values[3][0, 1])
    mg.sum(model(mg.tensor([[1.0, 2.0]]))).backward()  # a new gradient: now it is the next one
    following = mg.why_update(model.weight, (0, 1))
    assert (following.taken, following.step, following.before) == (False, 4, update.after)
    assert "not taken yet" in following.text()


def test_a_clipped_gradient_says_from_what():
    w = mg.tensor([3.0, 4.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    with mg.trace():
        mg.sum(w * w * 0.5).backward()
        nn.utils.clip_grad_norm_([w], 1.0)
        optimizer.step()
    text = mg.why_update(w, 1).text()
    assert "is 4.0 × 0.2: the norm 5 of all gradients was clipped" in text
    w.grad = mg.tensor([1.0, 1.0])
    assert "clip" not in mg.why_update(w, 1).text()


class OfNumPy(optim.Optimizer):
    """Calls NumPy itself, and so has no formula that could be opened."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr, "maximize": False})

    def update(self, xp, p, g, state, group):
        state["seen"] = state.get("seen", 0) + np.abs(g)
        return p - group["lr"] * np.tanh(g)


class OfItsOwn(optim.Optimizer):
    """Has a `step` in PyTorch's manner."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with mg.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["count"] = self.state[p].get("count", 0) + 1
                    p.raw = p.raw - group["lr"] * p.grad.raw


@pytest.mark.parametrize("make", [OfNumPy, OfItsOwn])
def test_without_a_formula_gradient_and_change_are_shown(make):
    w = mg.tensor([3.0, 4.0], requires_grad=True)
    optimizer = make([w], lr=0.5)
    mg.sum(w * w).backward()
    update = mg.why_update(w, 0)
    assert (w.tolist(), dict(optimizer.state)) == ([3.0, 4.0], {})
    assert update.terms == ()
    optimizer.step()
    assert (update.gradient, update.before, update.after) == (6.0, 3.0, w.tolist()[0])
    assert "is not opened" in update.text()
    ET.fromstring(update.mathml())


def test_a_number_that_float16_can_not_hold():
    """1 + 0.0001 is 1 in float16: the whole step is a rounding."""
    w = mg.tensor(np.array(1.0, np.float16), requires_grad=True)
    optim_ = optim.SGD([w], lr=0.1)
    w.grad = mg.tensor(np.array(0.001, np.float16))
    update = mg.why_update(w, optimizer=optim_)
    assert update.change == 0
    assert update.rounding == -update.sum == pytest.approx(1e-4, rel=1e-3)
    assert "what float16 could not hold" in update.text()


def test_a_large_parameter_is_opened_at_one_entry_alone():
    w = mg.tensor(np.zeros((2000, 1000), np.float32), requires_grad=True)
    optimizer = optim.Adam([w])
    w.grad = mg.ones((2000, 1000))
    update = mg.why_update(w, (1999, -1), optimizer=optimizer)
    assert update.name == "w[1999, 999]"
    assert update.after == pytest.approx(-0.001, rel=1e-6)


@pytest.mark.parametrize("g", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_a_gradient_that_is_not_finite(make, g):
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = make([w], lr=0.1)
    w.grad = mg.tensor([g, 1.0])
    assert not np.isfinite(mg.why_update(w, 0, optimizer=optimizer).change)
    assert np.isfinite(mg.why_update(w, 1, optimizer=optimizer).change)
    for update in (mg.why_update(w, optimizer=optimizer), mg.why_update(w, 0, optimizer=optimizer)):
        assert ("inf" in update.text()) or ("nan" in update.text())
        ET.fromstring(update.mathml())


def test_a_compiled_step_under_a_trace_is_the_step_that_was_taken():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)

    @mg.compile
    def step():
        optimizer.zero_grad()
        loss = mg.sum(w**2)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(2):
        step()
    following = mg.why_update(w, 1)
    before = w.tolist()[1]
    assert (following.step, following.before) == (3, before)
    with mg.trace():
        step()
    update = mg.why_update(w, 1)
    assert (update.taken, update.step, update.before, update.after) == (True, 3, before, w.tolist()[1])


def test_what_can_not_be_explained():
    w, other = mg.tensor([1.0], requires_grad=True), mg.tensor([1.0], requires_grad=True)
    with pytest.raises(ArgumentTypeError, match="Which optimiser"):
        mg.why_update(w)
    optimizer = optim.SGD([other], lr=0.1)
    with pytest.raises(ArgumentTypeError, match="does not update"):
        mg.why_update(w, optimizer=optimizer)
    with pytest.raises(GradientError, match="no gradient"):
        mg.why_update(other)
    with pytest.raises(ArgumentTypeError, match="is a Tensor, not Value"):
        mg.why_update(mg.Value(1.0))
    z = mg.tensor(np.array([1j]), requires_grad=True)
    z.grad = mg.tensor(np.array([1j]))
    with pytest.raises(GradientError, match="complex"):
        mg.why_update(z, optimizer=optim.Adam([z]))
    bfgs = optim.LBFGS([other])
    other.grad = mg.tensor([1.0])
    with pytest.raises(GradientError, match="computes the loss"):
        mg.why_update(other, optimizer=bfgs)


def test_in_a_notebook_and_in_chinese():
    w, _ = after_steps(optim.AdamW, {"lr": 0.05})
    update = mg.why_update(w, (0, 0))
    bundle = update._repr_mimebundle_()
    assert bundle["text/latex"].startswith(r"$\displaystyle \begin{aligned}")
    for told_there in ("Δw[0, 0]", "gradient", "weight decay", "<math"):
        assert told_there in bundle["text/html"]
    assert "change" in mg.why_update(w)._repr_mimebundle_()["text/html"]
    with speaking("zh_CN"):
        assert "AdamW 把 " in update.text()
        assert "动量" in update.text()
        assert "尚未执行" in update.text()


def test_a_derivation_and_an_update_write_numbers_alike():
    w = mg.tensor(2.0, requires_grad=True)
    loss = w * w
    loss.backward(retain_graph=True)
    of_gradient, of_update = mg.why(w, of=loss), mg.why_update(w, optimizer=optim.SGD([w], lr=0.5))
    numbers = [
        {number.text for number in ET.fromstring(formula).iter("{http://www.w3.org/1998/Math/MathML}mn")}
        for formula in (derivation.mathml(of_gradient), of_update.mathml())
    ]
    assert "4" in numbers[0] & numbers[1]  # the gradient is a number of both
    assert r"\cdot 4" in of_update.latex()
    assert of_gradient.latex().endswith("&= 4\n\\end{aligned}")


@pytest.mark.parametrize("spoken", ["en", "zh_CN"])
def test_what_a_line_is_about_stands_in_one_column(spoken):
    w, _ = after_steps(optim.AdamW, {"lr": 0.05})
    with speaking(spoken):
        lines = mg.why_update(w).text().splitlines()[1:]
    assert len({width(re.match(r"  \S.*?  +(?=\S)", line)[0]) for line in lines}) == 1


def test_an_optimiser_in_the_place_of_an_index_is_told_briefly():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = mg.optim.SGD([w], lr=0.1)
    mg.sum(w * w).backward()
    with pytest.raises(ArgumentTypeError, match=r"optimizer=optimizer") as refused:
        mg.why_update(w, optimizer)
    assert "\n" not in str(refused.value)
    with pytest.raises(ArgumentTypeError, match=r"`optimizer` is one of mg\.optim, not Linear"):
        mg.why_update(w, 0, optimizer=mg.nn.Linear(2, 2))


@pytest.mark.parametrize("thing", [mg.optim.SGD([mg.tensor(1.0, requires_grad=True)], lr=0.1), mg.nn.Linear(2, 2)])
def test_what_was_given_is_told_in_one_line(thing, capsys):
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.trace():
        loss = mg.sum(w * w)
        loss.backward()
    for ask in (mg.why, mg.paths):
        with pytest.raises(ArgumentTypeError) as refused:
            ask(w, (thing,))
        assert str(refused.value).count("\n") == 0
        assert type(thing).__name__ in str(refused.value)
    assert not mg.check_answer(w, thing)
    assert capsys.readouterr().out.count("\n") == 1
