"""Every example in the READMEs and on the pages prints what it says; the Chinese README has the examples of the English one."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READMES = {"README.md": "en", "README.zh-CN.md": "zh_CN"}
PAGES = {
    "docs/compile.md": 10, "docs/doctor.md": 10, "docs/languages.md": 3, "docs/learn.md": 20, "docs/lessons.md": 5,
    "docs/sklearn.md": 10,
}  # fmt: skip


def examples(page: str) -> doctest.TestResults:
    """Run them."""
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    return doctest.testfile(str(ROOT / page), module_relative=False, optionflags=options, encoding="utf-8")


@pytest.mark.parametrize(("page", "language"), READMES.items())
def test_the_readmes_examples(page, language, monkeypatch):
    monkeypatch.setenv("MICROGRADIENT_LANG", language)
    failed, tried = examples(page)
    assert failed == 0
    assert tried > 30


@pytest.mark.parametrize(("page", "least"), PAGES.items())
def test_the_examples_of_pages(page, least):
    failed, tried = examples(page)
    assert failed == 0
    assert tried >= least


def code(page: str) -> list[str]:
    """The lines of a page's examples without comments; of Python, what is put in."""
    found = []
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S):
        lines = (re.sub(r"\s*# .*", "", line) for line in block.splitlines())
        found += [line for line in lines if language != "python" or line.startswith((">>> ", "... "))]
    return found


def test_both_readmes_have_the_same_examples():
    english, chinese = map(code, READMES)
    chinese.remove("export MICROGRADIENT_LANG=zh")
    assert chinese == english


@pytest.mark.parametrize("page", READMES)
def test_the_readme_links_to_files_that_exist(page):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_both_readmes_link_to_the_same_pages():
    link = re.compile(r"\]\((docs/[^)#]+\.md|[A-Z]+\.md)")
    english, chinese = (set(link.findall((ROOT / page).read_text(encoding="utf-8"))) for page in READMES)
    assert english == chinese - {"README.md"}
