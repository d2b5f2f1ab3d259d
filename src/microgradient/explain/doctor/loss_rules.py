"""Rules about the loss: what stands before it, its targets and its sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import MicrogradientError
from ...tape import Node
from .case import Case
from .diagnosis import Finding

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}
"""What functions at the end of a model can give."""


def softmax_twice(case: Case) -> Iterator[Finding]:
    """A softmax, or a sigmoid, whose result is taken for scores by a log-softmax."""
    graph = case.graph
    for node, x in graph.log_softmaxes.items():
        inside = graph.through_views(x)
        if not graph.after_the_weights(node) or inside is None or inside.op is None:
            continue
        if inside in graph.softmaxes:
            p = np.asarray(graph.value(inside))
            yield Finding(
                "softmax twice", graph.where(inside),
                f"What enters the cross-entropy is a softmax already: its entries are {p.min():.3g} to {p.max():.3g}, so "
                f"the second softmax never gives more than {_largest_chance(p):.2g} to a class.",
                "cross_entropy applies softmax itself.",
                "Give it the scores before the softmax.",
                "loss = nn.functional.cross_entropy(scores, y)  # without softmax before it",
                {"largest": float(p.max())},
            )  # fmt: skip
            return
        if inside.op.name == "sigmoid":
            p = np.asarray(graph.value(inside))
            yield Finding(
                "softmax twice", graph.where(inside),
                f"What enters the cross-entropy is a sigmoid: scores between 0 and 1, of which the softmax never gives more than "
                f"{_largest_chance(p):.2g} to a class.",
                "cross_entropy takes scores of any size and applies softmax itself.",
                "Leave out the sigmoid.",
                "loss = nn.functional.cross_entropy(scores, y)  # without sigmoid before it",
                {"largest": float(p.max())},
            )  # fmt: skip
            return


def _largest_chance(p: Any) -> float:
    classes = p.shape[1] if p.ndim > 1 else p.shape[0]
    return float(np.e / (np.e + classes - 1))


def sigmoid_twice(case: Case) -> Iterator[Finding]:
    """A sigmoid, or a softmax, whose result is taken for a score by binary_cross_entropy_with_logits."""
    graph = case.graph
    for node in graph.of("softplus"):
        negative = node.parents[0]
        if negative is None or negative.op is None or negative.op.name != "negative":
            continue
        inside = graph.through_views(negative.parents[0])
        if inside is None or inside.op is None or not graph.after_the_weights(node):
            continue
        if inside.op.name == "sigmoid" or inside in graph.softmaxes:
            name = "softmax" if inside in graph.softmaxes else "sigmoid"
            p = np.asarray(graph.value(inside))
            yield Finding(
                "sigmoid twice", graph.where(inside),
                f"What enters binary_cross_entropy_with_logits is a {name}: between {p.min():.3g} and {p.max():.3g}, so that the "
                "chances that it compares lie between 0.5 and 0.73.",
                "binary_cross_entropy_with_logits applies the sigmoid itself.",
                f"Give it the scores before the {name}.",
                f"loss = nn.functional.binary_cross_entropy_with_logits(scores, y)  # without {name} before it",
                {"smallest": float(p.min()), "largest": float(p.max())},
            )  # fmt: skip
            return


def no_logarithm(case: Case) -> Iterator[Finding]:
    """The negative of picked probabilities, or of picked scores, as a loss: nll_loss without the logarithm."""
    graph = case.graph
    for node in graph.of("index", "take_along_axis"):
        if not _by_labels(case, node) or not _linear_to_the_loss(case, node):
            continue
        inside = graph.through_views(node.parents[0])
        if inside is None or inside.op is None or inside in graph.log_softmaxes or not graph.after_the_weights(inside):
            continue
        if inside.op.name == "subtract" and _rows_are_logarithms(graph.value(inside)):
            continue
        if inside in graph.softmaxes:
            yield Finding(
                "softmax before nll", graph.where(inside),
                f"The loss is {case.seen.value:.4g}, the mean of minus the probabilities of the labels: it can't go below -1.",
                "nll_loss takes logarithms of probabilities, and gets the probabilities.",
                "Take log_softmax in the place of softmax.",
                "loss = nn.functional.nll_loss(mg.log_softmax(scores, axis=1), y)",
                {"loss": case.seen.value},
            )  # fmt: skip
        elif inside in {use.node for use in graph.weight_uses} or inside.op.name == "add":
            yield Finding(
                "softmax before nll", graph.where(inside),
                f"The loss is {case.seen.value:.4g}, minus the scores of the labels: it falls without end as they grow.",
                "nll_loss takes logarithms of probabilities, and gets scores.",
                "Take cross_entropy, which applies log_softmax itself.",
                "loss = nn.functional.cross_entropy(scores, y)",
                {"loss": case.seen.value},
            )  # fmt: skip
        else:
            continue
        return


def _by_labels(case: Case, node: Node) -> bool:
    """Whether `node` picks one entry of each row by an array of whole numbers."""
    args = case.graph.args(node)
    if node.op is not None and node.op.name == "take_along_axis":
        return True
    return len(args) > 2 and all(np.asarray(a).dtype.kind in "iu" for a in args[1:])


def _rows_are_logarithms(x: Any) -> bool:
    a = np.asarray(x, np.float64)
    return bool(a.ndim > 0 and np.allclose(np.exp(a).sum(axis=1 if a.ndim > 1 else 0), 1.0, atol=1e-3))


def _linear_to_the_loss(case: Case, node: Node) -> bool:
    """Whether what follows are sums, signs and factors of one number only."""
    graph = case.graph
    while node is not graph.order[-1]:
        children = graph.children[node]
        if len(children) != 1:
            return False
        node = children[0]
        name = node.op.name if node.op is not None else ""
        if name in ("multiply", "divide"):
            if any(np.size(a) > 1 for a, p in zip(graph.args(node), node.parents, strict=False) if p is None):
                return False
        elif name not in ("sum", "negative", "reshape", "positive", "add", "permute_dims"):
            return False
    return True


def wrong_sign(case: Case) -> Iterator[Finding]:
    """An error that the loss counts as good: its derivative in a squared error, or in minus a log-likelihood, is negative."""
    graph = case.graph
    told = {
        "error": [g for node in squared_errors(case) if (g := graph.adjoint(node)) is not None],
        "negative log-likelihood": [
            -np.asarray(g) for node in picked_logarithms(case) if (g := graph.adjoint(node)) is not None
        ],
    }
    for name, adjoints in told.items():
        flat = np.concatenate([np.ravel(g) for g in adjoints]) if adjoints else np.zeros(0)
        if flat.any() and (flat <= 0).all():
            yield Finding(
                "wrong sign", "loss",
                f"The derivative of the loss in each {name} is negative, {flat.mean():.3g} in the mean: the larger the "
                "errors, the smaller the loss.",
                "The loss has the wrong sign.",
                "Leave out the minus.",
                "loss = -loss",
                {"derivative": float(flat.mean())},
            )  # fmt: skip
            return


def squared_errors(case: Case) -> Iterator[Node]:
    """Squares and absolute values of a prediction minus a constant, and Huber's mixture of them."""
    for node in case.graph.of("multiply", "square", "power", "abs"):
        inside = node.parents[0]
        if node.op is not None and node.op.name == "multiply" and node.parents[1] is not inside:
            if inside is None or inside.op is None or inside.op.name != "clip":
                continue
            inside = inside.parents[0]
        if inside is not None and is_error(case, inside):
            yield node


