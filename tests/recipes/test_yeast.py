"""`yeast`: several labels a row, thresholds and epoch chosen on validation rows."""

import numpy as np
import pytest
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes, trained
from sklearn.metrics import f1_score

import microgradient as mg
from microgradient.data.yeast import load_yeast
from microgradient.errors import DataError, ShapeError
from microgradient.recipes.yeast import best_threshold
from microgradient.tables.metrics import micro_f1


def test_micro_f1_is_scikit_learns():
    draw = np.random.default_rng(0)
    truth, predicted = draw.integers(0, 2, (2, 30, 5))
    assert micro_f1(truth, predicted) == pytest.approx(f1_score(truth, predicted, average="micro"))


def test_the_best_threshold_is_best_of_all():
    draw = np.random.default_rng(1)
    truth, chances = draw.integers(0, 2, (40, 3)), draw.uniform(size=(40, 3))
    found = micro_f1(truth, chances > best_threshold(truth, chances))
    assert found >= max(micro_f1(truth, chances > t) for t in (0.15, 0.3, 0.5, 0.65))


def test_parts_are_apart_and_a_batch_is_learnt_by_heart():
    recipe = built("yeast")
    parts = [set(part) for part in (recipe.training, recipe.validating, recipe.test)]
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    assert set.union(*parts) == set(range(2417))
    np.testing.assert_array_equal(recipe.model.mean.data, recipe.x[recipe.training].mean(axis=0))
    check_overfits(recipe, np.arange(16), 150, 0.1)


def test_yeast_resumes_predicts_and_refuses(tmp_path, monkeypatch):
    session = check_resumes("yeast", tmp_path, batch_size=128)
    check_predicts(session, session.recipe.x[session.recipe.test])
    predictor, (x, y, measurements, labels) = mg.load(session.folder.path), load_yeast()
    held_out = session.recipe.test
    table = np.concatenate([y[held_out], x[held_out].astype(np.float64)], axis=1)
    file = tmp_path / "new.csv"
    np.savetxt(file, table, "%.9g", ",", header=",".join([*labels, *measurements]), comments="")
    scored = {metric.key: metric.value for metric in predictor.evaluate(str(file))}
    assert scored["micro-F1"] == session.folder.run.result["micro-F1"]
    names, rows = predictor.rows(x[:3], predictor.predict(x[:3]))
    assert names == labels
    assert len(rows) == 3
    with pytest.raises(ShapeError, match=r"\(rows, 103\), got \(2, 5\)"):
        predictor.predict(np.zeros((2, 5)))
    file.write_text("Att1,Att2\n1,2\n")
    with pytest.raises(DataError, match="lacks 101 columns, 'Att3', 'Att4'"):
        predictor.read([str(file)])
    check_missing_package(monkeypatch, "yeast", "river")


@pytest.mark.slow
def test_yeast_is_above_the_classifier_chain(tmp_path):
    result = trained("yeast", tmp_path / "r").folder.run.result
    assert result["micro-F1"] > result["tuned_baseline_micro-F1"] > result["baseline_micro-F1"]
