"""A run trained again beside itself: the doctor's change is applied, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microgradient.errors import ArgumentError
from microgradient.page.beside import Beside
from microgradient.page.live import Run
from microgradient.recipes import RECIPES
from microgradient.train.run_folder import RunFolder
from microgradient.train.session import Session


def options(**changes):
    kind = RECIPES["two-layer"]
    return dataclasses.replace(kind.defaults, epochs=5, compile=False, **changes)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_trains_with_the_change_and_nothing_else():
    beside = Beside("two-layer", options(seed=3), {"lr": 0.0625})
    until(lambda: not beside.state()["going"])
    state = beside.state()
    assert (state["changes"], state["said"], len(state["losses"])) == ("--lr 0.0625", "", 5)
    kept = RunFolder.peek(beside._path).run.options
    beside.close()
    assert kept == {**json.loads(json.dumps(options(seed=3).as_dict())), "lr": 0.0625}
    assert not beside._path.exists()


def test_it_clips_the_gradients_that_the_run_does_not():
    beside = Beside("two-layer", options(), {"clip": "1.0"})
    until(lambda: not beside.state()["going"])
    state = beside.state()
    assert (state["changes"], state["said"], len(state["losses"])) == ("--clip 1.0", "", 5)
    assert RunFolder.peek(beside._path).run.options["clip"] == "1.0"
    beside.close()


def test_what_goes_wrong_is_told():
    beside = Beside("two-layer", options(), {"batch_size": 0})
    until(lambda: not beside.state()["going"])
    assert "--batch-size" in beside.state()["said"]
    beside.close()


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        (None, "MG189", "some of its options changed"),
        ("lr", "MG189", "not 'lr'"),
        ({}, "MG189", "some of its options changed"),
        ({"no_such": 1.0}, "MG189", "no_such"),
        ({"lr": "abc"}, "MG188", "--lr can't be 'abc'"),
        ({"lr": float("inf")}, "MG188", "--lr must be a positive number, not inf"),
        ({"lr": -1}, "MG188", "--lr must be a positive number"),
        ({"epochs": 1.5}, "MG188", "--epochs can't be 1.5"),
        ({"batch_size": 0}, "MG188", "--batch-size must be at least 1"),
        ({"compile": "no"}, "MG188", "--compile can't be 'no'"),
        ({"optimizer": "sgdd"}, "MG188", "did you mean sgd"),
        ({"model": []}, "MG188", "--model can't be"),
    ],
)
def test_other_changes_are_refused_at_once(tmp_path, changes, code, said):
    made = Session.begin("two-layer", RECIPES["two-layer"], RECIPES["two-layer"], {}, tmp_path / "run")
    watched = Run(made.recipe, made.folder, made.optimizer)
    with pytest.raises(ArgumentError, match=said) as refused:
        watched.answers["rerun"]({"options": changes})
    assert refused.value.code == code
    assert watched.beside is None
    made.folder.release()


def test_the_process_ends_with_it():
    beside = Beside("digits", RECIPES["digits"].defaults, {"epochs": 10_000})
    beside.close()
    assert beside.process.returncode is not None


def test_it_ends_with_its_program_however_that_ends(tmp_path):
    program = (
        "import os, sys, dataclasses\nfrom microgradient.page.beside import Beside\nfrom microgradient.recipes import RECIPES\n"
        "beside = Beside('digits', RECIPES['digits'].defaults, {'epochs': 10_000})\n"
        "print(beside.process.pid, beside.folder.name, flush=True)\nsys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid, folder = parent.stdout.readline().split(maxsplit=1)
    parent.kill()
    parent.communicate()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])
    assert not Path(folder.strip()).exists()
