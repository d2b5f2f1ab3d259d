"""scan, map, fori_loop, while_loop and cond: Python's loops eagerly, programs in programs when traced, the same numbers in both.

Each function below is differentiated backwards, forwards and twice, mapped over examples, compiled, and these in each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from same import assert_same

import microgradient as mg
from microgradient import nn, optim
from microgradient.errors import GradientError, MicrogradientError, NonFiniteError, TraceError
from microgradient.program.interpret import Interpreter

rng = np.random.default_rng(7)
W = mg.tensor(rng.normal(size=(3, 3)) * 0.5)
XS = mg.tensor(rng.normal(size=(4, 3)))


class Pair(NamedTuple):
    h: Any
    n: Any


def recurrent(x: Any) -> Any:
    """Carry, closed-over tensors, xs, ys in containers; the carry is also a result of each step."""

    def step(carry: Pair, row: dict[str, Any]) -> tuple[Pair, list[Any]]:
        h = mg.tanh(W @ carry.h + row["x"] * x)
        return Pair(h, carry.n + 1), [h, mg.sum(h * row["x"])]

    end, (hs, sums) = mg.scan(step, Pair(x, 0), {"x": XS})
    return mg.sum(end.h) + mg.sum(hs * hs) + mg.sum(sums) * end.n


def backwards(x: Any) -> Any:
    end, ys = mg.scan(lambda c, a: (c * 0.9 + mg.sin(a), c * a), mg.sum(x), x, reverse=True)
    return end + mg.sum(ys * x)


def nested(x: Any) -> Any:
    def outer(carry: Any, a: Any) -> tuple[Any, Any]:
        end, ys = mg.scan(lambda d, b: (d * 0.9 + b * a, mg.sin(d)), carry, x, reverse=True)
        return end, mg.sum(ys) + a

    end, ys = mg.scan(outer, mg.sum(x), x)
    return end + mg.sum(ys)


def choosing(x: Any) -> Any:
    """A condition in each step, one that depends on what is carried, and a loop in one of its branches."""

    def step(carry: Any, a: Any) -> tuple[Any, None]:
        new = mg.cond(a > 0, lambda c: mg.sin(c) * a, lambda c: mg.fori_loop(0, 2, lambda i, d: d * a + i, c), carry)
        return new, None

    return mg.sum(mg.scan(step, x, x - 0.1)[0])


def counted(x: Any) -> Any:
    return mg.sum(mg.fori_loop(1, 5, lambda i, v: v * 1.1 + x[i % 3] * i, x))


def each(x: Any) -> Any:
    return mg.sum(mg.map(lambda a: {"y": a * mg.exp(a)}, x)["y"] ** 2)


def without_xs(x: Any) -> Any:
    return mg.sum(mg.scan(lambda c, _: (mg.cos(c) * x, c), x, length=3)[1])


def swapped(x: Any) -> Any:
    """What is carried changes places, and some of it never changes."""
    (a, b, c), ys = mg.scan(lambda s, t: ((s[1], s[0] * t, s[2]), s[2] * s[0]), (x[0], x[1], x[2]), x)
    return a * 2 + b * c + mg.sum(ys)


def rotating(x: Any) -> Any:
    """What is carried is complex, and so is what one branch gives."""
    z = mg.astype(x, mg.complex128) * (1 + 0.5j)
    end, ys = mg.scan(lambda c, a: (mg.exp(c * 0.1j) * a + c, mg.abs(c) ** 2), mg.sum(z), z)
    return mg.sum(ys) + mg.cond(mg.real(end) > 0, lambda c: mg.abs(c * c), lambda c: mg.imag(mg.sin(c)), end)


def unchanging(x: Any) -> Any:
    """Some of what a step computes is the same in each, what it returns too."""

    def step(c: Any, a: Any) -> tuple[Any, Any]:
        m = mg.exp(W.T * x)
        return mg.tanh(m @ c * a), (mg.sum(m, axis=0), x * 2, m[0] + a)

    end, (sums, twice, rows) = mg.scan(step, x, x)
    return mg.sum(end) + mg.sum(sums * sums) + mg.sum(twice * rows)


def again(x: Any) -> Any:
    """Steps that are computed once more in the backward pass."""

    @mg.checkpoint
    def step(c: Any, a: Any) -> tuple[Any, Any]:
        h = mg.tanh(W @ c * a)
        return h, (mg.sum(h * h, keepdims=True), mg.outer(h, x))

    end, (squares, products) = mg.scan(step, x, XS[:, 0])
    return mg.sum(end) + mg.sum(squares * products[:, 0])


FUNCTIONS = [unchanging, again, recurrent, backwards, nested, choosing, counted, each, without_xs, swapped, rotating]
X = mg.tensor(np.array([0.7, -0.4, 0.3]))
V = mg.tensor(np.array([0.2, 0.5, -0.6]))
BATCH = mg.tensor(np.array([[0.7, -0.4, 0.3], [-0.2, 0.8, 0.5]]))
TRANSFORMED: dict[str, Callable[..., Any]] = {
    "value": lambda f, x: f(x),
    "gradient": lambda f, x: mg.value_and_grad(f)(x),
    "tangent": lambda f, x: mg.jvp(f, (x,), (V,)),
    "hessian": lambda f, x: mg.hessian(f)(x),
    "forward over backward": lambda f, x: mg.hvp(f, x, V),
    "batch": lambda f, x: mg.vmap(f)(BATCH * x),
    "gradients of a batch": lambda f, x: mg.vmap(mg.grad(f))(BATCH * x),
    "gradient of a batch": lambda f, x: mg.grad(lambda x: mg.sum(mg.vmap(f)(BATCH * x) ** 2))(x),
}


@pytest.mark.parametrize("f", FUNCTIONS)
def test_derivatives(f: Any) -> None:
    mg.check_gradients(f, X)
    mg.check_gradients(lambda x: mg.sum(mg.grad(f)(x) * V), X)


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("how", TRANSFORMED)
def test_compiled_is_eager(f: Any, how: str) -> None:
    def transformed(x: Any) -> Any:
        return TRANSFORMED[how](f, x)

    wanted = transformed(X)
    compiled = mg.compile(transformed)
    for _ in range(2):
        assert_same(compiled(X), wanted, rtol=1e-12)
    if f is not rotating:  # complex numbers have no kernels
        assert compiled.stats()["host_calls"] == {}
    assert_same(mg.compile(transformed, debug=True)(X), wanted, rtol=1e-12)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_examples_of_a_batch_are_the_function_of_each(f: Any) -> None:
    for transform in (lambda g: g, mg.grad):
        found = mg.vmap(transform(f))(BATCH)
        np.testing.assert_allclose(found.numpy(), [transform(f)(x).numpy() for x in BATCH], rtol=1e-12)


@pytest.mark.parametrize("kept", [False, True])
def test_checkpointed_steps_keep_nothing(kept: bool) -> None:
    """Of a step that makes 64 rows of one, memory for the steps does not count those."""

    def arena(length: int) -> int:
        def step(c: Any, a: Any) -> tuple[Any, None]:
            return c + mg.sum(mg.sin(mg.exp(a * mg.ones((64, 1)))), axis=0), None

        def total(x: Any) -> Any:
            return mg.sum(mg.scan(step if kept else mg.checkpoint(step), mg.zeros(16), x)[0])

        gradient = mg.compile(mg.grad(total))
        gradient(mg.ones((length, 16)))
        return int(gradient.stats()["arena_bytes"])

    step = 64 * 16 * 4
    assert (arena(200) - arena(100) >= 100 * step) == kept


def test_a_program_does_not_grow_with_the_length() -> None:
    def sizes(n: int) -> tuple[int, int]:
        f = mg.compile(mg.grad(lambda x: mg.scan(lambda c, a: (mg.sin(c) * a, None), mg.sum(x), x)[0]))
        x = mg.tensor(np.linspace(0.9, 1.1, n))
        np.testing.assert_allclose(f(x).numpy(), mg.grad(lambda x: _unrolled(x))(x).numpy(), rtol=1e-9)
        return sum(1 for _ in f.program.all_instructions()), f.stats()["launches"]

    assert sizes(3) == sizes(60)
    inlined = mg.compile(lambda x: mg.scan(lambda c, a: (mg.sin(c) * a, None), x[0], x, unroll=True)[0])
    inlined(mg.ones(6))
    assert [i.op for i in inlined.program.instructions].count("sin") == 6


def _unrolled(x: Any) -> Any:
    carry = mg.sum(x)
    for a in x:
        carry = mg.sin(carry) * a
    return carry


# ------------------------------------------------------------------------------------------------- what steps may use


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.drop, self.head = nn.Linear(5, 3), nn.Dropout(0.4), nn.Linear(3, 1)

    def forward(self, xs: Any) -> Any:
        def step(h: Any, x: Any) -> tuple[Any, Any]:
            h = mg.tanh(self.cell(mg.concat([self.drop(x), h], axis=1)))
            return h, self.head(h)

        return mg.scan(step, mg.zeros((xs.shape[1], 3)), xs)[1]


def train(compiled: bool) -> tuple[list[Any], Any]:
    mg.manual_seed(3)
    model = Recurrent()
    optimizer = optim.Adam(model.parameters(), lr=0.05)

    def step(xs: Any, draws: Any) -> Any:
        optimizer.zero_grad()
        before = mg.rand(2)
        loss = mg.mean((model(xs) - 1.0) ** 2) + mg.sum(mg.rand(2) * before) * draws
        loss.backward()
        optimizer.step()
        return loss

    run = mg.compile(step) if compiled else step
    xs = mg.tensor(np.random.default_rng(0).normal(size=(6, 4, 2)).astype(np.float32))
    losses = [run(xs, 0.1).item() for _ in range(4)]
    return [*losses, *(np.array(p.raw) for p in model.parameters())], mg.random.get_state()


def test_training_through_a_scan_with_parameters_and_dropout() -> None:
    """Masks are drawn step by step, between draws before and after the loop; parameters that are closed over learn."""
    (found, state), (wanted, expected) = train(True), train(False)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6)
    assert state == expected


def test_checkpointed_steps_draw_once_also_in_loops_of_their_own() -> None:
    """What was drawn is kept, and all else computed again: a loop of random steps in a step, too."""
    xs = mg.tensor(rng.normal(size=(5, 3)))

    def inner(c: Any, _: Any) -> tuple[Any, None]:
        return nn.functional.dropout(c, 0.5, True) * 1.1, None

    def loss(w: Any) -> Any:
        @mg.checkpoint
        def step(c: Any, x: Any) -> tuple[Any, Any]:
            c = nn.functional.dropout(mg.tanh(c @ w + x), 0.5, True)
            c, _ = mg.scan(inner, c, None, length=3)
            return mg.sin(c), mg.sum(c)

        c, ys = mg.scan(step, mg.ones(3, dtype=mg.float64), xs)
        return mg.sum(c) + mg.sum(ys)

    found = []
    for f in (mg.grad(loss), mg.compile(mg.grad(loss))):
        mg.manual_seed(0)
        found.append(f(W))
    assert_same(*found)


def test_second_derivatives_of_random_steps_are_refused() -> None:
    def noisy(x: Any) -> Any:
        return mg.sum(mg.scan(lambda c, _: (c * c * mg.random.uniform((3,)), None), x, length=2)[0])

    x = mg.ones(3)
    for transform in (mg.hessian, lambda f: lambda x: mg.jvp(f, (x,), (x,))):
        with pytest.raises(GradientError, match=r"draws random numbers.*MG222"):
            mg.compile(transform(noisy))(x)
    with pytest.raises(GradientError, match="MG222"):
        mg.compile(mg.grad(lambda x: mg.sum(mg.cond(x[0] > 0, lambda: x * mg.random.uniform((3,)), lambda: x))))(x)


@mg.custom_rule(vjp=lambda t, y, x: 10 * t * x)
def steep(x: Any) -> Any:
    return mg.sin(x)


@pytest.mark.parametrize("how", ["gradient", "hessian", "gradients of a batch"])
def test_detach_and_own_rules_hold_in_steps(how: str) -> None:
    def f(x: Any) -> Any:
        def step(c: Any, a: Any) -> tuple[Any, Any]:
            with mg.no_grad():
                d = c * 2
            return steep(c) * a + c.detach() * c * d, c * c

        end, ys = mg.scan(step, x, mg.tensor([0.5, 0.7, 0.2]))
        return mg.sum(end) + mg.sum(ys)

    def transformed(x: Any) -> Any:
        return TRANSFORMED[how](f, x)

    assert_same(mg.compile(transformed)(X), transformed(X), rtol=1e-12)


def test_what_a_step_reads_is_read_again() -> None:
    scale, w = np.array([2.0, 3.0]), mg.tensor([1.0, 1.0], dtype=mg.float64)
    f = mg.compile(lambda x: mg.scan(lambda c, a: (c + a * w * scale, None), x, mg.ones(3, dtype=mg.float64))[0])
    x = mg.zeros(2, dtype=mg.float64)
    assert f(x).tolist() == [6.0, 9.0]
    scale[:] = 1
    w.data = np.array([5.0, 7.0])
    assert f(x).tolist() == [15.0, 21.0]
    assert f.stats()["programs"] == 1


def test_results_of_compiled_loops_can_be_differentiated_from_outside() -> None:
    w = mg.tensor([0.3, 0.5], requires_grad=True, dtype=mg.float64)
    f = mg.compile(lambda x: mg.scan(lambda c, a: (mg.sin(c * w + a), c), mg.zeros(2, dtype=mg.float64), x))
    x = mg.tensor([1.0, 2.0, 3.0], dtype=mg.float64)
    found = []
    for g in (f, lambda x: mg.scan(lambda c, a: (mg.sin(c * w + a), c), mg.zeros(2, dtype=mg.float64), x)):
        w.grad = None
        end, ys = g(x)
        (mg.sum(end) + mg.sum(ys)).backward()
        found.append(w.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-12)


# --------------------------------------------------------------------------------------------------- while_loop and cond


def grown(x: Any) -> Any:
    def step(s: dict[str, Any]) -> dict[str, Any]:
        return {"v": s["v"] * 1.7 + mg.sin(x), "n": s["n"] + 1}

    return mg.while_loop(lambda s: mg.sum(s["v"]) < 40, step, {"v": x, "n": 0})


@pytest.mark.parametrize("how", ["value", "tangent", "batch"])
def test_while_loops(how: str) -> None:
    x = mg.tensor([1.0, 2.0, 3.0], dtype=mg.float64)
    f = grown if how != "tangent" else lambda x: grown(x)["v"]

    def transformed(x: Any) -> Any:
        return TRANSFORMED[how](f, x)

    assert_same(mg.compile(transformed)(x), transformed(x), rtol=1e-12)
    if how == "batch":
        many = mg.tensor([[1.0, 2.0, 3.0], [9.0, 9.0, 9.0], [50.0, 0.0, 0.0]], dtype=mg.float64)
        found = mg.vmap(grown)(many)
        assert found["n"].tolist() == [grown(x)["n"].item() for x in many]
        np.testing.assert_allclose(found["v"].numpy(), [grown(x)["v"].numpy() for x in many], rtol=1e-12)
    if how == "tangent":
        h = 1e-6
        difference = (grown(x + h * V)["v"].numpy() - grown(x - h * V)["v"].numpy()) / (2 * h)
        np.testing.assert_allclose(transformed(x)[1].numpy(), difference, rtol=1e-6)


def test_while_loops_have_no_derivative_backwards() -> None:
    x = mg.tensor([1.0, 2.0, 3.0])
    for f in (grown, mg.compile(grown)):
        with pytest.raises(GradientError, match=r"mg\.while_loop has no derivative backwards.*mg\.scan.*MG222"):
            mg.grad(lambda x, f=f: mg.sum(f(x)["v"]))(x)
    with pytest.raises(GradientError, match="MG222"):
        mg.compile(mg.grad(lambda x: mg.fori_loop(0, mg.argmax(x) + 1, lambda i, v: v * 2, x[0])))(x)


def test_bounds_that_are_tensors() -> None:
    f = mg.compile(lambda n, m: mg.fori_loop(n, m, lambda i, total: total + i, 0))
    for n, m in ((0, 5), (2, 4), (3, 3), (4, 1)):
        assert f(mg.asarray(n), mg.asarray(m)).item() == sum(range(n, m))
    assert f.stats()["programs"] == 1


def test_one_branch_runs() -> None:
    """The other one would raise, or never end."""
    index = mg.tensor([5])
    f = mg.compile(lambda p, x: mg.cond(p, lambda x: x[index] * 1.0, lambda x: x[:1], x))
    assert f(mg.asarray(False), mg.ones(3)).tolist() == [1.0]
    assert f(mg.asarray(True), mg.ones(6)).tolist() == [1.0]
    with pytest.raises(IndexError):
        f(mg.asarray(True), mg.ones(3))
    g = mg.compile(lambda x: mg.cond(x > 0, lambda: mg.while_loop(lambda v: v > 0, lambda v: v, x), lambda: x - 1))
    assert g(mg.tensor(-1.0)).item() == -2.0


def test_cond_takes_numbers_and_gives_containers() -> None:
    for pred, wanted in ((True, 2), (0, -1), (mg.tensor(0.5), 2), (np.False_, -1)):
        found = mg.cond(pred, lambda x, y: {"a": x + y, "b": None}, lambda x, y: {"a": x - y - 1, "b": None}, 1, 1)
        assert found["a"].item() == wanted
        assert found["b"] is None


# -------------------------------------------------------------------------------------------------------- edges, mistakes


def test_no_steps() -> None:
    def f(x: Any) -> Any:
        return mg.scan(lambda c, a: (c * 2, (a + c[0], c)), x, mg.zeros((0, 2)))

    for g in (f, mg.compile(f)):
        end, (ys, cs) = g(mg.ones(3))
        assert (end.tolist(), ys.shape, cs.shape, ys.dtype) == ([1.0] * 3, (0, 2), (0, 3), mg.float32)
    assert mg.fori_loop(3, 3, lambda i, v: v + i, 7).item() == 7
    assert mg.grad(lambda x: mg.sum(mg.fori_loop(2, 1, lambda i, v: v * i, x)))(mg.ones(2)).tolist() == [1.0, 1.0]


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "carry changes shape": (lambda: mg.scan(lambda c, x: (c + x, None), 0.0, mg.ones((2, 3))), r"turns number 0 .* \(3,\)"),
    "carry changes dtype": (lambda: mg.fori_loop(0, 2, lambda i, v: v * 0.5, 1), r"int64 \(\), into float32 \(\)"),
    "carry changes tree": (lambda: mg.scan(lambda c, x: ((c, c), None), 0.0, mg.ones(2)), "nested"),
    "no pair": (lambda: mg.scan(lambda c, x: c, 0.0, mg.ones(2)), "a pair"),
    "lengths": (lambda: mg.scan(lambda c, x: (c, None), 0.0, (mg.ones(2), mg.ones(3))), r"\(2,\), \(3,\)"),
    "length and xs": (lambda: mg.scan(lambda c, x: (c, None), 0.0, mg.ones(2), length=3), "length=3"),
    "no length": (lambda: mg.scan(lambda c, x: (c, None), 0.0), "`length=`"),
    "a number to go along": (lambda: mg.map(lambda x: x, 1.0), "an axis"),
    "branches differ": (lambda: mg.cond(mg.asarray(True), lambda: mg.ones(2), lambda: mg.ones(3)), r"\(2,\).*\(3,\)"),
    "branches nested otherwise": (lambda: mg.cond(mg.asarray(True), lambda: 1.0, lambda: (1.0, 2.0)), "nested"),
    "several booleans": (lambda: mg.cond(mg.asarray([True, False]), lambda: 1, lambda: 2), "one boolean"),
    "no boolean": (lambda: mg.while_loop(lambda v: v, lambda v: v, mg.ones(2)), "one boolean"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named_compiled_and_mostly_eagerly(mistake: str) -> None:
    make, words = MISTAKES[mistake]
    with pytest.raises(MicrogradientError, match=f"(?s){words}.*MG222"):
        mg.compile(make)()
    if not mistake.startswith("branches"):  # of which only one runs
        with pytest.raises(MicrogradientError, match=f"(?s){words}.*MG222"):
            make()


def test_a_step_changes_nothing_outside() -> None:
    w, buffer = mg.tensor([1.0], requires_grad=True), mg.zeros(1)
    optimizer = optim.SGD([w], lr=0.1)

    def writes(c: Any, x: Any) -> Any:
        buffer.data = c.data
        return c, None

    def differentiates(c: Any, x: Any) -> Any:
        mg.sum(w * c).backward()
        return c, None

    def steps(c: Any, x: Any) -> Any:
        optimizer.step()
        return c, None

    w.grad = mg.ones(1)
    for step in (writes, differentiates, steps):
        with pytest.raises(TraceError, match=r"under mg\.scan runs again and again.*MG210"):
            mg.compile(lambda x, step=step: mg.scan(step, mg.ones(1), x)[0])(mg.ones(2))
    with pytest.raises(TraceError, match=r"needs the value of something that `mg\.while_loop` traces"):
        mg.compile(lambda x: mg.while_loop(lambda v: float(v) < 3, lambda v: v + 1, x))(mg.tensor(0.0))


def test_programs_in_programs_print_and_run_on_numpy() -> None:
    f = mg.compile(lambda x: mg.scan(lambda c, a: (c * a, None), mg.tensor(1.0), x)[0])
    assert f(mg.tensor([2.0, 3.0])).item() == 6.0
    assert "scan_loop" in str(f.program)
    assert "    %2 = multiply %0 %1 : float32 ()" in str(f.program)
    out = [np.zeros((), np.float32)]
    Interpreter(f.program).run([np.array([2.0, 3.0], np.float32)], out)
    assert out[0] == 6.0


def test_debugging_names_the_operation_in_the_step() -> None:
    f = mg.compile(lambda x: mg.scan(lambda c, a: (mg.log(c) * a, c), mg.tensor(2.0), x)[0], debug=True)
    with pytest.raises(NonFiniteError, match=r"test_control_flow\.py.*`log` gives NaN"):
        f(mg.ones(4))


def test_checked_calls_see_inside() -> None:
    f = mg.compile(lambda x: mg.scan(lambda c, a: (c * a + mg.rand(), None), mg.tensor(1.0), x)[0], check=1)
    for _ in range(3):
        f(mg.ones(3))


# ------------------------------------------------------------------------------------------------------- as machine code


def random_step(seed: int) -> Callable[[Any, Any], Any]:
    """A step on three matrices that reads old and new ones in any order, and gives some of either kind twice."""
    draw = np.random.default_rng(seed)
    operations = [
        lambda a, b: a + b,
        lambda a, b: mg.tanh(a @ b),
        lambda a, b: a * mg.sum(b, axis=0),
        lambda a, b: b.T - a,
    ]
    chosen = [(draw.integers(len(operations)), draw.integers(4 + k), draw.integers(4 + k)) for k in range(6)]
    places = draw.integers(10, size=6)

    def step(carry: Any, x: Any) -> Any:
        values = [*carry, x]
        for operation, a, b in chosen:
            values.append(operations[operation](values[a], values[b]) * 0.5)
        picked = [values[k] for k in places]
        return tuple(picked[:3]), (picked[3:], carry[1])

    return step


@pytest.mark.parametrize("seed", range(12))
def test_what_is_carried_may_be_overwritten(seed: int) -> None:
    """Values before and after a step, each other's places, results that are inputs."""
    step, draw = random_step(seed), np.random.default_rng(seed)
    start = tuple(mg.tensor(draw.normal(size=(3, 3))) for _ in range(3))
    xs = mg.tensor(draw.normal(size=(5, 3, 3)))

    def run(start: Any, xs: Any) -> Any:
        return mg.scan(step, start, xs, reverse=seed % 2 == 1)

    def gradient(start: Any, xs: Any) -> Any:
        return mg.grad(lambda s, xs: sum(mg.sum(y * y) for y in (*run(s, xs)[0], *run(s, xs)[1][0])), argnums=(0, 1))(
            start, xs
        )

    for f in (run, gradient):
        compiled = mg.compile(f)
        for _ in range(2):
            assert_same(compiled(start, xs), f(start, xs), rtol=1e-11)
        assert compiled.stats()["host_calls"] == {}


