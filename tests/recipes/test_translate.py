"""`translate` and what it is made of: attention that sees no padding and no future, beam search, spoken forms."""

import itertools

import numpy as np
import pytest
from properties import built, check_overfits, check_predicts, check_resumes, trained

import microgradient as mg
from microgradient.data.spoken_forms import date_in_words, number_in_words, spoken_forms
from microgradient.errors import DataError
from microgradient.recipes import translate
from microgradient.recipes.seq2seq import BEGIN, END, PAD, Seq2Seq, beam_search, padded
from microgradient.recipes.translate import joined, tokenized


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(translate, "_FORMS", 200)
    monkeypatch.setattr(translate, "_TEST", 10)
    monkeypatch.setattr(translate, "_VALIDATING", 20)


def test_numbers_and_dates_are_said_as_in_english():
    said = {0: "zero", 13: "thirteen", 80: "eighty", 101: "one hundred and one", 1000: "one thousand",
            1001: "one thousand and one", 119_999: "one hundred and nineteen thousand nine hundred and ninety nine"}  # fmt: skip
    for number, words in said.items():
        assert number_in_words(number) == words
    assert date_in_words(2000, 2, 30) == "the thirtieth of February twenty hundred"
    assert len({number_in_words(n) for n in range(20_000)}) == 20_000
    for pair in spoken_forms(300, 5):
        for text in pair:
            assert joined(tokenized(text)) == text
            assert len(tokenized(text)) < translate.LONGEST


def test_padding_and_the_future_change_nothing():
    mg.manual_seed(0)
    model = Seq2Seq(9, 8)
    source, target = np.array([[4, 5, 6, END]]), np.array([[BEGIN, 7, 8]])
    plain = model(mg.tensor(source), mg.tensor(target)).data
    longer = model(mg.tensor(padded(source.tolist(), 7)), mg.tensor(target)).data
    np.testing.assert_allclose(longer, plain, atol=1e-5)
    later = model(mg.tensor(source), mg.tensor(np.array([[BEGIN, 7, 4]]))).data
    np.testing.assert_allclose(later[:, :2], plain[:, :2], atol=1e-6)
    assert abs(later[:, 2] - plain[:, 2]).max() > 1e-3


def test_a_beam_as_wide_as_all_sequences_finds_the_best_of_them():
    mg.manual_seed(3)
    model, source, longest, penalty = Seq2Seq(6, 8), np.array([[4, 5, END], [5, 5, END]]), 3, 0.6
    with mg.no_grad():
        found = beam_search(model, source, longest, beam=200, penalty=penalty)
        for row, answer in zip(source, found, strict=True):
            scores = {}
            for length in range(1, longest + 1):
                for body in itertools.product((3, 4, 5), repeat=length):
                    for tokens in ((*body[:-1], END), body) if length == longest else ((*body[:-1], END),):
                        logits = model(mg.tensor(row[None]), mg.tensor(np.array([[BEGIN, *tokens[:-1]]]))).data[0]
                        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
                        total = sum(logs[k, token] for k, token in enumerate(tokens))
                        scores[tokens] = total / ((5 + len(tokens)) / 6) ** penalty
            best = max(scores, key=scores.__getitem__)
            assert answer == [token for token in best if token != END]
    assert PAD not in best


def test_no_number_is_in_two_parts_and_a_batch_is_learnt_by_heart(few):
    recipe = built("translate")
    parts = [{text for pair in part for text in pair} for part in (recipe.training, recipe.validating, recipe.test)]
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    check_overfits(recipe, np.arange(16), 80, 0.2)


@pytest.mark.slow
def test_translate_resumes_predicts_and_refuses(few, tmp_path):
    session = check_resumes("translate", tmp_path)
    texts = ["1905-11-21", "forty two", "", "what is this?"]
    check_predicts(session, texts)
    predictor = mg.load(session.folder.path)
    assert predictor.predict(texts) == [predictor.predict([text])[0] for text in texts]
    file = tmp_path / "new.csv"
    file.write_text("text,meaning\n1,one\n")
    with pytest.raises(DataError, match="needs the columns text and translation; it has text, meaning"):
        predictor.evaluate(str(file))
    answer = predictor.predict(["42"])[0]
    file.write_text(f'text,translation\n42,"{answer}"\n43,no such thing\n')
    assert predictor.evaluate(str(file))[0].value == 0.5


@pytest.mark.slow
def test_translate_learns(tmp_path):
    result = trained("translate", tmp_path / "r", epochs=3).folder.run.result
    assert result["test_exact"] > 0.8 > result["baseline_exact"]
