"""Gradients: what a backward pass adds to the leaves, and what is said where nothing arrives at one."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from .errors import DTypeError, GradientError, format_location, user_location, warn_once
from .interop import Protocols
from .operators import FLAT, world, wrap
from .tape import DEPARTED, NOT_STORED, Cut, Node, Spent
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
                _count(node)
                node.grad = before + (t if isinstance(t, Protocols) else wrap(t, None))
                continue
            node.summed = NEW
            if isinstance(t, Protocols):
                # copied, since a sum gives the same tensor to all of its terms
                node.grad = wrap(t.raw.copy(), t.node, cls=gradient_class(node))
            else:
                t = as_datum(t)
                if t.base is not None or id(t) in given:
                    t = t.copy()
                given.add(id(t))
                node.grad = wrap(t, None, cls=gradient_class(node))


NEW = (1, 0, 0)
"""`Node.summed` of a gradient from one backward pass."""
steps_taken = [0]
"""How many steps optimisers have taken."""
_PATIENCE = 10  # steps that may leave out a parameter which has a gradient, as where several optimisers take turns


def _count(node: Node) -> None:
    """Note that a backward pass adds to the gradient of a leaf."""
    count, used, since = getattr(node, "summed", NEW)
    held = getattr(node.stored, "datum", None)
    if not isinstance(held, np.ndarray):
        return
    if used and not held.any():  # zeros that were used before are a new beginning
        node.summed = NEW
        return
    if count == 1:
        since = steps_taken[0]
    elif not used and steps_taken[0] - since >= _PATIENCE:
        warn_once("MG169", lambda: _unused(node, count + 1))
        since = sys.maxsize
    node.summed = (count + 1, used, since)


def _unused(node: Node, count: int) -> str:
    """The warning for a parameter that no optimiser has."""
    return (
        f"The gradient of {_leaf_name(node) or 'a parameter'} of shape {node.shape} is the sum of {count} backward passes: no "
        f"optimiser has used it in {_PATIENCE} steps. Give it to the optimiser; `model.parameters()` finds what modules hold, "
        "but not what is inside of other objects. To keep it as it is, write `p.requires_grad = False`."
    )


def note_update(leaf: Any) -> None:
    """A leaf was updated by the user's own code: with a gradient that an earlier step had used, that is a mistake."""
    count, used, since = getattr(leaf.node, "summed", NEW)
    if used < count and leaf.node.stored is not None:
        if used:
            warn_of_stale(used, count)
        leaf.node.summed = (count, count, since)


def warn_of_stale(used: int, count: int) -> None:
    """Say that a step uses gradients again that an earlier step had used."""
    warn_once(
        "MG168",
        f"The gradients include {count} backward passes, and {used} of them were used by an earlier step. Call `zero_grad()` in "
        "each turn of the loop; to accumulate, step once after several `backward()`, then zero.",
    )


def gradient_class(node: Node) -> Any:
    """The class of the gradient stored in `node`: None, Tensor itself, unless it is of a leaf of a derived class."""
    return node.params.get("gradient_class") if node.op is None else None


_accumulating = threading.RLock()  # threads that share parameters must not lose each other's gradients
if hasattr(os, "register_at_fork"):  # or a child would wait for a thread that it does not have
    os.register_at_fork(
        before=_accumulating.acquire, after_in_parent=_accumulating.release, after_in_child=_accumulating.release
    )


def cause_of_nonfinite(order: Sequence[Any]) -> str:
    """What made a loss NaN or infinite: a sentence, read from the nodes or Values that it was computed from, latest first."""
    from .explain.nonfinite_tape import first_on_tape, first_value

    return first_on_tape(order) if isinstance(order[0], Node) else first_value(order)


def warn_of_nonfinite(loss: float, leaves: Iterable[Any], cause: str) -> None:
    """Say so where a loop goes on with a loss that is not finite: one that reaches a leaf that such a loss had reached before."""
    leaves = list(leaves)
    first = next((_reached_by_nonfinite[leaf] for leaf in leaves if leaf in _reached_by_nonfinite), "")
    if first:
        warn_once(
            "MG172",
            f"What is differentiated here is {'NaN' if loss != loss else 'infinite'}, again: its gradients are of no use, nor "
            f"are the parameters after a step. {first} For its line, go back to the step before, run it under `with mg.trace():` "
            "and print `mg.why(loss)`.",
        )
    for leaf in leaves:
        _reached_by_nonfinite.setdefault(leaf, cause)


_reached_by_nonfinite: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


