"""Every example in the README, in docs/compile.md, docs/learn.md, docs/doctor.md and docs/sklearn.md prints what it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_readmes_examples():
    failed, tried = doctest.testfile(
        str(ROOT / "README.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    assert failed == 0
    assert tried > 30


def test_the_page_on_compiling():
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "compile.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert failed == 0
    assert tried > 10


def test_the_page_for_learners():
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "learn.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert failed == 0
    assert tried > 20


def test_the_page_on_the_doctor():
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "doctor.md"),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert failed == 0
    assert tried > 10


def test_the_page_on_scikit_learn():
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "sklearn.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert failed == 0
    assert tried > 10


def test_the_readme_links_to_files_that_exist():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
