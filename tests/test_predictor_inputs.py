"""What `mg.load(RUN).predict` is given: one text is no list of letters, NaN no number, and what is wrong has a place."""

import numpy as np
import pandas
import polars
import pytest

from microgradient.data.catalogues import LANGUAGES
from microgradient.data.frames import frame_columns
from microgradient.data.pieces import Pieces
from microgradient.errors import ArgumentTypeError, DataError, ShapeError
from microgradient.recipes import RECIPES
from microgradient.recipes.recommend_model import RecommendPredictor
from microgradient.tables import TablePredictor

WRITER = {"pieces": Pieces.learnt(["One two"], 4).as_dict(), "special": [], "shapes": [[8, 8]], "network": {}}
FORECAST = {"counts": False, "season": 1, "column": "v", "lags": 2, "mean": 0.0, "deviation": 1.0}
NUMBER = {"name": "y", "task": "regression", "kind": "number"}
PLAN = {"name": "linear", "hidden": [], "bends": False}
TABLE = {"targets": [NUMBER], "columns": [{"source": "age", "kind": "number"}], "networks": [PLAN], "members": 1}
TEXTS = {
    "language": {"languages": LANGUAGES},
    "translate": {**WRITER, "language": "", "memory": []},
    "names": {},
    "text": {"alphabet": "abc "},
}
PICTURES = {"classes": list("0123456789"), "shape": [8, 8], "white": 16}
NUMBERS = {  # details, an input that is right, and one axis too few
    "forecast": (FORECAST, np.ones((2, 30)), np.ones(())),
    "speech": ({}, [np.ones(4000)], np.ones(4000)),
    "detect": ({}, [np.ones((9, 9))], np.ones((9, 9))),
    "digits": ({**PICTURES, "model": "mlp"}, np.ones((1, 8, 8)), np.ones((8, 8))),
    "fashion": ({**PICTURES, "width": 4, "shape": [28, 28]}, np.ones((1, 28, 28)), np.ones((28, 28))),
    "outputs": ({"means": np.zeros(640).tolist()}, np.ones((1, 2, 8, 8)), np.ones((2, 8, 8))),
    "yeast": ({"measurements": list("ab"), "labels": list("xy")}, np.ones((1, 2)), np.ones(2)),
    "two-layer": ({}, np.ones((1, 2)), np.ones(2)),
    "moons": ({}, np.ones((1, 2)), np.ones(2)),
    "gridworld": ({}, np.zeros((1, 2)), np.zeros(2)),
}


def predictor(name: str, details):
    return RECIPES[name].predictor_class(details)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_alone_is_not_taken_letter_by_letter(name):
    made = predictor(name, TEXTS[name])
    for wrong, said in (
        ("Bonjour", r"One is to be in a list, too: \[text\]"),
        (b"Bonjour", "got a bytes"),
        (None, "got a NoneType"),
        ({"text": ["a"]}, "got a dict"),
        (np.array("a"), "got an ndarray"),
        (["a", None], "at place 1 of it is a NoneType"),
        ([3], "at place 0 of it is an int"),
    ):
        with pytest.raises(ArgumentTypeError, match=said):
            made.predict(wrong)


@pytest.mark.parametrize("name", NUMBERS)
def test_what_are_no_numbers_of_the_right_shape_is_said(name):
    details, right, single = NUMBERS[name]
    made = predictor(name, details)
    made.predict(right)
    for wrong in (None, "a.png", ["a.png"], {}, single, 3.0):
        with pytest.raises(
            (DataError, ShapeError, ArgumentTypeError), match=r"Expected|should (have the shape|hold numbers)"
        ):
            made.predict(wrong)
    for bad in (np.nan, np.inf, None):
        spoilt = [np.array(x, object) for x in right]
        spoilt[-1].flat[-1] = bad
        with pytest.raises(DataError, match=r"(nan|inf|None) at \[.*not finite"):
            made.predict(spoilt)


def test_what_is_too_large_for_the_model_is_said():
    with pytest.raises(DataError, match=r"1e\+300 at \[0, 1\], which is not finite, or too large for float32"):
        predictor("yeast", NUMBERS["yeast"][0]).predict([[1, 1e300]])
    with pytest.raises(ShapeError, match="different lengths"):
        predictor("yeast", NUMBERS["yeast"][0]).predict([[1, 2], [3]])
    for name, empty in (("speech", [[]]), ("detect", [np.ones((0, 4))])):
        with pytest.raises(ShapeError, match="at place 0 is empty"):
            predictor(name, {}).predict(empty)
    with pytest.raises(DataError, match="is no free cell"):
        predictor("gridworld", {}).predict([[0, 99]])


def test_users_and_items_are_lists_of_ids():
    made = RecommendPredictor({"users": ["u1", "7"], "items": ["a", "b"], "known": [0, 0]})
    for wrong in (None, {}, ["u1"], "u1"):
        with pytest.raises(ArgumentTypeError, match=r"Expected \{'user': \[id, …\]\}"):
            made.predict(wrong)
    with pytest.raises(ArgumentTypeError, match=r"list of users, got a str.*\['id'\]"):
        made.predict({"user": "u1"})
    with pytest.raises(ArgumentTypeError, match="list of items, and at place 0 of it is a float"):
        made.predict({"user": ["u1"], "item": [2.5]})
    with pytest.raises(DataError, match="2 users and 1 items"):
        made.predict({"user": ["u1", "7"], "item": ["a"]})
    whole = made.predict({"user": [7], "item": ["a"]})  # as a data frame has the ids of a file
    assert made.notes == []
    assert whole["rating"] == made.predict({"user": ["7"], "item": ["a"]})["rating"]
    assert made.predict({"user": pandas.Series([7])}) == made.predict({"user": ["7"]})


def test_columns_are_lists_of_cells():
    made = TablePredictor(TABLE)
    for wrong in (None, "age", [1, 2], 3):
        with pytest.raises(ArgumentTypeError, match="Expected a data frame, or columns by name"):
            made.predict(wrong)
    for wrong in ("31", 31, [[1, 2]], [[1], [2, 3]], polars.Series([{"a": 1, "b": 2}])):
        with pytest.raises(ArgumentTypeError, match="column 'age'"):
            made.predict({"age": wrong})
    with pytest.raises(ArgumentTypeError, match=r"LazyFrame.*collect\(\)"):
        frame_columns(polars.DataFrame({"age": [1, 2]}).lazy())


def test_answers_that_are_missing_or_unknown_are_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,language\nBonjour,fr\nHallo,xx\n")
    with pytest.raises(DataError, match="row 2: 'xx' is none of the languages"):
        predictor("language", TEXTS["language"]).evaluate(str(path))
    made = predictor("translate", TEXTS["translate"])
    path.write_text("text,translation\n,\none,\none,two\n,two\n")
    made.evaluate(str(path))
    assert made.notes[-1] == "3 of 4 rows are not scored: a text or its translation is missing"
    path.write_text("text,translation\n,\none,\n")
    with pytest.raises(DataError, match="no row with both a text and its translation"):
        made.evaluate(str(path))


def test_an_empty_text_keeps_its_row():
    assert predictor("summarise", WRITER).read(["", "hello"]) == ["", "hello"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("forecast", {"season": 0}), ("forecast", {"season": -1}), ("forecast", {"deviation": 0}),
        ("forecast", {"deviation": np.nan}), ("forecast", {"mean": np.inf}), ("translate", {"language": 3}),
    ],
)  # fmt: skip
def test_details_that_no_run_wrote_make_no_model(name, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        predictor(name, {**FORECAST, **TEXTS["translate"], **wrong})
