"""Rules about gradients on their way through layers and time steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...array_world import ARRAY
from ...tape import Node, backward, topological
from .case import Case, inputs_of, layer_of, named, written
from .diagnosis import Finding
from .graph import WeightUse, rms, size

LEAST_GAIN, LARGEST_GAIN, FAR = 0.7, 1.4, 50.0


class Profile(NamedTuple):
    """The gradient's norm at each depth, from the first weight's output to what enters the last; and the layer there.

    `of_weights` is the norm of the first weight's gradient over that of the last but one.
    """

    norms: list[float]
    layers: list[str]
    of_weights: float

    @property
    def gain(self) -> float:
        """How much the gradient grows per layer on its way back: the geometric mean."""
        return float((self.norms[0] / self.norms[-1]) ** (1 / (len(self.norms) - 1)))

    @property
    def ratio(self) -> float:
        """First over last."""
        return self.norms[0] / self.norms[-1]

    @property
    def median_gain(self) -> float:
        """The gain that half of the layers exceed."""
        steps = [a / b for a, b in zip(self.norms, self.norms[1:], strict=False)]
        return float(np.median(steps))


def profile(case: Case, head: bool = False) -> Profile | None:
    """The largest gradient that crosses from each depth to deeper ones. A residual block counts once.

    With `head` up to what the last weight gives, which says nothing about layers where that starts small, as in policies.
    Where signals are normalised their size means nothing, and neither does that of a gradient alone: it is multiplied by that
    of the signal.
    """
    graph = case.graph
    scaled = any(graph.depth[node] > 0 and not graph.after_the_weights(node) for node in graph.of("sqrt"))
    largest: dict[int, tuple[float, Node]] = {}
    for node in graph.order:
        depth, g = graph.depth[node], graph.adjoint(node)
        if depth == 0 or not isinstance(g, np.ndarray):
            continue
        deepest = max((graph.depth[child] for child in graph.children[node]), default=depth)
        if deepest == depth:
            continue
        norm = size(g) * (rms(graph.value(node)) if scaled else 1.0)
        for d in range(depth, deepest):
            if d not in largest or norm > largest[d][0]:
                largest[d] = norm, node
    if head and not scaled:
        ends = [use.node for use in graph.weight_uses if graph.depth[use.node] == graph.last_depth]
        given = [(size(g), node) for node in ends if isinstance(g := graph.adjoint(node), np.ndarray)]
        if given:
            largest[graph.last_depth] = max(given, key=lambda pair: pair[0])
    layers: dict[int, str] = {}
    for use in graph.weight_uses:
        layers.setdefault(graph.depth[use.node], layer_of(use.parameter))
    depths = [d for d in sorted(largest) if largest[d][1] is not largest.get(d - 1, (0, None))[1]]
    norms = [largest[d][0] for d in depths]
    if 0.0 in norms and 0 < min((norm for norm in norms if norm > 0), default=1.0) < 1e-30:  # it vanished altogether
        norms = [norm or float(np.finfo(np.float32).tiny) for norm in norms]
    if len(depths) < 3 or not all(norm > 0 and np.isfinite(norm) for norm in norms):
        return None
    first, last = (_weight_gradient(case, d) for d in (depths[0], max(largest)))
    return Profile(norms, [layers.get(d, "") for d in depths], first / last if last > 0 else np.inf)


def _weight_gradient(case: Case, depth: int) -> float:
    """The norm of the gradients of the weights at a depth."""
    names = {use.parameter for use in case.graph.weight_uses if case.graph.depth[use.node] == depth}
    return float(np.sqrt(sum(size(case.gradients[name]) ** 2 for name in names if name in case.gradients)))


def vanishing(case: Case) -> Iterator[Finding]:
    """The gradient shrinks layer by layer: gain per layer below 0.7 and less than 1/50 of it left at the first.

    So it does in a network of ten layers as they are initialised by default, whose signals shrink as well, and which learns:
    there the gradients of the weights have about one size. So these have to differ by 50, too, or the others by 50².
    """
    p = profile(case)
    if p is None or not (p.gain < LEAST_GAIN and p.median_gain < LEAST_GAIN and p.ratio < 1 / FAR):
        return
    if not (p.of_weights < 1 / FAR or p.ratio < 1 / FAR**2):
        return
    first, last = named(p.layers[0]), named(p.layers[-1])
    evidence = (
        f"The gradient shrinks ×{p.gain:.2f} per layer over {len(p.norms)} layers: `{first}` gets "
        f"{100 * p.ratio:.2g} % of what `{last}` gets."
    )
    cause, change, code, options = _why_vanishing(case)
    yield Finding(
        "vanishing gradient", first, evidence, cause, change, code, {"gain": p.gain, "ratio": p.ratio}, options
    )


def _why_vanishing(case: Case) -> tuple[str, str, str, dict[str, float | str]]:
    hidden = [a for a in case.activations if not case.graph.after_the_weights(a.node)]
    sigmoids = [a for a in hidden if a.kind == "sigmoid"]
    if sigmoids and 2 * len(sigmoids) >= len(hidden):
        return (
            "The derivative of the sigmoid is at most 0.25, and each layer multiplies by it.",
            "Use relu between the layers, with He's initialisation.",
            "nn.ReLU()  # in the place of nn.Sigmoid()\nnn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
            {"activation": "relu", "initialisation": "he"},
        )
    kind = "tanh" if any(a.kind == "tanh" for a in hidden) else "relu"
    std, right = _typical_std(case, kind)
    init = "nn.init.xavier_normal_(layer.weight, gain=5 / 3)" if kind == "tanh" else (
        "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')")  # fmt: skip
    return (
        f"The weights are too small: their standard deviation is {std:.2g} where {right:.2g} keeps a signal's size.",
        "Initialise each weight for its number of inputs, or put a normalisation or a residual connection around each layer.",
        f"for layer in model.modules():\n    if isinstance(layer, (nn.Linear, nn.Conv2d)):\n        {init}",
        {"initialisation": "xavier" if kind == "tanh" else "he"},
    )


def exploding(case: Case) -> Iterator[Finding]:
    """The gradient grows layer by layer on its way back: gain above 1.4 and more than 50 times as much at the first.

    Over many layers less is enough: 1.3, if it comes to 50².
    """
    p = profile(case, head=True)
    if p is None:
        return
    least = LARGEST_GAIN if p.ratio < FAR**2 else 1.3
    if not (p.gain > least and p.median_gain > least and p.ratio > FAR):
        return
    first, last = named(p.layers[0]), named(p.layers[-1])
    evidence = (
        f"The gradient grows ×{p.gain:.2f} per layer on its way back over {len(p.norms)} layers: `{first}` gets "
        f"{p.ratio:,.0f} times what `{last}` gets."
    )
    std, right = _typical_std(case, "relu")
    yield Finding(
        "exploding gradient", first, evidence,
        f"The weights are too large: their standard deviation is {std:.2g} where {right:.2g} keeps a signal's size.",
        "Initialise each weight for its number of inputs (in a residual branch, its last one by zeros).",
        "for layer in model.modules():\n    if isinstance(layer, (nn.Linear, nn.Conv2d)):\n"
        "        nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
        {"gain": p.gain, "ratio": p.ratio}, {"initialisation": "he"},
    )  # fmt: skip


def _typical_std(case: Case, kind: str) -> tuple[float, float]:
    """The median standard deviation of the weights between the first and the last, and what would keep a signal's size."""
    gain = {"tanh": 5 / 3, "relu": 2**0.5}[kind]
    uses = case.graph.weight_uses[1:-1] or case.graph.weight_uses
    stds = [float(np.std(use.weight)) for use in uses]
    rights = [gain / max(inputs_of(use), 1) ** 0.5 for use in uses]
    return float(np.median(stds)), float(np.median(rights))


