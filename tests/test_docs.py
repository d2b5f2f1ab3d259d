"""The documentation covers what is public: every name has a docstring with an example, and a chapter of the reference."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
import site_reference as reference

import microgradient

ROOT, PACKAGE = Path(__file__).parents[1], Path(microgradient.__file__).parent
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
NAMES = [
    (module, name) for module in reference.CHAPTERS for name in reference.documented(importlib.import_module(module))
]


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[f"{module}.{name}" for module, name in NAMES])
def test_every_public_name_has_an_example(module, name):
    thing = getattr(importlib.import_module(module), name)
    text = inspect.getdoc(thing) or ""
    assert ">>> " in text or "microgradient train" in text, "needs a doctest in its docstring"
    assert not text.startswith(">>>"), "needs a sentence that says what it computes"
    if inspect.isclass(thing) and thing.__doc__ is not None:
        bases = [base.__doc__ for base in thing.__mro__[1:]]
        assert thing.__doc__ not in bases, "has its base's docstring"


def test_every_public_module_has_a_chapter():
    """What a module's `__all__` offers is in the chapter of its own name or in another one."""
    shown = {
        id(inspect.unwrap(thing))
        for path in reference.CHAPTERS
        for thing in reference.public(importlib.import_module(path)).values()
    }
    missing = []
    for found in pkgutil.walk_packages(microgradient.__path__, "microgradient."):
        if found.name.startswith(("microgradient.cli", "microgradient.torch")) or found.name.endswith("__main__"):
            continue  # PyTorch's names are in a table of their own
        if found.name.startswith(("microgradient.numpy", "microgradient.scipy")) and not found.name.endswith(
            ".transforms"
        ):
            continue  # NumPy's and SciPy's names, which their documentation is of
        module = importlib.import_module(found.name)
        own = {n: inspect.unwrap(getattr(module, n)) for n in getattr(module, "__all__", ())}
        missing += [f"{found.name}.{n}" for n, thing in own.items() if id(thing) not in shown]
    assert missing == []


def test_the_pages_name_every_public_function():
    pages = "".join(text for _, text in reference.pages().values())
    for module in reference.CHAPTERS:
        for thing in reference.documented(importlib.import_module(module)).values():
            assert f"::: {reference.anchor(thing)}\n" in pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_pages_mention_exist(page):
    mentioned = re.findall(r"`([\w/]+(?:\.py|/))`", page.read_text())
    assert [
        m for m in mentioned if not any((place / m).exists() for place in (ROOT, PACKAGE, PACKAGE / "native"))
    ] == []