def test_any_number_of_threads_gives_the_same_bits() -> None:
    w, xs = mg.randn(160, 160) * 0.1, mg.randn(6, 96, 160)
    f = mg.compile(
        mg.value_and_grad(lambda w: mg.sum(mg.scan(lambda h, x: (mg.tanh(h @ w + x), h), xs[0], xs)[1] ** 2))
    )
    before, found = mg.get_num_threads(), []
    try:
        for n in (1, 3):
            mg.set_num_threads(n)
            found.append(f(w))
    finally:
        mg.set_num_threads(before)
    assert [x.tolist() for x in found[0]] == [x.tolist() for x in found[1]]


def test_an_index_out_of_bounds_ends_the_loop() -> None:
    f = mg.compile(lambda x, places: mg.scan(lambda c, i: (c + x[i], c), x[0] * 0.0, places))
    x = mg.tensor([1.0, 2.0, 3.0])
    assert f(x, mg.asarray([0, 2, 1]))[0].item() == 6.0
    for _ in range(2):
        with pytest.raises(IndexError, match=r"test_control_flow\.py"):
            f(x, mg.asarray([0, 7, 1]))
    assert f(x, mg.asarray([0, 2, 2]))[0].item() == 7.0
    g = mg.compile(lambda n: mg.while_loop(lambda i: x[i] < 9.0, lambda i: i + 1, n))
    with pytest.raises(IndexError):
        g(mg.asarray(0))


