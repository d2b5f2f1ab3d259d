"""Writes docs/torch.md's table: every public name of PyTorch's, whether it is here, and where it differs. Needs PyTorch.

`python tools/torch_table.py` writes it, `--check` fails if it is no longer true.
What differs comes from the tables of exceptions of the tests that replay PyTorch's own samples (`tests/oracle`), and from
`NOTES` below.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "torch.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
NAMESPACES = [
    "torch", "torch.Tensor", "torch.autograd", "torch.autograd.functional", "torch.fft", "torch.func", "torch.linalg",
    "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.nn.utils.rnn", "torch.optim",
    "torch.optim.lr_scheduler", "torch.special", "torch.utils.data", "torch.distributions", "torch.signal.windows",
    "torch.masked",
]  # fmt: skip
NOTES = {  # what means something else, or only accepts what it is told
    "torch.compile": "`mg.compile`; options are ignored, with a note; what can't be compiled runs eagerly",
    "torch.autocast": "changes no dtype", "torch.bfloat16": "computed as float32", "torch.Tensor.bfloat16": "gives float32",
    "torch.save": "a zip of safetensors and JSON: tensors, numbers, texts, containers",
    "torch.load": "runs nothing that a file holds",
    "torch.use_deterministic_algorithms": "everything is deterministic", "torch.set_num_threads": "of compiled programs",
    "torch.set_float32_matmul_precision": "products are exact to float32", "torch.Tensor.cuda": "raises: there is none",
    "torch.poisson": "other random numbers", "torch.nn.init.trunc_normal_": "other random numbers",
    "torch.as_strided": "a copy", "torch.Tensor.as_strided": "a copy", "torch.Tensor.share_memory_": "other processes get copies",
    "torch.autograd.detect_anomaly": "traces, so that `mg.why` can explain",
    "torch.autograd.gradcheck": "by central differences, in backward mode alone",
}  # fmt: skip


def main() -> None:
    """Write the page, or compare."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    new = f"{head}{BEGIN}\n{table()}{END}{tail}"
    if "--check" in sys.argv:
        if new != text:
            sys.exit("docs/torch.md is not what the code says: run python tools/torch_table.py")
        return
    PAGE.write_text(new)


def table() -> str:
    """The tables, one for each namespace, with how many of its names are here."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT))
    from tests.oracle.op_info import EXCEPTIONS

    parts = []
    for space in NAMESPACES:
        names, here = public(space), {}
        for name in names:
            note = NOTES.get(f"{space}.{name}", "")
            if not note and space in ("torch", "torch.Tensor", *OPERATORS):
                note = EXCEPTIONS.get(f"{OPERATORS.get(space, '')}{name}", "")
            found = is_here(space, name)
            here[name] = ("different" if note else "same", note) if found else ("absent", "")
        count = sum(state != "absent" for state, _ in here.values())
        parts.append(f"\n### {space}: {count} of {len(names)}\n\n| name | here | note |\n| --- | --- | --- |\n")
        parts += [f"| `{name}` | {state} | {note} |\n" for name, (state, note) in here.items()]
    return "".join(parts) + "\n"


OPERATORS = {
    "torch.nn.functional": "nn.functional.", "torch.linalg": "linalg.", "torch.special": "special.", "torch.masked": "masked.",
    "torch.fft": "fft.",
}  # fmt: skip


def public(space: str) -> list[str]:
    """The names that PyTorch documents in a namespace: its functions, classes and dtypes."""
    import torch

    owner = torch.Tensor if space == "torch.Tensor" else importlib.import_module(space)
    names = getattr(owner, "__all__", None) if space != "torch" else None
    names = [n for n in (names or dir(owner)) if not n.startswith("_")]
    kept = []
    for name in sorted(set(names), key=lambda name: (name.lower(), name)):
        thing = getattr(owner, name, None)
        if thing is None or type(thing).__name__ == "module" or getattr(thing, "__module__", "") == "typing":
            continue
        own = str(getattr(thing, "__module__", "torch") or "torch")
        if own.startswith(("torch", "builtins")) or not hasattr(thing, "__module__"):
            kept.append(name)
    return kept


def is_here(space: str, name: str) -> bool:
    """Whether `microgradient.torch` has the name."""
    import microgradient.torch as ours

    if space == "torch.Tensor":
        return name in {n for cls in ours.Tensor.__mro__[:-1] for n in vars(cls) if is_real(cls, n)}
    path = space.removeprefix("torch").lstrip(".")
    found = ours
    try:
        for part in filter(None, path.split(".")):
            found = getattr(found, part)
        return hasattr(found, name)
    except (AttributeError, ImportError):
        return False


def is_real(cls: type, name: str) -> bool:
    """Not a name that only says what it is called here."""
    return type(vars(cls)[name]).__name__ != "OtherName"


if __name__ == "__main__":
    main()
