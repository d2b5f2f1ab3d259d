"""`translate`: from one way of writing to another, by an encoder and a decoder with attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.catalogues import fields, load_catalogue, load_sentences, with_fields, without_fields
from ..data.installed import require
from ..data.pieces import Pieces
from ..data.spoken_forms import spoken_forms
from ..data.texts import normalized
from ..language import translate
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric
from .seq2seq import END
from .translate_memory import Memory
from .translate_phrases import PhraseTable
from .writer import Codes, Example, Writer, WriterRecipe

_FORMS, _TEST, _VALIDATING, _MERGES = 12_000, 500, 300, 600
_LONGEST = 80  # characters of an English message
_MESSAGE_MERGES, _NEIGHBOURS, _HEAT = 1500, 5, 0.2
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

    With a message the model reads what the nearest one that it knows is (Bulte and Tezcan, "Neural fuzzy repair", 2019) and a
    draft of phrases. Of what it writes, the draft and what the five nearest messages are, the answer is what is most like all
    of them: Eikema and Aziz, "Is MAP decoding all you need?" (2020). Placeholders are written as they are in the source.
    """

    takes: ClassVar[str] = "texts like those learnt from, or text files with one in each line"
    written: ClassVar[str] = "translation"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.language: str = details["language"]  # none: the made forms
        if self.language and f"<{self.language}>" not in self.pieces.code:
            raise ValueError(f"language {self.language!r}")
        if self.language:
            require("sacrebleu")
        self.known: list[tuple[str, str]] = [(text, right) for text, right in details["memory"]]
        self.memory = Memory([text for text, _ in self.known], self.pieces)
        self.phrases = PhraseTable(self.known)

    def parts(self, text: str) -> list[Codes]:
        if not self.language:
            return super().parts(text)
        source = without_fields(text, fields(text))
        likeness = self.memory.likeness([source])[0]
        return self.beside(source, self.known[likeness.argmax()][1], self.draft(source, likeness), self.language)

    def beside(self, source: str, nearest: str, draft: str, language: str) -> list[Codes]:
        """A source behind the language that is asked for, what the nearest one that is known is in it, and a draft."""
        first, second, third = (self.pieces.encode(text) for text in (source, nearest, draft))
        return [[self.pieces.code[f"<{language}>"], *first, END], [*second, END], [*third, END]]

    def draft(self, source: str, likeness: NDArray[np.float64]) -> str:
        return self.phrases.draft(source, likeness + 0.05)

    def text(self, codes: Codes, source: str) -> str:
        written = super().text(codes, source)
        if not self.language:
            return written
        template = without_fields(source, fields(source))
        likeness = self.memory.likeness([template])[0]
        nearest = np.argsort(-likeness, kind="stable")[:_NEIGHBOURS]
        weights = [2.0, 2.0, *np.exp((likeness[nearest] - 0.5) / _HEAT)]
        candidates = [written, self.draft(template, likeness), *(self.known[k][1] for k in nearest)]
        return with_fields(_most_like_all(candidates, weights), fields(source)).strip()

    def scores(self, found: Sequence[str], right: Sequence[str]) -> list[Metric]:
        """How many texts are translated without a fault; of messages before it chrF, how many sequences of one to six
        characters they share with the right ones, from 0 to 100: Popović (2015)."""
        exact = Metric("exact", float(np.mean([a == b for a, b in zip(found, right, strict=True)])), "%")
        return [_chrf(found, right), exact] if self.language else [exact]


