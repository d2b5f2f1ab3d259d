"""`mg.why_update`: one step of one parameter, opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...array_world import ARRAY
from ...errors import ArgumentTypeError, GradientError
from ...tensor import Tensor
from ..entry import Index, checked_index
from ..names import node_names, user_variables
from ..recording import Clipped, Taken, latest_recording
from ..render import base, short
from .quantity import Quantity, Run, run
from .update import Update


def why_update(p: Tensor, index: Index | None = None, *, optimizer: Any = None) -> Update:
    """Why does a parameter move by what it does: the optimiser's step of `p`, or of its entry `index`, as a sum of terms.

    Under `with mg.trace():`, and after it, this is the step that was taken there last, as long as `p` and its gradient are what
    that left; otherwise the next one, from the gradient that `p` has now. That changes nothing: `optimizer` and `p` are left as
    they were. `optimizer` is the one among your variables that updates `p`, if not given.

    The terms are the optimiser's own formula, multiplied out: what comes from the gradient, from what is remembered, from weight
    decay. They are computed in 64 bits; `rounding` is what the parameter's dtype could not hold. An optimiser whose formula can't
    be opened shows gradient, state and change. Gradients that were clipped under the trace say from what and by how much.

    Raises GradientError if `p` has no gradient or is complex, and ArgumentTypeError if no optimiser updates it.

    >>> import microgradient as mg
    >>> w = mg.tensor(2.0, requires_grad=True)
    >>> optimizer = mg.optim.SGD([w], lr=0.5, momentum=0.5, weight_decay=0.25)
    >>> with mg.trace():
    ...     for _ in range(2):
    ...         optimizer.zero_grad()
    ...         (w * w).backward()
    ...         optimizer.step()
    >>> mg.why_update(w)
    Δw = -0.84375     w = -0.25 → -1.09375     SGD     gradient -0.5
      gradient        -0.5 × g     -0.5 =    +0.25  ▲   -lr
      momentum       -0.25 × bₜ₋₁   4.5 =   -1.125  ▼   -lr · μ = -0.5 · 0.5
      weight decay  -0.125 × w    -0.25 = +0.03125  ▲   -lr · λ = -0.5 · 0.25
      where         bₜ = μ · bₜ₋₁ + (1 - τ) · (g + λ · w) = 0.5 · 4.5 + (1 - 0) · (-0.5 + 0.25 · (-0.25)) = 1.6875
      effect        SGD turned -0.5 into -0.84375
    """
    if not isinstance(p, Tensor):
        raise ArgumentTypeError("MG116", f"What an optimiser updates is a Tensor, not {type(p).__name__}.")
    from ...optim import Optimizer

    if isinstance(index, Optimizer):
        raise ArgumentTypeError("MG128", "An optimiser is named: write `mg.why_update(w, optimizer=optimizer)`.")
    if not (optimizer is None or isinstance(optimizer, Optimizer)):
        raise ArgumentTypeError("MG116", f"`optimizer` is one of mg.optim, not {type(optimizer).__name__}.")
    variables = user_variables()
    recording = latest_recording()
    taken = None if recording is None or p.node is None else recording.updates.get(p.node)
    if taken is not None and (optimizer not in (None, taken.optimizer) or not _is_last(p, taken, index)):
        taken = None
    found = _next(p, optimizer or _optimizer_of(p, variables)) if taken is None else taken
    known = {**node_names(variables, deep=True), **(recording.names if recording is not None else {})}
    clip = None if recording is None else recording.clips.get(p.node)  # type: ignore[arg-type]
    return explained(found, index, known.get(p.node, "w"), taken is not None, clip, p)


def explained(
    taken: Taken, index: Index | None, name: str, was_taken: bool, clip: Clipped | None = None, p: Any = None
) -> Update:
    """The explanation of an update that is described by `taken`. `p` is the tensor, if the step has not been taken yet."""
    if taken.p.dtype.kind == "c":
        raise GradientError("MG116", "mg.why_update explains real parameters; this one is complex. Train the parts, "
                                     "`p = mg.view_as_real(z)`.")  # fmt: skip
    place = None if index is None and taken.p.size != 1 else checked_index(index, taken.p.shape)
    label = name if not index and index != 0 else f"{name}[{', '.join(map(str, place or ()))}]"
    opened = _opened(taken, place, name)
    before, after, gradient = taken.p, None, taken.g
    state: dict[str, Any] = dict(taken.state)
    if opened is None:
        after, state = _unopened(p, taken)
    else:
        after = np.asarray(opened.new.value, taken.p.dtype)
    if place is not None:
        before, gradient = before[place], gradient[place]
        after = after[place] if np.ndim(after) else after
    with np.errstate(all="ignore"):
        found = Update(label, type(taken.optimizer).__name__, _count(taken), was_taken, before, after, gradient)
        if opened is not None:
            found.open(opened)
    if opened is None:
        found.remembered = {key: (_at(taken.state.get(key), place, taken.p.shape), _at(value, place, taken.p.shape))
                            for key, value in state.items() if isinstance(value, np.ndarray)}  # fmt: skip
        told = f"the step of {found.optimizer} is not opened: its update is more than a formula for each entry"
        found.notes.append(("formula", told))
    else:
        found.remembered = {key: (opened.before[key].value if key in opened.before else None, q.value)
                            for key, q in opened.after.items() if any(q is made for made in opened.made)}  # fmt: skip
    if clip is not None and clip.scale != 1 and np.array_equal(clip.after, taken.g):
        raw = clip.before if place is None else clip.before[place]
        found.notes.append(("clip", f"g = {short(gradient)} is {short(raw)} × {clip.scale:.6g}: the norm {clip.norm:.6g} of all "
                                    "gradients was clipped"))  # fmt: skip
    return found


def _is_last(p: Tensor, taken: Taken, index: Index | None) -> bool:
    """Whether nothing has come after the step: no other update of what is asked about, and no new gradient."""
    if p.grad is not None and not np.array_equal(p.grad.raw, taken.g, equal_nan=True):
        return False
    place = None if index is None else checked_index(index, p.shape)
    opened = _opened(taken, place, "w")
    after = None if opened is None else np.asarray(opened.new.value, p.dtype)
    return after is None or np.array_equal(after, p.raw[... if place is None else place], equal_nan=True)


def _next(p: Tensor, optimizer: Any) -> Taken:
    """The step that `optimizer` would take now."""
    group = next((g for g in optimizer.param_groups if any(q is p for q in g["params"])), None)
    if group is None:
        raise ArgumentTypeError(
            "MG116", f"This {type(optimizer).__name__} does not update the tensor of shape {p.shape}."
        )
    if p.grad is None:
        raise GradientError(
            "MG109", "The parameter has no gradient, so no step moves it: call `loss.backward()` first."
        )
    state = dict(optimizer.state.get(p) or optimizer.first_state(p, group))
    state |= {
        key: float(state[key]) for key in optimizer.numbers if isinstance(state.get(key), np.ndarray | np.generic)
    }
    return Taken(
        optimizer, p.raw, p.grad.raw, state, {k: v for k, v in group.items() if k not in ("params", "param_names")}
    )


def _optimizer_of(p: Tensor, variables: Mapping[str, Any]) -> Any:
    """The optimiser among the variables, or the attributes of `self`, that updates `p`."""
    from ...optim import Optimizer

    candidates = [*variables.values(), *getattr(variables.get("self"), "__dict__", {}).values()]
    found = (x for x in candidates if isinstance(x, Optimizer) and any(q is p for q in x._parameters()))
    if (optimizer := next(found, None)) is None:
        raise ArgumentTypeError(
            "MG116", "Which optimiser updates this tensor? None among your variables does: pass `optimizer=…`."
        )
    return optimizer


def _opened(taken: Taken, place: tuple[int, ...] | None, name: str) -> Run | None:
    """The update on Quantities, of the entry `place` or of all; None if it has no formula that runs on them."""
    optimizer, p, g, state = taken.optimizer, taken.p, taken.g, taken.state
    if not optimizer._has_formula or optimizer.needs_closure:
        return None
    if place is not None and optimizer.elementwise:
        part = tuple(slice(i, i + 1) for i in place)
        state = {key: value[part] if _has_axes(value) else value for key, value in state.items()}
        p, g, place = p[part], g[part], (0,) * len(place)
    try:
        found = run(optimizer, p, g, state, taken.group, base(name))
    except (TypeError, AttributeError):  # it calls what knows nothing of Quantities
        return None
    if place is not None:
        _pick(found, place, p.shape)
    return found


def _pick(found: Run, place: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Leave of every array that has an entry for each of the parameter's that entry alone."""
    todo, met = [found.new, found.p, found.g, *found.before.values(), *found.after.values()], set[int]()
    while todo:
        q: Quantity = todo.pop()
        if id(q) not in met:
            met.add(id(q))
            q.value = _at(q.value, place, shape)
            todo += q.args


