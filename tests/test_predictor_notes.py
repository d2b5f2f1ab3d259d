"""What predictors say of inputs that they don't read in full, and that every input has its row."""

import re

import numpy as np
import pytest

from microgradient.data.catalogues import LANGUAGES
from microgradient.data.numeric_csv import read_numbers
from microgradient.data.pieces import Pieces
from microgradient.errors import DataError
from microgradient.recipes.language import LanguagePredictor
from microgradient.recipes.names import NamesPredictor
from microgradient.recipes.text import CONTEXT, TextPredictor
from microgradient.recipes.translate import TranslatePredictor


def translator() -> TranslatePredictor:
    pieces = Pieces.learnt(["One two one three", "1 2 3"], 10)
    return TranslatePredictor(
        {"language": "", "memory": [], "pieces": pieces.as_dict(), "shapes": [[8, 8]], "network": {}}
    )


@pytest.mark.parametrize(
    ("make", "plain", "odd", "notes"),
    [
        (lambda: NamesPredictor({}), "Ann", "Zoë 2", ["left out, .*: ' ', '2', 'ë'"]),
        pytest.param(
            lambda: TextPredictor({"alphabet": "abc "}), "a cab", "dab" * CONTEXT, ["left out, .*: 'd'", "the last 64"],
            marks=pytest.mark.slow,
        ),
        (lambda: LanguagePredictor({"languages": LANGUAGES}), "x" * 63, "x" * 64, ["of 1 longer text the first 63 characters"]),
        (translator, "One two", "two § ® one two three 1 2 3 1 2 3", ["not understood, .*: '§', '®'", "the first 8"]),
    ],
)  # fmt: skip
def test_what_is_left_out_of_an_input_is_said(make, plain, odd, notes):
    predictor = make()
    predictor.predict([plain])
    assert predictor.notes == []
    predictor.predict([plain, odd])
    assert len(predictor.notes) == len(notes)
    for note, pattern in zip(predictor.notes, notes, strict=True):
        assert re.search(pattern, note), note
    predictor.predict([plain])
    assert predictor.notes == []


@pytest.mark.parametrize("make", [lambda: LanguagePredictor({"languages": LANGUAGES}), translator])
def test_an_empty_text_has_an_empty_row(tmp_path, make):
    predictor = make()
    (tmp_path / "t.txt").write_text("two\n\none\n")
    texts = predictor.read(["one", "", "two", str(tmp_path / "t.txt")])
    assert texts == ["one", "", "two", "two", "", "one"]
    _, rows = predictor.rows(texts, predictor.predict(texts))
    assert [row[0] for row in rows] == texts
    assert set(rows[1][1:]) == set(rows[4][1:]) == {""}
    assert rows[0][1:] == rows[5][1:]


def test_numbers_are_read_as_tables_read_them(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a;b\n0,5;1.234,5 €\n-1,25;7 €\n")
    np.testing.assert_array_equal(read_numbers(file, ["b", "a"]), [[1234.5, 0.5], [7, -1.25]])
    for cell in ("", "NA", "?"):
        file.write_text(f"a;b\n0,5;1\n{cell};2\n")
        with pytest.raises(
            DataError, match=r"row 2, column 'a': '.*' is missing, .*: fill it in, or leave the row out"
        ):
            read_numbers(file, ["a", "b"])
    for cell in ("x", "inf", "1_000"):
        file.write_text(f"a,b\n0.5,1\n{cell},2\n")
        with pytest.raises(DataError, match=f"row 2, column 'a': '{cell}' is not a number"):
            read_numbers(file, ["a", "b"])
