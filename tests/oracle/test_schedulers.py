"""Learning rates and momenta of every scheduler against PyTorch's, alone, chained, in turns and interrupted; averaged models."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import microgradient as mg  # noqa: E402
from microgradient import optim  # noqa: E402

EPOCHS = 30


class Halving:
    def __call__(self, epoch):
        return 0.5**epoch


S = {  # by a name, what makes the scheduler from the module `s` of schedulers and the optimiser `o`
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "lambdas": lambda s, o: s.LambdaLR(o, [Halving(), lambda epoch: 1.0]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9 if epoch % 2 else 1.05),
    "step": lambda s, o: s.StepLR(o, 3),
    "step of 7": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "milestones": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 11], gamma=0.3),
    "constant": lambda s, o: s.ConstantLR(o),
    "constant from factor": lambda s, o: s.ConstantLR(o, factor=0.7, total_iters=8),
    "linear": lambda s, o: s.LinearLR(o),
    "linear down": lambda s, o: s.LinearLR(o, start_factor=0.8, end_factor=0.1, total_iters=8),
    "linear to zero": lambda s, o: s.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=6),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=9, power=2.0),
    "polynomial of 1": lambda s, o: s.PolynomialLR(o),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=10),
    "cosine with a floor": lambda s, o: s.CosineAnnealingLR(o, T_max=4, eta_min=0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=4),
    "longer restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2, eta_min=0.02),
    "triangles": lambda s, o: s.CyclicLR(o, 0.1, 0.5, step_size_up=4),
    "uneven triangles": lambda s, o: s.CyclicLR(o, [0.1, 0.2], [0.5, 0.9], 4, 3, mode="triangular2", base_momentum=0.7),
    "exponential range": lambda s, o: s.CyclicLR(o, 0.1, 0.5, 4, mode="exp_range", gamma=0.95, max_momentum=[0.9, 0.8]),
    "own scale": lambda s, o: s.CyclicLR(o, 0.1, 0.5, 4, scale_fn=lambda x: 1 / (5**(x * 0.0001)), cycle_momentum=False),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.8, total_steps=EPOCHS),
    "one straight cycle": lambda s, o: s.OneCycleLR(o, [0.8, 0.4], epochs=6, steps_per_epoch=5, anneal_strategy="linear"),
    "three phases": lambda s, o: s.OneCycleLR(o, 0.8, EPOCHS, three_phase=True, pct_start=0.4, cycle_momentum=False),
    "turns": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 8), s.ExponentialLR(o, 0.8)], [4, 12]
    ),
    "chain": lambda s, o: s.ChainedScheduler([
        s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9), s.LinearLR(o, 0.5, total_iters=7), s.StepLR(o, 5, 0.5),
        s.CosineAnnealingLR(o, 6, eta_min=0.001), s.PolynomialLR(o, 40), s.MultiplicativeLR(o, lambda epoch: 0.99),
    ]),
    "chain in turns": lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.LinearLR(o, 0.2, total_iters=3), s.ExponentialLR(o, 0.9)]), s.StepLR(o, 2)], [5]
    ),
}  # fmt: skip


def parameters(m):
    p, q = (m.ones(2) if m is torch else mg.ones((2,)) for _ in range(2))
    p.requires_grad = q.requires_grad = True
    return p, q


def sgd(m):
    p, q = parameters(m)
    return m.optim.SGD([{"params": [p], "lr": 0.3}, {"params": [q]}], lr=0.1, momentum=0.9)


def adam(m):
    p, q = parameters(m)
    return m.optim.Adam([{"params": [p], "lr": 0.3}, {"params": [q]}], lr=0.1)


def step(m, optimizer):
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = m.ones(2) if m is torch else mg.ones((2,))
    optimizer.step()


def settings(optimizer):
    return [(g["lr"], g.get("momentum", 0), *g.get("betas", ())) for g in optimizer.param_groups]


def run(m, make_optimizer, name, epochs, interrupt=()):
    optimizer = make_optimizer(m)
    scheduler = S[name](m.optim.lr_scheduler, optimizer)
    seen = [settings(optimizer)]
    for epoch in range(epochs - 1):
        step(m, optimizer)
        scheduler.step()
        seen.append(settings(optimizer))
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        if epoch in interrupt:
            saved, of_optimizer = scheduler.state_dict(), optimizer.state_dict()
            optimizer = make_optimizer(m)
            optimizer.load_state_dict(of_optimizer)
            scheduler = S[name](m.optim.lr_scheduler, optimizer)
            optimizer.load_state_dict(of_optimizer)  # which making the scheduler changed
            scheduler.load_state_dict(saved)
            assert settings(optimizer) == seen[-1]
    return seen


@pytest.mark.filterwarnings(
    "ignore:The epoch parameter in `scheduler:UserWarning", "ignore:Detected call of:UserWarning"
)
@pytest.mark.parametrize("make_optimizer", [sgd, adam])
@pytest.mark.parametrize("name", S)
def test_schedules_agree(name, make_optimizer):
    expected = run(torch, make_optimizer, name, EPOCHS)
    np.testing.assert_allclose(run(mg, make_optimizer, name, EPOCHS), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", S)
def test_schedules_can_be_interrupted(name):
    whole = run(mg, sgd, name, EPOCHS)
    np.testing.assert_allclose(run(mg, sgd, name, EPOCHS, interrupt=(3, 13)), whole, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mode": "max"},
        {"patience": 2, "cooldown": 2, "factor": 0.5},
        {"threshold_mode": "abs", "threshold": 0.3, "patience": 1},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 0, "min_lr": [0.05, 0.01]},
        {"patience": 1, "eps": 0.1},
    ],
)
def test_plateaus(given):
    seen = []
    for m in (torch, mg):
        optimizer = sgd(m)
        scheduler = m.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **given)
        rates = []
        rng = np.random.default_rng(0)
        for epoch in range(60):
            step(m, optimizer)
            scheduler.step(m.tensor(1 / (1 + epoch // 7) + 0.1 * rng.random()))
            rates.append(scheduler.get_last_lr())
            if epoch == 20:
                saved = scheduler.state_dict()
                scheduler = m.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **given)
                scheduler.load_state_dict(saved)
        seen.append(rates)
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-12)


def test_restarts_within_an_epoch():
    seen = []
    for m in (torch, mg):
        optimizer = sgd(m)
        scheduler = m.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=3)
        rates = []
        for epoch in np.arange(0, 12, 0.25):
            scheduler.step(float(epoch))
            rates.append(settings(optimizer))
        seen.append(rates)
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-12)


@pytest.mark.parametrize("given", [{}, {"anneal_epochs": 3, "anneal_strategy": "linear"}, {"anneal_epochs": 0}])
def test_swalr_after_another_schedule(given):
    seen = []
    for m in (torch, mg):
        optimizer = sgd(m)
        first = m.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        then = m.optim.swa_utils.SWALR(optimizer, swa_lr=[0.05, 0.01], **given)
        rates = []
        for epoch in range(25):
            step(m, optimizer)
            (first if epoch < 5 else then).step()
            rates.append(settings(optimizer))
        seen.append(rates)
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-12)


AVERAGES = {
    "plain": lambda u: {},
    "ema": lambda u: {"avg_fn": u.get_ema_avg_fn(0.9)},
    "ema of lists": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9), "use_buffers": True},
    "swa of lists": lambda u: {"multi_avg_fn": u.get_swa_multi_avg_fn()},
    "own": lambda u: {"avg_fn": lambda averaged, current, n: (averaged + 3 * current) / (4 + 0 * n)},
}


@pytest.mark.parametrize("name", AVERAGES)
def test_averaged_models(name):
    rng = np.random.default_rng(0)
    batches = [rng.normal(1, 2, size=(6, 3)).astype(np.float32) for _ in range(4)]
    weights = [rng.normal(size=(2, 3)).astype(np.float32) for _ in range(5)]
    found = []
    for m in (torch, mg):
        data = [m.tensor(x) for x in batches]
        model = m.nn.Sequential(m.nn.BatchNorm1d(3), m.nn.Linear(3, 2))
        start = {"1.weight": m.tensor(weights[0]), "1.bias": m.tensor(np.ones(2, np.float32))}
        model.load_state_dict(start, strict=False)
        average = m.optim.swa_utils.AveragedModel(model, **AVERAGES[name](m.optim.swa_utils))
        for w in weights:
            model(data[0])
            model.load_state_dict({"1.weight": m.tensor(w)}, strict=False)
            average.update_parameters(model)
        states = [{k: np.array(v.tolist()) for k, v in average.state_dict().items()}]
        m.optim.swa_utils.update_bn([(x, 0) for x in data], average)
        states.append({k: np.array(v.tolist()) for k, v in average.state_dict().items()})
        found.append([*states, np.array(average(data[1]).tolist())])
    for theirs, ours in zip(found[0][:2], found[1][:2], strict=True):
        assert list(ours) == list(theirs)
        for key in theirs:
            np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-5, atol=1e-6, err_msg=key)
    np.testing.assert_allclose(found[1][2], found[0][2], rtol=1e-4, atol=1e-5)


def test_a_schedule_that_steps_first_is_told():
    optimizer = sgd(mg)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    for group in optimizer.param_groups:
        group["params"][0].grad = mg.ones((2,))
    with pytest.warns(UserWarning, match=r"the first learning rate is never used.*MG168"):
        scheduler.step()


def test_an_own_scheduler_as_pytorchs_are_written():
    class Mine(optim.lr_scheduler._LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    optimizer = sgd(mg)
    scheduler = Mine(optimizer)
    scheduler.step()
    assert scheduler.get_last_lr() == [0.15, 0.05]
