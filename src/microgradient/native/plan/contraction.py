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
from ..lower.whole_numbers import FEWEST_ROWS
from .fusion import Fusion
from .fusion_group import vote
from .groups import ContractionGroup
from .values import View

FEW = 12
"""Rows or columns that are few beside the work of copying an operand that is to be read across."""


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
    label = i.params.get("paired", "")
    pairs = bool(label) and a.value.dtype == i.dtype  # made already
    if not c.depth or _is_thin(c, vectorised) or (label and not pairs and _are_few_dots(c, label, vectorised)):
        return _by_rows(fusion, i, c, label)
    if label and not pairs and min(c.product(c.free(c.la)), c.product(c.free(c.lb))) >= FEWEST_ROWS:
        c, pairs = _Labels(*_words(fusion, c, label), i.params["labels"]), True
        vectorised = _vector_label(c, str(i.params["last"]))
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
    group.pairs = pairs
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


def _are_few_dots(c: _Labels, label: str, vectorised: str) -> bool:
    """Whether a few rows meet columns that lie along the depth, as they do: pairs are read where they are, and not copied."""
    if not vectorised or c.stride(vectorised) == 1:
        return False
    along = c.a.layout.strides[c.la.index(label)] == 1 == c.b.layout.strides[c.lb.index(label)]
    return along and min(c.product(c.free(c.la)), c.product(c.free(c.lb))) <= FEW


def _words(fusion: Fusion, c: _Labels, label: str) -> tuple[View, View]:
    """The operands with two neighbours along a label of the depth in each word."""
    return fusion.words(c.a, c.la.index(label)), fusion.words(c.b, c.lb.index(label))


def _by_rows(fusion: Fusion, i: Instruction, c: _Labels, paired: str) -> View:
    """The sum of the elementwise product."""
    out, depth = ([label for label in labels if c.sizes[label] > 1] for labels in (c.out, c.depth))
    shape = tuple([c.sizes[label] for label in out + depth])
    factors = [_spread(fusion, x, own, out + depth, shape) for x, own in ((c.a, c.la), (c.b, c.lb))]
    axes = tuple(range(len(out), len(shape)))
    order = _summed_in_columns(factors, shape, axes)
    if order is not None:
        factors = [_along(fusion, x, order) for x in factors]
    pairs = _paired(fusion, factors, (out + depth).index(paired)) if order is None and paired else None
    if pairs is not None:
        factors, shape = pairs, pairs[0].shape
    else:
        factors = [_widened(fusion, x, i.dtype, order) for x in factors]
    name = "multiply" if pairs is None else "pair_product"
    product = fusion.pointwise(name, factors, {}, shape, i.dtype, order=order)
    if axes:
        summed = Instruction("sum", (), {"axis": axes, "keepdims": False}, shape[: len(out)], i.dtype)
        product = fusion.reduction(summed, product)
    return fusion.view(product, Step("reshape", tuple(i.shape or ()), {})) if product.shape != i.shape else product


def _paired(fusion: Fusion, factors: list[View], axis: int) -> list[View] | None:
    """The factors as words of two numbers, if these lie next to each other in both."""
    if any(x.layout.strides[axis] != 1 for x in factors):
        return None
    shape = tuple([n // 2 if a == axis else n for a, n in enumerate(factors[0].shape)])
    words = [fusion.words(_thin(fusion, x), axis) for x in factors]
    return [fusion.view(x, Step("broadcast_to", shape, {})) for x in words]


def _widened(fusion: Fusion, x: View, dtype: Any, order: tuple[int, ...] | None) -> View:
    """A factor in the dtype of the sums."""
    return x if x.value.dtype == dtype else fusion.pointwise("astype", [x], {}, x.shape, dtype, order=order)


def _spread(fusion: Fusion, x: View, own: str, labels: list[str], shape: tuple[int, ...]) -> View:
    """An operand over the axes of all labels."""
    sizes = dict(zip(labels, shape, strict=True))
    present = [label for label in labels if label in own]
    moved = tuple([own.index(label) for label in present] + [k for k, label in enumerate(own) if label not in sizes])
    x = fusion.view(x, Step("permute_dims", tuple([x.shape[k] for k in moved]), {"axes": moved}))
    x = fusion.view(x, Step("reshape", tuple([n if label in own else 1 for label, n in sizes.items()]), {}))
    return fusion.view(x, Step("broadcast_to", shape, {}))


def _summed_in_columns(factors: list[View], shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of a product of which `axes` are summed where what lies along memory is kept: they come just before it, so that
    it is summed where it is made. None where it is not."""
    found = vote(factors, shape)
    last = next((a for a in reversed(found) if shape[a] > 1), None)
    if last is None or last in axes or not axes:
        return None
    return (*(a for a in found if a not in axes and a != last), *(a for a in found if a in axes), last)


def _along(fusion: Fusion, x: View, order: tuple[int, ...]) -> View:
    """A factor that lies along memory where the product does: a copy of what is small, such as the kernel of a convolution."""
    strides = x.layout.strides
    used = [a for a in order if strides[a] and x.shape[a] > 1]
    if not used or used[-1] != order[-1] or strides[order[-1]] == 1:
        return x
    return fusion.view(fusion.copy(_thin(fusion, x), order), Step("broadcast_to", x.shape, {}))


def _thin(fusion: Fusion, x: View) -> View:
    """A factor before it was spread over axes along which it is the same."""
    thin = tuple([n if stride else 1 for n, stride in zip(x.shape, x.layout.strides, strict=True)])
    key: tuple[slice, ...] = tuple([slice(0, n) for n in thin])
    return fusion.view(x, Step("index", thin, {"key": key}))
