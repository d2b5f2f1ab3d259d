"""`depth`: what keeps the gradients of fifty layers in bounds."""

import numpy as np
import pytest
from properties import built, check_overfits, check_resumes, trained

from microgradient.cli import main
from microgradient.recipes.depth import REMEDIES

SMALL = {"layers": 12, "width": 32, "epochs": 1, "batch_size": 256}


def fall(remedy: str) -> float:
    """By what factor the gradient of the first of fifty layers is smaller than that of the last, in powers of ten."""
    norms = built("depth", model=remedy).first_norms
    return float(np.log10(norms[-1] / max(norms[0], 1e-300)))


@pytest.mark.parametrize(("remedy", "least", "most"), [
    ("none", 14, 22),  # √6 a layer: 19 powers of ten
    ("he", -2, 2), ("xavier", -2, 2), ("layernorm", -2, 2), ("residual+layernorm", -2, 2),
    ("batchnorm", -8, -1),
])  # fmt: skip
def test_gradients_before_training(remedy, least, most):
    assert least < fall(remedy) < most


def test_the_size_of_gradients_is_asked_without_a_trace():
    recipe = built("depth", model="batchnorm", **SMALL)
    before = {name: np.array(value) for name, value in recipe.model.state_dict().items()}
    recipe.gradient_norms()
    assert all((np.asarray(value) == before[name]).all() for name, value in recipe.model.state_dict().items())
    assert all(p.grad is None for p in recipe.model.parameters())


def test_one_batch_is_overfitted():
    check_overfits(built("depth", **SMALL), np.arange(32), 60, 0.1)


@pytest.mark.slow
def test_fifty_layers_are_learnt_by_default(tmp_path):
    session = trained("depth", tmp_path / "r", epochs=5)
    assert session.folder.run.result["test_accuracy"] > 0.6


def test_the_learning_rate_is_the_remedys_unless_another_is_given():
    assert built("depth", **SMALL, model="he+adam").optimizer().param_groups[0]["lr"] == 3e-4
    assert built("depth", **SMALL, model="he+adam", lr=0.5).optimizer().param_groups[0]["lr"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("model", ["he+adam", "large+clip", "batchnorm"])
def test_a_stopped_run_goes_on(tmp_path, model):
    check_resumes("depth", tmp_path, **{**SMALL, "model": model})


def test_it_says_how_large_gradients_are_and_draws_them(tmp_path):
    session = trained("depth", tmp_path / "r", **SMALL)
    assert sum("norms of the gradients" in line for line in session.recipe.report()) == 2
    assert (tmp_path / "r" / "gradients.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_remedy_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "depth", "--model", "prayer"]) == 1
    assert f"choose from {', '.join(REMEDIES)}" in capsys.readouterr().err
