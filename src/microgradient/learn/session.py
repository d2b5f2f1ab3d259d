"""One learner in one lesson: how far it has been run, what it printed, and how the questions were answered."""

from __future__ import annotations

import ast
import io
import json
import operator
import threading
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, DataError
from ..explain.grading import Grade
from ..explain.render import short
from ..train.atomic import write_atomically
from .lesson import Cell, Lesson

_VERSION = 1
_PRINTING = threading.Lock()  # standard output is the process's
_LONGEST = 200  # characters of an answer


class LessonSession:
    """Runs a lesson up to its first question, and on from each when it is answered or given up.

    `outputs` is what each cell printed, None for those that have not been run; `variables` are the lesson's own. With `score`, a
    path, the answers are kept in that file: `{"version": 1, "lessons": {name: {"right": 1, "questions": [...]}}}`.

    >>> from microgradient.learn import find
    >>> session = LessonSession(find("1"))
    >>> session.answer("no number").correct
    False
    >>> session.attempts[session.waiting][0]["mistake"]
    ''
    """

    def __init__(self, lesson: Lesson, score: Path | None = None) -> None:
        self.lesson, self.score = lesson, score
        self.variables: dict[str, Any] = {"__name__": "__main__", "__file__": lesson.path}
        self.outputs: list[str | None] = [None] * len(lesson.cells)
        places = [k for k, cell in enumerate(lesson.cells) if cell.kind == "question"]
        self.attempts: dict[int, list[dict[str, Any]]] = dict(zip(places, self._earlier(len(places)), strict=True))
        self._keep()  # a file that can't be written, or is none of ours, is said before the lesson begins
        self.verdicts: dict[int, str] = {}
        self.shown: set[int] = set()  # questions whose answers were asked for
        self.position = 0
        self.go_on()

    @property
    def waiting(self) -> int | None:
        """The number of the cell with the question that waits for an answer; None at the end."""
        return self.position if self.position < len(self.lesson.cells) else None

    def go_on(self) -> None:
        """Run the cells up to the next question."""
        while self.position < len(self.lesson.cells):
            cell = self.lesson.cells[self.position]
            if cell.kind == "question":
                self._run(cell, cell.code.rpartition("assert ")[0])
                return
            if cell.kind == "code":
                self.outputs[self.position] = self._run(cell, cell.code)
            self.position += 1

    def answer(self, words: str) -> Grade:
        """Grade an answer as it was written, "-2", "1/3" or "[1, 2]"; the lesson goes on if it is right.

        Raises ArgumentError (MG189) where no question waits.
        """
        place = self._question()
        words = words.encode(errors="replace").decode()[:_LONGEST]
        try:
            given: Any = parsed(words)
        except ValueError:
            given = words
        grade = self._graded(place, given)
        self.attempts[place].append(
            {
                "answer": words,
                "correct": grade.correct,
                "mistake": grade.mistake,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        self.verdicts[place] = grade.message
        if grade.correct:
            self.position += 1
            self.go_on()
        self._keep()
        return grade

    def give_up(self) -> Any:
        """The right answer to the question that waits; the lesson goes on."""
        place = self._question()
        expected = self._graded(place, None).expected
        self.verdicts[place] = f"the answer is {short(expected)}"
        self.shown.add(place)
        self.position += 1
        self.go_on()
        self._keep()
        return expected

    def record(self) -> dict[str, Any]:
        """The questions, every answer that was given to them, and how many were answered rightly."""
        questions = [
            {"question": self.lesson.cells[k].text, "correct": any(a["correct"] for a in given), "answers": given}
            for k, given in self.attempts.items()
        ]
        right = sum(bool(question["correct"]) for question in questions)
        return {"language": self.lesson.language, "right": right, "of": len(questions), "questions": questions}

    def _question(self) -> int:
        if self.waiting is None:
            raise ArgumentError("MG189", f"All questions of lesson {self.lesson.number} are answered.")
        return self.waiting

    def _graded(self, place: int, given: Any) -> Grade:
        """What `assert mg.check_answer(…, answer)` finds in the lesson as it stands."""
        check = ast.parse(self.lesson.cells[place].code).body[-1]
        assert isinstance(check, ast.Assert)
        self.variables["answer"] = given
        with _PRINTING, redirect_stdout(io.StringIO()):
            found = eval(compile(ast.Expression(check.test), self.lesson.path, "eval"), self.variables)
        assert isinstance(found, Grade)
        return found

    def _run(self, cell: Cell, code: str) -> str:
        """Run code of a cell as part of the lesson's program, by its lines in the file; what it printed."""
        printed = io.StringIO()
        with _PRINTING, redirect_stdout(printed):
            exec(compile("\n" * cell.line + code, self.lesson.path, "exec"), self.variables)
        return printed.getvalue()

    def _earlier(self, count: int) -> list[list[dict[str, Any]]]:
        """The answers that the score file has of this lesson, for each of its questions."""
        kept = {} if self.score is None else _kept(self.score)["lessons"].get(self.lesson.name, {})
        earlier = [list(question["answers"]) for question in kept.get("questions", ())]
        return earlier if len(earlier) == count else [[] for _ in range(count)]

    def _keep(self) -> None:
        if self.score is None:
            return
        kept = _kept(self.score)
        kept["lessons"][self.lesson.name] = self.record()
        write_atomically(self.score, (json.dumps(kept, indent=1, ensure_ascii=False) + "\n").encode())


def scores(lessons: Mapping[str, Any]) -> dict[str, Any]:
    """What a score file holds: the records of lessons, by their names."""
    return {"version": _VERSION, "lessons": dict(lessons)}


def _kept(path: Path) -> dict[str, Any]:
    """What a score file holds. Raises DataError (MG181) for a file that is none."""
    if not path.exists():
        return scores({})
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != _VERSION:
            raise ValueError
        for lesson in found["lessons"].values():
            for question in lesson["questions"]:
                [answer["correct"] for answer in question["answers"]]
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        raise DataError(
            "MG181", f"{path} is not a file of scores of version {_VERSION}: choose another name."
        ) from None
    return found


_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip


def parsed(words: str) -> Any:
    """A number, or a list of numbers, as a learner writes it: `-2`, `−2`, `1/3`, `2 × 0.5`, `[1, 2]`. Nothing else is computed.

    >>> parsed("−1/4"), parsed("[1, 2·3]"), parsed("2^3")
    (-0.25, [1.0, 6.0], 8.0)

    Raises ValueError for anything else.
    """
    plain = unicodedata.normalize("NFKC", words).strip().translate(str.maketrans("−–—×·÷，【】", "---**/,[]"))
    if len(plain) > _LONGEST:
        raise ValueError(f"no number: {plain[:_LONGEST]}…")
    try:
        found = _number(ast.parse(plain.replace("^", "**"), mode="eval").body)
    except (SyntaxError, ArithmeticError, RecursionError, TypeError, MemoryError):
        raise ValueError(f"no number: {words}") from None
    return found


def _number(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id in ("nan", "inf"):
        return float(node.id)
    if isinstance(node, ast.List | ast.Tuple):
        return [_number(part) for part in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -_number(node.operand) if isinstance(node.op, ast.USub) else _number(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        found = _BINARY[type(node.op)](_number(node.left), _number(node.right))
        if isinstance(found, float):
            return found
    raise ValueError("only numbers, lists and arithmetic")
