"""Write `functions/pointwise.pyi`: the elementwise functions of the rulebook, declared for type checkers and editors.

python tools/pointwise_stub.py
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from microgradient.functions import pointwise
from microgradient.primitives import TABLE

HEAD = '''"""The elementwise functions of the rulebook. Written by tools/pointwise_stub.py."""

from ..primitives import Primitive
from ..tensor import Tensor
from .arguments import ArrayLike

'''


def stub() -> str:
    """The stub's text."""
    names = sorted(pointwise.__all__, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])
    listed = textwrap.fill(
        ", ".join(f'"{name}"' for name in names) + ",", 120, initial_indent="    ", subsequent_indent="    "
    )
    text = f"{HEAD}__all__ = [\n{listed}\n]  # fmt: skip\n"
    for name in names:
        arguments = "x: ArrayLike" if len(TABLE[name].maps) == 1 else "x1: ArrayLike, x2: ArrayLike"
        doc = pointwise.documentation(TABLE[name]).partition("\n")[0]
        text += f'\ndef {name}({arguments}, /) -> Tensor:\n    """{doc}"""\n'
    return text + "\ndef documentation(row: Primitive) -> str: ...\n"


if __name__ == "__main__":
    Path(pointwise.__file__).with_suffix(".pyi").write_text(stub())
