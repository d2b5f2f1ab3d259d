"""mg.why in programs: what the forward pass used, and when; names; many paths, which are added up."""

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import GradientError
from microgradient.nn.functional import cross_entropy
from microgradient.scalar import MLP, Value

# --------------------------------------------------------------------------------- what the forward pass used, and when


def test_after_an_update_the_numbers_of_the_forward_pass_are_explained(capsys):
    model = MLP(3, [4, 4, 1])
    assert len(model.parameters()) == 41
    for _ in range(2):
        loss = sum(((model(x) - y) ** 2 for x, y in (([2.0, 3.0, -1.0], 1.0), ([3.0, -1.0, 0.5], -1.0))), Value(0.0))
        model.zero_grad()
        loss.backward()
        before = [(p.data, mg.why(p).gradient) for p in model.parameters()]
        for p in model.parameters():
            p.data += -0.1 * p.grad
        for p, (data, gradient) in zip(model.parameters(), before, strict=True):
            found = mg.why(p)
            assert (found.value, found.gradient, found.sum) == (
                data,
                p.grad,
                pytest.approx(p.grad, rel=1e-12, abs=1e-15),
            )
            assert gradient == p.grad
            assert (
                found.check.verdict != "differs"
            )  # with biases of 0, a dead layer leaves the next at the kink of relu
            assert ("changed since" in found.text()) == (p.data != data)
    mg.trace(loss)
    assert "model.layers[0].neurons[0].w[0]" in capsys.readouterr().out


def test_the_trace_of_a_changed_value_shows_the_old_number(capsys):
    a = Value(2.0)
    L = a * a
    L.backward()
    a.data = 5.0
    mg.trace(L)
    out = capsys.readouterr().out
    assert "a         = 2.0" in out
    assert "∂L/∂a = L: 1.0 × 2.0 + L: 1.0 × 2.0 = 4.0" in out


def test_data_that_no_longer_belong_to_the_graph_are_refused():
    a, b = Value(2.0), Value(3.0)
    L = a * b
    a.data = 5.0
    for backward in (lambda: None, L.backward):
        backward()
        with pytest.raises(GradientError, match=r"`\*` of 5, 3 does not give 6: the data have changed.*MG118"):
            mg.why(b, of=L)
        with pytest.raises(GradientError, match="MG118"):
            mg.trace(L)
    h = a * b
    L = h * h
    L.backward()
    h.data = 1.0
    with pytest.raises(GradientError, match="MG118"):
        mg.why(a)


def test_parameters_are_named_by_their_path_in_the_model():
    model = MLP(2, [3, 1])
    loss = model([1.0, 2.0]) ** 2
    loss.backward()
    w = model.layers[0].neurons[2].w[1]
    neuron = model.layers[0].neurons[2]
    assert neuron.w[1] is w
    assert mg.why(w).name == "model.layers[0].neurons[2].w[1]"
    assert "∂loss/∂model.layers[0].neurons[2].w[1] = " in mg.why(w).text()
    unknown = Value(7.0)
    assert mg.why(unknown, of=loss).name == "unknown"


class Holder:
    def __init__(self):
        self.w = mg.tensor([1.0, 2.0], requires_grad=True)


def test_tensors_inside_other_objects_are_named():
    holder = Holder()
    with mg.trace():
        loss = mg.sum(holder.w**2)
        loss.backward()
    assert mg.why(holder.w, 0).name == "holder.w[0]"


def test_a_gradient_that_is_a_sum_says_so():
    w, v = Value(1.0), mg.tensor([1.0, 2.0], requires_grad=True)
    for k in range(3):
        L = w * 4.0
        L.backward()
        found = mg.why(w)
        with mg.trace():
            loss = mg.sum(v * v)
            loss.backward()
        told = f"is the sum of {k + 1} backward passes since it was zeroed; this opens the last"
        assert (f"w.grad = {4.0 * (k + 1)} {told}" in found.text()) == (k > 0)
        assert (f"v[1].grad = {4.0 * (k + 1)} {told}" in mg.why(v, 1).text()) == (k > 0)
        assert ("this opens one" in mg.why(w, of=L).text()) == (k > 0)
    w.grad, v.grad = 0, None
    (w * 4.0).backward()
    L = w * 4.0
    L.backward()
    assert "sum of 2" in mg.why(w).text()