# ------------------------------------------------------------------------------------------------------------ time steps

SHRINKING_STEP = 0.3  # of the gradient, in a step of time; an LSTM starts at about 0.5, and learns
_STEPS = 6


def through_time(case: Case) -> Iterator[Finding]:
    """A gradient that grows above 1.4 or shrinks below 0.3 in each step of time, 50 or 1/2500 times in all."""
    graph = case.graph
    by_weight: dict[str, list[WeightUse]] = {}
    for use in graph.weight_uses:
        by_weight.setdefault(use.parameter, []).append(use)
    for name, uses in by_weight.items():
        if len(uses) < _STEPS or not _in_a_row(uses):
            continue
        norms = _along_the_chain(case, uses)
        if len(norms) < _STEPS or not np.isfinite(norms).all():
            continue
        ratio, gain = norms[0] / norms[-1], (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))
        grows, shrinks = gain > LARGEST_GAIN and ratio > FAR, gain < SHRINKING_STEP and ratio < 1 / FAR**2
        if not (grows or shrinks):
            continue
        rule, verb = ("exploding gradient", "grows") if grows else ("vanishing gradient", "shrinks")
        layer = named(layer_of(name))
        w = np.asarray(uses[0].weight, np.float64)
        largest = float(np.linalg.norm(w, 2)) if w.ndim == 2 else np.nan
        cause = (
            f"Each step of time multiplies by the weight `{name}`, whose largest singular value is {largest:.3g}."
            if grows
            else f"Each step of time lets little pass: the largest singular value of `{name}` is {largest:.3g}."
        )
        change, code, options = _cure_through_time(grows, written(name))
        yield Finding(
            rule, layer,
            f"The gradient {verb} ×{gain:.2f} in each of {len(norms)} steps of time: the first gets {ratio:.3g} times what the "
            "last gets.",
            cause, change, code, {"gain": float(gain), "ratio": float(ratio)}, options,
        )  # fmt: skip
        return


