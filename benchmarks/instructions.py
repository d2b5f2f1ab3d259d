"""How many instructions compiled kernels take, counted by valgrind: a guard against slower code that needs no quiet machine.

    make instructions                 # counts, and compares with benchmarks/instructions.json
    make instructions ARGS=--renew    # writes the counts there

Each kernel is called once on one thread, compiled for AVX2 processors in general, whatever this one is. A count that differs by
more than 3 % from the one that is kept, up or down, is an error: a better one is kept by --renew, in the commit that made it so.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

import microgradient as mg
from microgradient import nn, optim
from microgradient.native.runtime.engine import targets
from microgradient.nn import functional
from microgradient.train.atomic import write_atomically

KEPT = Path(__file__).parent / "instructions.json"
TARGET = "avx2"
TOLERANCE = 0.03
WARM = 5  # calls, after which nothing is new
DUMP, ZERO = 0x43540003, 0x43540001  # callgrind.h: dump the counts under a name, and begin anew
REQUEST = bytes.fromhex("4889f8 31d2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0 c3")
"""Machine code by which a program asks valgrind for something, as valgrind.h has it: mov rax, rdi; xor edx, edx; rol rdi, 3, 13,
61 and 51; xchg rbx, rbx; mov rax, rdx; ret. Without valgrind it does nothing."""
console = Console()


@click.command(help=__doc__.splitlines()[0])
@click.option("--renew", is_flag=True, help="Keep what is counted.")
@click.option("--count", type=click.Path(), hidden=True, help="Run the kernels, under valgrind.")
def main(renew: bool, count: str | None) -> None:
    """Count, compare, and exit with 1 if a count has changed."""
    if count:
        run()
        return
    if shutil.which("valgrind") is None:
        raise click.ClickException("This needs valgrind: `apt-get install valgrind`.")
    if TARGET not in targets():
        console.print(f"This processor has no {TARGET.upper()}, for which the counts are kept: nothing is counted.")
        return
    counted, maker = counts(), version("llvmlite")
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if renew:
        write_atomically(KEPT, (json.dumps({"llvmlite": maker, "counts": counted}, indent=1) + "\n").encode())
    changed = show(counted, kept["counts"])
    if changed and not renew:
        raise click.ClickException(
            f"{len(changed)} of {len(counted)} kernels take more than {TOLERANCE:.0%} more or fewer instructions than before, "
            f"by llvmlite {maker} (kept: {kept['llvmlite']}): {', '.join(changed)}. "
            "Where that is meant: `make instructions ARGS=--renew`."
        )


def counts() -> dict[str, int]:
    """Instructions by kernel: of a process under valgrind, after one without that fills the cache of machine code."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--count", folder]
        environment = {
            **os.environ, "MICROGRADIENT_TARGET": TARGET, "MICROGRADIENT_CACHE": f"{folder}/code", "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
        }  # fmt: skip
        subprocess.run(command, check=True, env=environment)
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={folder}/counts"]
        subprocess.run([*valgrind, *command], check=True, env=environment, stderr=subprocess.DEVNULL)
        found = {}
        for file in Path(folder).glob("counts.*"):
            text = file.read_text(encoding="utf-8", errors="replace")
            name, total = (
                re.search(r"^desc: Trigger: Client Request: (.+)$", text, re.M),
                re.search(r"^summary: (\d+)$", text, re.M),
            )
            if name and total:
                found[name[1]] = int(total[1])
        return {name: found[name] for name in KERNELS}


def run() -> None:
    """Call each kernel once, between two requests."""
    mg.set_num_threads(1)
    mg.manual_seed(0)
    memory = mmap.mmap(-1, len(REQUEST), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(REQUEST)
    request = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))

    def ask(code: int, name: bytes = b"") -> None:
        text = ctypes.c_char_p(name)
        words = (ctypes.c_uint64 * 6)(code, ctypes.cast(text, ctypes.c_void_p).value or 0)
        request(ctypes.addressof(words))

    gc.disable()
    for name, make in KERNELS.items():
        f, *arrays = make()
        compiled = mg.compile(f)
        for _ in range(WARM):
            compiled(*arrays)
        ask(ZERO)
        compiled(*arrays)
        ask(DUMP, name.encode())