# -------------------------------------------------------------------------------------- errors, in the words of the user's code


class Told(NamedTuple):
    """What errors call a tensor: `loss` in backticks or "This tensor", its name in code to paste, and where it was computed."""

    who: str
    name: str
    made: str


def told_of(tensor: Any) -> Told:
    """The words for a tensor that is to be spoken of."""
    from .explain import source  # read only now

    frame = source.caller()
    name = source.variable(tensor, frame)
    found = source.assignment(name, frame) if name else None
    made = f" It was computed at {found.where}: `{found.text}`." if found else ""
    return Told(f"`{name}`" if name else "This tensor", name or "loss", made)


def not_one_number(loss: Any) -> GradientError:
    """The error for the gradient of a tensor with several entries, or none."""
    who, name, made = told_of(loss)
    return GradientError(
        "MG101",
        f"{who} has shape {loss.shape}; a gradient needs one number (PyTorch: grad can be implicitly created only for scalar "
        f"outputs).{made} Write `{name}.mean().backward()`, or pass a weight for each of the {loss.raw.size} entries: "
        f"`{name}.backward(weights)`.",
    )


def checked_leaf(loss: Any) -> Node:
    """The node of a leaf that is differentiated. Raises if it has none, and if it was made of numbers that had lost theirs."""
    node: Node | None = loss.node
    if node is None or loss.cut is not None or (loss.raw.size == 1 and _way_to_numbers(loss)):
        raise unconnected(loss)
    return node


def unconnected(loss: Any) -> GradientError:
    """The error for a loss from which no leaf can be reached, with what cut it off, if that is known."""
    if loss.raw.dtype.kind not in "fc":
        return DTypeError("MG142", no_gradient_for(loss.raw.dtype))  # type: ignore[return-value]
    trail = _trail(loss) or " None of the tensors that it was computed from requires a gradient."
    return GradientError(
        "MG102",
        f"{told_of(loss).who} is not connected to any leaf that requires a gradient (PyTorch: element 0 of tensors does not "
        f"require grad and does not have a grad_fn).{trail} Setting `requires_grad` on the loss would not help: make the "
        "parameters with `requires_grad=True` and compute the loss from them, outside `mg.no_grad()`.",
    )


def _trail(loss: Any) -> str:
    """What cut a loss off from its graph, as tensors, the user's code or the latest conversions tell; "" if none does."""
    if loss.cut is not None:
        return f" {loss.cut} cut it off: {_CURES.get(loss.cut.what, _FLAT_CURE)}."
    if way := _way_to_numbers(loss):
        return f" It comes from bare numbers, {way}: they have no graph, so use the `mg.` functions on tensors there."
    lately = dict.fromkeys(str(left) for left in DEPARTED if left.what not in FLAT and left.seq > _last_root[0])
    departed = "; ".join([*lately][-3:])
    return (
        f" Lately tensors became numbers by {departed}: use the `mg.` functions on tensors there." if departed else ""
    )


def _way_to_numbers(loss: Any) -> str:
    """How the user's code made a loss of bare numbers, as `loss` ← `h` ← .numpy() at train.py:18; "" if it doesn't say."""
    from .explain import source

    frame = source.caller()
    name = source.variable(loss, frame)
    way = source.way_to_numbers(name, frame) if name else None
    return f"{' ← '.join(f'`{one}`' for one in way[0])} ← {way[2]} at {way[1].where}" if way else ""


def already_differentiated(spent: Spent, order: Sequence[Node]) -> GradientError:
    """The error for a graph that was differentiated before: which part, where, and what to write where it is a loop."""
    from .explain import names, source

    frame = source.caller()
    known = names.node_names(names.variables_of(frame))
    root, where = order[0], format_location(spent.location)
    who, name = (f"`{known[root]}`", known[root]) if root in known else ("this tensor", "loss")
    used = [node for node in order if node.saved is spent]  # those of this sweep have another
    shared = next((known[node] for node in used if node in known), "")
    whole, loop = used[:1] == [root], spent.location == user_location()
    made = source.assignment(shared, frame) if shared else None
    place = f" (`{made.text}` at {made.where})" if made else ""
    if whole:
        text = (
            f"The graph of {who}{place} was already differentiated at {where}, and what it saved was released (PyTorch: Trying "
            "to backward through the graph a second time)."
        )
    elif shared:
        text = (
            f"The graph of {who} goes through `{shared}`{place}, which was already differentiated at {where}, and what it saved "
            "was released (PyTorch: Trying to backward through the graph a second time)."
        )
    else:
        text = (
            f"A part of the graph of {who} was already differentiated at {where}, and what it saved was released (PyTorch: "
            "Trying to backward through the graph a second time)."
        )
    if loop and not shared and not whole:
        fix = " What a loop carries over to its next turn, as the state of a recurrent network, is cut off by `h = h.detach()`."
    elif loop or whole:
        fix = (
            f" In a training loop, compute `{shared or name}` again inside the loop; to differentiate the same graph twice, "
            f"write `{name}.backward(retain_graph=True)` the first time."
        )
    else:
        fix = f" Add the losses and differentiate the sum, once, or write `backward(retain_graph=True)` at {where}."
    return GradientError("MG105", text + fix)