def _cure_through_time(grows: bool, weight: str) -> tuple[str, str, dict[str, float | str]]:
    """Of a gradient that grows the norm can be held. Pascanu, Mikolov and Bengio 2013."""
    if grows:
        code = "nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # before optimizer.step()"
        return "Clip the gradient, or start this weight orthogonal.", code, {"clip": "1.0"}
    return "Start it orthogonal, and open forget gates.", f"nn.init.orthogonal_({weight})", {}


def _along_the_chain(case: Case, uses: list[WeightUse]) -> list[float]:
    """The norm of the gradient at each use, of what arrives at the last one alone: other steps may get more from elsewhere."""
    arrived = case.graph.adjoint(uses[-1].node)
    if not isinstance(arrived, np.ndarray) or not arrived.any():
        return []
    with np.errstate(all="ignore"):
        found = backward(topological([uses[-1].node]), {uses[-1].node: arrived}, ARRAY, observe=lambda *_: None)
    least = float(np.finfo(arrived.dtype).tiny)
    return [max(size(found[use.node]), least) for use in uses if use.node in found]


def _in_a_row(uses: list[WeightUse]) -> bool:
    """Whether each use of a weight works on what came of the one before."""
    for before, after in itertools.pairwise(uses):
        todo, met = [after.signal], 0
        while todo and met < 64:
            node = todo.pop()
            met += 1
            if node is before.node:
                break
            if node is not None and node.seq > before.node.seq:
                todo += node.parents
        else:
            return False
    return True


def overflow(case: Case) -> Finding | None:
    """Signals that grow from layer to layer until they leave the range of their dtype."""
    sizes = [rms(case.graph.value(use.node)) for use in case.graph.weight_uses]
    finite = [x for x in sizes if np.isfinite(x) and x > 0]
    if len(finite) < 3 or len(finite) == len(sizes):
        return None
    gain = float((finite[-1] / finite[0]) ** (1 / (len(finite) - 1)))
    if gain <= LARGEST_GAIN or finite[-1] / finite[0] < FAR**4:
        return None
    first = named(layer_of(case.graph.weight_uses[0].parameter))
    std, right = _typical_std(case, "relu")
    return Finding(
        "exploding gradient", first,
        f"The signal grows ×{gain:.3g} per layer until it overflows after {len(finite)} layers, and the gradient with it.",
        f"The weights are too large: their standard deviation is {std:.2g} where {right:.2g} keeps a signal's size.",
        "Initialise each weight for its number of inputs.",
        "for layer in model.modules():\n    if isinstance(layer, (nn.Linear, nn.Conv2d)):\n"
        "        nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
        {"gain": gain}, {"initialisation": "he"},
    )  # fmt: skip
