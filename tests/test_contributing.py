"""CONTRIBUTING.md: its diffs apply to the code as it is, and what they add passes the tests that it names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
EXAMPLES = re.findall(
    r"^## (An? .*?)\n.*?^```diff\n(.*?\n)```\n.*?^make test ARGS=\"(.*?)\"\n", PAGE, flags=re.S | re.M
)


def test_there_is_an_example_of_everything():
    assert [title for title, _, _ in EXAMPLES] == ["A primitive", "A layer", "An optimiser", "A recipe"]


@pytest.mark.slow
@pytest.mark.parametrize(("diff", "tests"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_the_diff_applies_and_passes(diff, tests, tmp_path):
    for part in ("src", "tests", "tools", "benchmarks", "pyproject.toml"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / part)
    apply = ["git", "apply", "-"]
    outside = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "PYTHONPATH": str(tmp_path / "src")}
    subprocess.run(apply, input=diff, text=True, cwd=tmp_path, env=outside, check=True)
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-x", *shlex.split(tests)]
    done = subprocess.run(run, cwd=tmp_path, env=outside, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d+ passed", done.stdout)


def test_the_tests_it_names_exist():
    named = set(re.findall(r"tests/[\w/*.]+", PAGE)) - set(re.findall(r"^\+\+\+ b/(\S+)", PAGE, flags=re.M))
    assert [name for name in sorted(named) if not list(ROOT.glob(name))] == []
