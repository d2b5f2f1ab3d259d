"""Taking a lesson: how answers are read and graded, what is kept of them, and the command."""

from __future__ import annotations

import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradient as mg
from microgradient.errors import ArgumentError, DataError
from microgradient.language import speaking
from microgradient.learn import LessonSession, find
from microgradient.learn.page import LessonPage
from microgradient.learn.session import parsed


@given(st.floats(allow_nan=False))
def test_a_number_is_read_as_it_is_written(x):
    assert parsed(repr(x)) == x
    assert parsed(f" {x!r} ".replace("-", "−")) == x


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("1/4", 0.25),
        ("2 × 0.5", 1.0),
        ("-(1 + 2)", -3.0),
        ("2^-1", 0.5),
        ("[1, −2]", [1.0, -2.0]),
        ("3，4", [3.0, 4.0]),
        ("1e-3", 1e-3),
    ],
)
def test_arithmetic_is_done(words, number):
    assert parsed(words) == number


@pytest.mark.parametrize(
    "words",
    [
        "",
        "x",
        "1/0",
        "9**9**9**9",
        "__import__('os')",
        "(-1)**0.5",
        "'1'",
        "[1, [2, 'x']]",
        "1 if 1 else 2",
        "True",
        "(" * 500,
        "1;2",
    ],
)
def test_nothing_else_is(words):
    with pytest.raises(ValueError, match="number"):
        parsed(words)


def test_the_lesson_waits_at_a_question_and_goes_on_from_there():
    session = LessonSession(find("4"))
    place = session.waiting
    assert session.lesson.cells[place].kind == "question"
    wrong = session.answer("3")
    assert (wrong.correct, wrong.mistake.split(";")[0], session.waiting) == (False, "the sign is flipped", place)
    assert session.answer("-3").correct
    assert session.waiting > place
    assert [attempt["correct"] for attempt in session.attempts[place]] == [False, True]


def test_scores_are_kept_beside_those_of_other_lessons(tmp_path):
    path = tmp_path / "score.json"
    LessonSession(find("1"), path).answer("0.123")
    session = LessonSession(find("4"), path)
    session.answer("-3")
    kept = json.loads(path.read_text())
    assert list(kept["lessons"]) == ["01_one_multiplication", "04_used_twice"]
    assert (kept["lessons"]["04_used_twice"]["right"], kept["lessons"]["01_one_multiplication"]["right"]) == (1, 0)


def test_another_attempt_adds_to_the_scores(tmp_path):
    path = tmp_path / "score.json"
    LessonSession(find("4"), path).answer("-3")
    again = LessonSession(find("4"), path)
    again.answer("5")
    kept = json.loads(path.read_text())["lessons"]["04_used_twice"]
    assert kept["right"] == 1
    assert [answer["answer"] for answer in kept["questions"][0]["answers"]] == ["-3", "5"]


def test_what_can_not_be_written_is_said_before_the_lesson(tmp_path):
    with pytest.raises(DataError):
        LessonSession(find("4"), tmp_path / "nowhere" / "score.json")


def test_an_answer_counts_even_if_it_can_not_be_written_down(tmp_path):
    session = LessonSession(find("4"))
    place = session.waiting
    session.score = tmp_path / "nowhere" / "score.json"
    with pytest.raises(DataError):
        session.answer("-3")
    assert session.waiting > place


@pytest.mark.parametrize("words", ["－３", "−３", "（-3）", "【-3】", "—3", "-1.5＊2", "-3.0 "])
def test_an_answer_as_a_chinese_keyboard_writes_it(words):
    assert LessonSession(find("4")).answer(words).correct


def test_a_long_or_broken_answer_is_just_wrong(tmp_path):
    session = LessonSession(find("4"), tmp_path / "score.json")
    for words in ("-" * 100_000 + "1", "(" * 100_000, "\udcff", "\x00"):
        assert not session.answer(words)
    assert json.loads((tmp_path / "score.json").read_text())["lessons"]["04_used_twice"]["right"] == 0


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2, "lessons": {}}', '{"version": 1}', "\x00\xff"])
def test_a_file_that_holds_no_scores_stays_as_it_is(tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match="MG181"):
        LessonSession(find("1"), path)
    assert path.read_text(encoding="latin-1") == content


