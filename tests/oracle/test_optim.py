"""Optimisers and schedules against PyTorch's: ten steps in every combination of settings, and states that change sides."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import microgradient as mg  # noqa: E402
from microgradient import optim  # noqa: E402

SHAPES = [(3, 4), (5,), (), (2, 0), (150, 130)]  # the last is large enough to be updated in blocks


def _choices(**options):
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


SGD = [
    {"lr": 0.1, **c}
    for c in _choices(momentum=[0.0, 0.9], dampening=[0.0, 0.3], weight_decay=[0.0, 0.05], nesterov=[False, True])
    if not c["nesterov"] or (c["momentum"] and not c["dampening"])
]
ADAM = _choices(amsgrad=[False, True], weight_decay=[0.0, 0.1], betas=[(0.9, 0.999), (0.5, 0.8)], eps=[1e-8, 1e-3])
CASES = [
    (name, {**settings, "maximize": maximize})
    for name, all_settings in {"SGD": SGD, "Adam": ADAM, "AdamW": ADAM}.items()
    for settings in all_settings
    for maximize in (False, True)
]
DEFAULTS = [("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {}), ("Adam", {"amsgrad": True})]
DEFAULTS += [(name, {}) for name in ("Adadelta", "Adagrad", "Adamax", "ASGD", "NAdam", "RAdam", "Rprop", "Adafactor")]
DEFAULTS += [("RMSprop", {"momentum": 0.9, "centered": True})]


@pytest.fixture(autouse=True)
def numbers_in_float64():
    """PyTorch rounds the numbers in a state to its default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Pair:
    """The same parameters and gradients on both sides."""

    def __init__(self, name, settings, dtype, seed=0, shapes=SHAPES):
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        if name == "Adafactor":
            shapes = [shape for shape in shapes if 0 not in shape]  # PyTorch divides by the number of entries
        start = [self.rng.normal(size=shape).astype(dtype) for shape in shapes]
        self.ours = [mg.tensor(np.asarray(x), requires_grad=True) for x in start]
        self.theirs = [torch.nn.Parameter(torch.from_numpy(np.array(x))) for x in start]
        self.opt = getattr(optim, name)(self.ours, **settings)
        self.oracle = getattr(torch.optim, name)(self.theirs, **settings)

    def step(self, skip=()):
        for i, (p, q) in enumerate(zip(self.ours, self.theirs, strict=True)):
            g = np.asarray(self.rng.normal(size=p.shape), self.dtype)
            p.grad = None if i in skip else mg.tensor(g)
            q.grad = None if i in skip else torch.from_numpy(np.array(g))
        self.opt.step()
        self.oracle.step()

    def compare(self):
        tolerance = 1e-12 if self.dtype == np.float64 else 2e-6
        for p, q in zip(self.ours, self.theirs, strict=True):
            assert p.dtype == self.dtype
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=tolerance, atol=tolerance)


OF_COMPLEX = [(name, settings) for name, settings in DEFAULTS if name != "Adafactor"] + [("AdamW", {"amsgrad": True})]


@pytest.mark.parametrize(("name", "settings"), OF_COMPLEX)
def test_complex_parameters_move_as_pytorchs_do(name, settings):
    """And the states are complex there, too."""
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (), (70, 90)]
    start, *gradients = [[rng.normal(size=s) + 1j * rng.normal(size=s) for s in shapes] for _ in range(11)]
    ours = [mg.tensor(np.array(x), requires_grad=True) for x in start]
    theirs = [torch.nn.Parameter(torch.from_numpy(np.array(x))) for x in start]
    optimizer, oracle = getattr(optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, **settings)
    for gradient in gradients:
        for p, q, g in zip(ours, theirs, gradient, strict=True):
            p.grad, q.grad = mg.tensor(np.array(g)), torch.from_numpy(np.array(g))
        optimizer.step()
        oracle.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-11, atol=1e-11)
    saved = optimizer.state_dict()["state"]
    for index, entry in oracle.state_dict()["state"].items():
        for key, value in entry.items():
            if value is not None and saved[index][key] is not None:
                np.testing.assert_allclose(np.asarray(saved[index][key]), np.asarray(value), rtol=1e-6, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "settings"), CASES + DEFAULTS)
