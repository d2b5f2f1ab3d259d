"""grad, vjp, jvp, hvp, jacobian, hessian, checkpoint, custom_rule: nesting, trees, closures, errors."""

from __future__ import annotations

import math
import tracemalloc
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient.errors import GradientError
from microgradient.tape import topological

F64 = np.float64


def f64(*values):
    return mg.tensor(np.array(values, F64))


def f(x):
    return (mg.sin(x) * x * x).sum()


def test_grad_nests_to_any_order():
    derivative = lambda x: x**5
    expected = [5 * 16, 20 * 8, 60 * 4, 120 * 2, 120, 0]
    for value in expected:
        derivative = mg.grad(derivative)
        assert derivative(2.0).item() == value


def test_inner_gradient_does_not_confuse_perturbations():
    # d/dx [x · d/dy (x + y)] = 1 and d/dx [x · d/dy (x·y)] = 2x: the classical traps
    assert mg.grad(lambda x: x * mg.grad(lambda y: x + y)(1.0))(1.0).item() == 1.0
    assert mg.grad(lambda x: x * mg.grad(lambda y: x * y)(1.0))(3.0).item() == 6.0
    assert mg.jvp(lambda x: x * mg.jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1].item() == 1.0


def test_all_modes_give_the_same_second_derivative():
    x, v = f64(0.3, 1.2), f64(1.0, -2.0)
    exact = np.diag(2 * np.sin(x.data) + 4 * x.data * np.cos(x.data) - x.data**2 * np.sin(x.data))
    np.testing.assert_allclose(mg.hessian(f)(x).data, exact, rtol=1e-12)
    np.testing.assert_allclose(mg.jacobian(mg.grad(f))(x).data, exact, rtol=1e-12)
    np.testing.assert_allclose(mg.hvp(f, x, v).data, exact @ v.data, rtol=1e-12)
    np.testing.assert_allclose(mg.hvp(f, (x,), (v,)).data, exact @ v.data, rtol=1e-12)
    forward_forward = mg.jvp(lambda x: mg.jvp(f, (x,), (v,))[1], (x,), (v,))[1]
    assert math.isclose(forward_forward.item(), v.data @ exact @ v.data, rel_tol=1e-12)
    reverse_of_forward = mg.grad(lambda x: mg.jvp(f, (x,), (v,))[1])(x)
    np.testing.assert_allclose(reverse_of_forward.data, exact @ v.data, rtol=1e-12)


class Pair(NamedTuple):
    a: object
    b: object


def test_trees_keep_their_structure():
    params = {"layers": [Pair(f64(1.0, 2.0), f64(3.0)), None], "scale": (2.0,)}

    def loss(p):
        pair = p["layers"][0]
        return (pair.a * pair.b * p["scale"][0]).sum()

    value, g = mg.value_and_grad(loss)(params)
    assert value.item() == 18.0
    assert isinstance(g["layers"][0], Pair)
    assert g["layers"][1] is None
    np.testing.assert_array_equal(g["layers"][0].a.data, [6.0, 6.0])
    np.testing.assert_array_equal(g["layers"][0].b.data, [6.0])
    assert g["scale"][0].item() == 9.0


def test_argnums_and_aux():
    g = mg.grad(lambda a, b, c: a * b + c, argnums=(0, 2))(2.0, 3.0, 4.0)
    assert [x.item() for x in g] == [3.0, 1.0]
    assert mg.grad(lambda a, b: a * b, argnums=-1)(2.0, 3.0).item() == 2.0
    gradient, aux = mg.grad(lambda x: (x * x, {"double": x * 2}), has_aux=True)(3.0)
    assert gradient.item() == 6.0
    assert aux["double"].item() == 6.0
    assert not aux["double"].requires_grad
    (value, aux), gradient = mg.value_and_grad(lambda x: (x * x, "note"), has_aux=True)(3.0)
    assert (value.item(), aux, gradient.item()) == (9.0, "note", 6.0)


def test_an_argument_that_is_not_used_has_gradient_zero():
    g = mg.grad(lambda a, b: a * 1.0, argnums=1)(2.0, f64(1.0, 2.0))
    np.testing.assert_array_equal(g.data, [0.0, 0.0])
    assert mg.grad(lambda a: mg.tensor(1.0))(2.0).item() == 0.0


