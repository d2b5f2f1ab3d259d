"""Gradients: what a backward pass adds to the leaves, and what is said where nothing arrives at one."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np

from .errors import DTypeError, GradientError, warn_once
from .interop import Protocols
from .operators import FLAT, world, wrap
from .tape import DEPARTED, NOT_STORED, Node
from .taped_world import TAPED
from .trace_hooks import as_datum


def accumulate(leaves: dict[Node, Any], seed: Any) -> None:
    """Add the cotangents of the leaves to their `.grad`. Arrays that anything else may hold are copied first."""
    given = {id(seed)}
    with _accumulating:
        for node, t in leaves.items():
            before = node.grad
            if before is NOT_STORED:
                continue  # the input of a transform, which asks the sweep itself
            if t.dtype.kind == "c":
                t = TAPED.conj(t) if isinstance(t, Protocols) else world().conj(t)
            if before is not None:
                count, used = getattr(node, "summed", (1, 0))
                if isinstance(before.raw, np.ndarray):  # zeros that were used before are a new beginning
                    node.summed = (1, 0) if used and not before.raw.any() else (count + 1, used)
                node.grad = before + (t if isinstance(t, Protocols) else wrap(t, None))
                continue
            node.summed = (1, 0)
            if isinstance(t, Protocols):
                # copied, since a sum gives the same tensor to all of its terms
                node.grad = wrap(t.raw.copy(), t.node, cls=gradient_class(node))
            else:
                t = as_datum(t)
                if t.base is not None or id(t) in given:
                    t = t.copy()
                given.add(id(t))
                node.grad = wrap(t, None, cls=gradient_class(node))


def gradient_class(node: Node) -> Any:
    """The class of the gradient stored in `node`: None, Tensor itself, unless it is of a leaf of a derived class."""
    return node.params.get("gradient_class") if node.op is None else None


_accumulating = threading.RLock()  # threads that share parameters must not lose each other's gradients


def unconnected(loss: Any) -> GradientError:
    """The error for a loss from which no leaf can be reached, with what cut it off, if that is known."""
    if loss.raw.dtype.kind not in "fc":
        return DTypeError("MG142", no_gradient_for(loss.raw.dtype))  # type: ignore[return-value]
    trail = ""
    if loss.cut is not None:
        trail = f" {loss.cut} cut it off: {_CURES.get(loss.cut.what, _FLAT_CURE)}."
    elif departed := "; ".join(str(left) for left in DEPARTED if left.what not in FLAT):
        trail = f" Lately tensors became numbers by {departed}: use the `mg.` functions on tensors there."
    return GradientError(
        "MG102",
        "This tensor is not connected to any leaf that requires a gradient (PyTorch: element 0 of tensors does not require grad "
        f"and does not have a grad_fn).{trail} Setting `requires_grad` on the loss would not help: make the parameters with "
        "`requires_grad=True` and compute the loss from them, outside `mg.no_grad()`.",
    )


_CURES = {
    ".detach()": "leave it out",
    "mg.no_grad()": "compute the loss outside of it",
    "mg.tensor(…)": "it copies the numbers alone; use the tensor itself, or `mg.stack`",
}
_FLAT_CURE = "it is flat, its derivative is 0 everywhere; for classes use softmax and cross_entropy"


def warn_if_flat(found: dict[Node, Any], root: Node) -> None:
    """Say so where a function that is flat, in what was computed after the last root, leaves nothing of a gradient.

    Where that is so of every leaf, only when it happens to one again: once may be meant, in a loop it is not.
    """
    for left in [left for left in DEPARTED if left.what in FLAT and _last_root[0] < left.seq < root.seq]:
        lost = [leaf for ref in left.leaves if (leaf := ref()) in found and not found[leaf].any()]
        some = any(g.any() for g in found.values())
        if any(some or leaf in _lost for leaf in lost):
            fix = "its derivative is 0 everywhere. Leave it out of the loss; for classes use softmax and cross_entropy"
            warn_once(
                "MG102",
                f"{left}: the gradient of a tensor of shape {lost[0].shape} is 0, since {left.what} is flat: {fix}.",
            )
        _lost.update(lost)
    _last_root[0] = root.seq


_lost: weakref.WeakSet[Node] = weakref.WeakSet()


def warn_if_departed(leaf: Node) -> None:
    """Say so where a leaf has no gradient after a backward pass, and a conversion to a number or an array explains it."""
    for left in [left for left in DEPARTED if left.what not in FLAT and left.seq < _last_root[0]]:
        if any(ref() is leaf for ref in left.leaves):
            warn_once(
                "MG102",
                f"A tensor of shape {leaf.shape} has got no gradient: what was computed from it became a number by {left}. Use "
                "the `mg.` functions on tensors there, as mg.exp(x) for math.exp(x).",
            )


_last_root = [-1]  # the number of what was differentiated last


def no_gradient_for(dtype: Any) -> str:
    return (
        f"A tensor of dtype {dtype} has no gradient: integers are counted, not differentiated. Write "
        "`x.astype(mg.float32)`; but argmax, rounding and comparisons are flat, their derivative is 0: for classes use softmax "
        "and cross_entropy."
    )
