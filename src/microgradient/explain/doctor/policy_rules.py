"""Rules about reinforcement learning: policies that no longer explore, errors that are cut off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...tape import Node
from .case import Case
from .diagnosis import Finding
from .loss_rules import is_error, picked_logarithms

COLLAPSED = 0.05  # of the entropy of equal chances
_CUT_OFF = 0.1  # of the errors


def entropy_collapse(case: Case) -> Iterator[Finding]:
    """A policy that gives nearly all chances to one action: less than 5 % of the entropy of equal chances.

    A policy is told from a classifier by what multiplies its log-probabilities: advantages, which have both signs.
    """
    graph = case.graph
    for node in picked_logarithms(case):
        logarithms = graph.through_views(node.parents[0])
        if logarithms is None or not _is_weighed_by_advantages(case, node):
            continue
        log_p = np.asarray(graph.value(logarithms), np.float64)
        actions = log_p.shape[-1]
        entropy = float(np.mean(-np.sum(np.exp(log_p) * np.maximum(log_p, -1e30), axis=-1)))
        if not entropy < COLLAPSED * np.log(actions):
            continue
        yield Finding(
            "entropy collapse", graph.where(logarithms),
            f"The policy's mean entropy is {entropy:.2g} nats, {100 * entropy / np.log(actions):.2g} % of the "
            f"{np.log(actions):.3g} of equal chances for {actions} actions.",
            "The policy has become certain, so it no longer tries anything else and its gradient vanishes.",
            "Reward entropy in the loss, and start the last layer of the policy small.",
            "loss = loss - 0.01 * entropy.mean()",
            {"entropy": entropy, "share": entropy / float(np.log(actions))},
        )  # fmt: skip
        return


def _is_weighed_by_advantages(case: Case, node: Node) -> bool:
    """Whether the path to the loss goes through a product with constants of both signs, a ratio of chances first or not."""
    graph, todo, met = case.graph, [node], 0
    while todo and met < 32:
        here = todo.pop()
        met += 1
        for child in graph.children[here]:
            name = child.op.name if child.op is not None else ""
            if name == "multiply":
                constants = [np.asarray(a) for a, p in zip(graph.args(child), child.parents, strict=False) if p is None]
                if any(a.size > 1 and a.min() < 0 < a.max() for a in constants):
                    return True
            if name in ("negative", "subtract", "exp", "reshape", "index", "sum", "multiply", "permute_dims", "clip"):
                todo.append(child)
    return False


def clipped_errors(case: Case) -> Iterator[Finding]:
    """A prediction minus its target that is clipped before it is squared: clipped errors get no gradient."""
    graph = case.graph
    for node in graph.of("clip", "maximum", "minimum"):
        inside = [p for p in node.parents if p is not None]
        if len(inside) != 1 or not is_error(case, inside[0]) or len(set(graph.children[inside[0]])) != 1:
            continue
        prediction = next(p for p in inside[0].parents if p is not None)
        if len(set(graph.children[prediction])) != 1:
            continue
        error, clipped = np.asarray(graph.value(inside[0])), np.asarray(graph.value(node))
        if error.shape != clipped.shape or (share := float(np.mean(error != clipped))) < _CUT_OFF:
            continue
        yield Finding(
            "clipped td error", graph.where(node),
            f"{100 * share:.0f} % of the errors are clipped: they lie between {error.min():.4g} and {error.max():.4g}, the "
            f"bounds at {clipped.min():.4g} and {clipped.max():.4g}, and beyond these the gradient is 0.",
            "The clip is flat outside its bounds, so just the largest errors teach nothing.",
            "Bound the gradient in the place of the error: Huber's loss does.",
            "loss = nn.functional.huber_loss(q, target)",
            {"share": share},
        )  # fmt: skip
        return
