"""The lessons, taken one cell at a time: their text, what their code prints, and questions whose answers are graded."""

from __future__ import annotations

from .lesson import Cell, Lesson, find, lessons
from .session import LessonSession

__all__ = ["Cell", "Lesson", "LessonSession", "find", "lessons"]