class Translate(WriterRecipe):
    """By default each number below a million and each date of the years 1100 to 2099 is in one part, in digits and in words,
    and is translated both ways: 500 are held out, 300 choose the epoch. With `--pair en-fr` or `--pair en-zh_Hans`, an eighth
    of the messages of Django of up to 80 characters is held out in all languages, a sixteenth chooses the epoch; the rest,
    longer ones in sentences and plurals too, is less than eight hundred texts to learn from. The baseline is a memory: of all
    training texts the nearest one, and what that one means, with the placeholders of the source; of the made forms it is never
    quite right, as no two mean the same. With so few messages the Transformer alone is about as good as the memory and does not
    reach the draft of phrases that it reads: the gain over the memory comes from the draft and from the choice between it and
    the neighbours, and what the Transformer writes adds little or nothing to that. Sizes, rates and weights were chosen on
    other seeds.

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
        catalogue = load_catalogue(language)
        messages = sorted(message for message in catalogue if len(message) <= _LONGEST)
        order = [messages[k] for k in np.random.default_rng(self.options.seed).permutation(len(messages))]
        cut, end = len(order) // 8, 3 * len(order) // 16
        known = {each: _learnable(load_sentences(each, _LONGEST), order[:end]) for each in languages}
        self.test = [(message, catalogue[message]) for message in order[:cut]]
        self.training = known[language]
        tags = [f"<{each}>" for each in languages]
        self.pieces = Pieces.learnt(
            [text for pairs in known.values() for pair in pairs for text in pair], _MESSAGE_MERGES
        )
        self.settings = {"language": language, "special": tags, "shapes": [[10, 10], [20, 20], [36, 36], [52, 52]],
                         "memory": self.training,
                         "network": {"parts": 3, "copies": True, "continues": True, "dropout": 0.2}}  # fmt: skip
        self.predictor = TranslatePredictor(self.details())
        asked = set(map(_template, order[:cut]))
        validating = [(message, catalogue[message]) for message in order[cut:end] if _template(message) not in asked]
        self.learn([example for each, pairs in known.items() for example in self._beside_others(each, pairs)],
                   [self._example(a, without_fields(b, fields(a))) for a, b in validating])  # fmt: skip

    def _example(self, text: str, right: str) -> Example:
        return self.predictor.parts(text), [*self.predictor.pieces.encode(right), END]

    def _beside_others(self, language: str, pairs: Sequence[tuple[str, str]]) -> Iterator[Example]:
        """Each message beside the nearest other one, in a language, and a draft that the others make."""
        texts, phrases = [text for text, _ in pairs], PhraseTable(pairs)
        likeness = Memory(texts, self.predictor.pieces).likeness(texts)
        for (text, right), others in zip(pairs, likeness, strict=True):
            others[[other == text for other in texts]] = -0.05
            draft = phrases.draft(text, others + 0.05)
            source = self.predictor.beside(text, pairs[others.argmax()][1], draft, language)
            yield source, [*self.predictor.pieces.encode(right), END]

    def batches(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        """Messages, which are few, are learnt in twice as many steps."""
        found = super().batches(epoch)
        half = self.options.batch_size // 2
        if not self.predictor.language or not half:
            return found
        return [part for batch in found for part in (batch[:half], batch[half:]) if len(part)]

    def learning_rate(self, epoch: int) -> float:
        """Messages are learnt at three times the rate, after the first epoch."""
        return super().learning_rate(epoch) * ((3.0 if epoch else 1.5) if self.predictor.language else 1)

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
        return [translate(
            f"{self.train_size:,} examples to learn from, {len(self.validating)} to choose the epoch, {len(self.test):,} "
            f"held out, of texts that are in one part only; {len(self.predictor.pieces.vocabulary)} pieces"
        )]  # fmt: skip

    def some(self) -> Sequence[tuple[str, str]]:
        return self.test[:4]

    def report(self) -> list[str]:
        texts, right = map(list, zip(*self.some(), strict=True))
        found = self.predictor.predict(texts)
        return [
            f"{a} → {b} ({'right' if b == c else 'wrong: ' + c})" for a, b, c in zip(texts, found, right, strict=True)
        ]


def _learnable(sentences: Mapping[str, Sequence[tuple[str, str]]], held_out: Iterable[str]) -> list[tuple[str, str]]:
    """Sentences and what they are, placeholders aside, of all messages but those, and but what reads as one of those does, or
    differs in case and marks alone."""
    others = set(map(_template, held_out))
    found = [
        (without_fields(a, fields(a)), without_fields(b, fields(a)))
        for message in sentences.keys() - set(held_out)
        for a, b in sentences[message]
    ]
    return sorted({pair for pair in found if normalized(pair[0]) not in others})


def _template(message: str) -> str:
    """What is read of a message, but for case and the marks at its ends."""
    return normalized(without_fields(message, fields(message)))


def _most_like_all(texts: Sequence[str], weights: Sequence[float]) -> str:
    """Of texts, the one of greatest expected chrF, if each is right with a chance as its weight."""
    gains = [sum(w * _chrf([text], [other]).value for other, w in zip(texts, weights, strict=True)) for text in texts]
    return texts[int(np.argmax(gains))]


def _chrf(found: Sequence[str], right: Sequence[str]) -> Metric:
    from sacrebleu import corpus_chrf

    return Metric("chrF", float(corpus_chrf(list(found), [list(right)]).score))
