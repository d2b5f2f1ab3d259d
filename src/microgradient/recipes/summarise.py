"""`summarise`: the first line of a docstring from the name of the function and the rest of the docstring."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..data.docstrings import Docstring, load_docstrings, package_folder
from ..data.pieces import CAPITAL, Pieces
from ..data.rouge import rouge_l
from ..data.texts import normalized, read_texts
from ..language import translate
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric
from .seq2seq import END
from .writer import Codes, Writer, WriterRecipe

_MERGES, _READ = 1500, 160  # merges of pieces; characters of a body that are looked at
_ALIKE = 80  # characters of bodies that are the same if no more than these are: a body of many pieces is cut off early
_SIGNATURE = re.compile(r"\s*((?:async )?def |class )?(\w+)\(((?:[^()\n]|\([^()\n]*\))*)\)[ ]*((->|:)[^\n]*)?(?:\n|$)")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")


@dataclass(frozen=True, kw_only=True)
class SummariseOptions(Options):
    """Which docstrings."""

    packages: str = option(
        "numpy,scipy", "Installed packages, with commas between, whose docstrings join those of the standard library."
    )


def heading(name: str, arguments: Sequence[str]) -> str:
    """The name of a function or class and its arguments, in words.

    >>> heading("readFile", ["file_name", "mode"])
    'read file (file name, mode)'
    """
    return f"{_words(name)} ({', '.join(map(_words, arguments))})"


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_+", " ", name).strip().lower()


def signature(text: str) -> tuple[str, str]:
    """The heading of a text whose first line is a signature, and what follows; else no heading and all of the text.

    >>> signature("async def read_file(self, path, mode: Literal['r', 'w'] = 'r', *rest) -> str:\\nIt is opened.")
    ('read file (path, mode, rest)', 'It is opened.')
    >>> signature("print(x) writes x.")
    ('', 'print(x) writes x.')
    """
    found = _SIGNATURE.match(text)
    if found is None:
        return "", text
    given, simpler = found[3], None
    while given != simpler:
        given, simpler = _BRACKETS.sub("", given), given
    names = [] if found[1] == "class " else re.findall(r"(?:^|,)[\s*]*(\w+)", given)
    return heading(found[2], [name for name in names if name not in ("self", "cls")]), text[found.end() :]


def lead(body: str) -> str:
    """The first sentence of a text.

    >>> lead("The model. It reads\\nthe rest.")
    'The model.'
    """
    return re.split(r"(?<=[.!?:])\s|\n\s*\n", body.strip(), maxsplit=1)[0]


class SummarisePredictor(Writer):
    """Texts that may begin with a signature, `name(arguments)`, to a line that says what they are about."""

    takes: ClassVar[str] = "texts or text files, with a signature, name(arguments), in the first line"
    written: ClassVar[str] = "summary"

    def parts(self, text: str) -> list[Codes]:
        """The name and the arguments in words, and the beginning of what follows."""
        name, body = signature(text)
        return [[*self.pieces.encode(name), END, *self.pieces.encode(_beginning(body)), END]]

    def read(self, names: Sequence[str]) -> list[str]:
        return read_texts(names)

    def scores(self, found: Sequence[str], right: Sequence[str]) -> list[Metric]:
        return [Metric("ROUGE-L", mean_rouge(found, right), "%")]


def mean_rouge(texts: Sequence[str], references: Sequence[str]) -> float:
    """The mean of `rouge_l`."""
    return float(np.mean([rouge_l(text, reference) for text, reference in zip(texts, references, strict=True)]))


class Summarise(WriterRecipe):
    """Docstrings with a first line and a body after a blank line, of the standard library and of installed packages. Those of
    a file are in one part: a tenth of the files is held out, a twentieth chooses the epoch. The model reads the name, the
    arguments and at most 160 characters of the body, and may copy from them. Of docstrings with the same first line, or with
    bodies whose first 80 characters are the same, one is kept. There are two baselines: the first sentence of the body, and
    the name in words. Sizes and rates were chosen with other seeds.

    Run it by `microgradient train summarise`.
    """

    name: ClassVar[str] = "summarise"
    field: ClassVar[str] = "language"
    summary: ClassVar[str] = "the first line of a docstring from the rest of it, by a Transformer that copies"
    defaults: ClassVar[SummariseOptions] = SummariseOptions(
        epochs=10, batch_size=32, lr=2e-3, optimizer="adam", model="transformer"
    )
    predictor_class: ClassVar[type[Predictor]] = SummarisePredictor
    lr_decay: ClassVar[float] = 0.2
    smoothing: ClassVar[float] = 0.05

    def __init__(self, options: SummariseOptions) -> None:
        super().__init__(options)
        packages = [name for part in options.packages.split(",") if (name := part.strip())]
        for name in packages:  # before the standard library is read, which takes half a minute
            package_folder(name)
        texts = _different(text for name in ["", *packages] for text in load_docstrings(name))
        files = sorted({text.file for text in texts})
        order = np.random.default_rng(options.seed).permutation(len(files))
        place = dict(zip(files, np.argsort(order) / len(files), strict=True))
        self.test = [text for text in texts if place[text.file] < 0.1]
        validating = [text for text in texts if 0.1 <= place[text.file] < 0.15]
        self.training = [text for text in texts if place[text.file] >= 0.15]
        learnt = (part for text in self.training for part in (text.summary, _input(text)[:_READ]))
        self.pieces = Pieces.learnt(learnt, _MERGES)
        self.predictor = SummarisePredictor(self.details())
        self.learn(*([self._example(text) for text in part] for part in (self.training, validating)))

    def _example(self, text: Docstring) -> tuple[list[Codes], Codes]:
        return self.predictor.parts(_input(text)), [*self.predictor.pieces.encode(text.summary), END]

    def evaluate(self) -> list[Metric]:
        found = self.predictor.predict([_input(text) for text in self.test])
        score = mean_rouge(found, [text.summary for text in self.test])
        return [Metric("test ROUGE-L", score, "%"), Metric("baseline ROUGE-L", self.baselines[0], "%"),
                Metric("baseline name ROUGE-L", self.baselines[1], "%")]  # fmt: skip

    @cached_property
    def baselines(self) -> tuple[float, float]:
        """ROUGE-L of the body's first sentence, and of the name."""
        right = [text.summary for text in self.test]
        return (mean_rouge([lead(text.body) for text in self.test], right),
                mean_rouge([heading(text.name, ()) for text in self.test], right))  # fmt: skip

    def details(self) -> dict[str, Any]:
        network = {"width": 64, "dropout": 0.1, "copies": True}
        return {"pieces": self.pieces.as_dict(), "shapes": [[48, 20]], "network": network}

    def description(self) -> list[str]:
        return [translate(
            f"{self.train_size:,} docstrings to learn from, {len(self.validating)} to choose the epoch, {len(self.test)} "
            f"held out, in files of their own; {len(self.predictor.pieces.vocabulary):,} different pieces"
        )]  # fmt: skip

    def _few(self) -> Sequence[Docstring]:
        return self.test[:: max(1, len(self.test) // 4)][:4]

    def some(self) -> Sequence[tuple[str, str]]:
        return [(f"{_signature(text)}\n{_beginning(text.body)}", text.summary) for text in self._few()]

    def report(self) -> list[str]:
        some = self._few()
        found = self.predictor.predict([_input(text) for text in some])
        return [f"{text.name} → {said} (it says: {text.summary})" for text, said in zip(some, found, strict=True)]

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"copying": self._draw_copying}

    def _draw_copying(self, figure: Any) -> None:
        """From where in a docstring that is held out each piece of its summary was copied, as far as it was."""
        read, written, shares = self.predictor.copied_from(_input(self.test[0]))
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(read)), map(_label, read), rotation=90)
        axes.set_yticks(range(len(written)), map(_label, written))
        axes.set_xlabel(translate("pieces read"))
        axes.set_ylabel(translate("pieces written"))


def _label(piece: str) -> str:
    """A piece without the characters that matplotlib's own font lacks, and without what it takes for formulas."""
    return "".join(c if c in CAPITAL or (c < "\u0250" and c != "$") else "?" for c in piece)


def _input(text: Docstring) -> str:
    return f"{_signature(text)}\n{text.body}"


def _signature(text: Docstring) -> str:
    return f"{text.name}({', '.join(text.arguments)})"


def _beginning(body: str) -> str:
    """What the model reads of a body."""
    return " ".join(body.split())[:_READ]


def _different(texts: Iterable[Docstring]) -> list[Docstring]:
    """The first of those with the same first line, or with the same beginning of the body; only lines of at least three words."""
    seen, found = set[str](), []
    for text in texts:
        parts = {normalized(text.summary), normalized(_beginning(text.body)[:_ALIKE])}
        if seen.isdisjoint(parts) and len(text.summary.split()) >= 3:
            found.append(text)
        seen |= parts
    return found
