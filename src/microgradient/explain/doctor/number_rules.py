"""Rules about numbers that are not finite: what produced the first one. All later ones are its victims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...tape import Node
from .case import Case, inputs_of, rate_of
from .depth_rules import overflow
from .diagnosis import Finding
from .graph import rms

_GROWN = 1e3  # times 1/√inputs: no initialisation has such weights
CURES = {
    "log": ("a logarithm of a number ≤ 0", "Keep its argument above zero.", "mg.log(mg.clip(x, min=1e-7))"),
    "sqrt": ("a root of a number ≤ 0", "Keep its argument above zero.", "mg.sqrt(x + 1e-12)"),
    "norm": ("the length of a zero vector", "Keep it above zero.", "mg.sqrt(mg.sum(x * x, axis=-1) + 1e-12)"),
    "divide": ("a division by zero", "Keep the divisor away from zero.", "x / (y + 1e-8)"),
    "exp": ("an exponential that overflows", "Take out the largest first, as softmax does.", "mg.exp(x - mg.max(x))"),
    "pow": ("a power of zero or of a negative number", "Keep its base above zero.", "mg.clip(x, min=1e-7) ** p"),
    "power": ("a power of zero or of a negative number", "Keep its base above zero.", "mg.clip(x, min=1e-7) ** p"),
    "acos": ("an arc cosine at or beyond ±1", "Keep its argument inside.", "mg.acos(mg.clip(x, min=-1 + 1e-6, max=1 - 1e-6))"),
    "asin": ("an arc sine at or beyond ±1", "Keep its argument inside.", "mg.asin(mg.clip(x, min=-1 + 1e-6, max=1 - 1e-6))"),
}  # fmt: skip


def not_finite(case: Case) -> Iterator[Finding]:
    """The first NaN or infinity, where the loss or a gradient is not finite."""
    if case.finite:
        return
    bad = [name for name, g in case.gradients.items() if not np.isfinite(g).all()]
    yield (
        _bad_parameter(case)
        or _empty(case)
        or _bad_data(case)
        or grown(case)
        or overflow(case)
        or _producer(case)
        or _bad_sweep(case, bad)
    )


def _bad_parameter(case: Case) -> Finding | None:
    for name, p in case.parameters.items():
        if not np.isfinite(p.raw).all():
            count = int((~np.isfinite(p.raw)).sum())
            return Finding(
                "NaN", name,
                f"{count:,} of {p.raw.size:,} entries of `{name}` are not finite; everything computed from them is a victim.",
                "An earlier step overflowed, or its gradient was not finite.",
                "Go back to the last weights that are finite, and clip the gradients.",
                "nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # before optimizer.step()",
                {"entries": float(count)}, {"clip": "1.0"},
            )  # fmt: skip
    return None


def _empty(case: Case) -> Finding | None:
    """A batch without examples: their mean is 0 / 0."""
    for i, array in enumerate(_arrays(case.batch)):
        if not array.size:
            return Finding(
                "NaN", "batch",
                f"Part {i} of the batch has the shape {array.shape}: it has no numbers.",
                "The batch is empty, and a mean of nothing is 0 / 0.",
                "Look at what chose its rows, and leave empty batches out.",
                "assert len(x)  # before the step",
                {"entries": 0.0},
            )  # fmt: skip
    return None


def _bad_data(case: Case) -> Finding | None:
    """An array that is not finite before anything was computed from it: the batch's own."""
    for i, array in enumerate(_arrays(case.batch)):
        bad = ~np.isfinite(array) if array.dtype.kind in "fc" else np.zeros(1, bool)
        if bad.any():
            return Finding(
                "NaN", "batch",
                f"{int(bad.sum()):,} of {array.size:,} numbers in part {i} of the batch, shape {array.shape}, are not finite; "
                "all that is computed from them is a victim.",
                "The data hold missing or infinite values.",
                "Leave these rows out, or fill them before training.",
                "x = np.nan_to_num(x, nan=np.nanmean(x))",
                {"entries": float(bad.sum())},
            )  # fmt: skip
    return None


