"""What recipes that write texts share: texts to pieces, pieces to batches, and beam search back to texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.csv_file import read_named
from ..data.pieces import Pieces
from ..data.texts import read_texts, unknown_characters
from ..errors import DataError
from ..tensor import Tensor
from ..train.inputs import as_texts
from ..train.offers import Texts
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .seq2seq import BEGIN, END, SPECIAL, UNKNOWN, Seq2Seq, beam_search, next_token_loss, padded

HEADINGS = ("text", "it writes", "right")
Codes = list[int]
Example = tuple[Sequence[Codes], Codes]  # the parts of a source, and what is to be written


class Writer(Predictor):
    """Texts from texts. `details` hold the `pieces` (their characters and merges), further ones that are `special`, `shapes`, the
    numbers of pieces in each part of a source and in a target, the smallest first, and the sizes of the `network`.

    A subclass says what the model reads of an input (`parts`), and what the pieces that it wrote mean (`text`).
    """

    written: ClassVar[str]
    """What it writes, as a column is called."""

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        special = [*SPECIAL, *details.get("special", [])]
        self.pieces = Pieces(**details["pieces"], special=special, unknown=UNKNOWN)
        self.shapes = [(source, target) for source, target in details["shapes"]]
        longest = max(max(shape) for shape in self.shapes)
        self.model = Seq2Seq(len(self.pieces.vocabulary), longest, **details["network"])

    def parts(self, text: str) -> list[Codes]:
        """What the model reads of a text, with END behind it; a part that is too long is cut off."""
        return [[*self.pieces.encode(text), END]]

    def text(self, codes: Codes, source: str) -> str:
        """The text of the pieces that were written for a source."""
        return self.pieces.decode(codes)

    def predict(self, inputs: Any) -> list[str]:
        inputs = as_texts(inputs)
        sources = [self.parts(text) for text in inputs]
        shapes = [self.shape(source) for source in sources]
        self.notes = self._notes(inputs, [source[0] for source in sources])
        found = [""] * len(sources)
        with self.inference():
            for shape in self.shapes:
                rows = [row for row, its in enumerate(shapes) if its == shape and inputs[row].strip()]
                for start in range(0, len(rows), 100):
                    part = rows[start : start + 100]
                    codes = beam_search(self.model, side_by_side([sources[row] for row in part], shape[0]), shape[1])
                    for row, written in zip(part, codes, strict=True):
                        found[row] = self.text(written, inputs[row])
        return found

    def _notes(self, texts: Sequence[str], read: Sequence[Codes]) -> list[str]:
        odd = [text for text, codes in zip(texts, read, strict=True) if UNKNOWN in codes]
        notes = unknown_characters(
            odd, lambda character: UNKNOWN not in self.pieces.encode(character), "not understood"
        )
        longest = self.shapes[-1][0]
        if longer := sum(len(codes) > longest for codes in read):
            notes.append(f"of {longer:,} longer text{'s' * (longer > 1)} the first {longest} pieces are looked at")
        return notes

    def copied_from(self, text: str) -> tuple[list[str], list[str], NDArray[np.float32]]:
        """The pieces read and those written, and from where each of the latter was copied as far as it was, (written, read)."""
        source = self.parts(text)
        length, longest = self.shape(source)
        rows = side_by_side([source], length)
        with self.inference():
            [written] = beam_search(self.model, rows, longest)
            shares = self.model.copied_from(Tensor(rows), Tensor(np.array([[BEGIN, *written[:-1]]])))
        there = np.flatnonzero(rows[0] >= len(SPECIAL))
        names = self.pieces.vocabulary
        return [names[code] for code in rows[0, there]], [names[code] for code in written], shares.data[0][:, there]

    def shape(self, source: Sequence[Codes], target: Sequence[int] = ()) -> tuple[int, int]:
        """The smallest shape that holds this source and this target, or the largest."""
        longest = max(map(len, source))
        return next(
            (shape for shape in self.shapes if longest <= shape[0] and len(target) <= shape[1]), self.shapes[-1]
        )

    def read(self, names: Sequence[str]) -> list[str]:
        return read_texts(names, by_line=True)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["text", self.written], [list(pair) for pair in zip(inputs, predicted, strict=True)]

    def evaluate(self, path: str) -> list[Metric]:
        columns = read_named(Path(path), ["text", self.written]).columns
        pairs = list(zip(columns["text"], columns[self.written], strict=True))
        whole = [pair for pair in pairs if all(pair)]
        if not whole:
            raise DataError(
                "MG183", f"{path} has no row with both a text and its {self.written}: there is nothing to score."
            )
        texts, right = zip(*whole, strict=True)
        scores = self.scores(self.predict(texts), right)
        if len(whole) < len(pairs):
            left_out = f"{len(pairs) - len(whole):,} of {len(pairs):,} rows"
            self.notes.append(f"{left_out} are not scored: a text or its {self.written} is missing")
        return scores

    def scores(self, found: Sequence[str], right: Sequence[str]) -> list[Metric]:
        """How good texts are, beside those that are right."""
        raise NotImplementedError


def side_by_side(sources: Sequence[Sequence[Codes]], length: int) -> NDArray[np.int64]:
    """Sources as rows, each part in `length` places: (batch, parts · length)."""
    return np.concatenate([padded(part, length) for part in zip(*sources, strict=True)], axis=1)


class WriterRecipe(Recipe):
    """Training of a `Writer`. A subclass makes `predictor`, then calls `learn`."""

    models: ClassVar[tuple[str, ...]] = ("transformer",)
    clip_norm: float | None = 1.0
    loss_unit: str = "nats/piece"
    smoothing: ClassVar[float] = 0.0

    predictor: Writer

    def learn(self, training: Sequence[Example], validating: Sequence[Example]) -> None:
        """Learn from examples, and choose the epoch by others. What is longer than the largest shape is cut off."""
        self.examples, self.train_size, self.model = training, len(training), self.predictor.model
        self.shapes = np.array([self.predictor.shapes.index(self.predictor.shape(*example)) for example in training])
        read = [code for source, _ in training for part in source for code in part]
        self.data = np.array(read), np.array([code for _, target in training for code in target])
        self.validating = validating

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batches(0))

    def batches(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        """Full batches of examples of one shape, as each shape and size has its own program: a rest waits for the next epoch."""
        draw, found = np.random.default_rng([self.options.seed, epoch]), []
        for shape in np.unique(self.shapes):
            order = draw.permutation(np.flatnonzero(self.shapes == shape))
            size = min(self.options.batch_size, len(order))
            found += [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
        return [found[k] for k in draw.permutation(len(found))]

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        shape = self.predictor.shapes[self.shapes[examples[0]]]
        return _tensors([self.examples[k] for k in examples], shape)

    def batch_loss(self, source: Tensor, before: Tensor, following: Tensor) -> Tensor:
        return next_token_loss(self.model(source, before), following, self.smoothing)

    def some(self) -> Sequence[tuple[str, str]]:
        """A few texts that were held out, each with what is to be written for it."""
        raise NotImplementedError

    def samples(self) -> Mapping[str, Callable[[], Texts]]:
        return {"sample": self._sample}

    def _sample(self) -> Texts:
        sources, right = zip(*self.some(), strict=True)
        return Texts(HEADINGS, list(zip(sources, self.predictor.predict(sources), right, strict=True)))

    def validation(self) -> float:
        return float(self.batch_loss(*_tensors(self.validating, self.predictor.shapes[-1])).data)


def _tensors(examples: Sequence[Example], shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Sources, what is written before each piece, from BEGIN on, and what is to be written."""
    sources, targets = zip(*examples, strict=True)
    following = padded(targets, shape[1])
    before = np.concatenate([np.full((len(following), 1), BEGIN), following[:, :-1]], axis=1)
    return Tensor(side_by_side(sources, shape[0])), Tensor(before), Tensor(following)
