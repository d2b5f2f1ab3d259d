"""A lesson: a program in jupytext's percent form, read into its cells.

`# %% [markdown]` begins text, `# %%` code, and `# %% question` a question: its words as comments, perhaps lines that prepare the
answer, a line `answer = …` with the right one, and a line `assert mg.check_answer(…, answer)`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from ..errors import ArgumentError
from ..language import language

_MARK = re.compile(r"^# %%(?: \[?(markdown|question)\]?)?.*$", re.MULTILINE)


# where a line ends between two Chinese characters: there is no space
_WRAPPED = re.compile(r"(?<=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])\n(?=[\u4e00-\u9fff\uff00-\uffef])")


class Cell(NamedTuple):
    """A part of a lesson: its `kind` (text, code or question), its `text` without comment signs, and its `code`, which begins
    behind `line` others of the file.

    The code of a question is all but the line `answer = …`.

    >>> next(cell.code.strip() for cell in find("4").cells if cell.kind == "question")
    'assert mg.check_answer(a, answer)'
    """

    kind: str
    text: str
    code: str
    line: int


class Lesson(NamedTuple):
    """A lesson in one language: `name` is that of its file, `title` its heading.

    >>> lesson = find("4")
    >>> lesson.name, lesson.number, [cell.kind for cell in lesson.cells][:2]
    ('04_used_twice', 4, ['text', 'code'])
    """

    name: str
    language: str
    title: str
    cells: tuple[Cell, ...]

    @property
    def number(self) -> int:
        """The number it is known by."""
        return int(self.name.partition("_")[0])

    @property
    def path(self) -> str:
        """Its file."""
        return str(_folder(self.language).joinpath(f"{self.name}.py"))


def lessons() -> list[Lesson]:
    """All lessons in order, in the language that is spoken.

    >>> [lesson.number for lesson in lessons()][:3]
    [1, 2, 3]
    """
    return list(_lessons(language()))


def find(words: str) -> Lesson:
    """The lesson with a number or a name, in the language that is spoken.

    >>> find("4") == find("used_twice")
    True

    Raises ArgumentError (MG189) if there is none.
    """
    for lesson in lessons():
        if (words.isdecimal() and int(words) == lesson.number) or words.lower() in (lesson.name, lesson.name[3:]):
            return lesson
    named = {lesson.name[3:]: lesson.number for lesson in lessons()}
    close = difflib.get_close_matches(words.lower(), named, 1)
    meant = (
        f"did you mean {named[close[0]]}, {close[0]}?"
        if close
        else f"write a number from 1 to {len(named)}, or a name."
    )
    raise ArgumentError("MG189", f"No lesson is called {words!r}: {meant} `microgradient learn` lists them.")


@cache
def _lessons(spoken: str) -> tuple[Lesson, ...]:
    found = sorted(
        (entry for entry in _folder(spoken).iterdir() if entry.name.endswith(".py")), key=lambda entry: entry.name
    )
    return tuple(read(entry.name.removesuffix(".py"), spoken, entry.read_text(encoding="utf-8")) for entry in found)


def _folder(spoken: str) -> Traversable:
    return files("microgradient").joinpath("lessons", spoken)


def read(name: str, spoken: str, source: str) -> Lesson:
    """The lesson that a file of this name has, in the language of its folder."""
    cells = tuple(_cells(source))
    title = next(line.removeprefix("# ") for cell in cells for line in cell.text.splitlines() if line.startswith("# "))
    return Lesson(name, spoken, title, cells)


def _cells(source: str) -> Iterator[Cell]:
    marks = list(_MARK.finditer(source))
    ends = [mark.start() for mark in marks[1:]] + [len(source)]
    for mark, end in zip(marks, ends, strict=True):
        body = source[mark.end() : end].strip("\n")
        line = source.count("\n", 0, source.index(body, mark.end()))
        if mark[1] == "markdown":
            yield Cell("text", _WRAPPED.sub("", _uncommented(body.splitlines())), "", line)
        elif mark[1] == "question":
            lines = body.splitlines()
            code = ["" if words.startswith(("#", "answer =")) else words for words in lines]
            text = _uncommented(words for words in lines if words.startswith("#"))
            yield Cell("question", text, "\n".join(code), line)
        else:
            yield Cell("code", "", body, line)


def _uncommented(lines: Iterable[str]) -> str:
    return "\n".join(re.sub(r"^# ?", "", line) for line in lines)
