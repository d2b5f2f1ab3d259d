"""`translate`: from one way of writing to another, by an encoder and a decoder with attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..data.catalogues import fields, load_catalogue, with_fields, without_fields
from ..data.installed import needing
from ..data.pieces import Pieces
from ..data.spoken_forms import spoken_forms
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric
from .memory import Memory
from .seq2seq import END
from .writer import Codes, Example, Writer, WriterRecipe

_FORMS, _TEST, _VALIDATING, _MERGES = 12_000, 500, 300, 600
_LONGEST = 80  # characters of an English message
RELATED = {"fr": ("es", "it", "pt", "ca", "gl", "ro"), "zh_Hans": ("zh_Hant", "ja")}
"""The languages of real texts, and those that help to learn each: Johnson et al., "Google's multilingual neural machine
translation system" (2017)."""


@dataclass(frozen=True, kw_only=True)
class TranslateOptions(Options):
    """From what to what."""

    pair: str = option(
        "forms",
        "forms: dates and numbers, digits to words and back; else messages of programs from English.",
        choices=("forms", *(f"en-{language}" for language in RELATED)),
    )


class TranslatePredictor(Writer):
    """Numbers and dates in digits to words, and in words to digits; or English messages to another language.

    With a message the model reads the nearest one that it knows, and its translation: Bulte and Tezcan, "Neural fuzzy repair"
    (2019). Placeholders are written as they are in the source.
    """

    takes: ClassVar[str] = "texts like those learnt from, or text files with one in each line"
    written: ClassVar[str] = "translation"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.language: str = details["language"]  # none: the made forms
        self.known: list[tuple[str, str]] = [(text, right) for text, right in details["memory"]]
        self.memory = Memory([text for text, _ in self.known], self.pieces)

    def parts(self, text: str) -> list[Codes]:
        if not self.language:
            return super().parts(text)
        source = without_fields(text, fields(text))
        return self.beside(source, self.known[self.memory.nearest([source])[0, 0]], self.language)

    def beside(self, source: str, nearest: tuple[str, str], language: str) -> list[Codes]:
        """A source behind the language that is asked for, the nearest one that is known, and what that one is in it."""
        first, second, third = (self.pieces.encode(text) for text in (source, *nearest))
        return [[self.pieces.code[f"<{language}>"], *first, END], [*second, END], [*third, END]]

    def text(self, codes: Codes, source: str) -> str:
        return with_fields(super().text(codes, source), fields(source))

    def scores(self, found: Sequence[str], right: Sequence[str]) -> list[Metric]:
        """How many texts are translated without a fault; of messages before it chrF, how many sequences of one to six
        characters they share with the right ones, from 0 to 100: Popović (2015)."""
        exact = Metric("exact", float(np.mean([a == b for a, b in zip(found, right, strict=True)])), "%")
        return [_chrf(found, right), exact] if self.language else [exact]