def test_ten_steps_agree(name, settings, dtype):
    pair = Pair(name, settings, dtype)
    for _ in range(10):
        pair.step()
        pair.compare()


@pytest.mark.parametrize(("name", "settings"), DEFAULTS)
def test_defaults_are_the_same(name, settings):
    pair = Pair(name, settings, np.float32)
    ours, theirs = pair.opt.state_dict()["param_groups"], pair.oracle.state_dict()["param_groups"]
    assert len(ours) == len(theirs)
    assert ours[0] == theirs[0]


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_parameters_without_a_gradient_stay(name):
    pair = Pair(name, {"lr": 0.1, **({"momentum": 0.9} if name == "SGD" else {})}, np.float64)
    pair.step()
    for skip in [(0,), (1, 4), (), (0, 1)]:
        pair.step(skip)
        pair.compare()


def _as_torch(value):
    if isinstance(value, mg.Tensor):
        return torch.from_numpy(np.array(value.data))
    if isinstance(value, dict):
        return {k: _as_torch(v) for k, v in value.items()}
    return [_as_torch(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "settings"), DEFAULTS)
def test_states_move_both_ways(name, settings):
    pair = Pair(name, settings, np.float64)
    for _ in range(3):
        pair.step()
    ours, theirs = pair.opt.state_dict(), pair.oracle.state_dict()
    assert ours["state"].keys() == theirs["state"].keys()
    for i, entry in theirs["state"].items():
        assert list(ours["state"][i]) == list(entry)
        for key, value in entry.items():
            assert ours["state"][i][key].shape == tuple(value.shape)
            np.testing.assert_allclose(ours["state"][i][key].data, value.numpy(), rtol=1e-12)

    other = Pair(name, {**settings, "lr": 0.7}, np.float64, seed=1)
    for mine, his, p, q in zip(pair.ours, pair.theirs, other.ours, other.theirs, strict=True):
        p.data = mine.data
        q.data = his.detach().clone()
    other.opt.load_state_dict(theirs)
    other.oracle.load_state_dict(_as_torch(ours))
    assert other.opt.param_groups[0]["lr"] == pair.opt.param_groups[0]["lr"]
    for _ in range(3):
        pair.rng, other.rng = np.random.default_rng(5), np.random.default_rng(5)
        pair.step()
        other.step()
        other.compare()
        for p, q in zip(pair.ours, other.ours, strict=True):
            np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


def test_groups_with_their_own_settings():
    ours = [mg.tensor(np.full(3, float(i)), requires_grad=True) for i in range(3)]
    theirs = [torch.nn.Parameter(torch.from_numpy(p.numpy())) for p in ours]
    opts = [
        m.AdamW([{"params": ps[:2], "weight_decay": 0.0}, {"params": [ps[2]], "lr": 0.1}], lr=0.01)
        for m, ps in ((optim, ours), (torch.optim, theirs))
    ]
    rng = np.random.default_rng(0)
    for _ in range(5):
        for p, q in zip(ours, theirs, strict=True):
            g = rng.normal(size=3)
            p.grad, q.grad = mg.tensor(g), torch.from_numpy(g)
        for opt in opts:
            opt.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12)
    ours_groups, theirs_groups = (opt.state_dict()["param_groups"] for opt in opts)
    assert [g["params"] for g in ours_groups] == [g["params"] for g in theirs_groups] == [[0, 1], [2]]


def test_names_are_kept_as_pytorch_keeps_them():
    w = mg.tensor([1.0], requires_grad=True)
    ours = optim.SGD([("layer.w", w)], lr=0.1).state_dict()
    theirs = torch.optim.SGD([("layer.w", torch.nn.Parameter(torch.ones(1)))], lr=0.1).state_dict()
    assert ours["param_groups"][0]["param_names"] == theirs["param_groups"][0]["param_names"] == ["layer.w"]