def test_a_lesson_that_is_not_there():
    for words in ("0", "99", "x", "", "-1", "²", "../en/04_used_twice"):
        with pytest.raises(ArgumentError, match="MG189"):
            find(words)
    with pytest.raises(ArgumentError, match="did you mean 4, used_twice"):
        find("used_twise")
    with speaking("zh_CN"), pytest.raises(ArgumentError, match=r"没有名为 'x' 的课：请写 1 到 \d+ 的编号"):
        find("x")
    assert find("used_twice").number == find("4").number == find("04_used_twice").number == 4


def test_the_page_of_a_lesson_changes_its_language_where_it_stands():
    page = LessonPage("4")
    page.answers["answer"]({"text": "-3"})
    before = page.answers["lesson"]({})
    with speaking("zh_CN"):
        after = page.answers["lesson"]({})
    assert after["title"].startswith("4 · ")
    assert after["title"] != before["title"]
    assert (after["waiting"], after["right"]) == (before["waiting"], before["right"])


def test_a_lesson_of_another_language_is_run_once_and_goes_on():
    page = LessonPage("4")
    first = page.session
    with speaking("zh_CN"):
        page.answers["lesson"]({})
        second = page.session
    page.answers["answer"]({"text": "-3"})
    page.answers["give_up"]({})
    assert page.session is first
    before = page.answers["lesson"]({})
    with speaking("zh_CN"):
        after = page.answers["lesson"]({})
        assert page.session is second
    for name in ("waiting", "right", "of"):
        assert after[name] == before[name]
    for name in ("kind", "shown", "correct"):
        assert [cell[name] for cell in after["cells"]] == [cell[name] for cell in before["cells"]]
    page.answers["lesson"]({})
    assert page.session is first


def test_the_graph_of_a_lesson_opens():
    page = LessonPage("4")
    with pytest.raises(ArgumentError, match="MG188"):
        page.answers["graph"]({})
    page.answers["open"]({})
    assert page.answers["lesson"]({})["opened"] == 1
    assert page.answers["graph"]({})["of"] == "L"
    page.answers["choose"]({"lesson": "1"})
    assert page.answers["lesson"]({})["opened"] == 0


def test_the_command_lists_and_takes_lessons(run, monkeypatch):
    code, out, _ = run("learn")
    assert code == 0
    assert out.splitlines()[3].startswith("4 · ")
    code, out, _ = run("learn", "--lang", "zh")
    assert "4 · " in out
    assert "用" in out
    answers = iter(["3", "-3", "", ""])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_: next(answers, ""))
    code, out, _ = run("learn", "4", "--text", "--score", "score.json", "--lang", "en")
    assert code == 0
    assert "the sign is flipped" in out
    assert "1 of 3 questions answered rightly." in out
    code, _, said = run("learn", "77", "--lang", "en")
    assert (code, "No lesson is called '77'" in said, "Traceback" in said) == (1, True, False)
    code, _, said = run("learn", "77", "--lang", "zh")
    assert (code, "没有名为 '77' 的课" in said) == (1, True)
    code, _, said = run("learn", "--lang", "klingon")
    assert (code, "klingon" in said) == (2, True)


def test_an_answer_that_comes_twice_is_not_one_to_the_next_question():
    page = LessonPage("4")
    question = page.answers["lesson"]({})["waiting"]
    assert page.answers["answer"]({"text": "-3", "question": question})
    with pytest.raises(ArgumentError, match="answered already"):
        page.answers["answer"]({"text": "-3", "question": question})
    assert page.answers["lesson"]({})["right"] == 1


def test_lessons_beside_one_another_print_into_their_own_cells():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: LessonSession(find(str(number))).outputs, [1, 2, 3, 4] * 3))
    assert found[:4] == found[4:8] == found[8:]
    assert sys.stdout is not None
    assert not isinstance(sys.stdout, io.StringIO)


def test_one_comes_back_to_where_one_was():
    page = LessonPage("4")
    page.answers["answer"]({"text": "-3"})
    page.answers["choose"]({"lesson": "1"})
    assert page.answers["lesson"]({})["right"] == 0
    page.answers["choose"]({"lesson": "4"})
    assert page.answers["lesson"]({})["right"] == 1
    assert len(page.answers["score"]({})["lessons"]) == 2


def test_lines_are_those_of_the_file():
    session = LessonSession(find("13"))
    file, line = mg.why(session.variables["W"]).edges[0].where.split(":")
    assert file == "13_matrix_product.py"
    assert "@ W" in Path(session.lesson.path).read_text(encoding="utf-8").splitlines()[int(line) - 1]