def test_results_of_a_first_order_transform_hold_no_tape():
    value, g = mg.value_and_grad(f)(f64(1.0, 2.0))
    assert not value.requires_grad
    assert not g.requires_grad


def test_gradients_reach_parameters_that_the_function_closes_over():
    w = mg.tensor(np.array([2.0, 3.0]), requires_grad=True)
    x = f64(0.5, -1.0)
    g = mg.grad(lambda x: (x**3 * w).sum())(x)
    (g * g).sum().backward()
    np.testing.assert_allclose(w.grad.data, 2 * (3 * x.data**2 * w.data) * 3 * x.data**2)


def test_results_that_do_not_depend_on_the_argument_keep_their_own_derivative():
    x = f64(2.0)

    def through_a_constant(w):
        h = w * w
        (_, y), pullback = mg.vjp(lambda x: (x * 1, h), x)
        assert pullback((x, 1.0))[0].item() == 2.0
        return y.sum()

    def through_aux(w):
        _, aux = mg.grad(lambda x: ((x * x).sum(), w * 3), has_aux=True)(x)
        return aux

    assert mg.grad(through_a_constant)(3.0).item() == 6.0
    assert mg.grad(through_aux)(3.0).item() == 3.0
    assert mg.grad(lambda w: mg.jvp(lambda x: w, (x,), (x,))[0])(3.0).item() == 1.0


def test_gradients_are_tensors_of_their_own():
    w, x, v = mg.tensor([1.0, 2.0], requires_grad=True), mg.ones(2), mg.ones(2)
    a, b = mg.grad(lambda a, b: (w * (a + b)).sum(), (0, 1))(x, x)
    a[0] = 9.0
    assert b.tolist() == [1.0, 2.0]
    _, pullback = mg.vjp(lambda a: w + a, x)
    pullback(v)[0][0] = 9.0
    mg.jvp(lambda a: w + a, (x,), (v,))[1][0] = 9.0
    assert v.tolist() == [1.0, 1.0]


def test_under_no_grad_a_transform_still_differentiates_its_argument():
    w = mg.tensor(2.0, requires_grad=True)
    with mg.no_grad():
        g = mg.grad(lambda x: x * x * w)(3.0)
    assert g.item() == 12.0
    assert not g.requires_grad


def test_pullback_can_be_called_again():
    y, pullback = mg.vjp(lambda a, b: (a * b, a + b), 2.0, 3.0)
    assert [t.item() for t in y] == [6.0, 5.0]
    assert [t.item() for t in pullback((1.0, 0.0))] == [3.0, 2.0]
    assert [t.item() for t in pullback((0.0, 1.0))] == [1.0, 1.0]


def test_the_same_tensor_twice_in_the_result():
    _, pullback = mg.vjp(lambda a: (a * 2, a * 2), 1.0)
    assert pullback((1.0, 10.0))[0].item() == 22.0

    def twice(a):
        b = a * 2
        return b, b

    assert mg.vjp(twice, 1.0)[1]((1.0, 10.0))[0].item() == 22.0


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(0, 4), columns=st.integers(0, 4))
def test_jacobian_of_a_linear_map_is_its_matrix(rows, columns):
    matrix = np.random.default_rng(rows * 5 + columns).normal(size=(rows, columns))
    jacobian = mg.jacobian(lambda x: mg.matmul(mg.tensor(matrix), x))(mg.zeros(columns, dtype=mg.float64))
    np.testing.assert_array_equal(jacobian.data, matrix)


def test_jacobian_of_trees():
    jacobian = mg.jacobian(lambda x, s: {"y": x * s, "z": x.sum()}, argnums=(0, 1))(f64(1.0, 2.0), 3.0)
    np.testing.assert_array_equal(jacobian["y"][0].data, [[3.0, 0.0], [0.0, 3.0]])
    np.testing.assert_array_equal(jacobian["y"][1].data, [1.0, 2.0])
    np.testing.assert_array_equal(jacobian["z"][0].data, [1.0, 1.0])
    assert jacobian["z"][1].item() == 0.0


