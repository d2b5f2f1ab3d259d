"""Optimisers: the formulas by hand, what they remember, what they never touch, and what they say about mistakes."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest
import scipy.linalg

import microgradient as mg
from microgradient import optim
from microgradient.errors import MicrogradientWarning
from microgradient.optim import lr_scheduler, optimizer
from optimizers import OF_ARRAYS, OF_ENTRIES, OF_MATRICES

ALL = OF_ENTRIES + OF_ARRAYS


def leaf(value, dtype=np.float64):
    return mg.tensor(np.array(value, dtype), requires_grad=True)


def run(make, settings, start, gradients):
    """The parameter after each step of a run with the given gradients."""
    p = leaf(start)
    opt = make([p], **settings)
    seen = []
    for g in gradients:
        p.grad = mg.tensor(np.array(g, np.float64))
        opt.step()
        seen.append(p.numpy())
    return opt, seen


def test_every_optimiser_is_tested():
    classes = {make for make in vars(optim).values() if isinstance(make, type) and issubclass(make, optim.Optimizer)}
    assert {make for make, _ in OF_ENTRIES + OF_ARRAYS + OF_MATRICES} == classes - {optim.Optimizer, optim.LBFGS}


# ------------------------------------------------------------------------------------------------------------ the formulas


def test_sgd_by_hand():
    gradients = [[1.0, -2.0], [3.0, 0.5]]
    _, seen = run(optim.SGD, {"lr": 0.1}, [1.0, 1.0], gradients)
    np.testing.assert_allclose(seen, [[0.9, 1.2], [0.6, 1.15]], rtol=1e-14)
    _, seen = run(optim.SGD, {"lr": 0.1, "momentum": 0.5}, [1.0, 1.0], gradients)
    np.testing.assert_allclose(seen, [[0.9, 1.2], [0.55, 1.25]], rtol=1e-14)
    _, seen = run(optim.SGD, {"lr": 0.1, "momentum": 0.5, "nesterov": True}, [1.0, 1.0], gradients)
    np.testing.assert_allclose(seen, [[0.85, 1.3], [0.375, 1.275]], rtol=1e-14)
    _, seen = run(optim.SGD, {"lr": 0.1, "weight_decay": 0.5, "maximize": True}, [1.0, 1.0], gradients[:1])
    np.testing.assert_allclose(seen, [[1.05, 0.75]], rtol=1e-14)


def test_the_first_step_of_adam_has_the_size_of_the_learning_rate():
    for scale in (1e-3, 1.0, 1e5):
        _, seen = run(optim.Adam, {"lr": 0.1, "eps": 0.0}, [1.0, 1.0], [[scale, -3 * scale]])
        np.testing.assert_allclose(seen, [[0.9, 1.1]], rtol=1e-12)


def test_adam_by_its_unrolled_sums():
    """m and v written as sums over all gradients, with float64's own accuracy."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(6, 3))
    b1, b2, lr, eps = 0.8, 0.95, 0.1, 1e-3
    _, seen = run(optim.Adam, {"lr": lr, "betas": (b1, b2), "eps": eps}, np.zeros(3), gradients)
    p = np.zeros(3)
    for t in range(1, 7):
        ages = np.arange(t)[::-1][:, None]
        m = np.sum((1 - b1) * b1**ages * gradients[:t], axis=0) / (1 - b1**t)
        v = np.sum((1 - b2) * b2**ages * gradients[:t] ** 2, axis=0) / (1 - b2**t)
        p = p - lr * m / (np.sqrt(v) + eps)
        np.testing.assert_allclose(seen[t - 1], p, rtol=1e-12)


def test_adamw_decays_apart_from_the_gradient():
    _, seen = run(optim.AdamW, {"lr": 0.1, "weight_decay": 0.2}, [2.0], [[0.0], [0.0]])
    np.testing.assert_allclose(seen, [[2.0 * 0.98], [2.0 * 0.98**2]], rtol=1e-14)