def is_error(case: Case, node: Node) -> bool:
    """Whether `node` is a prediction minus a target, or the other way round."""
    if node.op is None or node.op.name != "subtract" or not case.graph.after_the_weights(node):
        return False
    a, b = node.parents
    target = case.graph.args(node)[1 if b is None else 0]
    return (a is None) is not (b is None) and np.size(target) > 0 and np.asarray(target).dtype.kind in "fiub"


def picked_logarithms(case: Case) -> Iterator[Node]:
    """Log-probabilities of labels."""
    for node in case.graph.of("index", "take_along_axis"):
        if _by_labels(case, node) and case.graph.through_views(node.parents[0]) in case.graph.log_softmaxes:
            yield node


def stretched(case: Case) -> Iterator[Finding]:
    """A prediction and a target of the same number of entries in different shapes, that broadcast to more."""
    graph = case.graph
    for node in graph.of("subtract", "multiply", "divide", "add"):
        if not graph.after_the_weights(node) or (node.parents[0] is None) is (node.parents[1] is None):
            continue
        a, b = (np.shape(arg) for arg in graph.args(node))
        n = int(np.prod(a))
        if a == b or n != int(np.prod(b)) or int(np.prod(np.shape(graph.value(node)))) <= n or n < 2:
            continue
        predicted, given = (a, b) if node.parents[0] is not None else (b, a)
        fix = f"y = y.reshape({predicted})" if len(given) < len(predicted) else "prediction = prediction.squeeze(-1)"
        event = graph.events[node]
        yield Finding(
            "shape mismatch", "loss",
            f"At {event.where} shape {predicted} meets {given} and becomes {np.shape(graph.value(node))}: {n} predictions give "
            f"{np.size(graph.value(node)):,} numbers.",
            "Every prediction is compared with every target.",
            "Give both the same shape.",
            fix,
            {"predictions": float(n), "compared": float(np.size(graph.value(node)))},
        )  # fmt: skip
        return