def test_what_has_no_kernel_runs_on_numpy_step_by_step() -> None:
    steps = {
        "sorting": lambda c, x: (mg.sort(c) + x, c),
        "no entries": lambda c, x: (c + mg.sum(x[:0]), x[:0]),
        "complex": lambda c, x: (mg.abs(mg.astype(c, mg.complex64) * (1 + 1j)) + x, c),
    }
    for step in steps.values():
        f = lambda x, step=step: mg.scan(step, x[0], x)
        compiled = mg.compile(f)
        x = mg.tensor([[3.0, 1.0], [2.0, 0.0], [0.5, 4.0]])
        assert_same(compiled(x), f(x))
        assert compiled.stats()["host_calls"]["scan_loop"] == 1


def test_loops_are_listed_timed_and_repeated() -> None:
    w = mg.tensor([[0.5, 0.1], [0.2, 0.4]], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.01)

    def step(xs: Any) -> Any:
        optimizer.zero_grad()
        loss = mg.sum(mg.scan(lambda h, x: (mg.tanh(w @ h + x), h), mg.ones(2), xs)[1])
        loss.backward()
        optimizer.step()
        return loss

    xs = mg.ones((5, 2)) * 0.1
    losses = [step(xs).item() for _ in range(6)]
    w.data, w.grad = np.array([[0.5, 0.1], [0.2, 0.4]], np.float32), None
    compiled = mg.compile(step)
    found = [compiled(xs).item(), compiled.repeat(4, xs).item(), compiled.profile(xs).result.item()]
    np.testing.assert_allclose(found, [losses[0], losses[4], losses[5]], rtol=1e-5)
    assert "scan_loop, 5 steps, of" in compiled.kernels
    assert "    launch 0: " in compiled.kernels
    assert any("scan_loop" in row.title and row.flops > 0 for row in compiled.profile(xs).rows)
