"""`text`: a small GPT that writes, character by character, in the manner of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn, random
from ..data.bigram import bigram_loss
from ..data.datasets import load_text
from ..data.texts import read_texts, unknown_characters
from ..errors import DataError
from ..language import translate
from ..nn.functional import cross_entropy
from ..tensor import Tensor
from ..train.inputs import as_texts
from ..train.offers import Texts
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe

CONTEXT, WIDTH, HEADS, BLOCKS = 64, 96, 4, 2
_HELD_OUT, _SAMPLE = 0.1, 100
HEADINGS = ("after", "it writes")


@dataclass(frozen=True, kw_only=True)
class TextOptions(Options):
    """What the recipe `text` may be asked beyond what all are."""

    text: str | None = option(None, "A text file to learn.  [default: Python's help pages]", metavar="FILE")


class Block(nn.Module):
    """A transformer block: x + attention(norm(x)), then x + mlp(norm(x)). Radford et al. 2019 ("GPT-2")."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.attention(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Characters (batch, time ≤ CONTEXT) to logits of the next ones (batch, time, characters)."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, characters)
        for embedding in (self.characters, self.positions):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, text: Tensor) -> Tensor:
        time = text.shape[1]
        future = Tensor(np.triu(np.ones((time, time), bool), 1))  # True: may not be looked at
        x = self.characters(text) + self.positions(Tensor(np.arange(time)))
        for block in self.blocks:
            x = block(x, future)
        return self.head(self.norm(x))


class TextPredictor(Predictor):
    """Texts to what the network writes after them, drawing each character from its probabilities."""

    takes: ClassVar[str] = "the beginning of a text, or a text file"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.alphabet = details["alphabet"]
        self.model = GPT(len(self.alphabet))

    def predict(self, inputs: Any, count: int = 300, temperature: float = 0.8, seed: int = 0) -> list[str]:
        """What comes after each of the texts: `count` characters, from probabilities sharpened by `temperature` below 1."""
        inputs = as_texts(inputs)
        self.notes = unknown_characters(inputs, lambda character: character in self.alphabet, "left out")
        if longer := sum(len(text) > CONTEXT for text in inputs):
            self.notes.append(
                f"of {longer:,} longer text{'s' * (longer > 1)} the last {CONTEXT} characters are looked at"
            )
        return [self.write(text, count, temperature, seed) for text in inputs]

    def write(self, text: str, count: int, temperature: float = 0.8, seed: int = 0) -> str:
        """What comes after `text`; characters that no training text had are left out of it."""
        place = {character: code for code, character in enumerate(self.alphabet)}
        codes = [place[character] for character in text if character in place] or [0]
        length, draw = len(codes), np.random.default_rng(seed)
        with self.inference():
            for _ in range(count):
                logits = self.model(Tensor(np.array([codes[-CONTEXT:]]))).data[0, -1] / temperature
                codes.append(int((logits + draw.gumbel(size=len(logits))).argmax()))  # a draw from softmax(logits)
        return "".join(self.alphabet[code] for code in codes[length:])

    def read(self, names: Sequence[str]) -> list[str]:
        return read_texts(names)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["text", "continuation"], [list(pair) for pair in zip(inputs, predicted, strict=True)]


class Text(Recipe):
    """The last tenth of the text is held out. An epoch shows each stretch of CONTEXT characters once, from a random
    place within it. The loss is the surprise at the next character, in nats.

    Run it by `microgradient train text --text book.txt`.
    """

    name: ClassVar[str] = "text"
    field: ClassVar[str] = "language"
    summary: ClassVar[str] = "a small GPT on the characters of Python's help pages, or of --text FILE"
    defaults: ClassVar[TextOptions] = TextOptions(epochs=5, batch_size=32, lr=2e-3, optimizer="adamw", model="gpt")
    models: ClassVar[tuple[str, ...]] = ("gpt",)
    loss_unit: str = "nats/char"
    lr_decay: ClassVar[float] = 0.3
    clip_norm: float | None = 1.0
    predictor_class: ClassVar[type[Predictor]] = TextPredictor

    def __init__(self, options: TextOptions) -> None:
        super().__init__(options)
        text = load_text(options.text)
        self.alphabet = sorted(set(text))
        place = {character: code for code, character in enumerate(self.alphabet)}
        self.codes = np.array([place[character] for character in text], np.int64)
        self.data = (self.codes, np.array([ord(character) for character in self.alphabet]))
        cut = int(len(text) * (1 - _HELD_OUT))
        self.training, self.test = self.codes[:cut], self.codes[cut:]
        if len(self.test) <= CONTEXT:
            least = round((CONTEXT + 1) / _HELD_OUT)
            raise DataError("MG183", f"The text has {len(text):,} characters; at least {least:,} are needed.")
        self.train_size = (len(self.training) - 1) // CONTEXT
        self.bigram = bigram_loss(_pairs(self.training), _pairs(self.test), len(self.alphabet))
        self.predictor = TextPredictor(self.details())
        self.model = self.predictor.model
        self.held_out_loss = self.compiled(self.batch_loss)

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        within = random.integers(0, CONTEXT, (len(examples),)).data
        return _stretches(self.training, np.minimum(examples * CONTEXT + within, len(self.training) - CONTEXT - 1))

    def batch_loss(self, characters: Tensor, following: Tensor) -> Tensor:
        logits = self.model(characters)
        return cross_entropy(logits.reshape((-1, len(self.alphabet))), following.reshape(-1))

    def evaluate(self) -> list[Metric]:
        starts = np.arange(0, len(self.test) - CONTEXT, CONTEXT)
        parts = np.array_split(starts, max(1, len(starts) // 64))
        losses = [float(self.held_out_loss(*_stretches(self.test, part)).data) for part in parts]
        loss = float(np.average(losses, weights=[len(part) for part in parts]))
        return [Metric("test loss", loss, "nats/char"), Metric("bigram loss", self.bigram, "nats/char")]

    def description(self) -> list[str]:
        return [
            translate(
                f"{len(self.training):,} characters to learn from, {len(self.test):,} held out, "
                f"{len(self.alphabet)} different ones"
            ),
            translate(
                f"to beat: a bigram model fitted on the same text has {self.bigram:.4f} nats/char on the held-out part"
            ),
        ]

    def report(self) -> list[str]:
        loss = self.evaluate()[0].value
        how = translate("below" if loss < self.bigram else "not below")
        return [
            translate(f"{how} the bigram model's {self.bigram:.4f} nats/char"),
            translate("it writes:"),
            *("  " + line for line in self.write(300).splitlines()),
        ]

    def samples(self) -> Mapping[str, Callable[[], Texts]]:
        return {"sample": lambda: Texts(HEADINGS, [[self._beginning(), self.write(_SAMPLE)]])}

    def details(self) -> dict[str, Any]:
        return {"alphabet": "".join(self.alphabet)}

    def write(self, count: int) -> str:
        """Go on from the first held-out characters."""
        return self.predictor.write(self._beginning(), count)

    def _beginning(self) -> str:
        return "".join(self.alphabet[code] for code in self.test[:CONTEXT])


def _stretches(codes: NDArray[np.int64], starts: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """CONTEXT characters from each start, and the same one place on."""
    windows = codes[starts[:, None] + np.arange(CONTEXT + 1)]
    return Tensor(windows[:, :-1]), Tensor(windows[:, 1:])


def _pairs(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([codes[:-1], codes[1:]], axis=1)