def test_hessian_of_two_arguments():
    hessian = mg.hessian(lambda a, b: a * a * b, argnums=(0, 1))(2.0, 3.0)
    assert [[h.item() for h in row] for row in hessian] == [[6.0, 4.0], [4.0, 0.0]]


def test_grad_refuses_what_it_can_not_do():
    with pytest.raises(GradientError, match=r"one number as result.*\(3,\)"):
        mg.grad(lambda x: x * 2)(mg.tensor([1.0, 2.0, 3.0]))
    assert mg.grad(lambda x: x * 2)(3).item() == 2.0  # a number, which Python writes without a point
    with pytest.raises(TypeError, match="int64"):
        mg.grad(lambda x: x * 2)(mg.tensor(3))
    with pytest.raises(TypeError, match="argnums=2"):
        mg.grad(lambda x: x * 2, argnums=2)(3.0)
    for twice in [(0, 0), (1, -1)]:  # the derivative would go to one of the two, and 0 to the other
        with pytest.raises(ValueError, match=r"argnums=.* names an argument twice.*MG112"):
            mg.hessian(lambda x, y: x * y, argnums=twice)(2.0, 3.0)
    with pytest.raises(ValueError, match="shape"):
        mg.jvp(lambda x: x * 2, (f64(1.0, 2.0),), (f64(1.0),))
    with pytest.raises(TypeError, match=r"1 tangents are needed.*there are 2"):
        mg.jvp(lambda x: x * 2, (1.0,), (1.0, 2.0))
    for tangent in ({"a": 1.0, "c": 1.0}, (1.0, 1.0), {"a": (1.0, 1.0), "b": None}):
        with pytest.raises(TypeError, match="nested or named differently"):
            mg.jvp(lambda p: p["a"] + p["b"], ({"a": 1.0, "b": 2.0},), (tangent,))


def test_dicts_of_tangents_and_cotangents_go_by_their_keys():
    p = {"a": 1.0, "b": 1.0}
    assert mg.jvp(lambda p: p["a"] * 2 + p["b"], (p,), ({"b": 0.0, "a": 1.0},))[1].item() == 2.0
    _, pullback = mg.vjp(lambda x: {"once": x, "twice": x * 2}, 1.0)
    assert pullback({"twice": 1.0, "once": 10.0})[0].item() == 12.0
    g = mg.grad(lambda p: p["a"] * 2)(defaultdict(float, a=1.0))
    assert isinstance(g, defaultdict)
    assert g["a"].item() == 2.0


# ------------------------------------------------------------------------------------------------------------- checkpoint


def test_checkpoint_gives_the_same_derivatives():
    w = mg.tensor(np.array([2.0, 3.0]), requires_grad=True)
    layer = lambda x: mg.sin(x) * w
    once = mg.checkpoint(layer)
    x = f64(0.3, 1.2)
    plain, saved = lambda x: layer(layer(x)).sum(), lambda x: once(once(x)).sum()
    np.testing.assert_array_equal(mg.grad(saved)(x).data, mg.grad(plain)(x).data)
    np.testing.assert_allclose(mg.hessian(saved)(x).data, mg.hessian(plain)(x).data, rtol=1e-12)
    assert math.isclose(mg.jvp(saved, (x,), (x,))[1].item(), mg.jvp(plain, (x,), (x,))[1].item(), rel_tol=1e-12)
    gradients = []
    for function in (plain, saved):
        w.grad = None
        function(x).backward()
        gradients.append(w.grad.data)
    np.testing.assert_array_equal(*gradients)


def test_checkpoint_runs_again_with_the_same_random_numbers_and_keeps_only_its_inputs():
    calls = []

    @mg.checkpoint
    def noisy(x):
        noise = mg.rand(3)
        calls.append(noise.data)
        return mg.exp(x) * noise

    mg.manual_seed(3)
    x = mg.tensor([0.1, 0.2, 0.3], requires_grad=True)
    y = noisy(x)
    after = mg.rand(1).item()
    assert len(topological([y.node])) == 3  # x, the checkpoint, its result: the exp and the product are gone
    y.sum().backward()
    np.testing.assert_array_equal(calls[0], calls[1])
    np.testing.assert_allclose(x.grad.data, np.exp(x.data) * calls[0], rtol=1e-6)
    mg.manual_seed(3)
    mg.rand(3)
    assert mg.rand(1).item() == after


