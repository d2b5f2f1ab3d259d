"""A lesson on the page: its cells, its questions, and the graph of what it differentiated last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt  # rich is built on it

from ..errors import ArgumentError
from ..explain.sweep import sweep_of
from ..language import language, translate
from ..page.session import Answers, Session, of_graph
from .lesson import Lesson, find, lessons
from .session import LessonSession, scores


class LessonPage:
    """What the page may ask of a lesson; in another language, it is the same place in the lesson there.

    >>> page = LessonPage("1")
    >>> page.answers["lesson"]({})["number"]
    1
    """

    def __init__(self, lesson: str, score: Path | None = None) -> None:
        self.score = score
        self.session = LessonSession(find(lesson), score)
        self.sessions = {self.session.lesson.name: self.session}  # one comes back to where one was
        self.runs = {(self.session.lesson.name, self.session.lesson.language): self.session}  # each is run once
        self.lock = threading.Lock()
        self.graph: Session | None = None
        self.opened = 0  # graphs so far
        self.answers: Answers = {
            "lesson": self._alone(self.state),
            "answer": self._alone(self.answer),
            "give_up": self._alone(self.give_up),
            "choose": self._alone(self.choose),
            "open": self._alone(self.open_graph),
            "score": self._alone(self.scores),
            **of_graph(self._opened),
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
                    "shown": k in session.shown,
                    "correct": any(attempt["correct"] for attempt in session.attempts.get(k, [])),
                }
                for k, cell in enumerate(shown)
            ],
        }

    def answer(self, words: Mapping[str, Any]) -> bool:
        """Whether the answer `text` to the question of cell number `question` is right."""
        return self._asked(words).answer(str(words.get("text", ""))).correct

    def give_up(self, words: Mapping[str, Any]) -> bool:
        """Show the answer to the question of cell number `question`."""
        self._asked(words).give_up()
        return True

    def scores(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """What a score file holds, of all lessons that were taken on this page."""
        self._now()
        return scores({name: session.record() for name, session in self.sessions.items()})

    def choose(self, words: Mapping[str, Any]) -> int:
        """Go to another lesson, or back to where one was in it."""
        lesson = find(str(words.get("lesson", "")))
        self.session = self.sessions.get(lesson.name) or self._run(lesson)
        self.sessions[lesson.name] = self.session
        self.graph, self.opened = None, 0
        return self.session.lesson.number

    def open_graph(self, words: Mapping[str, Any]) -> int:
        """Show the graph of what the lesson differentiated last."""
        self.graph = Session(sweep_of(None, self._now().variables))
        self.opened += 1
        return self.opened

    def _alone(self, answer: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
        """One question at a time: a lesson is one program."""

        def alone(words: Mapping[str, Any]) -> Any:
            with self.lock:
                return answer(words)

        return alone

    def _asked(self, words: Mapping[str, Any]) -> LessonSession:
        """The session, if it waits at the question that is meant: an answer that comes twice is not one to the next question."""
        session = self._now()
        if words.get("question", session.waiting) != session.waiting:
            raise ArgumentError("MG189", "This question is answered already.")
        return session

    def _now(self) -> LessonSession:
        """The session in the language that is spoken. Two languages are two programs: each goes on where it stands."""
        before = self.session
        if before.lesson.language != language():
            self.session = self._run(find(before.lesson.name))
            self.session.verdicts, self.session.shown = {}, set()  # those of giving up are nobody's
            while self.session.position < before.position and self.session.waiting is not None:
                self.session.give_up()
            self.session.attempts, self.session.verdicts, self.session.shown = (
                before.attempts,
                before.verdicts,
                before.shown,
            )
            self.sessions[before.lesson.name] = self.session
            self.graph, self.opened = None, 0
        return self.session

    def _run(self, lesson: Lesson) -> LessonSession:
        """The session of this lesson in its language: the one that there is, or a new one."""
        key = lesson.name, lesson.language
        if key not in self.runs:
            self.runs[key] = LessonSession(lesson, self.score)
        return self.runs[key]

    def _opened(self) -> Session:
        if self.graph is None:
            raise ArgumentError("MG188", "No graph has been opened yet: run the lesson to where it differentiates.")
        return self.graph