def test_a_loss_that_is_not_differentiated_yet_is_spoken_of():
    w, v = Value(1.0), mg.tensor([1.0, 2.0], requires_grad=True)
    L = w * 4.0
    L.backward()
    newer = w * 5.0
    assert "`newer` was computed from it since, and is not differentiated yet" in mg.why(w).text()
    assert "`newer`" not in mg.why(w, of=newer).text()
    with mg.trace():
        loss = mg.sum(v * v)
        loss.backward()
        later = mg.sum(v * 3.0)
    assert "`later` was computed from it since" in mg.why(v, 0).text()
    assert "`later`" not in mg.why(w, of=L).text()
    assert later.shape == ()


def test_where_a_tensor_left_the_graph_is_shown():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.trace():
        loss = mg.sum(x.detach() * x)
        loss.backward()
    assert "cut     .detach() at test_explain_why_programs.py:" in mg.why(x, 0).text()
    assert mg.why(x, 0).gradient == 1.0


def test_from_each_path_one_can_go_on_to_the_loss():
    x = mg.tensor(np.random.default_rng(1).normal(size=(2, 3)), requires_grad=True)
    a = Value(0.5)
    L = (a.sin() * a).exp()
    L.backward()
    with mg.trace():
        loss = mg.sum(mg.tanh(x @ x.T) * mg.linalg.svdvals(x)[0])
        loss.backward()
    for start in (mg.why(a, of=L), mg.why(x, (1, 2)), mg.why(x)):
        found, hops = start, 0
        while found.edges:
            (edge, *_) = found.edges
            upstream = edge.why()
            assert upstream.of == found.of
            np.testing.assert_allclose(upstream.gradient, edge.upstream, rtol=1e-12)
            np.testing.assert_allclose(upstream.sum, upstream.gradient, rtol=1e-9, atol=1e-12)
            found, hops = upstream, hops + 1
        assert found.name == found.of
        assert hops >= 3


def test_a_custom_vjp_is_opened_entry_by_entry():
    clipped = mg.custom_rule(lambda x: x * 1.0, vjp=lambda t, y, x: t.clip(-1, 1))
    x = mg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    with mg.trace():
        loss = mg.sum(clipped(x * 3.0) * 100.0)
        loss.backward()
    h = mg.why(x, 0).edges[0]
    found = h.why()
    assert (found.gradient, found.sum) == (1.0, 1.0)
    (edge,) = found.edges
    assert (edge.local, edge.contribution) == (None, 1.0)
    assert "through <lambda>" in found.text()
    direct = mg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    with mg.trace():
        loss = mg.sum(clipped(direct) * 100.0 + direct)
        loss.backward()
    assert mg.why(direct, 1).sum == mg.why(direct, 1).gradient == 2.0


# ------------------------------------------------------------------------------------------------------ large, and named


def test_many_paths_are_added_up_by_example_and_position():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 36, 4))
    x, y = mg.randn((16, 1, 8, 8)), mg.randint(0, 4, (16,))
    with mg.trace(model):
        loss = cross_entropy(model(x), y)
        loss.backward()
    found = mg.why(model[0].weight, (1, 0, 2, 0))
    assert found.name == "model.0.weight[1, 0, 2, 0]"
    assert [along for along, _ in found.groups] == ["example, axis 0 of v1", "axis 2 of v1", "axis 3 of v1"]
    conv = mg.why(model[0].weight, (1, 0, 2, 0), top=None)
    for axis, (_, sums) in zip((0, 2, 3), found.groups, strict=True):
        assert sums.sum() == pytest.approx(found.sum, rel=1e-12)
        parts = np.zeros(len(sums))
        for e in conv.edges:
            parts[int(e.via.partition("[")[2].rstrip("]").split(", ")[axis])] += e.contribution
        np.testing.assert_allclose(sums, parts, rtol=1e-9, atol=1e-15)
    assert "  by      example, axis 0 of v1: [" in found.text()


def test_a_recurrent_weight_is_added_up_by_its_uses():
    mg.manual_seed(0)
    lstm = nn.LSTM(2, 3)
    with mg.trace():
        loss = mg.sum(lstm(mg.randn((12, 4, 2)))[0] ** 2)
        loss.backward()
    found = mg.why(lstm.weight_hh_l0, (1, 2))
    (along, sums), *_ = found.groups
    assert along == "use, in order of evaluation"
    assert len(sums) == 12
    assert sums.sum() == pytest.approx(found.sum, rel=1e-12)
    whole = mg.why(lstm.weight_hh_l0)
    assert len(whole.edges) == 8
    assert whole.more[0] == 4
    shown = sum(e.contribution for e in whole.edges)
    np.testing.assert_allclose(shown + whole.more[1], whole.gradient, rtol=1e-4, atol=1e-6)
    assert len(whole.text().splitlines()) < 20


