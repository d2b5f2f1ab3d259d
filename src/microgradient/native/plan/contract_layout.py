"""Which loop of a contraction is vectorised, which operand is packed for it, and how the result lies in memory.

out[batch, rows, columns] = Σ a[batch, rows, depth] · b[batch, columns, depth]. The last column is read and written as vectors,
so b must lie along it in memory. If neither operand does, the one that holds the wanted axis is copied first ("packed"):
cheap beside the product itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ..lower.views import Layout, dense

if TYPE_CHECKING:
    from ...program.program import Instruction
    from .fusion import Fusion
from .groups import View


class Contraction(NamedTuple):
    """The operands (one pair for each term) and the labels of each loop, in order."""

    a: list[View]
    b: list[View]
    a_labels: str
    b_labels: str
    batch: str
    rows: str
    columns: str
    depth: str
    out: str


def contract(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    """Make a group of a contraction."""

    n = len(operands) // 2
    la, lb, out = i.params["labels"]
    a = _same_layout(fusion, [fusion.stored(x) for x in operands[:n]])
    b = _same_layout(fusion, [fusion.stored(x) for x in operands[n:]])
    sizes = {c: m for c, m in zip(la + lb, (*a[0].shape, *b[0].shape), strict=True)}
    free_a, free_b = ([c for c in out if c in mine and c not in other] for mine, other in ((la, lb), (lb, la)))
    vectorised = _vector_label(i, sizes, out, la, lb, a[0].layout.strides, b[0].layout.strides, free_a, free_b)
    depth = [c for c in la if c in lb and c not in out]
    if n == 1 and (not depth or _thin(vectorised, sizes, free_a, free_b, la, lb, a[0], b[0], depth)):
        return _by_rows(fusion, i, a[0], b[0], la, lb, out, depth, sizes)
    if vectorised in free_a:
        a, b, la, lb, free_a, free_b = b, a, lb, la, free_b, free_a
    batch = [c for c in out if c in la and c in lb]
    columns = [c for c in free_b if c != vectorised] + ([vectorised] if vectorised else [])
    if vectorised and sizes[vectorised] > 1 and b[0].layout.strides[lb.index(vectorised)] != 1:
        order = [lb.index(c) for c in lb if c in batch] + [lb.index(c) for c in lb if c in depth]
        order += [lb.index(c) for c in columns]
        b = [fusion.copy(x, order) for x in b]
    if n > 1:
        _promise([*a, *b])
    elif vectorised:
        _promise(b, lb.index(vectorised))
    depth.sort(key=lambda c: -abs(a[0].layout.strides[la.index(c)]))
    order_out = [out.index(c) for c in out if c != vectorised] + ([out.index(vectorised)] if vectorised else [])
    group = fusion.begin("contract", i.shape, tuple(order_out))
    rows = [out[k] for k in order_out if out[k] in free_a]
    columns = [out[k] for k in order_out if out[k] in columns]
    group.detail = Contraction(a, b, la, lb, "".join(batch), "".join(rows), "".join(columns), "".join(depth), out)
    value = fusion.enter(group, "product", [], {}, i.shape, i.dtype, _own_strides(i.shape))
    return View(value, (), i.shape)


def _own_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s if n > 1 else 0 for s, n in zip(dense(shape), shape, strict=True))


def _same_layout(fusion: Fusion, refs: list[Any]) -> list[Any]:
    """The operands of all terms with the same strides; copies where they differ."""
    if len({r.layout.strides for r in refs}) > 1:
        return [fusion.copy(r, range(len(r.shape))) for r in refs]
    return refs


def _promise(refs: list[View], only: int | None = None) -> None:
    """The kernel relies on these operands' strides (along one axis only): they may not be placed otherwise later."""
    for ref in refs:
        for axis, (n, stride) in enumerate(zip(ref.shape, ref.layout.strides, strict=True)):
            if n > 1 and only in (None, axis):
                ref.value.promised.append((ref.steps, axis, stride))


def _vector_label(
    i: Instruction,
    sizes: dict[str, int],
    out: str,
    la: str,
    lb: str,
    strides_a: Any,
    strides_b: Any,
    free_a: Any,
    free_b: Any,
) -> str:
    """The label to vectorise: the one asked for, the last of the result, or one that lies along memory already."""
    free = [c for c in out if c in free_a or c in free_b]
    if not free:
        return ""

    def ready(c: str) -> bool:
        return bool((strides_a[la.index(c)] if c in free_a else strides_b[lb.index(c)]) == 1)

    vectorised = str(i.params["last"])
    if vectorised in free and sizes[vectorised] >= 4:
        return vectorised
    last = next((c for c in reversed(out) if c in free and sizes[c] > 1), free[-1])
    if ready(last):
        return last
    work = math.prod(sizes.values())
    operand = la if last in free_a else lb
    if sizes[last] >= 4 and math.prod(sizes[c] for c in operand) * 16 <= work:
        return last
    others = [c for c in free if ready(c) and sizes[c] >= 8]
    return max(others, key=lambda c: sizes[c], default=last)


def _thin(
    vectorised: str,
    sizes: dict[str, int],
    free_a: list[str],
    free_b: list[str],
    la: str,
    lb: str,
    a: View,
    b: View,
    depth: list[str],
) -> bool:
    """Whether this is a matrix times a vector along memory, or a dot product: a row kernel's business."""
    if not vectorised:
        return True
    mine, labels, other = (a, la, free_b) if vectorised in free_a else (b, lb, free_a)
    if math.prod(sizes[c] for c in other) > 1 or mine.layout.strides[labels.index(vectorised)] == 1:
        return False
    return math.prod(sizes[c] for c in depth) > 1


def _by_rows(
    fusion: Fusion,
    i: Instruction,
    a: View,
    b: View,
    la: str,
    lb: str,
    out: str,
    depth: list[str],
    sizes: dict[str, int],
) -> View:
    """The sum of the elementwise product."""
    from ...program.program import Instruction as Made
    from ..lower.views import Step

    labels = out + "".join(depth)
    shape = tuple(sizes[c] for c in labels)

    def spread(x: Any, own: str) -> Any:
        present = [c for c in labels if c in own]
        moved = tuple(own.index(c) for c in present)
        x = fusion.view(x, Step("permute_dims", tuple(sizes[c] for c in present), moved))
        thin = tuple(sizes[c] if c in own else 1 for c in labels)
        x = fusion.view(x, Step("reshape", thin, None))
        return fusion.view(x, Step("broadcast_to", shape, None))

    product = fusion.pointwise("multiply", [spread(a, la), spread(b, lb)], {}, shape, i.dtype)
    if not depth:
        return product
    axes = tuple(range(len(out), len(labels)))
    summed = Made("sum", (), {"axis": axes, "keepdims": False}, i.shape, i.dtype)
    return fusion.reduction(summed, product)


def strides_over(layout: Layout, labels: str, loops: str) -> tuple[int, ...]:
    """The strides of an operand over these loops; 0 where it does not have the label."""
    return tuple(layout.strides[labels.index(c)] if c in labels else 0 for c in loops)
