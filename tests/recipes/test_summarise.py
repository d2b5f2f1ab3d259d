"""`summarise`: docstrings of installed packages, each file in one part; ROUGE-L."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes

import microgradient as mg
from microgradient.data.docstrings import Docstring, load_docstrings
from microgradient.data.rouge import longest_common_subsequence, rouge_l
from microgradient.errors import DataError
from microgradient.recipes import summarise
from microgradient.recipes.summarise import heading, lead, signature

words = st.lists(st.sampled_from("abc"), max_size=8)


@pytest.fixture
def few(monkeypatch):
    """The recipe on the docstrings of two small packages alone."""
    whole = [text for package in ("click", "rich") for text in load_docstrings(package)]
    monkeypatch.setattr(summarise, "load_docstrings", lambda package="": whole)
    monkeypatch.setattr(summarise, "_MERGES", 100)


def test_rouge_l_as_in_its_paper():
    reference = "police killed the gunman"
    assert rouge_l("police kill the gunman", reference) == 0.75
    assert rouge_l("the gunman kill police", reference) == 0.5
    assert rouge_l("Police killed, the gunman!", reference) == 1
    assert rouge_l("the", reference) == pytest.approx(2 * 1 * 0.25 / 1.25)
    assert rouge_l("", reference) == 0
    assert rouge_l("read_file", "Read file") == 1


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        ("numpy,nix", "'nix' is not installed: leave it out of --packages, or install it"),
        ("os", "'os' is in the standard library, which is read anyway"),
    ],
)
def test_packages_are_looked_for_before_anything_is_read(monkeypatch, packages, words):
    monkeypatch.setattr(summarise, "load_docstrings", lambda package="": pytest.fail("read"))
    with pytest.raises(DataError, match=words):
        built("summarise", packages=packages)


def test_of_docstrings_that_are_read_alike_one_is_kept():
    read = "This is what is read of it, however it is broken into lines, and it is the same each time. " * 2
    texts = [
        Docstring("a.py", "f", (), "Sort the rows.", f"{read} One."),
        Docstring("b.py", "g", (), "Sort the columns.", read.replace(", ", ",\n    ") + " Another end."),
        Docstring("c.py", "h", (), "sort the rows", "All else differs."),
        Docstring("d.py", "i", (), "Sort the cells.", "This is another body."),
        Docstring("e.py", "j", (), "Too short.", "A third one."),
    ]
    assert [text.file for text in summarise._different(texts)] == ["a.py", "d.py"]


@pytest.mark.slow
def test_nothing_that_is_read_of_a_real_docstring_is_in_two_parts():
    recipe = built("summarise", packages="numpy")
    longest = recipe.predictor.shapes[-1][0]
    learnt, held_out = (
        {tuple(recipe._example(text)[0][0][:longest]) for text in part} for part in (recipe.training, recipe.test)
    )
    assert len(held_out) == len(recipe.test)
    assert not learnt & held_out


@given(words, words)
def test_a_common_subsequence_is_as_long_as_by_the_recursion(a, b):
    def longest(i, j):
        if not i or not j:
            return 0
        if a[i - 1] == b[j - 1]:
            return longest(i - 1, j - 1) + 1
        return max(longest(i - 1, j), longest(i, j - 1))

    found = longest_common_subsequence(a, b)
    assert found == longest(len(a), len(b)) == longest_common_subsequence(b, a)
    assert longest_common_subsequence(a, a) == len(a)
    assert longest_common_subsequence(a, [*b, *a]) == len(a)


def test_docstrings_are_read_without_importing(tmp_path, monkeypatch):
    package = tmp_path / "some_package"
    (package / "tests").mkdir(parents=True)
    (package / "__init__.py").write_text(
        'raise SystemExit\ndef f(self, a, *, b=1, **c):\n    """Do it.\n\n    At length.\n    """\n'
        'def g():\n    """Begun here and\n    ended there.\n\n    More.\n    """\nclass H:\n    """One line."""\n'
    )
    (package / "broken.py").write_text("def f(:\n")
    (package / "tests" / "more.py").write_text('def t():\n    """Test it.\n\n    Well.\n    """\n')
    monkeypatch.syspath_prepend(tmp_path)
    [found] = load_docstrings("some_package")
    assert found == ("some_package/__init__.py", "f", ("a", "b", "c"), "Do it.", "At length.")


@pytest.mark.parametrize("package", ["no_such_package", ".numpy", "numpy.linalg", "a/b"])
def test_a_package_that_is_not_there_is_said(package):
    with pytest.raises(
        DataError, match=rf"'{re.escape(package)}' is no[t ].*: leave it out of --packages, or install it"
    ):
        load_docstrings(package)


def test_headings_and_leads():
    assert heading("HTTPServer", ["_private", "aList"]) == "httpserver (private, a list)"
    assert heading("f", []) == "f ()"
    assert lead("See PEP 8, e.g. here.\nMore.") == "See PEP 8, e.g."
    assert lead("a title\n\nA text.") == "a title"


def test_no_file_is_in_two_parts_and_a_batch_is_learnt_by_heart(few):
    recipe = built("summarise")
    learnt, held_out = ({text.file for text in part} for part in (recipe.training, recipe.test))
    assert held_out
    assert not learnt & held_out
    assert not {text.summary for text in recipe.training} & {text.summary for text in recipe.test}
    for text, expected in {
        "def f(a: dict[str, int], b=(1, 2), *, c='x') -> x:\nBody.": ("f (a, b, c)", "Body."),
        "async def f(self, x):\nBody.": ("f (x)", "Body."),
        "class A(Base):\nBody.": ("a ()", "Body."),
        "print(x) writes x.\nBody.": ("", "print(x) writes x.\nBody."),
    }.items():
        assert signature(text) == expected
    plain, typed = (
        recipe.predictor.parts(f"{text}\nBody.") for text in ("f(a, bc)", "def f(a: int, *bc: str = 2) -> x:")
    )
    assert plain == typed
    check_overfits(recipe, np.arange(16), 60, 0.3)


@pytest.mark.slow
def test_summarise_resumes_predicts_and_refuses(few, tmp_path, monkeypatch):
    session = check_resumes("summarise", tmp_path)
    texts = ["read_file(path, mode)\nThe file is opened.", "No signature here.", "", "f()"]
    check_predicts(session, texts)
    predictor = mg.load(session.folder.path)
    assert predictor.predict(texts) == [predictor.predict([text])[0] for text in texts]
    read, written, shares = predictor.copied_from(texts[0])
    assert shares.shape == (len(written), len(read))
    file = tmp_path / "new.csv"
    file.write_text("text,title\n1,one\n")
    with pytest.raises(DataError, match="lacks a column 'summary': its header names text, title"):
        predictor.evaluate(str(file))
    monkeypatch.undo()
    check_missing_package(monkeypatch, "summarise", "scipy")
