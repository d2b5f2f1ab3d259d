"""What the doctor advises, as options of a run: which finding has which, and which of them a recipe offers."""

import dataclasses
import re

import numpy as np
import pytest
from examination import examine
from zoo import ZOO

import microgradient as mg
from microgradient import nn
from microgradient.explain.doctor.examine import EXPLAINS
from microgradient.page.live import Run
from microgradient.recipes import RECIPES
from microgradient.train.advice import advised
from microgradient.train.checkup import diagnosed
from microgradient.train.session import Session

CODE = None  # the change is one of the code alone
OPTIONS = {
    "a parameter that is nan": ("NaN", {"clip": "1.0"}),
    "logarithm of a negative number": ("NaN", CODE),
    "missing values": ("NaN", CODE),
    "softmax before cross entropy": ("softmax twice", CODE),
    "sigmoid before logits": ("sigmoid twice", CODE),
    "softmax before nll": ("softmax before nll", CODE),
    "labels from one": ("labels", CODE),
    "column against row": ("shape mismatch", CODE),
    "minus cross entropy": ("wrong sign", CODE),
    "an optimizer that ascends": ("wrong sign", CODE),
    "a layer that is not used": ("no gradient", CODE),
    "raw table": ("data not normalised", CODE),
    "constant weights": ("symmetric initialisation", CODE),
    "relu with low biases": ("dead relu", CODE),
    "tanh mlp of large weights": ("saturation", CODE),
    "relu mlp of large weights": ("exploding gradient", {"initialisation": "he"}),
    "a signal that overflows": ("exploding gradient", {"initialisation": "he"}),
    "rnn that explodes": ("exploding gradient", {"clip": "1.0"}),
    "sigmoid mlp of ten layers": ("vanishing gradient", {"activation": "relu", "initialisation": "he"}),
    "tanh mlp of small weights": ("vanishing gradient", {"initialisation": "xavier"}),
    "relu mlp of small weights": ("vanishing gradient", {"initialisation": "he"}),
    "rnn that forgets": ("vanishing gradient", CODE),
    "training in evaluation mode": ("frozen batch norm", CODE),
    "a head outside the optimizer": ("not in optimizer", CODE),
    "adam in steps of one": ("learning rate too large", {"lr": 1e-3}),
    "weights that earlier steps have blown up": ("learning rate too large", {"lr": 0.3}),
    "descent in steps of a billionth": ("learning rate too small", {"lr": ...}),
}
"""By a sick network: which rule names it, and the options that make the change; `...` for a number that is measured."""
ELSEWHERE = {"entropy collapse", "clipped td error", "cannot overfit"}  # below: without options wherever they come from


@pytest.mark.parametrize("name", OPTIONS)
def test_which_finding_has_which_options(name):
    rule, options = OPTIONS[name]
    finding = next(each for each in examine(ZOO[name]).findings if each.rule == rule)
    measured = {key for key, value in (options or {}).items() if value is ...}
    assert {key: ... if key in measured else value for key, value in finding.options.items()} == (options or {})
    for key, value in finding.options.items():  # the code says the same
        if key == "lr":
            assert float(re.search(r"lr=([^)]*)\)", finding.code)[1]) == value
        if key == "clip":
            assert re.search(r"clip_grad_norm_\(.*, ([\d.]*)\)", finding.code)[1] == value
        if key == "initialisation":
            assert {"he": "kaiming_normal_", "xavier": "xavier_normal_"}[value] in finding.code


def test_a_rate_that_has_killed_units_is_lowered():
    found = examine(ZOO["adam in steps of one"], middle=True)
    (finding,) = (each for each in found.hidden if each.cause.startswith("Steps that were too large have pushed"))
    assert (finding.rule, finding.options) == ("learning rate too large", {"lr": 1e-3})
    assert finding.code.endswith("lr=1e-03)")


def test_every_rule_is_there():
    assert {rule for rule, _ in OPTIONS.values()} | ELSEWHERE == set(EXPLAINS) | {
        "NaN",
        "no gradient",
        "vanishing gradient",
    }


