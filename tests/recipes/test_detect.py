"""`detect`: digits in cluttered pictures, and the boxes around them."""

import numpy as np
import pytest
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes, trained

import microgradient as mg
import microgradient.recipes.detect as module
from microgradient.data.boxes import iou
from microgradient.data.datasets import load_digits
from microgradient.data.scenes import compose
from microgradient.errors import DataError, ShapeError
from microgradient.recipes.detect import Detect, DetectPredictor, scores
from microgradient.recipes.detect_baseline import sliding_windows


@pytest.fixture
def few(monkeypatch):
    """Few pictures, and a baseline that costs nothing."""
    for name, count in (("_SCENES", 64), ("_VALIDATION", 8), ("_TEST", 12)):
        monkeypatch.setattr(module, name, count)
    monkeypatch.setattr(Detect, "baseline", 0.5)


def test_scenes_are_decided_by_the_generator_and_their_boxes_are_tight():
    digits, labels = load_digits()
    pictures, truth = compose(digits, labels, 30, np.random.default_rng(3))
    again, same = compose(digits, labels, 30, np.random.default_rng(3))
    np.testing.assert_array_equal(pictures, again)
    np.testing.assert_array_equal(truth.box, same.box)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert set(truth.picture.tolist()) == set(range(30))
    assert (truth.box[:, 2:] > truth.box[:, :2]).all()
    assert (truth.box >= 0).all()
    assert (truth.box <= 64).all()
    for picture in range(30):
        box = truth.box[truth.picture == picture]
        assert 1 <= len(box) <= 4
        assert (iou(box, box) - np.eye(len(box))).max() < 0.02
    white = np.ones((1, 20, 10), np.float32)  # a digit of full ink: each side of its box has some of it
    pictures, truth = compose(white, np.zeros(1, int), 1, np.random.default_rng(0))
    for x0, y0, x1, y1 in truth.box.astype(int):
        part = pictures[0, y0:y1, x0:x1]
        assert min(part[0].max(), part[-1].max(), part[:, 0].max(), part[:, -1].max()) > 0.1


def test_no_digit_is_in_two_parts(few):
    recipe = built("detect")
    parts = [set(recipe.training.tolist()), set(recipe.validating_digits.tolist()), set(recipe.test_digits.tolist())]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 5000
    first, second = recipe.batch(np.arange(4)), recipe.batch(np.arange(4))
    assert (first[0].data != second[0].data).any()  # new pictures each time
    assert ((first[1].data >= 0).sum(axis=(1, 2)) > 0).all()


def test_predictions_are_in_the_pixels_of_each_picture(tmp_path):
    mg.manual_seed(0)
    predictor = DetectPredictor({})
    predictor.model.classes.bias.data = predictor.model.classes.bias.data + 4  # an untrained network that finds much
    draw = np.random.default_rng(0)
    small, wide = draw.random((64, 64)).astype(np.float32), draw.random((100, 200)).astype(np.float32)
    found = predictor.predict([small, wide, np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)])
    first, second, third = (found["box"][found["picture"] == k] for k in range(3))
    assert len(first)
    assert len(second)
    np.testing.assert_allclose(third, 2 * first, rtol=1e-4)
    assert (found["box"] >= 0).all()
    assert (second <= [200, 100, 200, 100]).all()
    header, rows = predictor.rows(None, found)
    assert header == ["picture", "class", "score", "x0", "y0", "x1", "y1"]
    assert [row[0] for row in rows] == (found["picture"] + 1).tolist()
    assert predictor.predict([])["box"].shape == (0, 4)
    assert len(predictor.predict([np.zeros((9, 1), np.float32)])) == 4
    np.save(tmp_path / "a.npy", small)
    (tmp_path / "b.csv").write_text("picture,class,x0,y0,x1,y1\na.npy,12,0,0,9,9\n")
    with pytest.raises(DataError, match=r"has the class 12; those of the model are 0 to 9"):
        predictor.evaluate(str(tmp_path / "b.csv"))
    with pytest.raises(ShapeError, match=r"\(height, width\), got \(3, 64, 64\)"):
        predictor.predict([np.zeros((3, 64, 64))])


def test_the_baseline_finds_digits_it_has_seen():
    digits, labels = load_digits()
    pictures, truth = compose(digits[:20], labels[:20], 40, np.random.default_rng(0))
    found = sliding_windows(pictures, truth, pictures[:10])
    first = module.Boxes(*(part[truth.picture < 10] for part in truth))
    assert scores(first, found)[0].value > 0.3
    assert (np.bincount(found.picture) <= 20).all()


@pytest.mark.slow
def test_detect_overfits_resumes_predicts_and_refuses(few, tmp_path, monkeypatch):
    recipe = built("detect")
    for _ in range(30):  # until the batch norms know what to expect
        recipe.model(recipe.batch(np.arange(8))[0])
    check_overfits(recipe, np.arange(4), 100, 0.3)
    session = check_resumes("detect", tmp_path)
    recipe, predictor = session.recipe, mg.load(session.folder.path)
    scenes, truth = recipe.test
    check_predicts(session, scenes)
    found = module.Boxes(**predictor.predict(scenes))
    assert {m.key: m.value for m in scores(truth, found)}.items() <= session.folder.run.result.items()
    assert (session.folder.path / "boxes.png").exists()
    np.save(tmp_path / "one.npy", scenes[0])
    lines = [f"one.npy,{k},{','.join(map(str, box))}" for p, k, box, _ in zip(*truth, strict=True) if p == 0]
    (tmp_path / "boxes.csv").write_text("\n".join(["picture,class,x0,y0,x1,y1", *lines]))
    assert [metric.name for metric in predictor.evaluate(str(tmp_path / "boxes.csv"))] == ["mAP@0.5", "mAP@0.5:0.95"]
    with pytest.raises(DataError, match="There is no file"):
        predictor.read([str(tmp_path / "none.png")])
    check_missing_package(monkeypatch, "detect", "mlxtend")


@pytest.mark.slow
def test_detect_learns(tmp_path, monkeypatch):
    for name, count in (("_SCENES", 512), ("_VALIDATION", 10), ("_TEST", 30)):
        monkeypatch.setattr(module, name, count)
    result = trained("detect", tmp_path / "r", epochs=4).folder.run.result
    assert result["mAP@0.5"] > result["baseline_mAP@0.5"]
