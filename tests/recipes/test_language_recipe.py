"""`language`: fifty languages from the characters of short texts, split by message."""

import numpy as np
import pytest
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes, trained

import microgradient as mg
from microgradient.data.catalogues import LANGUAGES
from microgradient.errors import DataError
from microgradient.recipes.language import GRAMS, ROWS, Language, hashed, padded


@pytest.fixture
def few(monkeypatch):
    """The recipe on every 16th message, and a baseline that costs nothing."""
    import microgradient.recipes.language as module

    whole = module._messages

    def part():
        texts, languages, messages = whole()
        kept = np.flatnonzero(messages % 16 == 0)
        return [texts[k] for k in kept], languages[kept], messages[kept] // 16

    monkeypatch.setattr(module, "_messages", part)
    monkeypatch.setattr(Language, "baseline", 0.5)


@pytest.mark.slow
def test_no_message_is_in_two_parts(few):
    recipe = built("language")
    message = {text: k for k, text in enumerate(recipe.texts)}
    assert len(message) > 0.9 * len(recipe.texts)
    parts = [set(recipe.data[1][rows]) for rows in (recipe.training, recipe.validating, recipe.test)]
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    assert set(np.unique(recipe.labels)) == set(range(50))
    alike = [(recipe.labels[row], text.lower().rstrip(".:")) for row, text in enumerate(recipe.texts)]
    assert len(set(alike)) == len(alike)
    check_overfits(recipe, np.arange(32), 60, 0.3)


def test_of_texts_that_are_read_alike_one_is_kept(monkeypatch):
    import microgradient.recipes.language as module

    long = "A message that goes on and on, so that its end is not looked at at all: "
    catalogue = {"a": f"{long}one", "b": f"{long}another", "c": "Short.", "d": "short"}
    monkeypatch.setattr(module, "load_catalogue", lambda language: catalogue if language == "fr" else {})
    texts, _, messages = module._messages()
    assert texts == [f"{long}one", "Short."]
    assert messages.tolist() == [0, 2]


def test_hashes_tell_characters_and_their_order():
    assert len(LANGUAGES) == len(set(LANGUAGES)) == 50
    a, b = hashed("the cat"), hashed("The Cat")
    np.testing.assert_array_equal(a, b)
    assert (hashed("ab")[2] != hashed("ba")[2]).any()
    assert (hashed("xab")[3, :2] == hashed("yab")[3, :2]).all()  # the last two characters are the same
    assert a.min() >= 1
    assert ((a - 1) // ROWS == np.arange(GRAMS)).all()
    assert padded([a], [2], 4).data[0].tolist() == a[2:6].tolist()


@pytest.mark.slow
def test_language_resumes_predicts_and_refuses(few, tmp_path, monkeypatch):
    session = check_resumes("language", tmp_path)
    texts = ["Bonjour tout le monde", "", "请输入一个有效的日期", "%(count)d"]
    check_predicts(session, texts)
    predictor = mg.load(session.folder.path)
    alone = [predictor.predict([text])["language"][0] for text in texts]
    assert predictor.predict(texts)["language"] == alone
    recipe = session.recipe
    file = tmp_path / "new.csv"
    file.write_text("label,text\nx,y\n")
    with pytest.raises(DataError, match="lacks a column 'language': its header names label, text"):
        predictor.evaluate(str(file))
    rows = [(recipe.texts[k], LANGUAGES[recipe.labels[k]]) for k in recipe.test[:40] if '"' not in recipe.texts[k]]
    file.write_text("language,text\n" + "".join(f'{code},"{text}"\n' for text, code in rows), encoding="utf-8")
    found = predictor.predict([text for text, _ in rows])["language"]
    expected = np.mean([a == b for a, (_, b) in zip(found, rows, strict=True)])
    assert predictor.evaluate(str(file))[0].value == pytest.approx(expected)
    check_missing_package(monkeypatch, "language", "django")


@pytest.mark.slow
def test_language_learns(tmp_path):
    result = trained("language", tmp_path / "r", epochs=3).folder.run.result
    assert result["test_accuracy"] > 0.8
