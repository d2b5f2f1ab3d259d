"""The lessons: each runs, asks what can be graded, and is the same program in every language."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

import microgradient
from microgradient.language import LANGUAGES, speaking
from microgradient.learn import LessonSession, find, lessons
from microgradient.learn.lesson import read

FOLDER = Path(microgradient.__file__).parent / "lessons"
PAGE = (Path(__file__).parents[1] / "docs" / "lessons.md").read_text(encoding="utf-8")
FILES = sorted(FOLDER.glob("*/*.py"))
NAMES = sorted({path.stem for path in FILES})
SLOW = {"20_digits", "25_a_small_gpt", "26_policy_gradient"}  # they train


def taken(name: str, language: str) -> LessonSession:
    with speaking(language):
        return LessonSession(find(name))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_lesson(language):
    assert [path.stem for path in FILES if path.parent.name == language] == NAMES
    with speaking(language):
        assert [lesson.number for lesson in lessons()] == list(range(1, len(NAMES) + 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_has_the_form_of_a_lesson(path):
    source = path.read_text(encoding="utf-8")
    with speaking(path.parent.name):
        lesson = find(path.stem)
    assert source.startswith("# %% [markdown]\n# # ")
    assert len(source.splitlines()) <= 120
    assert lesson.title.startswith(f"{lesson.number} · ")
    assert sum(cell.kind == "question" for cell in lesson.cells) >= 2
    for block in re.findall(r"^# %% question\n(.*?)(?=^# %%|\Z)", source, re.M | re.S):
        assert re.fullmatch(r"(# .*\n)+([^#\n].*\n)*answer = .+\nassert mg\.check_answer\(.+, answer\)\n*", block)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_opens_as_a_notebook(path):
    notebook = jupytext.read(path)
    kinds = [cell.cell_type for cell in notebook.cells]
    with speaking(path.parent.name):
        assert kinds == ["markdown" if cell.kind == "text" else "code" for cell in find(path.stem).cells]


class Wordless(ast.NodeTransformer):
    """A program without its texts: of those with holes only what fills them is left, once each and in any order."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        holes = [self.visit(value) for value in node.values if isinstance(value, ast.FormattedValue)]
        return ast.JoinedStr(sorted({ast.dump(hole): hole for hole in holes}.values(), key=ast.dump))


def program(path: Path) -> str:
    return ast.dump(Wordless().visit(ast.parse(path.read_text(encoding="utf-8"))), indent=1)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_program_in_every_language(name):
    first, *others = [program(FOLDER / language / f"{name}.py") for language in LANGUAGES]
    assert all(other == first for other in others)


def test_the_page_lists_the_lessons():
    rows = [(int(number), title) for number, title in re.findall(r"^\| (\d+) \| (.+?) \|", PAGE, re.M)]
    with speaking("en"):
        assert rows == [(lesson.number, lesson.title.partition(" · ")[2]) for lesson in lessons()]


def test_the_example_of_the_page_is_a_lesson(capsys):
    source = re.search(r"^```python\n(# %% \[markdown\]\n.*?)^```", PAGE, re.M | re.S)[1]
    session = LessonSession(read("27_example", "en", source))
    assert session.lesson.title.startswith("27 · ")
    assert session.answer("6")
    assert session.waiting is None
    assert "∂y/∂a = 6.0" in "".join(filter(None, session.outputs))


of_each_lesson = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in NAMES]
)


@of_each_lesson
@pytest.mark.parametrize("language", LANGUAGES)
def test_right_answers_lead_through_it_and_wrong_ones_do_not(name, language, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    session = taken(name, language)
    answers = re.findall(r"^answer = (.+)$", (FOLDER / language / f"{name}.py").read_text(encoding="utf-8"), re.M)
    for words in answers:
        place = session.waiting
        assert not session.answer("no number")
        assert not session.answer("12345.678")
        assert session.waiting == place
        assert session.answer(words), words
    assert session.waiting is None
    assert all(session.outputs[k] is not None for k, cell in enumerate(session.lesson.cells) if cell.kind == "code")
    assert session.record()["right"] == len(answers)


@of_each_lesson
def test_who_gives_up_is_led_through_it_too(name, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    session = taken(name, "en")
    while session.waiting is not None:
        assert not session.answer("12345.678")
        session.give_up()
    assert all(session.outputs[k] is not None for k, cell in enumerate(session.lesson.cells) if cell.kind == "code")
    assert session.record()["right"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_runs_as_a_program(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "right: " in done.stdout or "正确" in done.stdout