def unfit_targets(case: Case) -> Iterator[Finding]:
    """Targets that the model's last function can't give, or that are no chances where chances are compared."""
    graph = case.graph
    for node in graph.of("subtract"):
        if not is_error(case, node):
            continue
        signal = 0 if node.parents[0] is not None else 1
        last = graph.through_views(node.parents[signal])
        target = np.asarray(graph.args(node)[1 - signal])
        name = (
            "softmax" if last in graph.softmaxes else last.op.name if last is not None and last.op is not None else ""
        )
        low, high = RANGES.get("sigmoid" if name == "softmax" else name, (-np.inf, np.inf))
        outside = float(np.mean((target < low - 1e-3) | (target > high + 1e-3)))
        if outside > 0.05 and np.shape(target) != ():
            yield Finding(
                "labels", "loss",
                f"{100 * outside:.0f} % of the targets lie outside of what {name} gives, {low:g} to {high:g}: they go from "
                f"{target.min():.4g} to {target.max():.4g}.",
                f"The model ends in {name}, which can't reach these targets.",
                f"Leave out the last {name}, or scale the targets into its range.",
                f"model = model[:-1]  # without the last {name}",
                {"outside": outside},
            )  # fmt: skip
            return
    yield from _no_chances(case)


def refused(error: MicrogradientError) -> Finding | None:
    """The finding that is the reason for an error of a loss function: targets that are none."""
    if error.code not in ("MG162", "MG163", "MG164"):
        return None
    evidence, _, fix = error.message.partition(". ")
    cause = {
        "MG162": "The loss takes probabilities and is given something else.",
        "MG163": "Predictions and targets have shapes that do not belong together.",
        "MG164": "The labels are not the numbers of the model's outputs, which count from 0.",
    }[error.code]
    code = fix.partition("`")[2].partition("`")[0] or ("y = y - 1" if "y - 1" in fix else "")
    return Finding("labels", "loss", f"{evidence}.", cause, fix or "Give the loss what it takes.", code)


def _no_chances(case: Case) -> Iterator[Finding]:
    """Targets outside of 0 … 1 in binary_cross_entropy_with_logits, which computes (1 - y)·x + softplus(-x)."""
    graph = case.graph
    for node in graph.of("softplus"):
        x = node.parents[0].parents[0] if node.parents[0] is not None and node.parents[0].op is not None else None
        for other in graph.children[x] if x is not None else ():
            if other.op is None or other.op.name != "multiply" or other.parents.count(None) != 1:
                continue
            y = 1 - np.asarray(graph.args(other)[other.parents.index(None)])
            if y.size and (y.min() < -1e-3 or y.max() > 1 + 1e-3):
                signs = (
                    "y = (y + 1) / 2" if y.min() >= -1 and y.max() <= 1 else "y = (y - y.min()) / (y.max() - y.min())"
                )
                yield Finding(
                    "labels", "loss",
                    f"The targets of the binary cross-entropy go from {y.min():.4g} to {y.max():.4g}; they are chances, 0 to 1.",
                    "The labels are not 0 and 1." , "Make them 0 and 1.", signs,
                    {"smallest": float(y.min()), "largest": float(y.max())},
                )  # fmt: skip
                return
