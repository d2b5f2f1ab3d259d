"""PyTorch's own table of optimisers (OptimizerInfo) replayed: every choice of settings in it takes the same path here.

`torch.testing._internal.common_optimizers.optim_db` has, for each optimiser, the settings that PyTorch tests, and those that are
errors. Twenty-five steps on a small problem, in float32 and float64, eager and compiled.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from torch.testing._internal.common_optimizers import optim_db  # noqa: E402

import microgradient as mg  # noqa: E402
from microgradient import optim  # noqa: E402

STEPS = 25
SHAPES = [(3, 4), (5,), (), (2, 3, 2)]
MATRICES = [(3, 4), (4, 2)]
CASES = [
    pytest.param(info, number, id=f"{info.name}-{given.desc}")
    for info in optim_db
    for number, given in enumerate(info.optim_inputs_func("cpu"))
]
COMPILED = [case for case in CASES if case.values[0].name != "LBFGS"]  # of which the closure is compiled, below


@pytest.fixture(autouse=True)
def one_thread_and_full_precision(monkeypatch):
    """Muon's iterations are in bfloat16 in PyTorch and in the parameter's dtype here: compare them in that."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Problem:
    """The same parameters, loss and optimiser on one of both sides."""

    def __init__(self, m, name, settings, dtype):
        self.m, self.name = m, name
        rng = np.random.default_rng(1)
        shapes = MATRICES if name == "Muon" else SHAPES
        start = [np.asarray(rng.normal(size=shape), dtype) for shape in shapes]
        self.targets = [self.tensor(np.asarray(rng.normal(size=shape), dtype)) for shape in shapes]
        self.scales = [self.tensor(np.asarray(rng.uniform(0.5, 3, size=shape), dtype)) for shape in shapes]
        self.params = [self.tensor(x) for x in start]
        for p in self.params:
            p.requires_grad = True
        self.optimizer = getattr(m.optim, name)(self.params, **settings)

    def tensor(self, array):
        return torch.from_numpy(array.copy()) if self.m is torch else mg.tensor(array)

    def closure(self):
        self.optimizer.zero_grad()
        loss = 0.0
        for p, target, scale in zip(self.params, self.targets, self.scales, strict=True):
            miss = p - target
            loss = loss + (scale * miss * miss + self.m.sin(3 * miss)).sum()
        loss.backward()
        if self.name == "SparseAdam" and self.m is torch:
            for p in self.params:
                p.grad = p.grad.to_sparse(min(p.ndim, 1))
        return loss

    def step(self):
        if getattr(self.optimizer, "needs_closure", self.name == "LBFGS"):
            return self.optimizer.step(self.closure)
        loss = self.closure()
        self.optimizer.step()
        return loss


def compare(info, number, dtype, wrap):
    torch.set_default_dtype(torch.float64 if dtype == "float64" else torch.float32)  # that of numbers in a state
    try:
        settings = info.optim_inputs_func("cpu")[number].kwargs
        theirs = Problem(torch, info.name, settings, dtype)
        ours = Problem(mg, info.name, converted(settings, {}), dtype)
        step = wrap(ours.step)
        tolerance = 1e-9 if dtype == "float64" else 1e-4
        for k in range(2 if info.name == "LBFGS" else STEPS):  # of twenty iterations, in which roundings grow
            expected, found = theirs.step(), step()
            np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=tolerance, atol=tolerance)
            for p, q in zip(ours.params, theirs.params, strict=True):
                given = q.detach().numpy()
                np.testing.assert_allclose(p.numpy(), given, rtol=tolerance, atol=tolerance, err_msg=str(k))
                assert p.dtype == dtype
        return ours, step
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("info", "number"), CASES)
def test_trajectories(info, number, dtype):
    compare(info, number, dtype, lambda step: step)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("info", "number"), COMPILED)
def test_compiled_trajectories(info, number, dtype):
    ours, step = compare(info, number, dtype, mg.compile)
    assert step.stats()["host_calls"] == {}
    first_step = info.name == "SGD" and ours.optimizer.defaults["dampening"]  # has no momentum to dampen
    assert step.stats()["programs"] == (2 if first_step else 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_compiled_closure_for_lbfgs(dtype):
    info = next(info for info in optim_db if info.name == "LBFGS")

    def compiled(step):
        ours = step.__self__
        ours.closure = mg.compile(ours.closure)
        return step

    for number, _ in enumerate(info.optim_inputs_func("cpu")):
        ours, _ = compare(info, number, dtype, compiled)
        assert ours.closure.stats()["host_calls"] == {}


# ------------------------------------------------------------------------------------------------------------------- errors

OTHERWISE = {  # what is another error here, or none
    "a param group cannot have duplicate parameters": ValueError,  # a warning there, and updated twice
    "lr as Tensor doesn't work with foreach & not capturable": None,  # a tensor is the number in it
    "betas must be either both floats or both Tensors": None,
    "betas\\[0\\] as a Tensor is not supported for capturable=False and foreach=True": None,
    "betas\\[1\\] as a Tensor is not supported for capturable=False and foreach=True": None,
    "does not support complex parameters": TypeError,  # no optimiser does, and they say so when they are made
    "complex not supported": TypeError,
}
ERRORS = [
    pytest.param(info, number, id=f"{info.name}-{given.optimizer_error_input.desc}")
    for info in optim_db
    for number, given in enumerate(info.optim_error_inputs_func("cpu", torch.float32))
    if "dense params required" not in given.optimizer_error_input.desc  # all are dense
]


@pytest.mark.parametrize(("info", "number"), ERRORS)
def test_errors(info, number):
    error = info.optim_error_inputs_func("cpu", torch.float32)[number]
    given = error.optimizer_error_input
    made: dict[int, mg.Tensor] = {}
    params = [mg.tensor(np.ones((2, 2)), requires_grad=True)] if given.params is None else converted(given.params, made)
    expected = OTHERWISE.get(given.desc, error.error_type)

    def make():
        getattr(optim, info.name)(params, **converted(given.kwargs, made))

    if expected is None:
        make()
    else:
        with pytest.raises(expected, match=r"\[MG"):
            make()


def converted(value, made):
    """The same with our tensors for PyTorch's, of which those `made` so far are known by the others' ids."""
    if isinstance(value, torch.Tensor):
        if id(value) not in made:
            made[id(value)] = mg.tensor(value.detach().numpy())
            made[id(value)].requires_grad = value.requires_grad
        return made[id(value)]
    if isinstance(value, dict):
        return {k: converted(v, made) for k, v in value.items()}
    return type(value)(converted(v, made) for v in value) if isinstance(value, list | tuple) else value
