"""`translate`: made forms and messages of programs, each text in one part."""

import numpy as np
import pytest
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes, trained

import microgradient as mg
from microgradient.data.catalogues import fields, load_catalogue, load_sentences, with_fields, without_fields
from microgradient.data.pieces import Pieces
from microgradient.data.spoken_forms import date_in_words, number_in_words, spoken_forms
from microgradient.data.texts import normalized
from microgradient.errors import DataError
from microgradient.recipes import translate
from microgradient.recipes.translate_memory import Memory


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(translate, "_FORMS", 200)
    monkeypatch.setattr(translate, "_TEST", 10)
    monkeypatch.setattr(translate, "_VALIDATING", 20)
    monkeypatch.setattr(translate, "_LONGEST", 16)
    monkeypatch.setattr(translate, "load_sentences", lambda *given: {
        message: pairs for message, pairs in load_sentences(*given).items() if len(message) <= 16
    })  # fmt: skip
    monkeypatch.setattr(translate, "RELATED", {"fr": ("es",)})


def test_numbers_and_dates_are_said_as_in_english():
    said = {0: "zero", 13: "thirteen", 80: "eighty", 101: "one hundred and one", 1000: "one thousand",
            1001: "one thousand and one", 119_999: "one hundred and nineteen thousand nine hundred and ninety nine"}  # fmt: skip
    for number, words in said.items():
        assert number_in_words(number) == words
    assert date_in_words(2000, 2, 29) == "the twenty ninth of February two thousand"
    assert date_in_words(1900, 12, 30) == "the thirtieth of December nineteen hundred"
    assert len({number_in_words(n) for n in range(20_000)}) == 20_000
    forms = spoken_forms(6000, 5)
    places = [k for k, (digits, _) in enumerate(forms) if len(digits) <= 2]  # all there are, and not in one part
    assert len(places) == 100
    assert 2000 < np.mean(places) < 4000
    days = {int(digits[8:]) for digits, _ in forms if "-" in digits}
    assert days == set(range(1, 32))


def test_a_memory_finds_the_text_that_shares_most():
    texts = ["Enter a valid date.", "Enter a valid time.", "No file was sent.", "Log out"]
    memory = Memory(texts, Pieces.learnt(texts, 100))
    assert memory.nearest(texts)[:, 0].tolist() == [0, 1, 2, 3]
    assert memory.nearest(texts, 2)[:2].tolist() == [[0, 1], [1, 0]]
    assert memory.nearest(texts * 60, 4).shape == (240, 4)
    assert memory.nearest([]).shape == (0, 1)
    assert memory.nearest(["LOG in"])[0, 0] == 3
    likeness = memory.likeness([*texts, "?"])
    np.testing.assert_allclose(np.diag(likeness), 1)
    assert ((likeness >= 0) & (likeness <= 1)).all()


def test_placeholders_come_back():
    for text, message in ((text, message) for message, text in load_catalogue("fr").items()):
        assert with_fields(without_fields(text, fields(message)), fields(message)) == text
    assert with_fields("\ue000 \ue005.", ["%s"]) == "%s ."


def test_catalogues_have_plurals_and_sentences_of_long_messages():
    sentences = load_sentences("fr", 80)
    catalogue = load_catalogue("fr")
    assert catalogue.keys() <= sentences.keys()
    assert all(sentences[message][0] == (message, text) for message, text in catalogue.items() if len(message) <= 80)
    assert sentences["%(num)d hour"] == [("%(num)d hour", "%(num)d heure"), ("%(num)d hours", "%(num)d heures")]
    long = next(message for message in catalogue if message.startswith("You are authenticated as"))
    assert [a for a, _ in sentences[long]] == [
        "You are authenticated as %(username)s, but are not authorized to access this page.",
        "Would you like to login to a different account?",
    ]


def test_the_answer_is_what_most_candidates_are_like():
    texts = ["la date est valide", "une heure", "la date est vide", "xyz"]
    assert translate._most_like_all(texts, [1, 1, 1, 1]) == "la date est valide"
    assert translate._most_like_all(texts, [1, 9, 1, 1]) == "une heure"
    assert translate._most_like_all(["", ""], [1, 1]) == ""


@pytest.mark.parametrize("pair", ["forms", pytest.param("en-fr", marks=pytest.mark.slow)])
def test_no_text_is_in_two_parts_and_a_batch_is_learnt_by_heart(few, pair):
    recipe = built("translate", pair=pair)
    learnt = {text for text, _ in recipe.training}
    held_out = {without_fields(text, fields(text)) for text, _ in recipe.test}
    assert not learnt & held_out
    assert not held_out & {recipe.predictor.pieces.decode(source[0]) for source, _ in recipe.examples}
    assert all(len(set(recipe.shapes[batch])) == 1 for batch in recipe.batches(1))
    assert len(recipe.batches(1)) == recipe.steps_per_epoch
    check_overfits(recipe, recipe.batches(0)[0][:16], 80, 0.2)


def test_what_reads_as_a_held_out_message_is_not_learnt_from():
    sentences = {"View:": [("View:", "Voir :")], "Add": [("Add", "Ajouter")], "Add %s": [("Add %s", "Ajouter %s")]}
    assert translate._learnable(sentences, ["view", "Add %(name)s"]) == [("Add", "Ajouter")]
    real = load_sentences("fr", 80)
    held_out = list(real)[::8]
    learnt = {normalized(text) for text, _ in translate._learnable(real, held_out)}
    assert len(learnt) > 500
    assert not learnt & {normalized(without_fields(message, fields(message))) for message in held_out}


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["forms", "en-fr"])
def test_translate_resumes_predicts_and_refuses(few, monkeypatch, tmp_path, pair):
    session = check_resumes("translate", tmp_path, pair=pair)
    texts = ["1905-11-21", "forty two", "", "what is %(this)s?"]
    check_predicts(session, texts)
    predictor = mg.load(session.folder.path)
    assert predictor.predict(texts) == [predictor.predict([text])[0] for text in texts]
    file = tmp_path / "new.csv"
    file.write_text("text,meaning\n1,one\n")
    with pytest.raises(DataError, match="lacks a column 'translation': its header names text, meaning"):
        predictor.evaluate(str(file))
    monkeypatch.setattr(predictor, "predict", lambda texts: ["forty two"] * len(texts))
    file.write_text("text,translation\n42,forty two\n43,no such thing\n")
    assert predictor.evaluate(str(file))[-1].value == 0.5


def test_without_django_the_messages_are_missed(monkeypatch):
    check_missing_package(monkeypatch, "translate", "django", pair="en-fr")


@pytest.mark.slow
def test_translate_learns(tmp_path):
    result = trained("translate", tmp_path / "r", epochs=3).folder.run.result
    assert result["test_exact"] > 0.8 > result["baseline_exact"]
