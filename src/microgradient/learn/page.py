"""A lesson on the page: its cells, its questions, and the graph of what it differentiated last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt  # rich is built on it

from ..errors import ArgumentError
from ..explain.sweep import sweep_of
from ..language import language, translate
from ..page.session import OF_GRAPH, Session
from .lesson import find, lessons
from .session import LessonSession


class LessonPage:
    """What the page may ask of a lesson; in another language, it is the same place in the lesson there.

    >>> page = LessonPage("1")
    >>> page.answers["lesson"]({})["number"]
    1
    """

    def __init__(self, lesson: str, score: Path | None = None) -> None:
        self.score = score
        self.session = LessonSession(find(lesson), score)
        self.graph: Session | None = None
        self.opened = 0  # graphs so far
        self.answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "lesson": self.state,
            "answer": lambda words: self._now().answer(str(words.get("text", ""))).correct,
            "give_up": lambda words: self._now().give_up() is not None,
            "choose": self.choose,
            "open": self.open_graph,
            "score": lambda words: {"version": 1, "lessons": {self.session.lesson.name: self._now().record()}},
            "run": lambda words: None,
            **{name: self._of_graph(name) for name in OF_GRAPH},
        }

    def state(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The lesson as far as it has been run."""
        session = self._now()
        shown = session.lesson.cells[
            : (session.waiting if session.waiting is not None else len(session.lesson.cells)) + 1
        ]
        return {
            "number": session.lesson.number,
            "title": session.lesson.title,
            "lessons": [{"number": lesson.number, "title": lesson.title} for lesson in lessons()],
            "opened": self.opened,
            "waiting": session.waiting,
            "right": session.record()["right"],
            "of": session.record()["of"],
            "cells": [
                {
                    "kind": cell.kind,
                    "html": MarkdownIt("commonmark", {"html": False}).enable("table").render(cell.text),
                    "code": cell.code,
                    "output": session.outputs[k],
                    "verdict": translate(session.verdicts.get(k, "")),
                    "correct": any(attempt["correct"] for attempt in session.attempts.get(k, [])),
                }
                for k, cell in enumerate(shown)
            ],
        }

    def choose(self, words: Mapping[str, Any]) -> int:
        """Go to another lesson."""
        self.session = LessonSession(find(str(words.get("lesson", ""))), self.score)
        self.graph, self.opened = None, 0
        return self.session.lesson.number

    def open_graph(self, words: Mapping[str, Any]) -> int:
        """Show the graph of what the lesson differentiated last."""
        self.graph = Session(sweep_of(None, self._now().variables))
        self.opened += 1
        return self.opened

    def _now(self) -> LessonSession:
        """The session in the language that is spoken."""
        before = self.session
        if before.lesson.language != language():
            self.session = LessonSession(find(before.lesson.name), self.score)
            while self.session.position < before.position and self.session.waiting is not None:
                self.session.give_up()
            self.session.attempts, self.session.verdicts = before.attempts, before.verdicts
            self.graph, self.opened = None, 0
        return self.session

    def _of_graph(self, name: str) -> Callable[[Mapping[str, Any]], Any]:
        def answer(words: Mapping[str, Any]) -> Any:
            if self.graph is None:
                raise ArgumentError("MG188", "No graph has been opened yet: run the lesson to where it differentiates.")
            return self.graph.answers[name](words)

        return answer
