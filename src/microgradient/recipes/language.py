"""`language`: which of fifty languages a short text is in, from its characters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import log_softmax, nn, random, softmax
from ..data.catalogues import LANGUAGES, load_catalogue, without_markup
from ..data.csv_file import read_named
from ..data.texts import normalized, read_texts
from ..errors import DataError
from ..language import listed, translate
from ..nn.functional import cross_entropy
from ..tensor import Tensor
from ..train.inputs import as_texts
from ..train.options import Options
from ..train.pictures import draw_confusion
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe

GRAMS, ROWS = 5, 16384  # sequences of 1 to 5 characters, each hashed to one of so many rows
WIDTH, HIDDEN = 64, 96
_TRAINED, _READ = 32, 64  # characters of a text that are looked at


class LanguageModel(nn.Module):
    """Hashed characters (texts, places, GRAMS) to two opinions about each language, (2, texts, languages), to be added.

    The wide one gives each sequence of characters a score of its own for each language, as logistic regression does. The deep
    one adds the embeddings of the sequences that end at each place (Clark et al. 2022, "CANINE"), and scores sums and maxima
    of two convolutions of three places. Cheng et al., "Wide & deep learning for recommender systems" (2016); here each is
    trained by itself and they make an ensemble, as they go wrong at different texts.
    """

    def __init__(self, languages: int) -> None:
        super().__init__()
        self.votes = nn.Embedding(1 + GRAMS * ROWS, languages, padding_idx=0)
        self.grams = nn.Embedding(1 + GRAMS * ROWS, WIDTH, padding_idx=0)
        self.first, self.second = nn.Linear(3 * WIDTH, HIDDEN), nn.Linear(3 * HIDDEN, HIDDEN)
        self.input_dropout, self.dropout = nn.Dropout(0.2), nn.Dropout(0.5)
        self.head = nn.Linear(WIDTH + 3 * HIDDEN, languages)
        nn.init.zeros_(self.votes.weight)
        nn.init.normal_(self.grams.weight, std=0.1)

    def forward(self, codes: Tensor) -> Tensor:
        there = mg.astype(codes[:, :, :1] != 0, np.float32)  # 0 where a text has ended
        root = mg.sqrt(mg.sum(there, axis=1))
        return mg.stack([self._wide(codes) / root, self._deep(codes, there, root)])

    def _wide(self, codes: Tensor) -> Tensor:
        return mg.sum(self.input_dropout(mg.sum(self.votes(codes), axis=2)), axis=1)

    def _deep(self, codes: Tensor, there: Tensor, root: Tensor) -> Tensor:
        x = self.input_dropout(mg.sum(self.grams(codes), axis=2)) * there
        h = mg.relu(self.first(_neighbours(x))) * there
        g = mg.relu(self.second(_neighbours(h))) * there
        pooled = mg.sum(x, axis=1) / root, mg.sum(h, axis=1) / root, mg.max(h, axis=1), mg.max(g, axis=1)
        return self.head(self.dropout(mg.concat(pooled, axis=1)))


def _neighbours(x: Tensor) -> Tensor:
    """At each place what is there, before it and after it: (texts, places, 3 · features)."""
    edge = mg.zeros((x.shape[0], 1, x.shape[2]))
    before, after = mg.concat([edge, x[:, :-1]], axis=1), mg.concat([x[:, 1:], edge], axis=1)
    return mg.concat([before, x, after], axis=2)


def hashed(text: str) -> NDArray[np.int64]:
    """For each character of a text in lower case, between two spaces, the rows of the 1 to GRAMS characters that end there.

    >>> hashed("Hi").shape
    (4, 5)
    """
    codes = np.array([ord(character) for character in f" {text.lower()} "], np.uint64)
    rows, sums = np.empty((len(codes), GRAMS), np.int64), np.zeros(len(codes), np.uint64)
    for n in range(GRAMS):
        earlier = np.zeros(len(codes), np.uint64)
        earlier[n:] = codes[: max(0, len(codes) - n)]
        sums = sums * np.uint64(6364136223846793005) + earlier + np.uint64(1442695040888963407)
        mixed = (sums ^ (sums >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        rows[:, n] = 1 + n * ROWS + ((mixed ^ (mixed >> np.uint64(32))) % np.uint64(ROWS)).astype(np.int64)
    return rows


def padded(texts: Sequence[NDArray[np.int64]], starts: Sequence[int], length: int) -> Tensor:
    """`length` places of each hashed text from a start, zeros after its end: (texts, length, GRAMS)."""
    codes = np.zeros((len(texts), length, GRAMS), np.int64)
    for row, text, start in zip(codes, texts, starts, strict=True):
        part = text[start : start + length]
        row[: len(part)] = part
    return Tensor(codes)


class LanguagePredictor(Predictor):
    """Texts to languages, by their codes, and the probabilities of all."""

    takes: ClassVar[str] = "texts, or text files with one in each line"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.languages: list[str] = list(details["languages"])
        self.model = LanguageModel(len(self.languages))

    def predict(self, inputs: Any) -> dict[str, Any]:
        """`language`, a code for each text, and `probabilities`, (texts, languages)."""
        texts = [without_markup(text) for text in as_texts(inputs)]
        longer = sum(len(text) >= _READ for text in texts)  # a space comes before each
        said = f"of {longer:,} longer text{'s' * (longer > 1)} the first {_READ - 1} characters are looked at"
        self.notes = [said] if longer else []
        chances = softmax(self.logits([hashed(text) for text in texts]), axis=1).data
        return {"language": [self.languages[k] for k in chances.argmax(axis=1)], "probabilities": chances}

    def logits(self, texts: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """The mean of both opinions on hashed texts, (texts, languages), from their first 64 characters."""
        found = np.empty((len(texts), len(self.languages)), np.float32)
        with self.inference():
            for start in range(0, len(texts), 256):
                part = texts[start : start + 256]
                opinions = log_softmax(self.model(padded(part, [0] * len(part), _READ)), axis=-1)
                found[start : start + len(part)] = mg.mean(opinions, axis=0).data
        return found

    def read(self, names: Sequence[str]) -> list[str]:
        return read_texts(names, by_line=True)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        columns = zip(inputs, predicted["language"], predicted["probabilities"].max(axis=1), strict=True)
        return ["text", "language", "probability"], [
            [text, code, f"{p:.4f}"] if text.strip() else [text, "", ""] for text, code, p in columns
        ]

    def evaluate(self, path: str) -> list[Metric]:
        columns = read_named(Path(path), ["text", "language"]).columns
        for row, code in enumerate(columns["language"], 1):
            if code not in self.languages:
                raise DataError("MG182", f"{path}, row {row}: {code!r} is none of the languages that the model tells apart: "
                                         f"{', '.join(self.languages)}.")  # fmt: skip
        found = self.predict(columns["text"])["language"]
        right = [a == b for a, b in zip(found, columns["language"], strict=True)]
        return [Metric("accuracy", float(np.mean(right)), "%")]


class Language(Recipe):
    """Django's messages in fifty languages, without placeholders. All translations of a message are in one part: a fifth of
    the messages is held out, and an eighth of the others chooses the epoch. The baseline is scikit-learn's logistic
    regression on the weights (tf-idf) of sequences of up to four characters within words; its settings, like those of the
    network, were chosen on validation parts of other seeds.

    Run it by `microgradient train language`.
    """

    name: ClassVar[str] = "language"
    field: ClassVar[str] = "language"
    needs: ClassVar[tuple[str, ...]] = ("sklearn",)
    summary: ClassVar[str] = "which of 50 languages a short text is in, by sequences of characters and convolutions"
    defaults: ClassVar[Options] = Options(epochs=8, batch_size=64, lr=3e-3, optimizer="adamw", model="wide-deep")
    models: ClassVar[tuple[str, ...]] = ("wide-deep",)
    predictor_class: ClassVar[type[Predictor]] = LanguagePredictor
    lr_decay: ClassVar[float] = 1.5
    patience: int = 3

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.texts, self.labels, messages = _messages()
        order = np.random.default_rng(options.seed).permutation(messages.max() + 1)
        place = np.argsort(order)[messages] / len(order)  # of each text's message, from 0 to 1
        self.test, self.validating = np.flatnonzero(place < 0.2), np.flatnonzero((place >= 0.2) & (place < 0.3))
        self.training = np.flatnonzero(place >= 0.3)
        self.train_size = len(self.training)
        self.hashed = [hashed(text) for text in self.texts]
        self.data = (self.labels, messages, np.concatenate(self.hashed))
        self.predictor = LanguagePredictor(self.details())
        self.model = self.predictor.model

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """A stretch of 32 characters of each text, from anywhere in it."""
        rows = self.training[examples]
        texts = [self.hashed[row] for row in rows]
        room = np.maximum([len(text) - _TRAINED + 1 for text in texts], 1)
        starts = (random.uniform((len(rows),)).data * room).astype(int).tolist()
        return padded(texts, starts, _TRAINED), Tensor(self.labels[rows])

    def batch_loss(self, codes: Tensor, languages: Tensor) -> Tensor:
        wide, deep = self.model(codes)
        return cross_entropy(wide, languages) + cross_entropy(deep, languages, label_smoothing=0.05)

    def validation(self) -> float:
        return 1 - self._accuracy(self.validating)

    def evaluate(self) -> list[Metric]:
        return [
            Metric("test accuracy", self._accuracy(self.test), "%"),
            Metric("baseline accuracy", self.baseline, "%"),
        ]

    def _accuracy(self, rows: NDArray[np.int64]) -> float:
        logits = self.predictor.logits([self.hashed[row] for row in rows])
        return float((logits.argmax(axis=1) == self.labels[rows]).mean())

    @cached_property
    def baseline(self) -> float:
        """The accuracy of logistic regression on sequences of characters, fitted on the training part."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        vectors = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(1, 4), max_features=60_000, sublinear_tf=True, dtype=np.float32
        )
        training = vectors.fit_transform([self.texts[row] for row in self.training])
        fitted = LogisticRegression(C=30.0, tol=1e-3, max_iter=1000).fit(training, self.labels[self.training])
        return float(fitted.score(vectors.transform([self.texts[row] for row in self.test]), self.labels[self.test]))

    def details(self) -> dict[str, Any]:
        return {"languages": list(LANGUAGES)}

    def description(self) -> list[str]:
        return [translate(
            f"{self.train_size:,} texts in {len(LANGUAGES)} languages to learn from, {len(self.validating):,} to choose the "
            f"epoch, {len(self.test):,} held out, half of them of {np.median([len(t) for t in self.texts]):.0f} characters "
            "or fewer"
        )]  # fmt: skip

    def report(self) -> list[str]:
        """The languages that are mistaken for each other most."""
        truth, said = self.labels[self.test], self._said()
        pairs, counts = np.unique(np.stack([truth, said])[:, truth != said], axis=1, return_counts=True)
        most = np.argsort(-counts)[:5]
        told = listed(f"{LANGUAGES[pairs[0, k]]} for {LANGUAGES[pairs[1, k]]} ({counts[k]} texts)" for k in most)
        return [translate("mistaken most: ") + told]

    def _said(self) -> NDArray[np.int64]:
        return self.predictor.logits([self.hashed[row] for row in self.test]).argmax(axis=1)

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"confusion": lambda figure: draw_confusion(figure, self.labels[self.test], self._said(), LANGUAGES)}


def _messages() -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Texts, the number of the language of each, and of the message that it translates. What was left in English is left out, and
    so is what a language has already, as far as it is read, but for case and the marks at its ends.
    """
    catalogues = [load_catalogue(language) for language in LANGUAGES]
    number = {message: k for k, message in enumerate(sorted({m for catalogue in catalogues for m in catalogue}))}
    found = [
        (without_markup(text), k, number[message])
        for k, catalogue in enumerate(catalogues)
        for message, text in catalogue.items()
        if text != message or LANGUAGES[k] == "en"
    ]
    first = {(k, normalized(text[: _READ - 1])): (text, k, message) for text, k, message in reversed(found)}
    rows = [row for row in reversed(first.values()) if sum(map(str.isalpha, row[0])) > 1]
    texts, languages, messages = zip(*rows, strict=True)
    return list(texts), np.array(languages), np.array(messages)
