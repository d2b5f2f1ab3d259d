"""What tracing refuses: values that are not known yet, shapes that depend on them, and what would happen only once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn, optim
from microgradient.errors import ArgumentError, NonFiniteError, TraceError

F = nn.functional


@pytest.mark.parametrize(
    "use",
    [
        lambda x: 1 if x > 0 else 2, lambda x: not x, float, int, lambda x: x.item(), lambda x: x.tolist(),
        lambda x: np.asarray(x), lambda x: x.numpy(), lambda x: np.zeros(3)[x.astype(mg.int32)],
        lambda x: range(x.astype(mg.int32)),
        lambda x: x in [1.0], lambda x: [x > 0 and x], lambda x: np.sort(x.data),
    ],
)  # fmt: skip
def test_values_that_are_not_known_yet(use: Any) -> None:
    with pytest.raises(TraceError, match=r"test_refusals.py:\d+: .*MG200"):
        mg.compile(lambda x: use(x))(mg.tensor(1.0))


def test_what_to_write_instead() -> None:
    def branch(x: Any) -> Any:
        if x > 0:
            return x
        return -x

    with pytest.raises(TraceError, match=r"mg\.where\(condition, a, b\)"):
        mg.compile(branch)(mg.tensor(1.0))
    with pytest.raises(TraceError, match="Python number"):
        mg.compile(lambda r: 1 if r > 0.5 else 2)(0.7)


@pytest.mark.parametrize(
    "use", [lambda x: x[x > 0], mg.nonzero, mg.unique_values, lambda x: mg.repeat(x, mg.astype(x, mg.int32)), F.one_hot],
)  # fmt: skip
def test_shapes_that_depend_on_values(use: Any) -> None:
    x = mg.tensor([1, 2]) if use is F.one_hot else mg.tensor([1.0, 2.0])
    with pytest.raises(TraceError, match="MG201"):
        mg.compile(lambda x: use(x))(x)


def test_what_would_happen_once_is_refused() -> None:
    opt = optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(opt, 1)
    for f in (lambda: mg.manual_seed(0), lambda: mg.random.get_state(), schedule.step):
        with pytest.raises(TraceError, match="MG202"):
            mg.compile(lambda f=f: f())()


def test_traced_tensors_that_are_kept() -> None:
    kept: list[Any] = []
    keep = kept.append  # a built-in method, which is not followed
    mg.compile(lambda x: keep(x * 2))(mg.tensor([1.0]))
    with pytest.raises(TraceError, match="MG203"):
        kept[0] + 1
    with pytest.raises(TraceError, match="MG203"):
        mg.compile(lambda x: kept[0] + x)(mg.tensor([1.0]))

    class Keeper(nn.Module):
        def forward(self, x: Any) -> Any:
            self.last = x * 2
            return x

    keeper = Keeper()
    with pytest.raises(TraceError, match=r"Keeper\.last.*MG203"):
        mg.compile(keeper)(mg.tensor([1.0]))


def test_graphs_from_outside_are_not_cut_in_silence() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    h = w * 2
    with pytest.raises(TraceError, match="MG204"):
        mg.compile(lambda x: h * x)(mg.tensor([1.0]))
    buffer = mg.zeros((2,))

    def keeps() -> None:
        buffer[0] = w[0]

    with pytest.raises(TraceError, match="MG204"):
        mg.compile(keeps)()
    assert not buffer.requires_grad
    assert buffer.tolist() == [0.0, 0.0]


def test_an_error_while_tracing_leaves_everything_as_it_was() -> None:
    model = nn.BatchNorm1d(2)
    opt = optim.Adam(model.parameters())

    def step(x: Any) -> None:
        mg.sum(model(x)).backward()
        opt.step()
        raise KeyError("stop")

    before = {k: v.numpy() for k, v in model.state_dict().items()}
    for f in (mg.compile(step), mg.compile(step)):
        with pytest.raises(KeyError):
            f(mg.ones((3, 2)))
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v.data, before[k])
    assert model.weight.grad is None
    assert opt.state == {}
    assert isinstance(mg.tensor([1.0]).data, np.ndarray)


def test_errors_of_shapes_come_while_tracing() -> None:
    for f in (lambda x: x + mg.ones(5), lambda x: x @ mg.ones((7, 2)), lambda x: mg.reshape(x, (5,)), lambda x: x[9]):
        with pytest.raises((ValueError, IndexError)):
            mg.compile(f)(mg.ones((2, 3)))


def test_debug_stops_at_the_first_number_that_is_not_finite() -> None:
    def f(x: Any) -> Any:
        y = x - 1
        return mg.log(y) * 0 + mg.where(y > 0, y, -mg.inf)

    g = mg.compile(f, debug=True)
    assert g(mg.tensor([2.0])).tolist() == [1.0]
    with pytest.raises(NonFiniteError, match=r"test_refusals.py:\d+: `log` gives an infinity at \[1\].*MG171"):
        g(mg.tensor([2.0, 1.0]))
    with pytest.raises(NonFiniteError, match="an argument"):
        g(mg.tensor([2.0, np.nan]))


def test_numbers_become_tensors() -> None:
    def f(s: Any) -> Any:
        return mg.asarray(s), mg.tensor(s), mg.full((2,), s), mg.full_like(mg.zeros(2, dtype=mg.float64), s)

    for number in (0.1, np.float32(0.1)):
        for have, want in zip(mg.compile(f)(number), f(number), strict=True):
            assert have.dtype == want.dtype
            assert have.tolist() == want.tolist()


@pytest.mark.parametrize("debug", [False, True])
def test_what_a_kernel_refuses_when_the_program_runs_is_told_as_eagerly(debug: bool) -> None:
    f = mg.compile(lambda a, b: a**b, debug=debug)
    assert f(mg.tensor([2, 3]), mg.tensor([3, 2])).tolist() == [8, 9]
    with pytest.raises(ArgumentError, match=r"`pow`: .*negative integer powers.*MG124"):
        f(mg.tensor([2, 3]), mg.tensor([3, -2]))
