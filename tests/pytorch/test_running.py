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


QUICK = ("dqn", "pictures")  # the others are run by test-all, and compared with PyTorch in tests/oracle


@pytest.mark.parametrize(
    "program", [pytest.param(p, marks=() if p.stem in QUICK else pytest.mark.slow, id=p.stem) for p in PROGRAMS]
)
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
    (
        "import torch.distributed as dist\ndist.init_process_group()\n",
        r"no `torch.distributed.init_process_group`: one process.*p.py:2",
    ),
    ("import torch.frobnicate\n", r"no `torch.frobnicate` here.*p.py:1"),
    ("import torch\nx = (\n", r"p.py is no Python program"),
]


IMPORTS = """
import torch, torch.backends.cudnn as cudnn, torch.distributed as dist, torch.fx, torch.onnx
from torch.distributed import destroy_process_group, init_process_group
from torch.hub import load_state_dict_from_url
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.common_types import _size_2_t
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.loss import _Loss
from torch.nn.modules.transformer import _get_activation_fn
from torch.nn.modules.utils import _ntuple, _pair
from torch.serialization import add_safe_globals
from torch.types import Device, Number
from torch.utils.dlpack import from_dlpack, to_dlpack
from torch.utils.model_zoo import load_url
from torch.nn.utils.clip_grad import clip_grad_norm_
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.optim.adamw import AdamW
from torch.optim.swa_utils import AveragedModel
from torch.utils.data.dataset import Dataset
from torch.utils.data.distributed import DistributedSampler

class Half(_Loss):
    def forward(self, x):
        return x.sum() / 2

class Ours(DDP):
    pass

print(_pair(3), _pair((3, 4)), _ntuple(3)(1.5), isinstance(torch.nn.BatchNorm2d(3), _BatchNorm))
print(dist.is_initialized(), torch.onnx.is_in_onnx_export(), isinstance(torch.nn.Linear(1, 1), DDP), cudnn.benchmark)
add_safe_globals([Half])
print(isinstance(3, Number), from_dlpack(torch.ones(2)).tolist(), type(to_dlpack(torch.ones(2))).__name__)
print(Half(reduction="sum").reduction, Half()(torch.ones(2)).item(), _get_activation_fn("relu")(-torch.ones(1)))
with sdpa_kernel(SDPBackend.MATH):
    print(isinstance(AveragedModel(torch.nn.Linear(1, 1)), torch.nn.Module), end=" ")
    print(AdamW is torch.optim.AdamW, Dataset is torch.utils.data.Dataset, list(DistributedSampler("abc", 1, 0, False)))
Ours()
"""


def test_what_programs_import_is_there_or_an_error_when_it_is_used(tmp_path):
    (tmp_path / "p.py").write_text(IMPORTS)
    found = run("p.py", folder=tmp_path)
    assert found.stdout.splitlines() == [
        "(3, 3) (3, 4) (1.5, 1.5, 1.5) True",
        "False False False False",
        "True [1.0, 1.0] PyCapsule",
        "sum 1.0 tensor([0.])",
        "True True True [0, 1, 2]",
    ], found.stderr
    assert re.search(r"no `torch.nn.parallel.DistributedDataParallel`: one process.*Ours\(\)", found.stderr)


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


# how a step reads or changes Python objects, by which its results change from call to call
OF_OBJECTS = {
    "nothing given": ("", "", "    x = memory[-1]\n"),
    "not enough yet": ("n", "2", "    if len(memory) < 3:\n        return None\n    x = memory[-1]\n"),
    "a replay buffer": ("n", "1", "    (x,) = replay.sample(n)\n"),
    "random numbers": ("x", "memory[0]", "    x = x * random.choice([1.0, 2.0, 3.0])\n"),
    "a counter": ("x", "memory[0]", "    replay.t += 1\n    x = x * replay.t\n"),
    "a list": ("x", "memory[0]", "    seen.append(x.sum())\n    x = x * len(seen)\n"),
}


def test_steps_that_read_python_objects_are_not_compiled(tmp_path):
    program = "import random, torch\nclass Replay:\n    t = 0\n"
    program += "    def sample(self, n):\n        return random.sample(memory, n)\n"
    for k, (what, (parameter, argument, lines)) in enumerate(OF_OBJECTS.items()):
        program += (
            f"print({what!r})\nrandom.seed(0)\nmemory, seen, replay = [], [], Replay()\n"
            "w = torch.nn.Parameter(torch.zeros(3))\nopt = torch.optim.SGD([w], lr=0.1)\n"
            f"def step{k}({parameter}):\n{lines}    opt.zero_grad()\n    loss = ((w - x) ** 2).sum()\n    loss.backward()\n"
            "    opt.step()\n    return loss\n"
            f"for i in range(5):\n    memory.append(torch.full((3,), i + 1.0))\n    print(step{k}({argument}))\n"
        )
    (tmp_path / "p.py").write_text(program)
    eager, compiled = run("p.py", folder=tmp_path), run("--compile", "p.py", folder=tmp_path)
    assert eager.returncode == compiled.returncode == 0, eager.stderr + compiled.stderr
    assert eager.stdout == compiled.stdout
    assert eager.stdout.count("tensor") >= 3 * len(OF_OBJECTS)