def show(counted: dict[str, int], kept: dict[str, int]) -> list[str]:
    """A table; the names of those that have changed."""
    table = Table("kernel", "instructions", "kept", "change")
    changed = []
    for name, count in counted.items():
        change = count / kept[name] - 1 if name in kept else float("inf")
        if abs(change) > TOLERANCE:
            changed.append(name)
        table.add_row(name, f"{count:,}", f"{kept.get(name, 0):,}", f"{change:+.2%}")
    console.print(table)
    return changed


# ------------------------------------------------------------------------------------------------------------- the kernels


def numbers(*shape: int) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32))


def gradient(f: Callable[..., Any], *arrays: mg.Tensor) -> tuple[Any, ...]:
    """The gradient by all arrays of the sum of f's squares."""
    return mg.grad(lambda *given: mg.sum(f(*given) ** 2), argnums=tuple(range(len(arrays)))), *arrays


def training(model: nn.Module, x: mg.Tensor) -> tuple[Any, ...]:
    """A step of Adam."""
    optimizer = optim.Adam(model.parameters())

    def step(x: mg.Tensor) -> None:
        optimizer.zero_grad()
        mg.mean(model(x) ** 2).backward()
        optimizer.step()

    return step, x


def attention(*given: mg.Tensor) -> Any:
    return functional.scaled_dot_product_attention(*given, is_causal=True)


KERNELS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "product": lambda: (lambda a, b: a @ b, numbers(192, 192), numbers(192, 192)),
    "product, odd sizes": lambda: (lambda a, b: a @ b, numbers(131, 257), numbers(257, 93)),
    "product, long depth": lambda: (lambda a, b: a.T @ b, numbers(4096, 48), numbers(4096, 32)),
    "product, doubles": lambda: (
        lambda a, b: a @ b,
        mg.astype(numbers(96, 160), mg.float64),
        mg.astype(numbers(160, 96), mg.float64),
    ),
    "linear layer's gradient": lambda: gradient(functional.linear, numbers(64, 256), numbers(128, 256), numbers(128)),
    "convolution's gradient": lambda: gradient(
        lambda x, w: functional.conv2d(x, w, padding=1), numbers(4, 16, 14, 14), numbers(32, 16, 3, 3)
    ),
    "depthwise convolution's gradient": lambda: gradient(
        lambda x, w: functional.conv2d(x, w, padding=1, groups=32), numbers(4, 32, 14, 14), numbers(32, 1, 3, 3)
    ),
    "gelu's gradient": lambda: gradient(functional.gelu, numbers(256, 512)),
    "softmax's gradient": lambda: gradient(lambda x: functional.softmax(x, dim=-1), numbers(512, 512)),
    "layer norm's gradient": lambda: gradient(
        lambda x, w: functional.layer_norm(x, (256,), w), numbers(512, 256), numbers(256)
    ),
    "sum of columns": lambda: (lambda x: mg.sum(mg.exp(x), axis=0), numbers(1024, 512)),
    "transposed copy": lambda: (lambda x: mg.reshape(x.T * 2, (-1,)), numbers(512, 768)),
    "attention's gradient": lambda: gradient(attention, *(numbers(4, 64, 32) for _ in range(3))),
    "LSTM, a step of Adam": lambda: training(_Last(nn.LSTM(32, 64, batch_first=True)), numbers(8, 16, 32)),
    "embedding, a step of Adam": lambda: training(_Rows(), numbers(256)),
}


class _Last(nn.Module):
    """What a recurrent network gives."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.network(x)[0]


class _Rows(nn.Module):
    """The rows of a table that the entries of x name."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(1000, 32)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.table(mg.astype(mg.clip(mg.abs(x) * 300, 0, 999), mg.int64))


if __name__ == "__main__":
    main()
