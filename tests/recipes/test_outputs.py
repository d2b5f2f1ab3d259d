"""`outputs`: two inputs, three heads on one trunk, and their single-task twins."""

import numpy as np
import pytest
from properties import built, check_overfits, check_predicts, check_resumes, trained

import microgradient as mg
from microgradient.errors import DataError, ShapeError
from microgradient.recipes.outputs import HEADS, head_losses


def test_pairs_are_of_pictures_of_one_part():
    recipe = built("outputs")
    assert not set(recipe.pairs.ravel()) & set(recipe.test)
    assert set(recipe.test_pairs.ravel()) <= set(recipe.test)
    assert len(np.unique(recipe.pairs)) == recipe.pairs.size
    right = recipe.predictor.targets(np.array([[3, 7], [9, 0]]))
    assert right["class"].tolist() == [7, 9]
    assert right["number"].tolist() == [21, 0]
    np.testing.assert_allclose(right["picture"][1], recipe.means[0], atol=1e-4)
    check_overfits(recipe, np.arange(16), 100, 0.1)


def test_a_twin_learns_as_if_it_were_alone():
    """The loss is a sum over networks that share nothing: a twin's gradient is that of its own loss."""
    recipe = built("outputs")
    first, second, *targets = recipe.batch(np.arange(20))
    recipe.batch_loss(first, second, *targets).backward()
    twin = recipe.model.alone["number"]
    together = [p.grad.data.copy() for p in twin.parameters()]
    twin.zero_grad()
    named = dict(zip(HEADS, targets, strict=True))
    head_losses(twin(first, second), named)["number"].backward()
    for parameter, grad in zip(twin.parameters(), together, strict=True):
        np.testing.assert_allclose(parameter.grad.data, grad, rtol=1e-4, atol=1e-6)


def test_gradient_shares_are_those_of_the_heads_gradients():
    recipe = built("outputs")
    shares = recipe.gradient_shares(np.arange(12))
    first, second, *targets = recipe.batch(np.arange(12))
    shared = mg.tensor(recipe.model.together.shared(first, second).data, requires_grad=True)
    gradients, named = {}, dict(zip(HEADS, targets, strict=True))
    for name, head in recipe.model.together.heads.items():
        shared.grad = None
        head_losses({name: head(shared)}, named)[name].backward()
        gradients[name] = shared.grad.data.copy()
    whole = sum(gradients.values())
    for name, gradient in gradients.items():
        assert shares[name] == pytest.approx((gradient * whole).sum() / (whole**2).sum(), rel=1e-3, abs=1e-5)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_outputs_resume_predict_and_refuse(tmp_path):
    session = check_resumes("outputs", tmp_path, batch_size=256)
    recipe, predictor = session.recipe, mg.load(session.folder.path)
    pictures, digits = recipe.images[recipe.test_pairs], recipe.digits[recipe.test_pairs]
    check_predicts(session, pictures)
    scored = {metric.key: metric.value for metric in predictor.scores(predictor.predict(pictures), digits)}
    assert scored == {key: session.folder.run.result[key] for key in scored}
    file = tmp_path / "seven.npy"
    np.save(file, recipe.images[:7])
    with pytest.raises(DataError, match="two by two, and there are 7"):
        predictor.read([str(file)])
    with pytest.raises(ShapeError, match=r"\(pairs, 2, 8, 8\), got \(7, 8, 8\)"):
        predictor.predict(recipe.images[:7])


@pytest.mark.slow
def test_each_head_is_no_worse_than_its_twin(tmp_path):
    result = trained("outputs", tmp_path / "r").folder.run.result
    assert result["class_accuracy"] >= result["baseline_class_accuracy"]
    assert result["number_RMSE"] <= result["baseline_number_RMSE"]
    assert result["picture_RMSE"] <= result["baseline_picture_RMSE"]