def update_of_leaf(leaf: Any, what: str) -> GradientError:
    """The error for `w -= …`, of which `what` is what follows the name, where operations are recorded."""
    from .explain import source

    name = source.variable(leaf, source.caller()) or "w"
    return GradientError(
        "MG104",
        f"`{name}{what}` would change a leaf that requires a gradient while operations are recorded (PyTorch: a leaf Variable "
        "that requires grad is being used in an in-place operation). Update parameters with `opt.step()`, or write "
        f"`with mg.no_grad(): {name}{what}`.",
    )


def not_stored(x: Any) -> str:
    """The warning for the `grad` of a tensor that was computed."""
    from .explain import source

    frame = source.caller()
    name = source.variable(x, frame)
    who = f"`{name}`" if name else "this intermediate tensor"
    told = f"The gradient of {who} of shape {x.shape} is not stored, so `.grad` is None."
    for found in reversed(source.assignments(name, frame)):
        if ".grad" in found.text:
            return told + (
                f" It was a leaf until `{found.text}` at {found.where}, which makes a new tensor of it. Update parameters with "
                f"`opt.step()`, or in place: `with mg.no_grad(): {name} -= …`."
            )
        if "requires_grad=True" in found.text:
            return told + (
                f" It is computed from a leaf that has no name, in `{found.text}` at {found.where}. Make a leaf of the result: "
                f"`{name} = (…).detach().requires_grad_()`."
            )
    return told + f" Call `{name or 'h'}.keep_grad()` before `backward()`, or look at it under `with mg.trace():`."


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
        leaves = [leaf for ref in left.leaves if (leaf := ref()) in found and not found[leaf].any()]
        lost: list[Node] = sorted(leaves, key=attrgetter("seq"))
        some = any(g.any() for g in found.values())
        if any(some or leaf in _lost for leaf in lost):
            warn_once("MG102", partial(_told_flat, left, lost[0]))
        _lost.update(lost)
    _last_root[0] = root.seq


def _told_flat(left: Cut, leaf: Node) -> str:
    return (
        f"{left}: the gradient of {_leaf_name(leaf) or 'a tensor'} of shape {leaf.shape} is 0, since {left.what} is flat: its "
        "derivative is 0 everywhere. Leave it out of the loss; for classes use softmax and cross_entropy."
    )


def _leaf_name(leaf: Node) -> str:
    """What the user's code calls the tensor of a leaf, in backticks; "" if nothing."""
    from .explain import names, source

    name = names.node_names(names.variables_of(source.caller())).get(leaf)
    return f"`{name}`" if name else ""


_lost: weakref.WeakSet[Node] = weakref.WeakSet()


def warn_if_departed(leaf: Node) -> None:
    """Say so where a leaf has no gradient after a backward pass, and a conversion to a number or an array explains it."""
    for left in [left for left in DEPARTED if left.what not in FLAT and left.seq < _last_root[0]]:
        if any(ref() is leaf for ref in left.leaves):
            warn_once("MG102", partial(_told_departed, left, leaf))


def _told_departed(left: Cut, leaf: Node) -> str:
    return (
        f"{_leaf_name(leaf) or 'A tensor'} of shape {leaf.shape} has got no gradient: what was computed from it became a number "
        f"by {left}. Use the `mg.` functions on tensors there, as mg.exp(x) for math.exp(x)."
    )


_last_root = [-1]  # the number of what was differentiated last


def no_gradient_for(dtype: Any) -> str:
    return (
        f"A tensor of dtype {dtype} has no gradient: integers are counted, not differentiated. Write "
        "`x.astype(mg.float32)`, or `2.0` for `2`; but argmax, rounding and comparisons are flat, their derivative is 0: for "
        "classes use softmax and cross_entropy."
    )