class Translate(WriterRecipe):
    """By default each number and each date is in one part, in digits and in words, and is translated both ways: 500 are held
    out, 300 choose the epoch. With `--pair en-fr` or `--pair en-zh_Hans`, an eighth of the messages of Django of up to 80
    characters is held out in all languages, a sixteenth chooses the epoch; that is about five hundred to learn from, which
    are too few: the model stays below its baseline. The baseline is a memory: of all training texts the
    nearest one, and what that one means, with the placeholders of the source; of the made forms it is never quite right, as no
    two mean the same. Sizes and rates were chosen on other seeds.

    Run it by `microgradient train translate`.
    """

    name: ClassVar[str] = "translate"
    field: ClassVar[str] = "language"
    summary: ClassVar[str] = "dates and numbers to words and back, or messages to French or Chinese, by a Transformer"
    defaults: ClassVar[TranslateOptions] = TranslateOptions(
        epochs=12, batch_size=64, lr=1e-3, optimizer="adam", model="transformer"
    )
    predictor_class: ClassVar[type[Predictor]] = TranslatePredictor
    lr_decay: ClassVar[float] = 0.4

    predictor: TranslatePredictor

    def __init__(self, options: TranslateOptions) -> None:
        super().__init__(options)
        if options.pair == "forms":
            self._learn_forms()
        else:
            self._learn_messages(options.pair.removeprefix("en-"))

    def _learn_forms(self) -> None:
        forms = spoken_forms(_FORMS, self.options.seed)
        texts = [pair for digits, words in forms for pair in ((digits, words), (words, digits))]
        cut, end = 2 * _TEST, 2 * (_TEST + _VALIDATING)
        self.test, validating, self.training = texts[:cut], texts[cut:end], texts[end:]
        self.pieces = Pieces.learnt([text for text, _ in self.training], _MERGES)
        self.settings = {"language": "", "shapes": [[20, 20]], "memory": [], "network": {}}
        self.predictor = TranslatePredictor(self.details())
        self.learn(*([self._example(*pair) for pair in part] for part in (self.training, validating)))

    def _learn_messages(self, language: str) -> None:
        languages = (language, *RELATED[language])
        catalogues = {each: load_catalogue(self.name, each) for each in languages}
        messages = sorted(message for message in catalogues[language] if len(message) <= _LONGEST)
        order = [messages[k] for k in np.random.default_rng(self.options.seed).permutation(len(messages))]
        cut, end = len(order) // 8, 3 * len(order) // 16
        known = {
            each: [_template(message, catalogue[message]) for message in order[end:] if message in catalogue]
            for each, catalogue in catalogues.items()
        }
        self.test = [(message, catalogues[language][message]) for message in order[:cut]]
        self.training = known[language]
        tags = [f"<{each}>" for each in languages]
        self.pieces = Pieces.learnt([text for pairs in known.values() for pair in pairs for text in pair], _MERGES)
        self.settings = {"language": language, "special": tags, "shapes": [[12, 12], [32, 32]], "memory": self.training,
                         "network": {"parts": 3, "copies": True, "dropout": 0.2}}  # fmt: skip
        self.predictor = TranslatePredictor(self.details())
        validating = [(message, catalogues[language][message]) for message in order[cut:end]]
        self.learn([example for each, pairs in known.items() for example in self._beside_others(each, pairs)],
                   [self._example(a, without_fields(b, fields(a))) for a, b in validating])  # fmt: skip

    def _example(self, text: str, right: str) -> Example:
        return self.predictor.parts(text), [*self.predictor.pieces.encode(right), END]

    def _beside_others(self, language: str, pairs: Sequence[tuple[str, str]]) -> Iterator[Example]:
        """Each message beside each of the three others that are nearest, in a language."""
        texts = [text for text, _ in pairs]
        nearest = Memory(texts, self.predictor.pieces).nearest(texts, 4)
        for number, ((text, right), others) in enumerate(zip(pairs, nearest, strict=True)):
            for other in [other for other in others if other != number][:3]:
                yield self.predictor.beside(text, pairs[other], language), [*self.predictor.pieces.encode(right), END]

    def learning_rate(self, epoch: int) -> float:
        """Messages, which are few, are learnt at twice the rate after the first epoch."""
        return super().learning_rate(epoch) * (2 if epoch and self.predictor.language else 1)

    def evaluate(self) -> list[Metric]:
        texts, right = map(list, zip(*self.test, strict=True))
        scores = self.predictor.scores(self.predictor.predict(texts), right)
        return [*(Metric(f"test {each.name}", each.value, each.unit) for each in scores), *self.baseline]

    @cached_property
    def baseline(self) -> list[Metric]:
        """What the nearest training text means, scored as what the model says is."""
        memory = Memory([text for text, _ in self.training], self.predictor.pieces)
        texts, right = map(list, zip(*self.test, strict=True))
        nearest = memory.nearest([without_fields(text, fields(text)) for text in texts])[:, 0]
        said = [with_fields(self.training[k][1], fields(text)) for k, text in zip(nearest, texts, strict=True)]
        return [Metric(f"baseline {each.name}", each.value, each.unit) for each in self.predictor.scores(said, right)]

    def details(self) -> dict[str, Any]:
        return {"pieces": self.pieces.as_dict(), **self.settings}

    def description(self) -> list[str]:
        return [f"{self.train_size:,} examples to learn from, {len(self.validating)} to choose the epoch, {len(self.test):,} "
                f"held out, of texts that are in one part only; {len(self.predictor.pieces.vocabulary)} pieces"]  # fmt: skip

    def report(self) -> list[str]:
        texts, right = map(list, zip(*self.test[:4], strict=True))
        found = self.predictor.predict(texts)
        return [
            f"{a} → {b} ({'right' if b == c else 'wrong: ' + c})" for a, b, c in zip(texts, found, right, strict=True)
        ]


def _template(message: str, translation: str) -> tuple[str, str]:
    return without_fields(message, fields(message)), without_fields(translation, fields(message))


def _chrf(found: Sequence[str], right: Sequence[str]) -> Metric:
    with needing("translate", "sacrebleu"):
        from sacrebleu import corpus_chrf
    return Metric("chrF", float(corpus_chrf(list(found), [list(right)]).score))