def _at(value: Any, place: tuple[int, ...] | None, shape: tuple[int, ...]) -> Any:
    """The entry of an array that fits the parameter; all else as it is."""
    if place is None or not _has_axes(value) or value.ndim != len(shape):
        return value
    if any(n not in (1, m) for n, m in zip(value.shape, shape, strict=True)):
        return value
    return value[tuple(i if n > 1 else 0 for i, n in zip(place, value.shape, strict=True))]


def _has_axes(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0


def _unopened(p: Any, taken: Taken) -> tuple[Any, dict[str, Any]]:
    """The parameter and the state after an update that shows no more: by taking the step, and undoing it."""
    from ..doctor.snapshot import left_as_it_was

    optimizer = taken.optimizer
    if optimizer.needs_closure:
        raise GradientError(
            "MG109",
            f"{type(optimizer).__name__} looks for its step with a function that computes the loss: there is no formula for one "
            "parameter.",
        )
    state = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in taken.state.items()}
    if optimizer._has_formula:
        g = -taken.g if taken.group.get("maximize") else taken.g
        with np.errstate(all="ignore"):
            return np.asarray(optimizer.updated(ARRAY, taken.p, g, state, taken.group), taken.p.dtype), state
    with left_as_it_was(optimizer):
        optimizer.step()
        return p.raw, dict(optimizer.state.get(p, {}))


def _count(taken: Taken) -> int | None:
    step = taken.state.get("step")
    return int(step) + 1 if isinstance(step, int | float) else None
