"""`names`: an LSTM that makes up first names, letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import ascii_lowercase
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..data.bigram import bigram_loss
from ..data.datasets import load_names
from ..data.split import split
from ..data.texts import read_texts, unknown_characters
from ..language import translate
from ..nn.functional import cross_entropy
from ..tensor import Tensor
from ..train.inputs import as_texts
from ..train.offers import Texts
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe

END = 0  # stands before the first letter and after the last; the letters are 1 to 26
HEADINGS = ("name", "exists")
_LETTERS = frozenset(ascii_lowercase)
_IGNORED = -100  # the target of positions after the end, which cross_entropy leaves out


class NameModel(nn.Module):
    """Letter → 32 numbers → LSTM with 128 units → 27 logits, those of the next letter."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(27, 32)
        self.lstm = nn.LSTM(32, 128, batch_first=True)
        self.head = nn.Linear(128, 27)

    def forward(self, letters: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Letters (names, length) to logits (names, length, 27), and the LSTM's last state."""
        hidden, state = self.lstm(self.embedding(letters), state)
        return self.head(hidden), state


class NamesPredictor(Predictor):
    """Beginnings of names, also empty ones, to names that begin so."""

    takes: ClassVar[str] = "beginnings of names"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = NameModel()

    def predict(self, inputs: Any, longest: int = 16, seed: int = 0) -> list[str]:
        """A name for each beginning, drawn letter by letter from the probabilities that the network gives."""
        inputs = as_texts(inputs)
        beginnings = [[ord(letter) - 96 for letter in text.lower() if letter in _LETTERS] for text in inputs]
        self.notes = unknown_characters(inputs, lambda letter: letter.lower() in _LETTERS, "left out")
        draw, names = np.random.default_rng(seed), [list(beginning) for beginning in beginnings]
        letters, state = np.full((len(names), 1), END, np.int64), None
        with self.inference():
            for place in range(longest):
                logits, state = self.model(Tensor(letters), state)
                drawn = (logits.data[:, -1] + draw.gumbel(size=(len(names), 27))).argmax(axis=1)  # from softmax(logits)
                letters = np.array(
                    [[b[place] if place < len(b) else d] for b, d in zip(beginnings, drawn, strict=True)]
                )
                for name, letter in zip(names, letters[:, 0], strict=True):
                    if len(name) <= place:
                        name.append(int(letter))
        return ["".join(chr(96 + letter) for letter in name).split(chr(96))[0] for name in names]

    def read(self, names: Sequence[str]) -> list[str]:
        return read_texts(names)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["beginning", "name"], [[text, name.capitalize()] for text, name in zip(inputs, predicted, strict=True)]


class Names(Recipe):
    """A tenth of the names is held out. The loss is the surprise at the next letter, in nats per letter.

    Run it by `microgradient train names`.
    """

    name: ClassVar[str] = "names"
    field: ClassVar[str] = "language"
    summary: ClassVar[str] = "an LSTM that makes up first names"
    defaults: ClassVar[Options] = Options(epochs=12, batch_size=64, lr=3e-3, optimizer="adam", model="lstm")
    models: ClassVar[tuple[str, ...]] = ("lstm",)
    loss_unit: str = "nats/char"
    lr_decay: ClassVar[float] = 0.2
    clip_norm: float | None = 1.0
    predictor_class: ClassVar[type[Predictor]] = NamesPredictor

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.names = load_names()
        training, test = split(len(self.names), 0.1, options.seed)
        self.inputs, self.targets = self.data = _encode(self.names)
        self.training, self.test = training, test
        self.train_size = len(training)
        self.predictor = NamesPredictor({})
        self.model = self.predictor.model
        self.held_out_loss = self.compiled(self.batch_loss)

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return self._encoded(self.training[examples])

    def batch_loss(self, letters: Tensor, following: Tensor) -> Tensor:
        """Mean over the letters of these names."""
        logits, _ = self.model(letters)
        return cross_entropy(logits.reshape((-1, 27)), following.reshape(-1), ignore_index=_IGNORED)

    def evaluate(self) -> list[Metric]:
        losses, letters = [], []
        for start in range(0, len(self.test), 256):
            rows = self.test[start : start + 256]
            losses.append(float(self.held_out_loss(*self._encoded(rows)).data))
            letters.append(int((self.targets[rows] != _IGNORED).sum()))
        return [Metric("test loss", float(np.average(losses, weights=letters)), "nats/char")]

    def description(self) -> list[str]:
        return [translate(f"{self.train_size:,} names to learn from, {len(self.test):,} held out")]

    def samples(self) -> Mapping[str, Callable[[], Texts]]:
        return {"sample": self._sample}

    def _sample(self) -> Texts:
        known, found = set(self.names), self.predictor.predict([""] * 12)
        return Texts(HEADINGS, [[name.capitalize(), "✓" if name in known else "–"] for name in found])

    def report(self) -> list[str]:
        made_up = self.predictor.predict([""] * 200)
        new = [name for name in made_up if name and name not in set(self.names)]
        bigram = bigram_loss(self._pairs(self.training), self._pairs(self.test), 27)
        made = ", ".join(name.capitalize() for name in new[:12])
        return [
            translate(f"a bigram model's test loss is {bigram:.4f} nats/char"),
            translate(f"made up, not among the {len(self.names):,} names: {made}", made),
        ]

    def _encoded(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Inputs and targets of these names, cut to the longest of them or one letter later: few lengths are few programs."""
        inputs, targets = self.inputs[rows], self.targets[rows]
        length = int((targets != _IGNORED).sum(axis=1).max())
        length += length % 2
        return Tensor(inputs[:, :length]), Tensor(targets[:, :length])

    def _pairs(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        inputs, targets = self.inputs[rows], self.targets[rows]
        return np.stack([inputs[targets != _IGNORED], targets[targets != _IGNORED]], axis=1)


def _encode(names: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Inputs (names, longest + 1), a name after END; targets, the same a place to the left, END last, then ignored."""
    longest = max(map(len, names)) + 1
    inputs = np.full((len(names), longest), END, np.int64)
    targets = np.full((len(names), longest), _IGNORED, np.int64)
    for row, name in enumerate(names):
        letters = [ord(letter) - 96 for letter in name]
        inputs[row, 1 : len(name) + 1] = letters
        targets[row, : len(name) + 1] = [*letters, END]
    return inputs, targets
