"""`translate`: an encoder and a decoder with attention, from one way of writing to another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.csv_file import read_csv
from ..data.spoken_forms import spoken_forms
from ..data.texts import read_texts
from ..errors import DataError
from ..tensor import Tensor
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .seq2seq import BEGIN, END, PAD, SPECIAL, UNKNOWN, Seq2Seq, beam_search, next_token_loss, padded

LONGEST = 18  # tokens of a number or a date, with what marks its ends
_FORMS, _TEST, _VALIDATING = 12_000, 500, 300


def tokenized(text: str) -> list[str]:
    """Words, single digits and marks.

    >>> tokenized("May 19-07")
    ['May', '1', '9', '-', '0', '7']
    """
    return re.findall(r"[^\W\d]+|\d|[^\w\s]", text)


def joined(tokens: Sequence[str]) -> str:
    """The text of these tokens: spaces stand between words alone.

    >>> joined(["1", "9", "-", "0"]), joined(["two", "hundred"])
    ('19-0', 'two hundred')
    """
    return re.sub(r"(?<=[\d-]) (?=[\d-])", "", " ".join(tokens))


class TranslatePredictor(Predictor):
    """Numbers and dates in digits to words, and in words to digits."""

    takes: ClassVar[str] = "numbers and dates, in digits or in words, or text files with one in each line"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.vocabulary: list[str] = [*SPECIAL, *details["tokens"]]
        self.code = {token: code for code, token in enumerate(self.vocabulary)}
        self.model = Seq2Seq(len(self.vocabulary), LONGEST)

    def encoded(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Texts as rows of token codes, (texts, LONGEST)."""
        return padded([[*(self.code.get(t, UNKNOWN) for t in tokenized(text)), END] for text in texts], LONGEST)

    def predict(self, inputs: Any, beam: int = 4) -> list[str]:
        found: list[list[int]] = []
        with self.inference():
            for start in range(0, len(inputs), 100):
                found += beam_search(self.model, self.encoded(inputs[start : start + 100]), LONGEST - 1, beam)
        return [joined([self.vocabulary[code] for code in codes]) for codes in found]

    def read(self, names: Sequence[str]) -> list[str]:
        return [text for text in read_texts(names, by_line=True) if text.strip()]

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["text", "translation"], [list(pair) for pair in zip(inputs, predicted, strict=True)]

    def evaluate(self, path: str) -> list[Metric]:
        columns = read_csv(Path(path)).columns
        if not {"text", "translation"} <= columns.keys():
            raise DataError(
                "MG182", f"{path} needs the columns text and translation; it has {', '.join(columns)[:200]}."
            )
        return [self.exact(columns["text"], columns["translation"])]

    def exact(self, texts: Sequence[str], right: Sequence[str]) -> Metric:
        """How many texts are translated without a fault."""
        found = self.predict(texts)
        return Metric("exact", float(np.mean([a == b for a, b in zip(found, right, strict=True)])), "%")


class Translate(Recipe):
    """Each number and each date is in one part, in digits and in words, and is translated both ways: 500 are held out, 300
    choose the epoch. The baseline is a memory: of all training texts the one with the most tokens in common, and what that
    one means: it is never quite right, as no two mean the same. Sizes and rates were chosen on other seeds.

    Run it by `microgradient train translate`.
    """

    name: ClassVar[str] = "translate"
    field: ClassVar[str] = "language"
    summary: ClassVar[str] = "dates and numbers from digits to words and back, by a Transformer with beam search"
    defaults: ClassVar[Options] = Options(epochs=12, batch_size=64, lr=1e-3, optimizer="adam", model="transformer")
    models: ClassVar[tuple[str, ...]] = ("transformer",)
    predictor_class: ClassVar[type[Predictor]] = TranslatePredictor
    lr_decay: ClassVar[float] = 0.4
    clip_norm: float | None = 1.0
    loss_unit: str = "nats/token"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        forms = spoken_forms(_FORMS, options.seed)
        texts = [pair for digits, words in forms for pair in ((digits, words), (words, digits))]
        cut, end = 2 * _TEST, 2 * (_TEST + _VALIDATING)
        self.test, self.validating, self.training = texts[:cut], texts[cut:end], texts[end:]
        self.tokens = sorted({token for text, _ in self.training for token in tokenized(text)})
        self.train_size = len(self.training)
        self.predictor = TranslatePredictor(self.details())
        self.model = self.predictor.model
        self.source, self.target = self._arrays(self.training)
        self.data = (self.source, self.target)
        self.validation_loss = self.compiled(self.batch_loss)

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        return _shifted(self.source[examples], self.target[examples])

    def batch_loss(self, source: Tensor, before: Tensor, following: Tensor) -> Tensor:
        return next_token_loss(self.model(source, before), following)

    def validation(self) -> float:
        return float(self.validation_loss(*_shifted(*self._arrays(self.validating))).data)

    def evaluate(self) -> list[Metric]:
        exact = self.predictor.exact(*map(list, zip(*self.test, strict=True)))
        return [Metric("test exact", exact.value, "%"), Metric("baseline exact", self.memory, "%")]

    @cached_property
    def memory(self) -> float:
        """How often the meaning of the training text with most tokens in common, for its length, is right."""
        known, asked = (_bags(self.predictor.encoded([a for a, _ in part]), len(self.predictor.vocabulary))
                        for part in (self.training, self.test))  # fmt: skip
        nearest = (asked @ known.T).argmax(axis=1)
        return float(np.mean([self.training[k][1] == right for k, (_, right) in zip(nearest, self.test, strict=True)]))

    def _arrays(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        texts, meanings = zip(*pairs, strict=True)
        return self.predictor.encoded(texts), self.predictor.encoded(meanings)

    def details(self) -> dict[str, Any]:
        return {"tokens": self.tokens}

    def description(self) -> list[str]:
        return [f"{self.train_size:,} texts to learn from, {len(self.validating)} to choose the epoch, {len(self.test):,} held "
                f"out, of numbers and dates that are in one part only; {len(self.tokens)} different tokens"]  # fmt: skip

    def report(self) -> list[str]:
        texts, right = map(list, zip(*self.test[:4], strict=True))
        found = self.predictor.predict(texts)
        return [
            f"{a} → {b} ({'right' if b == c else 'wrong: ' + c})" for a, b, c in zip(texts, found, right, strict=True)
        ]


def _shifted(source: NDArray[np.int64], target: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """The source, the target behind BEGIN, and the target: what is seen, and what is to be said next."""
    before = np.concatenate([np.full((len(target), 1), BEGIN), target[:, :-1]], axis=1)
    return Tensor(source), Tensor(before), Tensor(target)


def _bags(codes: NDArray[np.int64], tokens: int) -> NDArray[np.float32]:
    """How often each token is in each text, (texts, tokens), as vectors of length 1."""
    counts = np.zeros((len(codes), tokens), np.float32)
    np.add.at(counts, (np.arange(len(codes))[:, None], codes), 1)
    counts[:, PAD] = 0
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)