def test_a_whole_tensor_names_its_largest_entries():
    w = mg.tensor(np.array([[1.0, -5.0, 2.0], [0.0, 3.0, 0.5]]), requires_grad=True)
    with mg.trace():
        L = mg.sum(w * w)
        L.backward()
    assert (
        "entries [0, 1] -10.0, [1, 1] +6.0, [0, 2] +4.0, [0, 0] +2.0, 2 more +1.0; from -10.0 to 6.0"
        in mg.why(w).text()
    )


def test_two_uses_by_one_operation_are_told_apart():
    a = Value(3.0)
    L = a * a
    L.backward()
    first, second = [line for line in mg.why(a).text().splitlines() if line.startswith("  via")]
    assert first.endswith("as argument 2")
    assert second.endswith("as argument 1")


def test_a_second_explanation_does_not_sweep_again(monkeypatch):
    x = mg.tensor(np.ones((3, 2)), requires_grad=True)
    with mg.trace():
        loss = mg.sum(mg.tanh(x) * x)
        loss.backward()
    first = mg.why(x, (0, 1))
    monkeypatch.setattr("microgradient.explain.sweep.backward", None)
    second = mg.why(x, (0, 1))
    assert first.text() == second.text()
    assert mg.why(x).name == "x"


def test_after_a_compiled_step_the_advice_is_to_trace_it():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    step = mg.compile(lambda: mg.sum(w * w).backward())
    step()
    assert w.grad is not None
    with pytest.raises(GradientError, match=r"compiled step.*with mg\.trace\(\):.*MG117"):
        mg.why(w)
    with mg.trace():
        step()
    assert mg.why(w, 1).gradient == 4.0


def readable(found, lines=22):
    """The explanation, after a check that it is short and adds up."""
    text = found.text().splitlines()
    assert len(text) <= lines
    assert found.sum == pytest.approx(found.gradient, rel=1e-4, abs=1e-6 * found.scale)
    assert sum(e.contribution for e in found.edges) + found.more[1] == pytest.approx(found.sum, rel=1e-12)
    for _, sums in found.groups:
        assert np.sum(sums) == pytest.approx(found.sum, rel=1e-9, abs=1e-12 * found.scale)
    return text


def test_a_weight_of_a_convolution_stays_readable():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 13 * 13, 10))
    with mg.trace():
        loss = cross_entropy(model(mg.tensor(rng.standard_normal((8, 1, 28, 28)))), mg.tensor(rng.integers(0, 10, 8)))
        loss.backward()
    found = mg.why(model[0].weight, (3, 0, 1, 1))
    text = readable(found)
    assert found.paths == 8 * 26 * 26
    assert [along.partition(" of ")[0] for along, _ in found.groups] == ["example, axis 0", "axis 2", "axis 3"]
    assert any(line.startswith("  and 5,400 more: ") for line in text)


def test_a_weight_that_is_used_in_every_time_step_is_added_up_by_step_and_by_example():
    rng = np.random.default_rng(0)
    lstm, out = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)
    with mg.trace():
        h, _ = lstm(mg.tensor(rng.standard_normal((12, 20, 3)).astype(np.float32)))
        loss = cross_entropy(out(h[:, -1]), mg.tensor(rng.integers(0, 2, 12)))
        loss.backward()
    found = mg.why(lstm.weight_hh_l0, (3, 4))
    readable(found)
    assert [len(sums) for _, sums in found.groups] == [20, 12]
    along = [along for along, _ in found.groups]
    assert along[0] == "use, in order of evaluation"
    assert along[1].startswith("example, axis 0 of ")
    assert along[1].endswith(" and 19 more like it")
    readable(mg.why(lstm.weight_hh_l0, (3, 4), top=1))
    assert len(mg.why(lstm.weight_hh_l0).text().splitlines()) <= 22
    found = mg.why(lstm.weight_ih_l0, (3, 1))  # all steps in one product: its rows are not examples
    readable(found)
    assert [along.partition(" of ")[0] for along, _ in found.groups] == ["axis 0"]


def test_a_row_of_an_embedding_stays_readable():
    rng = np.random.default_rng(0)
    words = mg.tensor(rng.integers(0, 3, (16, 32)))
    embedding, head = nn.Embedding(5, 4), nn.Linear(4, 5)
    with mg.trace():
        loss = cross_entropy(mg.reshape(head(embedding(words)), (-1, 5)), mg.reshape(words, (-1,)))
        loss.backward()
    found = mg.why(embedding.weight, (1, 2))
    assert found.paths == np.sum(words.raw == 1) > 100
    readable(found)
    assert not any("example" in along for along, _ in found.groups)