def grown(case: Case) -> Finding | None:
    """Weights that earlier steps have made far too large: the rate did it, whatever else has come of it."""
    usual = {use.parameter: max(inputs_of(use), 1) ** -0.5 for use in case.graph.weight_uses}
    sizes = {name: rms(case.parameters[name].raw) / size for name, size in usual.items()}
    if case.optimizer is None or max(sizes.values(), default=0.0) < _GROWN:
        return None
    name = max(sizes, key=lambda each: sizes[each])
    rate = rate_of(case)
    return Finding(
        "learning rate too large", "optimizer",
        f"`{name}` has grown to {sizes[name]:.2g} times the usual size of weights, 1/√inputs, and the loss is "
        f"{case.seen.value:.4g}.",
        f"Steps at the learning rate {rate:g} were too large.",
        "Go back to the first weights, with a smaller rate or clipped gradients.",
        f"optimizer = mg.optim.{type(case.optimizer).__name__}(model.parameters(), lr={rate / 100:.0e})",
        {"size": sizes[name]}, {"lr": float(f"{rate / 100:.0e}")},
    )  # fmt: skip


def _arrays(batch: Any) -> Iterator[Any]:
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        for part in batch:
            yield from _arrays(part)
    elif batch is not None:
        array = np.asarray(getattr(batch, "raw", batch))
        if array.dtype != object:
            yield array


def _producer(case: Case) -> Finding | None:
    """The first operation whose arguments are finite and whose result is not."""
    graph = case.graph
    victims = 0
    first: Node | None = None
    for node in graph.order:
        value = graph.value(node)
        if value is None or isinstance(value, tuple) or np.isfinite(value).all():
            continue
        if first is not None:
            victims += 1
        elif all(np.isfinite(a).all() for a in graph.args(node) if np.asarray(a).dtype.kind in "fiub"):
            first = node
    if first is None or first.op is None:
        return _bad_constant(case)
    event, name = graph.events[first], first.op.name
    bad = ~np.isfinite(np.asarray(event.value))
    ranges = ", ".join(_range(a) for a in event.args)
    what, change, code = CURES.get(
        name, ("numbers too large for their dtype", "Make the numbers that enter it smaller.", "x = x / x.std()")
    )
    return Finding(
        "NaN", event.layer or event.where,
        f"The first is made by `{name}` at {event.where}, {int(bad.sum()):,} of {bad.size:,} entries, from {ranges}; {victims} "
        "later results are its victims.",
        f"It is {what}.", change, code, {"entries": float(bad.sum()), "victims": float(victims)},
    )  # fmt: skip


def _bad_constant(case: Case) -> Finding | None:
    """An operation that was given a constant which is not finite."""
    for node in case.graph.order:
        event = case.graph.events.get(node)
        value = None if event is None else event.value
        if event is None or value is None or isinstance(value, tuple) or not np.isnan(value).any():
            continue
        for arg, parent in zip(event.args, node.parents, strict=False):
            if parent is None and np.asarray(arg).dtype.kind == "f" and np.isnan(arg).any():
                return Finding(
                    "NaN", event.layer or event.where,
                    f"An input of `{node.op.name if node.op else ''}` at {event.where}, shape {np.shape(arg)}, is NaN in "
                    f"{int(np.isnan(arg).sum()):,} places before the model computes anything.",
                    "What is done to the data before the first layer gives NaN.",
                    "Look for logarithms, roots and divisions there, such as by a standard deviation of zero.",
                    "x = (x - mean) / (std + 1e-8)",
                    {"entries": float(np.isnan(arg).sum())},
                )  # fmt: skip
    return None


def _bad_sweep(case: Case, bad: list[str]) -> Finding:
    """A loss that is finite with a gradient that is not: where the sweep first sent on what is not finite."""
    for node, argument, upstream, contribution in case.seen.uses:
        if isinstance(upstream, tuple) or isinstance(contribution, tuple) or node.op is None:
            continue
        if np.isfinite(upstream).all() and not np.isfinite(contribution).all():
            event, name = case.graph.events[node], node.op.name
            what, change, code = CURES.get(
                name, ("an infinite derivative", "Keep its argument away from there.", "x = x + 1e-8")
            )
            return Finding(
                "NaN", event.layer or event.where,
                f"The loss is finite, {case.seen.value:.4g}; the first gradient that is not is sent on by `{name}` at "
                f"{event.where} to its argument, {_range(event.args[argument])}.",
                f"Its derivative is infinite there: {what}.", change, code, {"parameters": float(len(bad))},
            )  # fmt: skip
    return Finding(
        "NaN", "loss", f"The loss is {case.seen.value}.", "Nothing in the graph made it.", "Look at the loss.", ""
    )


def _range(a: Any) -> str:
    array = np.asarray(a)
    if array.size == 1:
        return f"{array.reshape(-1)[0]:.4g}"
    return f"numbers from {np.nanmin(array):.4g} to {np.nanmax(array):.4g}" if array.size else "nothing"
