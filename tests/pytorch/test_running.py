"""`microgradient run`: unchanged programs, and what it says of mistakes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent.parent / "programs").glob("*.py"))


def run(*words, folder):
    words = [sys.executable, "-m", "microgradient", "run", *map(str, words)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_programs_run_to_their_end(program, tmp_path):
    found = run(program, folder=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("\n") > 3


def test_arguments_and_exit_codes_are_the_programs(tmp_path):
    (tmp_path / "p.py").write_text(
        "import sys, torch.nn.functional as F, torch\nprint(sys.argv, F.relu is torch.nn.functional.relu)\nsys.exit(3)\n"
    )
    found = run("p.py", "--lr", "1", "x", folder=tmp_path)
    assert found.stdout == "['p.py', '--lr', '1', 'x'] True\n"
    assert found.returncode == 3


MISTAKES = [
    (
        "import torch\nx = torch.ones(2)\ntorch.quux(x)\n",
        r"microgradient.torch has no `quux`.*\(p.py:3: torch.quux\(x\)\)",
    ),
    ("import torch.distributed\n", r"no `torch.distributed` here.*p.py:1"),
    ("import torch\nx = (\n", r"p.py is no Python program"),
]


@pytest.mark.parametrize(("source", "said"), MISTAKES)
def test_what_is_missing_is_named_with_its_place(source, said, tmp_path):
    (tmp_path / "p.py").write_text(source)
    found = run("p.py", folder=tmp_path)
    assert found.returncode == 1
    assert re.search(said, found.stderr), found.stderr
    assert "Traceback" not in found.stderr


def test_errors_of_the_program_are_pythons_without_our_frames(tmp_path):
    (tmp_path / "p.py").write_text("import torch\ndef f():\n    raise ValueError('mine')\nf()\n")
    found = run("p.py", folder=tmp_path)
    assert found.returncode == 1
    assert "ValueError: mine" in found.stderr
    assert "running.py" not in found.stderr
    assert run("absent.py", folder=tmp_path).stderr.startswith("Error: There is no file absent.py")


def test_training_steps_are_compiled_on_request(tmp_path):
    (tmp_path / "p.py").write_text(
        "import torch\nw = torch.nn.Parameter(torch.zeros(3))\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "def step(x):\n    loss = ((w - x) ** 2).sum()\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n"
        "    return loss\n"
        "for i in range(3):\n    print(f'{step(torch.ones(3)).item():.4f}')\nprint(hasattr(step, '__wrapped__'))\n"
    )
    eager, compiled = run("p.py", folder=tmp_path), run("--compile", "p.py", folder=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    assert eager.stdout.splitlines()[:-1] == compiled.stdout.splitlines()[:-1]
    assert compiled.stdout.endswith("True\n")
