"""Moments in which a program goes wrong: what it is told, where, why, and what to write, in English and in Chinese.

Each mistake is a program as users write it, with its neighbours: the same mistake in other clothes. Beside them, in the same
places, what is right and must not be spoken of.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
import traceback
import warnings
from collections import Counter
from typing import NamedTuple

import pytest

import microgradient as mg
import moments_of_graphs as graphs
import moments_of_layers as layers
import moments_of_numbers as numbers
from microgradient import tape
from microgradient.language import speaking
from moments_of_reports import ASKED, SEEN
from moments_that_are_right import RIGHT

HEAD = "import math, numpy as np, microgradient as mg, microgradient.nn.functional as F; from microgradient import nn, optim"
CHINESE = re.compile(r"[一-鿿]")
TO_DO = "Change to|Leave it out|use softmax|move the point|keep float64|should have the shape|Give the model|num_embeddings="
MOMENTS = {
    f"{table.lower().replace('_', ' ')} {number}": moment
    for module in (graphs, layers, numbers)
    for table, moments in vars(module).items()
    if isinstance(moments, list)
    for number, moment in enumerate(moments, 1)
}


class Outcome(NamedTuple):
    """The messages of a program with the lines of `train.py` that they are shown at, and what it printed."""

    told: list[tuple[str, int]]
    printed: str


def lines(program):
    """The numbers of the lines that end in a comment of one word, by the word."""
    found = enumerate((HEAD + program).splitlines(), 1)
    return {mark[1]: number for number, line in found if (mark := re.search(r"# (\w+)$", line))}


def run(program, language, folder):
    """Run a program as `train.py`, in a language."""
    path = folder / language / "train.py"
    path.parent.mkdir()
    path.write_text(HEAD + program, encoding="utf-8")
    tape.DEPARTED.clear()
    mg.manual_seed(0)
    random.seed(0)
    told, printed = [], io.StringIO()
    with warnings.catch_warnings(record=True) as caught, speaking(language), contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        try:
            exec(compile(HEAD + program, str(path), "exec"), {"__name__": "__main__"})
        except mg.errors.MicrogradientError as error:
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
            told.append((str(error), frames[-1].lineno))
    assert all(issubclass(warning.category, mg.errors.MicrogradientWarning) for warning in caught)
    told = [(str(warning.message), warning.lineno) for warning in caught if warning.filename == str(path)] + told
    return Outcome(told, printed.getvalue())


def in_both(program, folder):
    return run(program, "en", folder), run(program, "zh_CN", folder)


def assert_said(parts, text, places):
    for part in parts:
        expected = re.sub(r"@(\w+)", lambda mark: f"train.py:{places[mark[1]]}", part)
        assert expected in text, text


def assert_translated(english, chinese):
    """The same code, names, places and numbers, and no English sentence but PyTorch's own words."""
    told = re.sub(r"`[^`]*`|PyTorch：[^）]*|\[MG\d+\]|\([^)]*\)|[\w.]+\.py:\d+", "", chinese)
    assert not re.search(r"[a-z]{3,} [a-z]{2,}", told), told
    assert CHINESE.search(told)
    for kept in (r"`[^`]*`", r"\[MG\d+\]", r"\w+\.py:\d+", r"\d+(?:\.\d+)?(?:e[+-]\d+)?"):
        assert Counter(re.findall(kept, english)) == Counter(re.findall(kept, chinese)), (english, chinese)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_mistake_is_explained(name, tmp_path):
    program, parts = MOMENTS[name]
    english, chinese = in_both(program, tmp_path)
    places = lines(program)
    ((text, line),) = english.told
    assert_said(parts, text, places)
    assert line == places["here"]
    assert re.search(r"\[MG\d{3}\]$", text)
    assert re.search(rf"`[^`]+`|{TO_DO}", text), f"nothing to do instead: {text}"
    ((translated, line),) = chinese.told
    assert line == places["here"]
    assert_translated(text, translated)


def test_without_the_source_it_is_explained_with_less():
    """As in an interactive session, where no file has the lines."""
    variables = {"mg": mg}
    code = "w = mg.tensor([1.0, 2.0], requires_grad=True)\nloss = w * w\nloss.backward()"
    with pytest.raises(mg.errors.GradientError, match=r"^`loss` has shape \(2,\).*outputs\)\. Write `loss.mean\(\)"):
        exec(code, variables)
    with pytest.raises(mg.errors.GradientError, match=r"^This tensor has shape \(2,\)"):
        exec("(lambda: (w * w).backward())()", variables)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_spoken_of(name, tmp_path):
    assert run(RIGHT[name], "en", tmp_path).told == []


# ------------------------------------------------------------------------------------------ what the reports get right


@pytest.mark.parametrize("name", SEEN)
def test_a_report_says_what_it_should(name, tmp_path):
    program, parts = SEEN[name]
    english, chinese = in_both(program, tmp_path)
    places = lines(program)
    assert english.told == chinese.told == []
    assert_said(parts, english.printed, places)
    assert_translated(english.printed, chinese.printed)


@pytest.mark.parametrize("name", ASKED)
def test_a_report_that_can_not_be_made_says_why(name, tmp_path):
    program, parts = ASKED[name]
    english, chinese = in_both(program, tmp_path)
    places = lines(program)
    ((text, line),) = english.told
    assert line == places["here"]
    assert_said(parts, text, places)
    assert_translated(text, chinese.told[0][0])


def test_values_have_a_graph_as_json():
    a = mg.Value(2.0, label="a")
    loss = a * a
    loss.backward()
    assert '"name": "a"' in mg.trace().to_json(loss)
