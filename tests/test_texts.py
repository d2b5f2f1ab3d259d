"""Texts as the command line names them: files, or what stands there."""

import pytest

from microgradient.data.texts import normalized, read_texts
from microgradient.errors import DataError


def test_a_word_is_a_file_if_there_is_one_and_else_a_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("One.\nTwo.\n")
    assert read_texts(["notes.txt", "Three"], by_line=True) == ["One.", "Two.", "Three"]
    texts = ["read and/or write", "1905/11/21", "See notes.txt for more.", "What?", "...", "a.b", "</b>"]
    assert read_texts(texts) == texts


@pytest.mark.parametrize("name", ["missing/notes.txt", "note.txt", "./notes", "../x", "/tmp/none", "~/a", "A.CSV"])
def test_a_misspelt_file_is_no_text(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"There is no file .*MG180"):
        read_texts([name])


def test_what_differs_in_case_spaces_and_end_marks_is_the_same():
    assert normalized(" Log  OUT:") == normalized("log out")
    assert normalized("请输入。") == normalized("请输入")
    assert normalized("log-out") != normalized("log out")
