"""`mg.doctor`: it leaves everything as it was, and what it returns prints, compares and exports."""

import json

import numpy as np
import pytest
from examination import train
from material import adam, ce, classes, mlp

import microgradient as mg
from microgradient import nn, optim, random
from microgradient.explain.doctor import Diagnosis, Finding, examine
from microgradient.explain.doctor.examine import EXPLAINS


def state_of(model, optimizer):
    """Everything that can be seen of a model, its optimiser and the random numbers, to be compared bit for bit."""
    tensors = [*model.parameters(), *model.buffers()]
    numbers = [(id(x), id(x.raw), x.raw.tobytes(), x.requires_grad) for x in tensors]
    grads = [None if (g := p.grad) is None else (id(g), g.raw.tobytes()) for p in model.parameters()]
    modules = [(sorted(map(str, vars(m))), m.training, m._hooks) for m in model.modules()]
    groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    entries = [
        {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in entry.items()}
        for entry in optimizer.state.values()
    ]
    return (
        numbers,
        grads,
        modules,
        groups,
        entries,
        optimizer._hooks,
        random.get_state(),
        np.random.get_state()[1].tobytes(),
    )


class Counting(nn.Module):
    """A model that changes itself: it counts, keeps what it computed and drops at random."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 5))
        self.calls, self.kept = 0, []

    def forward(self, x):
        self.calls += 1
        self.last = self.body(x)
        self.kept.append(self.last)
        return self.last + 0.0 * mg.asarray(np.random.standard_normal(5).astype(np.float32))


@pytest.mark.parametrize(
    "optimizer_class", [optim.SGD, optim.Adam, optim.RMSprop, optim.AdamWScheduleFree, optim.LBFGS]
)
@pytest.mark.parametrize("raises", [False, True])
def test_everything_stays_as_it_was(optimizer_class, raises):
    model, batch = Counting(), classes()
    optimizer = optimizer_class(model.parameters(), lr=0.01)
    if not optimizer.needs_closure:
        train(model, ce, batch, optimizer)
    model.register_forward_hook(lambda module, args, output: None)
    optimizer.register_step_pre_hook(lambda *_: pytest.fail("the optimiser's hooks are not to be called"))
    calls = [0]

    def loss_fn(model, batch):
        calls[0] += 1
        if raises and calls[0] == 5:
            raise ValueError("no more")
        return ce(model, batch)

    counted, kept = model.calls, list(map(id, model.kept))
    before = state_of(model, optimizer)
    if raises:
        with pytest.raises(ValueError, match="no more"):
            mg.doctor(model, loss_fn, batch, optimizer)
    else:
        mg.doctor(model, loss_fn, batch, optimizer)
        assert calls[0] <= 50
    assert state_of(model, optimizer) == before
    assert (model.calls, list(map(id, model.kept))) == (counted, kept)


def test_training_goes_on_to_the_same_bits():
    """Also that of a compiled step, which owns the memory of what it changes."""
    outcomes = []
    for examined in (False, True):
        mg.manual_seed(0)
        model, batch = mlp(20, 32, 5), classes()
        optimizer = adam(model)

        @mg.compile
        def step(x, y, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ce(model, (x, y))
            loss.backward()
            optimizer.step()
            return loss

        losses = []
        for i in range(12):
            losses.append(step(*batch).item())
            if examined and i in (3, 7):
                mg.doctor(model, ce, batch, optimizer)
        outcomes.append((losses, [p.raw.tobytes() for p in model.parameters()]))
    assert outcomes[0] == outcomes[1]


def test_models_written_for_torch():
    """Their optimisers write in place: what was computed before can still be differentiated."""
    from microgradient import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 16), torch.nn.ReLU(), torch.nn.Linear(16, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batch = torch.randn(64, 20), torch.randint(0, 5, (64,))
    cross_entropy = torch.nn.functional.cross_entropy
    pending = cross_entropy(model(batch[0]), batch[1])
    before = [p.detach().numpy().tobytes() for p in model.parameters()]
    found = mg.doctor(model, lambda m, b: cross_entropy(m(b[0]), b[1]), batch, optimizer)
    twice = mg.doctor(model, lambda m, b: cross_entropy(torch.softmax(m(b[0]), dim=1), b[1]), batch, optimizer)
    assert found.healthy
    assert [f.rule for f in twice.findings] == ["softmax twice"]
    assert all(layer.update_ratio > 0 for layer in found.layers)
    assert [p.detach().numpy().tobytes() for p in model.parameters()] == before
    assert not optimizer.state
    pending.backward()


def test_code_to_paste_names_what_there_is():
    """The change of a dead relu, pasted, cures it."""
    model = mlp(20, 32, 5)
    nn.init.constant_(model[0].bias, -30.0)
    found = mg.doctor(model, ce, classes(), adam(model))
    assert [f.rule for f in found.findings] == ["dead relu"]
    exec(found.findings[0].code, {"nn": nn, "model": model})
    assert mg.doctor(model, ce, classes(), adam(model)).healthy


def test_it_prints_compares_and_exports():
    model = mlp(20, 16, 5, last=lambda: nn.Softmax(1))
    found = mg.doctor(model, ce, classes(), adam(model))
    again = mg.doctor(model, ce, classes(seed=5), adam(model))
    assert found
    assert found == again
    assert found.findings[0] in again.findings
    assert found != Diagnosis([], [], [], 0.0, "")
    text = found.text()
    assert text.startswith("softmax twice  3\n  evidence ")
    assert repr(found) == text == found._repr_mimebundle_()["text/plain"] == str(found.__rich__())
    saved = json.loads(found.to_json())
    assert [f["rule"] for f in saved["findings"]] == ["softmax twice"]
    assert [layer["name"] for layer in saved["layers"]] == ["0", "2"] == [layer.name for layer in found.layers]
    assert sum(layer.share for layer in found.layers) == pytest.approx(1)
    assert found.table().splitlines()[0].split()[:3] == ["layer", "kind", "signal"]


def test_a_healthy_model_takes_one_line():
    model = mlp(20, 32, 32, 5)
    found = mg.doctor(model, ce, classes(), adam(model))
    assert found.findings == ()
    assert found.text().count("\n") == 0
    assert found.healthy
    assert not found


def test_no_two_findings_explain_each_other():
    """Else both would be hidden."""
    left = dict(EXPLAINS)
    while free := [rule for rule, explained in left.items() if not set(explained) & left.keys()]:
        for rule in free:
            del left[rule]
    assert left == {}


def test_json_has_no_numbers_that_are_not_finite():
    finding = Finding("NaN", "x", "", "", "", "", {"a": float("inf")})
    saved = json.loads(Diagnosis([finding], [], [], float("nan"), "").to_json())
    assert saved["loss"] is None
    assert saved["findings"][0]["numbers"] == {"a": None}


def test_what_is_no_loss_or_model():
    model = mlp(20, 32, 5)
    with pytest.raises(TypeError, match="MG116"):
        mg.doctor(lambda x: x, ce, classes())
    with pytest.raises(TypeError, match="return loss"):
        mg.doctor(model, lambda m, b: None, classes())
    with pytest.raises(ValueError, match="Write `return mg"):
        mg.doctor(model, lambda m, b: m(b[0]), classes())
    with pytest.raises(TypeError, match="one of mg"):
        mg.doctor(model, ce, classes(), 0.01)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop])
@pytest.mark.parametrize("rate", [1e4, 1e6, 1e12, 1e30, 1e40])
@pytest.mark.parametrize("steps", [True, False])
def test_an_absurd_rate_is_found_also_at_a_glance(kind, rate, steps):
    model, batch = mlp(20, 32, 5), classes()
    optimizer = kind(model.parameters(), lr=rate)
    before = state_of(model, optimizer)
    found = examine.examined(model, ce, batch, optimizer, steps)
    assert state_of(model, optimizer) == before
    (finding,) = found.findings
    assert finding.rule == "learning rate too large"
    assert finding.options["lr"] <= 1
    better = kind(model.parameters(), lr=finding.options["lr"])
    assert examine.examined(model, ce, batch, better, steps).healthy


def test_a_glance_at_usual_steps_sees_nothing_of_them():
    model, batch = mlp(20, 32, 5), classes()
    found = examine.examined(model, ce, batch, optim.Adam(model.parameters(), lr=1e-3), steps=False)
    assert found.healthy
    assert "steps of" not in found.text()
    assert all(layer.update_ratio is None for layer in found.layers)