@pytest.mark.parametrize("rule", sorted(ELSEWHERE))
def test_these_are_changes_of_the_code_alone(rule):
    name = next(name for name, patient in ZOO.items() if patient.rule == rule)
    assert [each.options for each in examine(ZOO[name]).findings if each.rule == rule] == [{}]


def recipe(name, **options):
    kind = RECIPES[name]
    return kind(dataclasses.replace(kind.defaults, **options))


@pytest.mark.parametrize(
    ("name", "options", "change", "offered"),
    [
        ("digits", {}, {"clip": "1.0"}, {"clip": "1.0"}),
        ("digits", {"clip": "1"}, {"clip": "1.0"}, {}),  # it has that already
        ("digits", {"clip": "none"}, {"clip": "1.0"}, {"clip": "1.0"}),
        ("digits", {"clip": "auto"}, {"clip": "1.0"}, {"clip": "1.0"}),
        ("moons", {}, {"clip": "1.0"}, {}),  # it clips no gradients
        ("digits", {}, {"lr": 0.5}, {"lr": 0.5}),
        ("digits", {}, {"lr": -1.0}, {}),
        ("digits", {}, {"lr": 0.5, "gain": 2.0}, {}),  # a part of a change is another one
        ("digits", {}, {"initialisation": "he"}, {}),
        ("digits", {}, {}, {}),
        ("depth", {"model": "sigmoid"}, {"activation": "relu", "initialisation": "he"}, {"model": "he"}),
        ("depth", {"model": "none"}, {"initialisation": "he"}, {"model": "he"}),
        ("depth", {"model": "adam"}, {"initialisation": "he"}, {"model": "he+adam"}),
        ("depth", {"model": "large"}, {"initialisation": "he"}, {"model": "he"}),
        ("depth", {"model": "large+clip"}, {"initialisation": "he"}, {}),  # none has both
        ("depth", {"model": "he"}, {"initialisation": "he"}, {}),
        ("depth", {"model": "xavier"}, {"initialisation": "xavier"}, {}),
        ("depth", {"model": "large"}, {"clip": "1.0"}, {"clip": "1.0"}),
        ("depth", {"model": "large+clip"}, {"clip": "1.0"}, {}),
    ],
)  # fmt: skip
def test_what_a_recipe_offers(name, options, change, offered):
    assert advised(recipe(name, **options), change) == offered


def test_the_terminal_has_a_command_to_paste(run):
    code, out, _ = run("train", "depth", "--model", "none", "--epochs", 1, "--no-compile", "--out", "before")
    assert code == 0
    (line,) = (line for line in out.splitlines() if "to train again with this change: " in line)
    words = line.partition(": ")[2].split()
    assert words[:3] == ["microgradient", "train", "depth"]
    assert "--model he --seed 0" in line
    code, out, _ = run(*words[1:], "--out", "after")
    assert code == 0
    assert "doctor: healthy" in out


def test_where_the_change_is_one_of_the_code_there_is_no_command(run):
    code, out, _ = run("train", "digits", "--epochs", 1, "--lr", 0.001)
    assert (code, "to train again" in out) == (0, False)


def test_the_page_is_told_what_this_recipe_offers(tmp_path):
    kind = RECIPES["depth"]
    session = Session.begin("depth", kind, kind, {"model": "large", "compile": False}, tmp_path / "run")
    live = Run(session.recipe, session.folder, session.optimizer)
    live.end()
    (finding,) = live.answers["doctor"]({})["findings"]
    assert (finding["rule"], finding["options"]) == ("exploding gradient", {"model": "he"})
    session.folder.release()


def test_clipping_is_offered_where_a_parameter_is_no_longer_finite():
    digits = recipe("digits")
    weight = next(p for p in digits.model.parameters())
    weight.data = np.full(weight.shape, np.nan, weight.dtype)
    found = diagnosed(digits, digits.optimizer(), digits.batches(0)[0], True)
    assert isinstance(digits.model, nn.Module)
    assert [advised(digits, each.options) for each in found.findings] == [{"clip": "1.0"}]


def test_an_empty_batch_is_named():
    with np.errstate(all="ignore"):
        found = mg.doctor(mg.nn.Linear(2, 1), lambda m, b: mg.mean(m(b)), mg.ones((0, 2)))
    (finding,) = found.findings
    assert finding.cause.startswith("The batch is empty")