def test_checkpoint_closes_over_its_own_argument():
    def f(x):
        y = mg.exp(x)
        return mg.checkpoint(lambda a: mg.sin(a) * y * a)(y)

    def plain(x):
        y = mg.exp(x)
        return mg.sin(y) * y * y

    for x in (mg.tensor(0.3), mg.tensor([0.3, -0.2])):
        np.testing.assert_allclose(mg.jacobian(f)(x), mg.jacobian(plain)(x), rtol=1e-6)
        np.testing.assert_allclose(mg.jvp(f, (x,), (x,))[1], mg.jvp(plain, (x,), (x,))[1], rtol=1e-6)
        np.testing.assert_allclose(mg.jacobian(mg.jacobian(f))(x), mg.jacobian(mg.jacobian(plain))(x), rtol=1e-5)
    leaf = mg.tensor(0.3, requires_grad=True)
    mg.checkpoint(lambda a: a * leaf)(leaf).backward()
    assert abs(leaf.grad.item() - 0.6) < 1e-6


@pytest.mark.parametrize("made", [mg.checkpoint, mg.compile])
def test_a_result_that_is_returned_twice_gets_what_arrives_at_both(made):
    """As the step of a recurrent network does."""
    w = mg.tensor([1.5, -0.5], requires_grad=True)

    def twice(x):
        h = x * x * w
        return h, h

    def total(f, x):
        a, b = f(x)
        return mg.sum(mg.sin(a) * b + a)

    x = mg.tensor([0.3, 0.7])
    once = made(twice)
    for wanted, found in (
        (mg.grad(lambda x: total(twice, x))(x), mg.grad(lambda x: total(once, x))(x)),
        (mg.hessian(lambda x: total(twice, x))(x), mg.hessian(lambda x: total(once, x))(x)),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    grads = []
    for f in (twice, once):
        w.grad = None
        total(f, x).backward()
        grads.append(w.grad)
    np.testing.assert_allclose(grads[1], grads[0], rtol=1e-6)


def test_a_checkpointed_step_of_a_scan_returns_its_carry():
    found = []
    for wrapped in (lambda f: f, mg.checkpoint):
        w = mg.tensor(1.5, requires_grad=True)

        def step(c, x, w=w):
            h = c * w + x
            return h, h

        c, ys = mg.scan(wrapped(step), mg.tensor(0.0), mg.tensor([1.0, 2.0, 3.0]))
        (mg.sum(ys**2) + c).backward()
        found.append(w.grad.item())
    assert found == [94.5, 94.5]


def test_checkpoint_takes_one_copy_of_its_argument_at_most():
    x = mg.tensor(np.ones(500_000), requires_grad=True) * 1.0
    tracemalloc.start()
    try:
        mg.checkpoint(mg.sum)(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * x.data.nbytes


def test_checkpoint_of_a_tree_with_a_constant_in_it():
    function = mg.checkpoint(lambda p: {"sum": p["a"] + p["b"], "one": mg.ones(2), "n": p["a"].shape[0]})
    a = mg.tensor([1.0, 2.0], requires_grad=True)
    out = function({"a": a, "b": 3.0})
    assert not out["one"].requires_grad
    out["sum"].sum().backward()
    np.testing.assert_array_equal(a.grad.data, [1.0, 1.0])


# ------------------------------------------------------------------------------------------------------------ custom rules


def test_custom_rule_in_both_modes_and_higher_order():
    square = mg.custom_rule(lambda x: x * x, vjp=lambda t, y, x: t * 2 * x, jvp=lambda t, y, x: t[0] * 2 * x)
    assert mg.grad(square)(3.0).item() == 6.0
    assert mg.grad(mg.grad(lambda x: square(x) * x))(3.0).item() == 18.0
    assert mg.jvp(square, (3.0,), (2.0,))[1].item() == 12.0
    mg.check_gradients(lambda x: square(x).sum(), f64(1.0, -2.0), order=3)


def test_custom_rule_says_what_is_missing_or_wrong():
    only_forward = mg.custom_rule(lambda x: x * 2, jvp=lambda t, y, x: t[0] * 2)
    with pytest.raises(GradientError, match="no vjp"):
        mg.grad(only_forward)(1.0)
    only_backward = mg.custom_rule(lambda x: x * 2, vjp=lambda t, y, x: t * 2)
    with pytest.raises(GradientError, match="no jvp"):
        mg.jvp(only_backward, (1.0,), (1.0,))
    with pytest.raises(ValueError, match=r"shape \(\) for an argument \(2,\)"):
        mg.grad(lambda x: mg.custom_rule(lambda x: x * 2, vjp=lambda t, y, x: t.sum())(x).sum())(f64(1.0, 2.0))
    with pytest.raises(ValueError, match=r"shape \(\) for a result \(2,\)"):
        mg.jvp(mg.custom_rule(lambda x: x * 2, jvp=lambda t, y, x: t[0].sum()), (f64(1.0, 2.0),), (f64(1.0, 2.0),))
    with pytest.raises(TypeError, match="2 cotangents for 1"):
        mg.grad(mg.custom_rule(lambda x: x * 2, vjp=lambda t, y, x: (t, t)))(1.0)
    with pytest.raises(TypeError, match="needs a derivative"):
        mg.custom_rule(lambda x: x)


# --------------------------------------------------------------------------------------------------------- check_gradients


def test_a_function_that_leaves_the_tensors_is_warned_of():
    with pytest.warns(mg.errors.MicrogradientWarning, match=r"left the graph: float\(…\) at test_transforms\.py"):
        assert mg.grad(lambda x: math.sin(x))(2.0).item() == 0
    with pytest.warns(mg.errors.MicrogradientWarning, match=r"left the graph: np\.asarray\(…\) at test_transforms\.py"):
        mg.jacobian(lambda x: mg.tensor(np.asarray(x) ** 2))(f64(1.0, 2.0))
    assert mg.grad(lambda x: mg.stop_gradient(x).sum() + x.detach().sum())(f64(1.0)).item() == 0  # on purpose: silent
    assert mg.grad(lambda x: x * float(x))(3.0).item() == 3  # only a part is cut: silent


def test_check_gradients_names_the_wrong_entry():
    @mg.custom_rule(vjp=lambda t, y, x: t * mg.where(mg.arange(3) == 1, 2.0, 1.0), jvp=lambda t, y, x: t[0])
    def crooked(x):
        return x * 1.0

    with pytest.raises(GradientError, match=r"p\['w'\]\[1\]: ours .* finite difference .*1 of 3 entries") as error:
        mg.check_gradients(lambda p: crooked(p["w"]), {"w": f64(1.0, 2.0, 3.0)})
    message = str(error.value)
    ours, numeric = (float(part.split()[0]) for part in message.split("ours ")[1].split(", finite difference "))
    assert math.isclose(ours, 2 * numeric, rel_tol=1e-6)


def test_check_gradients_gives_the_derivatives_of_a_number_as_they_are():
    with pytest.raises(mg.errors.GradientError, match="ours 3, finite difference 6"):
        mg.check_gradients(lambda x: mg.stop_gradient(x) * x, f64(3.0).sum())


def test_check_gradients_finds_modes_that_disagree():
    bad = mg.custom_rule(lambda x: x * 1.0, vjp=lambda t, y, x: t, jvp=lambda t, y, x: t[0] * 3)
    with pytest.raises(GradientError, match="not adjoint"):
        mg.check_gradients(bad, f64(1.0, 2.0), order=1)


def test_check_gradients_finds_a_wrong_second_derivative():
    # the first derivative is right, but its rule is cut off from x
    bad = mg.custom_rule(
        lambda x: x * x, vjp=lambda t, y, x: t * 2 * x.detach(), jvp=lambda t, y, x: t[0] * 2 * x.detach()
    )
    mg.check_gradients(bad, f64(1.0, 2.0), order=1)
    with pytest.raises(GradientError, match="∂∂f/∂∂x"):
        mg.check_gradients(bad, f64(1.0, 2.0), order=2)


def test_check_gradients_takes_float32_in_double_precision():
    mg.check_gradients(lambda x: mg.exp(x), mg.tensor([0.5, 1.0]), order=2)
    with pytest.raises(ValueError, match="int64"):
        mg.check_gradients(lambda x: x * 1.0, mg.tensor([1, 2]))
