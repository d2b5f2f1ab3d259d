"""Whole training steps, compiled, go the same way as eager ones: every layer, loss and optimiser."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from same import assert_same

import microgradient as mg
from microgradient import nn, optim
from test_nn_layers import LAYERS, first, numbers

F = nn.functional
Step = Callable[..., Any]


def both(make: Callable[[], tuple[Step, Callable[[], Any]]], *batches: Any, seed: int = 5, rtol: float = 1e-6) -> Any:
    """Run steps made by `make`, eagerly and compiled, over the batches, and compare losses and what `make` lets be seen."""
    seen = []
    compiled: Any = None
    for wrap in (lambda f: f, mg.compile):
        mg.manual_seed(seed)
        step, state = make()
        compiled = wrap(step)
        mg.manual_seed(seed + 1)
        losses = [compiled(*batch) for batch in batches]
        seen.append((losses, state(), mg.random.get_state()["counter"]))
    assert_same(seen[0], seen[1], rtol)
    return compiled


def everything(model: nn.Module, optimizer: Any = None) -> Callable[[], Any]:
    def state() -> Any:
        grads = [p.grad for p in model.parameters()]
        return dict(model.state_dict()), grads, {} if optimizer is None else optimizer.state_dict()["state"]

    return state


ALONE = [(make, (1, *shape[1:])) for make, shape in LAYERS if not isinstance(make(), nn.BatchNorm1d)]  # which needs two


@pytest.mark.parametrize(("make", "shape"), [*LAYERS, *ALONE])
def test_layers(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    def build() -> tuple[Step, Any]:
        model = make().double()
        optimizer = optim.SGD(list(model.parameters()) or [mg.tensor([0.0], requires_grad=True)], lr=0.1)
        weights = numbers(7)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            y = first(model(x))
            loss = mg.sum(mg.sin(y) * mg.reshape(mg.arange(float(y.size)), y.shape))
            if loss.requires_grad:
                loss.backward()
                optimizer.step()
            return loss, weights

        return step, everything(model, optimizer)

    compiled = both(build, *[(numbers(*shape, seed=i),) for i in range(3)], rtol=1e-9)
    assert compiled.stats()["programs"] == 1


def _classes(n: int = 6) -> Any:
    return mg.tensor(np.arange(n) % 3)


def _probabilities(n: int = 6) -> Any:
    return mg.softmax(numbers(n, 3, seed=9))


def _reals(n: int) -> Any:
    return numbers(n, 3, seed=8)


LOSSES: dict[str, tuple[Any, Any]] = {
    "cross_entropy": (F.cross_entropy, _classes), "probabilities": (F.cross_entropy, _probabilities),
    "smoothed": (lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1), _classes),
    "ignored": (lambda x, y: F.cross_entropy(x, y, ignore_index=1), _classes),
    "weighted": (lambda x, y: F.cross_entropy(x, y, weight=mg.tensor([1.0, 2.0, 3.0], dtype=x.dtype)), _classes),
    "nll_loss": (lambda x, y: F.nll_loss(mg.log_softmax(x), y), _classes),
    "mse_loss": (F.mse_loss, _reals), "l1_loss": (F.l1_loss, _reals),
    "smooth_l1_loss": (F.smooth_l1_loss, _reals), "huber_loss": (F.huber_loss, _reals),
    "binary_cross_entropy": (lambda x, y: F.binary_cross_entropy(mg.sigmoid(x), y), _probabilities),
    "with_logits": (F.binary_cross_entropy_with_logits, _probabilities),
    "kl_div": (lambda x, y: F.kl_div(mg.log_softmax(x), y, reduction="batchmean"), _probabilities),
}  # fmt: skip


@pytest.mark.parametrize("rows", [6, 1, 2, 33])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, rows: int) -> None:
    loss_of, target = LOSSES[name]

    def build() -> tuple[Step, Any]:
        w = mg.tensor(np.linspace(-1, 1, 12).reshape(4, 3), requires_grad=True)

        def step(x: Any, y: Any) -> Any:
            w.grad = None
            loss = loss_of(x @ w, y)
            loss.backward()
            with mg.no_grad():
                w.data = (w - 0.1 * w.grad).data
            return loss

        return step, lambda: (w.detach(), w.grad)

    compiled = both(build, *[(numbers(rows, 4, seed=i), target(rows)) for i in range(3)])
    assert compiled.stats()["programs"] == 1


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1), "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "dampening": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "maximize": lambda p: optim.SGD(p, lr=0.01, maximize=True),
    "adam": lambda p: optim.Adam(p, lr=0.01), "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "lion": lambda p: optim.Lion(p, lr=0.01, weight_decay=0.1), "lamb": lambda p: optim.LAMB(p, lr=0.01),
    "schedule-free": lambda p: optim.AdamWScheduleFree(p, lr=0.01, warmup_steps=3, weight_decay=0.1),
    "shampoo": lambda p: optim.Shampoo(p, lr=0.01, eps=0.1), "soap": lambda p: optim.SOAP(p, lr=0.01),
}  # fmt: skip
PROGRAMS = {"dampening": 2}


def _mlp(hidden: int = 8, classes: int = 3) -> nn.Module:
    first, last = nn.Linear(4, hidden, bias=False), nn.Linear(hidden, classes)
    return nn.Sequential(first, nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.3), last)


# what clips gradients before an optimiser changes nothing in how that is compiled: with most of them it is slow
OFTEN = {"sgd", "adam", "soap"}


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        pytest.param(name, clip, marks=[] if not clip or name in OFTEN else pytest.mark.slow)
        for name, clip in itertools.product(OPTIMIZERS, ["", "norm", "value"])
    ],
)
def test_optimizers(name: str, clip: str) -> None:
    # SOAP takes Adam's steps in the basis Q of a QR decomposition of g gᵀ. If g is not square, or has rows that clipping made
    # equal, rounding chooses some columns of Q, and the steps are others. Of a square g of rank n - 1 (softmax), only a sign.
    square = name == "soap"

    def build() -> tuple[Step, Any]:
        model = _mlp(4, 4).double() if square else _mlp()
        optimizer = OPTIMIZERS[name](model.parameters())

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            if clip == "norm":
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            elif clip == "value":
                nn.utils.clip_grad_value_(model.parameters(), 0.1)
            optimizer.step()
            return loss

        return step, everything(model, optimizer)

    dtype = mg.float64 if square else mg.float32
    batches = [(mg.astype(numbers(6, 4, seed=i), dtype), _classes()) for i in range(6)]
    compiled = both(build, *batches, rtol=1e-5)
    assert compiled.stats()["programs"] == PROGRAMS.get(name, 1)


def test_gradients_accumulate_and_zero_grad_may_come_last() -> None:
    def build(zero: str) -> tuple[Step, Any]:
        model = nn.Linear(2, 1)

        def step(x: Any) -> Any:
            loss = mg.sum(model(x) ** 2)
            loss.backward()
            if zero == "last":
                model.zero_grad()
            elif zero == "zeros":
                model.zero_grad(set_to_none=False)
            return loss

        return step, everything(model)

    for zero in ("", "last", "zeros"):
        both(lambda zero=zero: build(zero), *[(mg.astype(numbers(3, 2, seed=i), mg.float32),) for i in range(4)])


SCHEDULED: dict[str, tuple[Any, Any]] = {
    "rates": (lambda p: optim.AdamW(p, lr=0.1), lambda o: optim.lr_scheduler.ExponentialLR(o, 0.5)),
    "betas": (lambda p: optim.Adam(p, lr=0.1), lambda o: optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=6)),
    "momenta": (lambda p: optim.SGD(p, momentum=0.9), lambda o: optim.lr_scheduler.CyclicLR(o, 0.1, 0.2, 3)),
    "nesterov": (
        lambda p: optim.SGD(p, momentum=0.9, nesterov=True), lambda o: optim.lr_scheduler.CyclicLR(o, 0.1, 0.2, 3),
    ),
    "rmsprop": (lambda p: optim.RMSprop(p, momentum=0.9), lambda o: optim.lr_scheduler.CyclicLR(o, 0.1, 0.2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("what", SCHEDULED)
def test_settings_follow_their_scheduler_without_another_program(what: str) -> None:
    make_optimizer, make_schedule = SCHEDULED[what]

    def build() -> tuple[Step, Any]:
        model = nn.Linear(4, 3)
        optimizer = make_optimizer(model.parameters())
        schedule = make_schedule(optimizer)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            mg.sum(model(x) ** 2).backward()
            optimizer.step()

        steps.append(mg.compile(step))

        def both_steps(x: Any) -> None:
            (steps[-1] if compiled else step)(x)
            schedule.step()

        return both_steps, everything(model, optimizer)

    steps: list[Any] = []
    results = []
    for choice in (False, True):
        compiled = choice
        mg.manual_seed(3)
        step, state = build()
        for i in range(4):
            step(mg.astype(numbers(5, 4, seed=i), mg.float32))
        results.append(state())
    assert_same(results[0], results[1], 1e-5)
    assert steps[-1].stats()["programs"] == 1


def test_eager_and_compiled_steps_may_take_turns() -> None:
    def build(turns: str) -> Any:
        mg.manual_seed(0)
        model = _mlp()
        optimizer = optim.Adam(model.parameters(), lr=0.05)

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        compiled = mg.compile(step)
        losses = []
        for i, turn in enumerate(turns):
            batch = mg.astype(numbers(6, 4, seed=i), mg.float32), _classes()
            losses.append((compiled if turn == "c" else step)(*batch).item())
            if turn == "s":
                saved = optimizer.state_dict()
                optimizer.load_state_dict(saved)
        return losses, everything(model, optimizer)()

    assert_same(build("eeeeee"), build("ececce"), 1e-5)
    assert_same(build("eeeeee"), build("cscscc"), 1e-5)


def test_attention_embedding_and_a_language_model() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.norm = nn.LayerNorm(8)
            self.head = nn.Linear(8, 11)

        def forward(self, tokens: Any) -> Any:
            h = self.embedding(tokens)
            q = self.norm(h)
            h = h + F.scaled_dot_product_attention(q, q, q, is_causal=True)
            h = h + self.attention(q, q, q)[0]
            return self.head(h)

    def build() -> tuple[Step, Any]:
        model = Model()
        optimizer = optim.SGD(
            model.parameters(), lr=0.1
        )  # the keys' biases have gradient 0, and Adam would enlarge its rounding

        def step(tokens: Any, targets: Any) -> Any:
            optimizer.zero_grad()
            logits = model(tokens)
            loss = F.cross_entropy(logits.reshape(-1, 11), targets.reshape(-1))
            loss.backward()
            optimizer.step()
            return loss

        return step, everything(model, optimizer)

    r = np.random.default_rng(0)
    batches = [(r.integers(0, 11, (3, 5)), mg.tensor(r.integers(0, 11, (3, 5)))) for _ in range(3)]
    assert both(build, *batches, rtol=1e-5).stats()["programs"] == 1


def test_second_order_training_step() -> None:
    def build() -> tuple[Step, Any]:
        w = mg.tensor([1.0, -2.0], requires_grad=True)

        def step(x: Any) -> Any:
            w.grad = None
            loss = mg.sum(mg.tanh(w * x) ** 2)
            loss.backward(create_graph=True)
            first = w.grad
            w.grad = None
            mg.sum(first * first).backward()
            return loss.detach(), first.detach()

        return step, lambda: w.grad

    both(build, *[(mg.astype(numbers(2, seed=i), mg.float32),) for i in range(3)])


def test_random_numbers_are_those_of_eager_mode() -> None:
    def draws() -> Any:
        a = mg.random.normal((3,)), mg.rand(2, 2), mg.randint(0, 9, (4,)), mg.randperm(5), mg.bernoulli(mg.rand(3))
        mg.random.uniform((7,))  # nobody reads these, and yet they are drawn
        return (*a, mg.randn(2))

    compiled = mg.compile(draws)
    mg.manual_seed(4)
    wanted = [draws() for _ in range(3)]
    mg.manual_seed(4)
    assert_same([compiled() for _ in range(3)], wanted, 0)


@pytest.mark.slow
@given(seed=st.integers(0, 9999))
@settings(max_examples=25, deadline=None)
def test_convolutional_networks(seed: int) -> None:
    """Layers in all orders, with odd sizes, channels of whole vectors or not, pools that overlap or not."""
    rng = np.random.default_rng(seed)
    images = numbers(int(rng.choice([1, 3, 9])), int(rng.choice([1, 3, 16])), *rng.integers(5, 13, 2).tolist())
    channels, layers = images.shape[1], []
    for _ in range(rng.integers(1, 4)):
        wider = int(rng.choice([4, 16, 5]))
        layers.append(nn.Conv2d(channels, wider, int(rng.integers(1, 4)), int(rng.integers(1, 3)), padding=1))
        pools = [
            nn.MaxPool2d(2),
            nn.AvgPool2d(2),
            nn.MaxPool2d(3, int(rng.integers(1, 3)), 1),
            nn.Dropout(0.2),
            nn.ReLU(),
        ]
        layers += [nn.ReLU() if rng.integers(2) else nn.GELU(), pools[rng.integers(5)]]
        channels = wider
        if min(nn.Sequential(*layers)(images.astype(mg.float32)).shape[2:]) < 3:
            break

    def build() -> tuple[Step, Any]:
        model = nn.Sequential(*copy.deepcopy(layers), nn.Flatten()).double()
        optimizer = optim.SGD(model.parameters(), lr=0.01)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = mg.mean(mg.sin(model(x)))
            loss.backward()
            optimizer.step()
            return loss

        return step, everything(model, optimizer)

    both(build, (images,), (images * 2,), rtol=1e-9)


def test_the_plain_average_of_batch_statistics() -> None:
    def build() -> tuple[Step, Any]:
        model = nn.BatchNorm1d(3, momentum=None)
        return model, lambda: dict(model.state_dict())

    both(build, *[(mg.astype(numbers(4, 3, seed=i), mg.float32),) for i in range(4)])


def test_state_is_held_by_one_program_at_a_time() -> None:
    """Batches of many sizes: the parameters and moments of each program would add up."""
    model = nn.Linear(300, 300)
    optimizer = optim.Adam(model.parameters())

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = mg.mean(model(x) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    f = mg.compile(step, dynamic=False)
    for n in range(1, 6):
        f(mg.ones((n, 300)))
        f(mg.ones((n, 300)))
    held = [v for variants in f._found.values() for v in variants if v.owned.taken]
    assert len(held) == 1


class Counting(optim.Optimizer):
    """An optimiser that remembers whole numbers, one of which never changes."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1, "maximize": False})

    def initial_state(self, p: Any, group: Any) -> dict[str, Any]:
        return {"factor": 3, "n": 0}

    def update(self, xp: Any, p: Any, g: Any, state: Any, group: Any) -> Any:
        if not state:
            state.update(self.initial_state(p, group))
        state["n"] = state["n"] + 1
        state["late"] = state.get("late", 1) + 1
        return p - group["lr"] * g * state["factor"] / state["n"] / state["late"]


def test_an_optimiser_that_remembers_whole_numbers() -> None:
    found = []
    for compiled in (False, True):
        w = mg.tensor([1.0, 2.0], requires_grad=True)
        optimizer = Counting([w])

        def step(w: Any = w, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = mg.sum(w * w)
            loss.backward()
            optimizer.step()
            return loss

        run = mg.compile(step) if compiled else step
        found.append([run().item() for _ in range(5)] + w.tolist())
    np.testing.assert_allclose(*found, rtol=1e-6)
