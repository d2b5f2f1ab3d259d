"""Which loop of a contraction is vectorised, which operand is packed for it, and how the result lies in memory.

out[batch, rows, columns] = Σ a[batch, rows, depth] · b[batch, columns, depth]. The last column is read and written as vectors,
so b must lie along it in memory. If neither operand does, the one that holds that axis is copied first ("packed"):
cheap beside the product itself.
"""

from __future__ import annotations

import math
from typing import Any

from ...program.program import Instruction
from ..lower.views import Step
from .fusion import Fusion
from .groups import ContractionGroup
from .values import View


class _Labels:
    """The operands of a contraction, their labels, and how long the axis of each label is."""

    def __init__(self, a: View, b: View, labels: tuple[str, str, str]) -> None:
        self.a, self.b = a, b
        self.la, self.lb, self.out = labels
        self.sizes = dict(zip(self.la + self.lb, (*a.shape, *b.shape), strict=True))
        self.batch = [c for c in self.out if c in self.la and c in self.lb]
        self.depth = [c for c in self.la if c in self.lb and c not in self.out]

    def swap(self) -> None:
        """Exchange the operands."""
        self.a, self.b, self.la, self.lb = self.b, self.a, self.lb, self.la

    def free(self, labels: str) -> list[str]:
        """The labels of the result that only this operand has."""
        return [c for c in self.out if (c in self.la) + (c in self.lb) == 1 and c in labels]

    def stride(self, label: str) -> int:
        """How the operand that alone has a label lies along it."""
        view, labels = (self.a, self.la) if label in self.la else (self.b, self.lb)
        return view.layout.strides[labels.index(label)]

    def product(self, labels: Any) -> int:
        """How many places these loops have."""
        return math.prod([self.sizes[c] for c in labels])


def contract(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    """Make a group of a contraction."""
    a, b = map(fusion.stored, operands)
    c = _Labels(a, b, i.params["labels"])
    vectorised = _vector_label(c, str(i.params["last"]))
    if not c.depth or _is_thin(c, vectorised):
        return _by_rows(fusion, i, c)
    if vectorised in c.free(c.la):
        c.swap()
    columns = [label for label in c.free(c.lb) if label != vectorised] + [label for label in vectorised]
    if vectorised and c.sizes[vectorised] > 1 and c.stride(vectorised) != 1:
        order = [label for label in c.lb if label in c.batch] + [label for label in c.lb if label in c.depth] + columns
        c.b = fusion.copy(c.b, [c.lb.index(label) for label in order])
    if vectorised and c.sizes[vectorised] > 1:
        c.b.value.vectorised.append((c.b.steps, c.lb.index(vectorised)))
    depth = sorted(c.depth, key=lambda label: -abs(c.a.layout.strides[c.la.index(label)]))
    memory = [label for label in c.out if label != vectorised] + [label for label in vectorised]
    group = fusion.begin(ContractionGroup(len(fusion.groups), i.shape, [c.out.index(label) for label in memory]))
    group.inputs, group.a_labels, group.b_labels, group.out = [c.a, c.b], c.la, c.lb, c.out
    rows = c.free(c.la)
    group.batch, group.depth = "".join(c.batch), "".join(depth)
    group.rows = "".join([label for label in memory if label in rows])
    group.columns = "".join([label for label in memory if label in columns])
    return View(group.enter("product", [], {}, i.shape, i.dtype, fusion.where))


def _vector_label(c: _Labels, asked: str) -> str:
    """The label to vectorise: the one asked for, the last of the result, or one that lies along memory already."""
    free = [label for label in c.out if label not in c.batch]
    if not free:
        return ""
    if asked in free and c.sizes[asked] >= 4:
        return asked
    last = next((label for label in reversed(c.out) if label in free and c.sizes[label] > 1), free[-1])
    if c.stride(last) == 1:
        return last
    operand = c.la if last in c.la else c.lb
    if c.sizes[last] >= 4 and c.product(operand) * 16 <= math.prod(c.sizes.values()):
        return last
    others = [label for label in free if c.stride(label) == 1 and c.sizes[label] >= 8]
    return max(others, key=lambda label: c.sizes[label], default=last)


def _is_thin(c: _Labels, vectorised: str) -> bool:
    """Whether this is a matrix times a vector along memory, or a dot product: a row kernel's business."""
    if not vectorised:
        return True
    other = c.free(c.lb if vectorised in c.la else c.la)
    return c.product(other) == 1 and c.stride(vectorised) != 1 and c.product(c.depth) > 1


def _by_rows(fusion: Fusion, i: Instruction, c: _Labels) -> View:
    """The sum of the elementwise product."""
    labels = c.out + "".join(c.depth)
    shape = tuple([c.sizes[label] for label in labels])

    def spread(x: View, own: str) -> View:
        present = [label for label in labels if label in own]
        moved = tuple([own.index(label) for label in present])
        x = fusion.view(x, Step("permute_dims", tuple([c.sizes[label] for label in present]), {"axes": moved}))
        thin = tuple([c.sizes[label] if label in own else 1 for label in labels])
        x = fusion.view(x, Step("reshape", thin, {}))
        return fusion.view(x, Step("broadcast_to", shape, {}))

    product = fusion.pointwise("multiply", [spread(c.a, c.la), spread(c.b, c.lb)], {}, shape, i.dtype)
    if not c.depth:
        return product
    axes = tuple(range(len(c.out), len(labels)))
    return fusion.reduction(Instruction("sum", (), {"axis": axes, "keepdims": False}, i.shape, i.dtype), product)
