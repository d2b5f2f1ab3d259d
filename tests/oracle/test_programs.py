"""Unchanged PyTorch programs print what they print with PyTorch: words exactly, numbers to the digits that rounding leaves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent.parent / "programs").glob("*.py"))
NUMBER = re.compile(r"-?(?:\d+\.\d*|\d+)(?:[eE][-+]?\d+)?")
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # PyTorch's threads wait for each other where others compute, too
# PyTorch takes seconds to load: it does so once, in a process that has a child for each program
PYTORCH = """
import os, runpy, sys, torch, torch.distributions, torch.utils.data
for line in sys.stdin:
    program, folder = line.rstrip("\\n").split("\\t")
    if not os.fork():
        os.chdir(folder)
        for descriptor, name in ((1, "printed"), (2, "errors")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), descriptor)
        sys.argv[:] = [program]
        runpy.run_path(program, run_name="__main__")
        sys.stdout.flush()
        os._exit(0)
    print(os.wait()[1], flush=True)
"""


@pytest.fixture(scope="module")
def pytorch():
    with subprocess.Popen(
        [sys.executable, "-c", PYTORCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ONE_THREAD
    ) as process:
        yield process
        process.stdin.close()


def same_number(ours, theirs):
    """Within two units of the last digit printed, or a part in a thousand of small differences that training makes larger."""
    digits = len(theirs.partition(".")[2].partition("e")[0]) if "." in theirs and "e" not in theirs else 0
    x, y = float(ours), float(theirs)
    return ours == theirs or abs(x - y) <= max(2.1 * 10.0**-digits if digits else 0, 2e-3 * abs(y))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_programs_print_what_they_print_with_pytorch(program, tmp_path, pytorch):
    folders = [tmp_path / name for name in ("ours", "theirs")]
    for folder in folders:
        folder.mkdir()
    pytorch.stdin.write(f"{program}\t{folders[1]}\n")
    pytorch.stdin.flush()
    found = [run(program, folder=folders[0]), run("--compile", program, folder=folders[0])]
    assert int(pytorch.stdout.readline()) == 0, (folders[1] / "errors").read_text()
    theirs = (folders[1] / "printed").read_text().splitlines()
    for ours in found:
        agree(ours, theirs)


def run(*words, folder):
    words = [sys.executable, "-m", "microgradient", "run", *map(str, words)]
    found = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, env=ONE_THREAD)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def agree(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        a, b = (re.sub(r", inplace=True|, bias=True(?=, track)| object at 0x\w+", "", line) for line in (a, b))
        assert NUMBER.sub("#", a) == NUMBER.sub("#", b)
        assert all(map(same_number, NUMBER.findall(a), NUMBER.findall(b))), f"{a!r} is not {b!r}"
