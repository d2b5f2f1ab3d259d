"""Writes docs/differences.md: where we differ from PyTorch, and of every public name of its whether it is here. Needs PyTorch.

`python tools/torch_table.py` writes it, `--check` fails if it is no longer true. What differs comes from the table of exceptions
of the test that replays PyTorch's own samples (`tests/oracle/op_info.py`), and from `NOTES` below.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "differences.md"
NAMESPACES = [
    "torch", "torch.Tensor", "torch.autograd", "torch.autograd.functional", "torch.fft", "torch.func", "torch.linalg",
    "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.nn.utils.rnn", "torch.optim",
    "torch.optim.lr_scheduler", "torch.special", "torch.utils.data", "torch.autograd.graph",
    "torch.distributions", "torch.signal.windows",
    "torch.masked", "torch.sparse",
]  # fmt: skip
NOTES = {  # what means something else, or only accepts what it is told
    "torch.compile": "`mg.compile`; options are ignored, with a note; what can't be compiled runs eagerly",
    "torch.autocast": "changes no dtype", "torch.bfloat16": "computed as float32", "torch.Tensor.bfloat16": "gives float32",
    "torch.save": "a zip of safetensors and JSON: tensors, numbers, texts, containers",
    "torch.load": "runs nothing that a file holds",
    "torch.use_deterministic_algorithms": "everything is deterministic", "torch.set_num_threads": "of compiled programs",
    "torch.set_float32_matmul_precision": "products are exact to float32", "torch.Tensor.cuda": "raises: there is none",
    "torch.distributions.VonMises": "other random numbers",
    "torch.as_strided": "a copy", "torch.Tensor.as_strided": "a copy", "torch.Tensor.share_memory_": "other processes get copies",
    "torch.autograd.detect_anomaly": "traces, so that `mg.why` can explain",
    "torch.sparse_coo_tensor": "a matrix, no `torch.Tensor`; a leaf's gradient is sparse; not in place",
    "torch.sparse_csr_tensor": "as sparse_coo_tensor; its transpose is CSR, too", "torch.sparse.sum": "of rows, columns: dense",
    "torch.sparse.mm": "of a sparse and a dense matrix", "torch.Tensor.to_sparse": "of matrices",
    "torch.autograd.graph.saved_tensors_hooks": "the hooks are not called, and a note says so",
    "torch.autograd.graph.Node": "`register_hook` of single operations; `metadata` is not there",
    "torch.autograd.gradcheck": "by central differences, with small inputs entry by entry",
}  # fmt: skip


HEAD = """# Where it differs from PyTorch

Written by `tools/torch_table.py` from the tests that replay PyTorch's own tables of operators, modules and optimisers (OpInfo,
ModuleInfo, OptimizerInfo: values, gradients and second gradients of all their samples). What is in neither list agrees on all.

## Operators

{operators} of {all} variants agree on all samples. The others:

| operator | why |
| --- | --- |
"""


def main() -> None:
    """Write the page, or compare."""
    text = page()
    if "--check" in sys.argv:
        if text != PAGE.read_text():
            sys.exit("docs/differences.md is not what the code says: run python tools/torch_table.py")
        return
    PAGE.write_text(text)


def page() -> str:
    """The page: the exceptions of each test, then the table of names."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT))
    from tests.oracle import op_info, test_module_info

    total = len({name for name, _ in op_info.variants()})
    text = HEAD.format(operators=total - len(op_info.EXCEPTIONS), all=total)
    text += _rows(op_info.EXCEPTIONS)
    text += "\n## Modules\n\nAll modules agree. Not compared, or not here:\n\n| module | why |\n| --- | --- |\n"
    text += _rows({f"{name} (gradient)": why for name, why in test_module_info.GRADIENTS_NOT_COMPARED.items()})
    text += _rows({f"nn.{name}": why for name, why in test_module_info.ABSENT.items()})
    text += """
## Optimisers

All optimisers take PyTorch's paths with all settings of its table.

## Every name

*same*: PyTorch's own samples of it, where there are any, give the same in the tests; *different*: here, with what the note says;
*absent*: not here.
"""
    return text + table(op_info.EXCEPTIONS)


def _rows(reasons: dict[str, str]) -> str:
    return "".join(f"| `{name}` | {why} |\n" for name, why in sorted(reasons.items()))


def table(exceptions: dict[str, str]) -> str:
    """The tables, one for each namespace, with how many of its names are here."""
    parts = []
    for space in NAMESPACES:
        names, here = public(space), {}
        for name in names:
            note = NOTES.get(f"{space}.{name}", "")
            if not note and space in ("torch", "torch.Tensor", *OPERATORS):
                note = exceptions.get(f"{OPERATORS.get(space, '')}{name}", "")
            found = is_here(space, name)
            here[name] = ("different" if note else "same", note) if found else ("absent", "")
        count = sum(state != "absent" for state, _ in here.values())
        parts.append(f"\n### {space}: {count} of {len(names)}\n\n| name | here | note |\n| --- | --- | --- |\n")
        parts += [f"| `{name}` | {state} | {note} |\n" for name, (state, note) in here.items()]
    return "".join(parts)


OPERATORS = {
    "torch.nn.functional": "nn.functional.", "torch.linalg": "linalg.", "torch.special": "special.", "torch.masked": "masked.",
    "torch.fft": "fft.",
}  # fmt: skip


def public(space: str) -> list[str]:
    """The names that PyTorch documents in a namespace: its functions, classes and dtypes."""
    import torch

    owner = torch.Tensor if space == "torch.Tensor" else importlib.import_module(space)
    names = getattr(owner, "__all__", None) or dir(owner)
    if space == "torch":  # its functions and dtypes, and what else is no class or helper of its compiler
        functions = {f.__name__ for f in torch.overrides.get_overridable_functions()[torch]}
        names = [n for n in names if n in functions or not _is_inside(torch, n)]
    names = [n for n in names if not n.startswith(("_", *BACK_ENDS))]
    kept = []
    for name in sorted(set(names), key=lambda n: (n.lower(), n)):
        thing = getattr(owner, name, None)
        if thing is None or type(thing).__name__ == "module" or getattr(thing, "__module__", "") == "typing":
            continue
        own = str(getattr(thing, "__module__", "torch") or "torch")
        if own.startswith(("torch", "builtins")) or not hasattr(thing, "__module__"):
            kept.append(name)
    return kept


BACK_ENDS = ("cudnn", "miopen", "mkldnn", "fbgemm", "quantize", "fake_quantize", "sym_", "Sym", "q_")


def _is_inside(torch: Any, name: str) -> bool:
    """Whether a name of `torch` belongs to its compiler or its back ends rather than to users."""
    thing = getattr(torch, name, None)
    own = str(getattr(thing, "__module__", "") or "")
    if isinstance(thing, type) and not hasattr(importlib.import_module("microgradient.torch"), name):
        return True
    return not isinstance(thing, torch.dtype) and (own.startswith("torch._C") or not own.startswith("torch"))


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