def adam_moments(gradients, betas):
    """The corrected moments after each step, from their recursion."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g**2
        yield m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)


def test_lion_by_hand():
    gradients = [[1.0, -2.0], [-5.0, 0.1]]
    _, seen = run(optim.Lion, {"lr": 0.5, "betas": (0.5, 0.75), "weight_decay": 0.2}, [1.0, 1.0], gradients)
    np.testing.assert_allclose(seen[0], [0.9 - 0.5, 0.9 + 0.5])
    # m = (0.25, -0.5): half of it and half of the gradient
    np.testing.assert_allclose(seen[1], [0.4 * 0.9 + 0.5, 1.4 * 0.9 + 0.5])


def test_lamb_scales_adams_step_to_the_parameter():
    rng = np.random.default_rng(3)
    gradients, p = rng.normal(size=(5, 2, 3)), rng.normal(size=(2, 3))
    settings = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}
    _, seen = run(optim.LAMB, settings, p, gradients)
    for (m, v), found in zip(adam_moments(gradients, (0.8, 0.9)), seen, strict=True):
        r = m / (np.sqrt(v) + 1e-3) + 0.3 * p
        p = p - 0.1 * np.linalg.norm(p) / np.linalg.norm(r) * r
        np.testing.assert_allclose(found, p, rtol=1e-12)
    _, seen = run(optim.LAMB, {"lr": 0.1}, [0.0, 0.0], [[3.0, -3.0]])
    np.testing.assert_allclose(seen, [[-0.1, 0.1]], rtol=1e-5)


@pytest.mark.parametrize("shape", [(4,), (3, 2), (2, 3, 2)])
def test_shampoo_by_its_matrices(shape):
    rng = np.random.default_rng(4)
    gradients, p = rng.normal(size=(4, *shape)), rng.normal(size=shape)
    _, seen = run(optim.Shampoo, {"lr": 0.1, "momentum": 0.5, "eps": 0.01}, p, gradients)
    sums, b = [0.01 * np.eye(n) for n in shape], 0.0
    for g, found in zip(gradients, seen, strict=True):
        u = g
        for i in range(len(shape)):
            rows = np.moveaxis(g, i, 0).reshape(shape[i], -1)
            sums[i] = sums[i] + rows @ rows.T
            root = scipy.linalg.fractional_matrix_power(sums[i], -1 / (2 * len(shape)))
            u = np.moveaxis(np.tensordot(root, u, (1, i)), 0, i)
        b = 0.5 * b + u
        p = p - 0.1 * b
        np.testing.assert_allclose(found, p, rtol=1e-8)


def test_soap_is_adam_in_a_turned_basis():
    """With gradients G whose G Gᵀ and Gᵀ G have fixed eigenvectors, it is Adam on the turned parameter once it knows these."""
    rng = np.random.default_rng(5)
    left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (3, 2))
    gradients = [left[:, :2] @ np.diag(d) @ right.T for d in rng.uniform(1, 2, size=(40, 2)) * [5.0, 1.0]]
    settings = {"lr": 0.1, "betas": (0.0, 0.0), "weight_decay": 0.0, "precondition_frequency": 1}
    _, seen = run(optim.SOAP, settings, np.zeros((3, 2)), gradients)
    step = (seen[-2] - seen[-1]) / 0.1  # with no memory every entry of the turned gradient gives a step of one
    np.testing.assert_allclose(np.abs(left.T[:2] @ step @ right), np.eye(2), atol=1e-6)
    _, vectors = run(optim.SOAP, {**settings, "betas": (0.8, 0.9)}, [1.0, 2.0], gradients_1d := rng.normal(size=(5, 2)))
    _, adam = run(optim.Adam, {"lr": 0.1, "betas": (0.8, 0.9)}, [1.0, 2.0], gradients_1d)
    np.testing.assert_allclose(vectors, adam, rtol=1e-6)


def test_schedule_free_by_its_three_sequences():
    rng = np.random.default_rng(6)
    gradients, x = rng.normal(size=(6, 3)), np.ones(3)
    settings = {"lr": 0.1, "betas": (0.7, 0.9), "weight_decay": 0.2, "warmup_steps": 3, "r": 1.0, "eps": 1e-3}
    opt, seen = run(optim.AdamWScheduleFree, settings, x, gradients)
    y = z = x
    total = v = 0.0
    for t, (g, found) in enumerate(zip(gradients, seen, strict=True), 1):
        lr = 0.1 * min(1, t / 3)
        v = 0.9 * v + 0.1 * g**2
        z = z - lr * (g / (np.sqrt(v / (1 - 0.9**t)) + 1e-3) + 0.2 * y)
        weight = t * lr**2
        total = total + weight
        x = x + weight / total * (z - x)
        y = 0.7 * x + 0.3 * z
        np.testing.assert_allclose(found, y, rtol=1e-12)
    (p,) = opt.param_groups[0]["params"]
    opt.eval()
    opt.eval()
    np.testing.assert_allclose(p.numpy(), x, rtol=1e-12)
    with pytest.raises(RuntimeError, match=r"Call `train\(\)` before"):
        opt.step()
    opt.train()
    np.testing.assert_allclose(p.numpy(), y, rtol=1e-12)
    opt.step()


def test_lbfgs_finds_a_quadratics_minimum_in_as_many_iterations_as_it_has_dimensions():
    rng = np.random.default_rng(7)
    a = np.diag(np.arange(1.0, 6.0))
    p = leaf(rng.normal(size=5))
    opt = optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=12)

    def closure():
        opt.zero_grad()
        loss = mg.sum((p @ mg.tensor(a) - 1.0) ** 2)
        loss.backward()
        return loss

    opt.step(closure)
    np.testing.assert_allclose(p.numpy(), 1 / np.arange(1.0, 6.0), atol=1e-4)
    assert opt.state[p]["n_iter"] <= 12
    saved = opt.state_dict()
    again = optim.LBFGS([leaf(p.numpy())], line_search_fn="strong_wolfe")
    again.load_state_dict(saved)
    assert len(next(iter(again.state.values()))["old_dirs"]) == len(opt.state[p]["old_dirs"])
    with pytest.raises(TypeError, match=r"step\(closure\)"):
        opt.step()
    with pytest.raises(TypeError, match="Compile the closure instead"):
        mg.compile(lambda: opt.step(closure))()


def test_a_step_that_should_be_recorded_says_that_it_is_not():
    with pytest.warns(MicrogradientWarning, match=r"A step of Adam is not recorded.*MG168"):
        optim.Adam([leaf([1.0])], differentiable=True)


def test_hooks_are_called_in_order_and_can_be_taken_away():
    p = leaf([1.0])
    opt = optim.SGD([p], lr=1.0)
    told = []
    handles = [
        opt.register_step_pre_hook(lambda o, args, kwargs: told.append(("before", args))),
        opt.register_step_post_hook(lambda o, args, kwargs: told.append(("after", p.item()))),
        opt.register_state_dict_pre_hook(lambda o: told.append("saving")),
        opt.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1}),
        opt.register_state_dict_post_hook(lambda o, state: told.append("first"), prepend=True),
        opt.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "extra"}),
        opt.register_load_state_dict_post_hook(lambda o: told.append("loaded")),
    ]
    p.grad = mg.tensor(np.array([0.5]))
    opt.step()
    saved = opt.state_dict()
    opt.load_state_dict(saved)
    assert saved["extra"] == 1
    assert told == [("before", ()), ("after", 0.5), "saving", "first", "loaded"]
    for handle in handles:
        handle.remove()
    opt.step()
    assert "extra" not in opt.state_dict()
    assert len(told) == 5


@pytest.mark.parametrize(("make", "settings"), ALL)
def test_all_find_the_minimum_of_a_parabola(make, settings):
    p = leaf([3.0, -2.0], np.float32)
    opt = make([p], **settings)
    for key, off in {"weight_decay": 0.0, "lambd": 0.0, "maximize": False}.items():
        opt.param_groups[0] |= {key: off} if key in opt.defaults else {}
    for _ in range(400):
        opt.zero_grad()
        loss = (p - 1.0) * (p - 1.0)
        loss.backward(mg.tensor([1.0, 10.0]))
        opt.step()
    np.testing.assert_allclose(p.data, 1.0, atol=0.02)
    assert p.dtype == np.float32


@pytest.mark.parametrize(("make", "settings"), ALL)
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_change_nothing(make, settings, order, monkeypatch):
    rng = np.random.default_rng(1)
    start = np.asarray(rng.normal(size=(37, 11)), order=order)
    gradients = [np.asarray(rng.normal(size=(37, 11)), order=order) for _ in range(5)]
    opt, whole = run(make, settings, start, gradients)
    monkeypatch.setattr(optimizer, "_BLOCK", 512)
    blocked, parts = run(make, settings, start, gradients)
    np.testing.assert_array_equal(whole, parts)
    for key, value in opt.state_dict()["state"].get(0, {}).items():
        np.testing.assert_array_equal(value.data, blocked.state_dict()["state"][0][key].data)


def test_an_optimiser_that_needs_the_whole_parameter_gets_it(monkeypatch):
    class Normalized(optim.Optimizer):
        elementwise = False

        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr, "maximize": False})

        def update(self, xp, p, g, state, group):
            return p - group["lr"] * g / xp.sqrt(xp.sum(g * g))

    monkeypatch.setattr(optimizer, "_BLOCK", 16)
    _, seen = run(Normalized, {"lr": 1.0}, np.zeros(4), [[3.0, 0.0, 0.0, 4.0]])
    np.testing.assert_allclose(seen, [[-0.6, 0.0, 0.0, -0.8]])


class RMSprop(optim.Optimizer):
    """Written from the docstring of optimizer.py: an `__init__` that names its settings, and an `update`."""

    def __init__(self, params, lr=0.01, alpha=0.99, eps=1e-8):
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})

    def update(self, xp, p, g, state, group):
        v = state["square_avg"] = group["alpha"] * state.get("square_avg", 0.0) + (1 - group["alpha"]) * g * g
        return p - group["lr"] * g / (xp.sqrt(v) + group["eps"])


class Averaging(optim.Optimizer):
    """No learning rate among its settings, and a number in its state."""

    def __init__(self, params, scale):
        super().__init__(params, {"scale": scale})

    def update(self, xp, p, g, state, group):
        state["count"] = state.get("count", 0) + 1
        return p - group["scale"] * g / state["count"]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("size", [3, 40_000])
def test_an_optimiser_needs_no_more_than_the_docstring_says(compiled, size):
    w, v = np.linspace(-1, 1, size), 0.0
    p = leaf(w)
    opt = RMSprop([p], lr=0.1, alpha=0.9)

    def step(target):
        opt.zero_grad()
        ((p - target) * (p - target)).sum().backward()
        opt.step()

    run_step = mg.compile(step) if compiled else step
    for k in range(4):
        run_step(mg.tensor(np.full(size, 0.5)))
        g = 2 * (w - 0.5)
        v = 0.9 * v + 0.1 * g * g
        w = w - 0.1 * g / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(p.data, w, rtol=1e-12, atol=1e-12, err_msg=str(k))
        opt.load_state_dict(opt.state_dict())


@pytest.mark.parametrize("compiled", [False, True])
def test_an_optimiser_without_a_learning_rate_and_with_a_number_in_its_state(compiled):
    p = leaf([0.0, 0.0])
    opt = Averaging([p], scale=1.0)

    def step(g):
        p.grad = g
        opt.step()

    run_step = mg.compile(step) if compiled else step
    for k in range(1, 4):
        run_step(mg.tensor(np.ones(2)))
        np.testing.assert_allclose(p.data, -sum(1 / i for i in range(1, k + 1)) * np.ones(2), rtol=1e-12)
        opt.load_state_dict(opt.state_dict())


# ------------------------------------------------------------------------------------------------------- what is not touched


@pytest.mark.parametrize(("make", "settings"), ALL)
@pytest.mark.parametrize("size", [3, 40_000])
def test_arrays_that_others_hold_keep_their_values(make, settings, size):
    p = leaf(np.linspace(0, 1, size))
    opt = make([p], **settings)
    held = []
    for i in range(4):
        p.grad = mg.tensor(np.full(size, 1.0 + i))
        held += [(a, a.copy()) for a in (p.data, p.grad.data)]
        held += [(t.data, t.numpy()) for t in opt.state_dict()["state"].get(0, {}).values() if t is not None]
        opt.step()
    for array, before in held:
        np.testing.assert_array_equal(array, before)


def test_a_graph_from_before_the_step_can_still_be_differentiated():
    p = leaf([2.0, 3.0])
    loss = p * p
    opt = optim.SGD([p], lr=1.0)
    p.grad = mg.tensor(np.array([1.0, 1.0]))
    opt.step()
    opt.zero_grad()
    loss.backward(mg.tensor(np.array([1.0, 1.0])))
    assert p.tolist() == [1.0, 2.0]
    assert p.grad.tolist() == [4.0, 6.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("make", "settings"), ALL)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shape_and_dtype_stay(make, settings, shape, dtype):
    if (make, settings) in OF_ARRAYS and dtype == np.float16:
        dtype = np.float32  # LAPACK has no float16
    p = leaf(np.ones(shape), dtype)
    opt = make([p], **settings)
    for _ in range(2):
        p.grad = mg.tensor(np.ones(shape, dtype))
        opt.step()
    opt.param_groups[0]["lr"] = np.float64(0.1)
    opt.step()
    assert isinstance(p.data, np.ndarray)
    assert p.shape == shape
    assert p.dtype == dtype
    assert p.requires_grad


def test_a_step_is_not_recorded_and_raises_no_numpy_warnings():
    p = leaf([1e308])
    p.grad = mg.tensor(np.array([-1e308]))
    opt = optim.SGD([p], lr=1e10)
    opt.step()
    assert p.tolist() == [math.inf]
    assert p.is_leaf


def test_zero_grad():
    p, q = leaf([1.0]), leaf([1.0])
    opt = optim.SGD([p, q], lr=0.1)
    p.grad = mg.tensor(np.array([5.0]))
    held = p.grad.data
    opt.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    assert q.grad is None
    assert held.tolist() == [5.0]
    opt.zero_grad()
    assert p.grad is None


def test_a_closure_is_called_and_its_loss_returned():
    p = leaf([2.0])
    opt = optim.SGD([p], lr=0.25)

    def closure():
        opt.zero_grad()
        loss = p * p
        loss.backward()
        return loss

    with mg.no_grad():
        assert opt.step(closure).item() == 4.0
    assert p.tolist() == [1.0]


# --------------------------------------------------------------------------------------------------------- groups and states


def test_groups_have_settings_of_their_own():
    a, b = leaf([1.0]), leaf([1.0])
    opt = optim.SGD([{"params": [a]}, {"params": b_only(b), "lr": 1.0}], lr=0.1)
    a.grad, b.grad = mg.tensor(np.array([1.0])), mg.tensor(np.array([1.0]))
    opt.step()
    assert (a.item(), b.item()) == (0.9, 0.0)
    late = leaf([1.0])
    opt.add_param_group({"params": [late], "momentum": 0.5, "note": "added later"})
    assert opt.param_groups[2]["note"] == "added later"
    assert [g["lr"] for g in opt.param_groups] == [0.1, 1.0, 0.1]
    assert "\n\nParameter Group 1\n    dampening: 0\n" in repr(opt)


def b_only(b):
    yield b


@pytest.mark.parametrize(("make", "settings"), ALL)
@pytest.mark.parametrize("how", ["state_dict", "pickle", "deepcopy"])
def test_a_run_can_be_interrupted(make, settings, how):
    rng = np.random.default_rng(2)
    start, gradients = rng.normal(size=4), rng.normal(size=(8, 4))
    _, whole = run(make, settings, start, gradients)
    p = leaf(start)
    opt = make([p], **settings)
    for g in gradients[:4]:
        p.grad = mg.tensor(g)
        opt.step()
    if how == "state_dict":
        p, saved = leaf(p.data), opt.state_dict()
        opt = make([p], lr=9.0)
        opt.load_state_dict(saved)
    else:
        p, opt = pickle.loads(pickle.dumps((p, opt))) if how == "pickle" else copy.deepcopy((p, opt))
    for g in gradients[4:]:
        p.grad = mg.tensor(g)
        opt.step()
    np.testing.assert_array_equal(p.data, whole[-1])


def test_the_state_has_pytorchs_structure():
    p, q = leaf([1.0, 2.0]), leaf([3.0])
    opt = optim.Adam([{"params": [("w", p)]}, {"params": [("b", q)], "lr": 0.5}])
    q.grad = mg.tensor(np.array([1.0]))
    opt.step()
    state = opt.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert list(state["state"]) == [1]
    assert {k: (v.shape, v.dtype) for k, v in state["state"][1].items()} == {
        "step": ((), np.float32),
        "exp_avg": ((1,), np.float64),
        "exp_avg_sq": ((1,), np.float64),
    }
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert [g["param_names"] for g in state["param_groups"]] == [["w"], ["b"]]
    json.dumps(state["param_groups"])


def test_loading_casts_to_the_parameters_dtype_and_copies():
    opt, _ = run(optim.SGD, {"lr": 0.1, "momentum": 0.9}, [1.0], [[1.0]])
    saved = opt.state_dict()
    other = optim.SGD([leaf([1.0], np.float32)], lr=0.1)
    other.load_state_dict(saved)
    (entry,) = other.state.values()
    assert entry["momentum_buffer"].dtype == np.float32
    same = optim.SGD([leaf([1.0])], lr=0.1)
    same.load_state_dict(saved)
    (entry,) = same.state.values()
    assert not np.shares_memory(entry["momentum_buffer"], saved["state"][0]["momentum_buffer"].data)


def test_a_failed_load_leaves_the_optimiser_as_it_was():
    opt, _ = run(optim.Adam, {}, [1.0, 2.0], [[1.0, 1.0]])
    wrong, _ = run(optim.Adam, {"lr": 0.5}, [1.0, 2.0, 3.0], [[1.0, 1.0, 1.0]])
    with pytest.raises(ValueError, match=r"exp_avg` of parameter 0 has shape \(3,\), the parameter \(2,\)"):
        opt.load_state_dict(wrong.state_dict())
    assert opt.param_groups[0]["lr"] == 1e-3
    with pytest.raises(ValueError, match=r"groups of \[2\] parameters, this optimiser of \[1\]"):
        opt.load_state_dict(optim.Adam([leaf([1.0]), leaf([1.0])]).state_dict())
    with pytest.raises(ValueError, match="'state' and 'param_groups'"):
        opt.load_state_dict({})


@pytest.mark.parametrize(("ours", "theirs"), [(optim.Adam, optim.SGD), (optim.SGD, optim.AdamW)])
def test_another_optimisers_state_is_refused(ours, theirs):
    saved, _ = run(theirs, {}, [1.0, 2.0], [[1.0, 1.0]])
    opt = ours([leaf([1.0, 2.0])], lr=0.5)
    with pytest.raises(
        ValueError, match=rf"not of {ours.__name__}, which.*`betas`.*as it was when it was saved.*MG167"
    ):
        opt.load_state_dict(saved.state_dict())
    assert opt.param_groups[0]["lr"] == 0.5


# ----------------------------------------------------------------------------------------------------------------- schedules


def rates(schedule, opt, epochs):
    seen = []
    for _ in range(epochs):
        seen.append(opt.param_groups[0]["lr"])
        schedule.step()
    return seen


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: lr_scheduler.StepLR(o, 2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25]),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (lambda o: lr_scheduler.LinearLR(o, 0.25, 1.0, 3), [0.25, 0.5, 0.75, 1, 1]),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 4, 0.2), [1, 0.6 + 0.08**0.5, 0.6, 0.6 - 0.08**0.5, 0.2]),
        (lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
    ],
)
def test_schedules_and_going_on_with_them(make, expected):
    opt = optim.SGD([leaf([1.0])], lr=1.0)
    schedule = make(opt)
    np.testing.assert_allclose(rates(schedule, opt, 3), expected[:3], rtol=1e-12)
    saved, saved_opt = schedule.state_dict(), opt.state_dict()
    opt = optim.SGD([leaf([1.0])], lr=7.0)
    opt.load_state_dict(saved_opt)
    schedule = make(opt)
    schedule.load_state_dict(saved)
    assert schedule.get_last_lr() == [opt.param_groups[0]["lr"]]
    np.testing.assert_allclose(rates(schedule, opt, 2), expected[3:], rtol=1e-12)


def test_the_momentum_is_not_the_gradient_itself():
    p = leaf([1.0])
    opt = optim.SGD([p], lr=1.0, momentum=0.5)
    p.grad = mg.tensor([2.0])
    opt.step()
    p.grad.data[:] = 100.0
    p.grad = mg.tensor([0.0])
    opt.step()
    assert p.item() == 1.0 - 2.0 - 1.0
