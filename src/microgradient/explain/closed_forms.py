"""What comes back through a whole function, in closed form: p − y through a cross-entropy, and not operation by operation.

Each is a theorem about the rules and no rule: it explains, and nothing is computed with it. It is told where it gives the number
that the contributions add up to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..array_world import ARRAY
from .composites import Composite
from .updates.quantity import Quantity, Symbol

Arrays = dict[str, Any]


class Form(NamedTuple):
    """The derivative by the argument `by` of a function: `formula` of quantities, which `quantities` computes.

    `quantities(arguments, g)` has the arrays by their symbols, in the shape of the argument or as they broadcast to it, or None
    where the arguments are others than the theorem is about; `g` is what arrives at the result. `told` says what they are, with
    n or, in a sum, without it.
    """

    by: str
    formula: Callable[..., Any]
    quantities: Callable[[Arrays, Any], Arrays | None]
    told: str
    summed: str = ""


def closed_form(composite: Composite, argument: str, g: Any) -> tuple[Quantity, str] | None:
    """What comes back to `argument` where `g` arrives at the result, as a formula with its numbers, and what is what in it."""
    form = next((form for form in FORMS.get(composite.name, ()) if form.by == argument), None)
    if form is None:
        return None
    arguments = {name: raw(value) for name, value in composite.arguments.items()}
    if isinstance(arguments.get("axis"), list):
        arguments["axis"] = tuple(arguments["axis"])
    shape = np.shape(arguments[argument])
    if not np.prod(shape) or not np.size(g):
        return None
    with np.errstate(all="ignore"):
        found = form.quantities(arguments, g)
        if found is None or any(not _broadcasts(value, shape) for value in found.values()):
            return None
        given = [_named(name, np.broadcast_to(value, shape)) for name, value in found.items()]
        return form.formula(*given), form.told if "n" in found or not form.summed else form.summed


def _broadcasts(value: Any, shape: tuple[int, ...]) -> bool:
    ending = shape[len(shape) - np.ndim(value) :] if np.ndim(value) <= len(shape) else None
    return ending is not None and all(n in (1, m) for n, m in zip(np.shape(value), ending, strict=True))


def at_entry(q: Quantity, place: tuple[int, ...]) -> Quantity:
    """The formula of one entry."""
    value = q.value[place] if np.ndim(q.value) else q.value
    return Quantity(value, q.op, tuple(at_entry(a, place) for a in q.args), q.symbol)


def raw(x: Any) -> Any:
    """The data of a tensor; anything else as it is."""
    return getattr(x, "raw", x)


def _named(name: str, value: Any) -> Quantity:
    stem, _, subscript = name.partition("_")
    return Quantity(value, symbol=Symbol(stem, subscript))


# ---------------------------------------------------------------------------------------------------------------- losses


def _times(g: Quantity, local: Quantity) -> Quantity:
    """g · local; of the loss itself local alone."""
    return local if np.all(g.value == 1) else g * local


def _averaged(a: Arrays, quantities: Arrays, n: int) -> Arrays:
    """The quantities, with n if the loss is a mean."""
    return {**quantities, "n": n} if a["reduction"] == "mean" else quantities


def _over(q: Quantity, n: Quantity | None) -> Quantity:
    return q if n is None else q / n


def _of_cross_entropy(a: Arrays, g: Any) -> Arrays | None:
    x, y = _wide(a["input"]), np.asarray(a["target"])
    if a["weight"] is not None or a["label_smoothing"] or not x.ndim:
        return None
    axis = 0 if x.ndim == 1 else 1
    if y.shape == x.shape and y.dtype.kind == "f":
        right, used = y, np.ones(())
        count = x.size // x.shape[axis]
    else:
        labels = np.expand_dims(y, axis)
        used = labels != a["ignore_index"]
        classes = np.expand_dims(np.arange(x.shape[axis]), [k for k in range(x.ndim) if k != axis])
        right, count = (classes == labels) & used, int(np.sum(used))
    arrived = np.expand_dims(g, axis) if a["reduction"] == "none" else g
    return _averaged(a, {"g": arrived, "p": _softmax(x, axis) * used, "y": right}, count)


def _of_binary_cross_entropy(a: Arrays, g: Any) -> Arrays | None:
    if a["weight"] is not None or a["pos_weight"] is not None:
        return None
    x = _wide(a["input"])
    return _averaged(a, {"g": g, "σ": ARRAY.sigmoid(x), "y": a["target"]}, x.size)


def _of_squares(a: Arrays, g: Any) -> Arrays | None:
    x, y = _wide(a["input"]), _wide(a["target"])
    return _averaged(a, {"g": g, "x": x, "y": y}, x.size) if x.shape == y.shape else None


# --------------------------------------------------------------------------------------------------- softmax and relatives


def _softmax(x: Any, axis: Any) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _of_softmax(a: Arrays, g: Any) -> Arrays | None:
    y = _softmax(_wide(a["x"]), a["axis"])
    return {"y": y, "g": g, "s": np.sum(g * y, axis=a["axis"], keepdims=True)}


def _of_log_softmax(a: Arrays, g: Any) -> Arrays | None:
    return {"g": g, "p": _softmax(_wide(a["x"]), a["axis"]), "s": np.sum(g, axis=a["axis"], keepdims=True)}


def _of_logsumexp(a: Arrays, g: Any) -> Arrays | None:
    return {"g": _spread(a, g), "p": _softmax(_wide(a["x"]), a["axis"])}


def _of_mean(a: Arrays, g: Any) -> Arrays | None:
    return {"g": _spread(a, g), "n": np.size(a["x"]) // np.size(g)}


def _of_variance(a: Arrays, g: Any) -> Arrays | None:
    x = _wide(a["x"])
    count = x.size // np.size(g) - a["correction"]
    return {"g": _spread(a, g), "x": x, "μ": np.mean(x, axis=a["axis"], keepdims=True), "n": count}


def _spread(a: Arrays, g: Any) -> Any:
    """What arrives at a sum over `axis`, with that axis."""
    if a["keepdims"]:
        return g
    axes = range(np.ndim(a["x"])) if a["axis"] is None else a["axis"]
    return np.expand_dims(g, tuple(axes) if not isinstance(axes, int) else axes)


# ------------------------------------------------------------------------------------------------------- normalisations


def _of_layer_norm(a: Arrays, g: Any) -> Arrays | None:
    last = len(tuple(a["normalized_shape"]))
    return _normalised(a, g, tuple(range(-last, 0)), a["weight"])


def _of_batch_norm(a: Arrays, g: Any) -> Arrays | None:
    x = a["input"]
    if not (a["training"] or a["running_mean"] is None or a["running_var"] is None):
        return None
    channels = (-1,) + (1,) * (x.ndim - 2)
    weight = None if a["weight"] is None else np.reshape(a["weight"], channels)
    return _normalised(a, g, (0, *range(2, x.ndim)), weight)


def _normalised(a: Arrays, g: Any, axes: tuple[int, ...], weight: Any) -> Arrays:
    x, h = _wide(a["input"]), _wide(g if weight is None else g * weight)
    mean = np.mean(x, axis=axes, keepdims=True)
    sigma = np.sqrt(np.mean((x - mean) ** 2, axis=axes, keepdims=True) + a["eps"])
    z = (x - mean) / sigma
    return {
        "h": h, "m": np.mean(h, axis=axes, keepdims=True), "z": z, "c": np.mean(h * z, axis=axes, keepdims=True), "σ": sigma,
    }  # fmt: skip


def _of_rms_norm(a: Arrays, g: Any) -> Arrays | None:
    x, weight = _wide(a["input"]), a["weight"]
    axes = tuple(range(-len(tuple(a["normalized_shape"])), 0))
    eps = float(np.finfo(a["input"].dtype).eps) if a["eps"] is None else a["eps"]
    h = _wide(g if weight is None else g * weight)
    r = np.sqrt(np.mean(x * x, axis=axes, keepdims=True) + eps)
    return {"h": h, "z": x / r, "c": np.mean(h * x / r, axis=axes, keepdims=True), "r": r}


# ------------------------------------------------------------------------------------------------ activations, attention


def _of_gelu(a: Arrays, g: Any) -> Arrays | None:
    x = _wide(a["input"])
    if a["approximate"] != "none":
        return None
    return {
        "g": g,
        "Φ": (1 + ARRAY.erf(x / math.sqrt(2))) / 2,
        "x": x,
        "φ": np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    }


def _of_silu(a: Arrays, g: Any) -> Arrays | None:
    x = _wide(a["input"])
    return {"g": g, "σ": ARRAY.sigmoid(x), "x": x}


def _attention(a: Arrays, g: Any) -> tuple[Any, Any, float] | None:
    """The weights p, what arrives at the scores they were computed from, and what those were multiplied by."""
    if a["dropout_p"] or a["enable_gqa"]:
        return None
    q, k, v = (_wide(a[name]) for name in ("query", "key", "value"))
    scale = 1 / math.sqrt(q.shape[-1]) if a["scale"] is None else a["scale"]
    scores = q @ k.swapaxes(-1, -2) * scale
    mask = np.tri(*scores.shape[-2:], dtype=np.bool_) if a["is_causal"] else a["attn_mask"]
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == np.bool_ else scores + mask
    p = _softmax(scores, -1)
    u = g @ v.swapaxes(-1, -2)
    return p, p * (u - np.sum(p * u, axis=-1, keepdims=True)), scale


def _of_query(a: Arrays, g: Any) -> Arrays | None:
    found = _attention(a, g)
    return None if found is None else {"α": found[2], "t": found[1] @ _wide(a["key"])}


def _of_key(a: Arrays, g: Any) -> Arrays | None:
    found = _attention(a, g)
    return None if found is None else {"α": found[2], "t": found[1].swapaxes(-1, -2) @ _wide(a["query"])}


def _of_value(a: Arrays, g: Any) -> Arrays | None:
    found = _attention(a, g)
    return None if found is None else {"t": found[0].swapaxes(-1, -2) @ g}


def _wide(x: Any) -> Any:
    return np.asarray(x, np.float64)


FORMS: dict[str, tuple[Form, ...]] = {
    "cross_entropy": (
        Form("input", lambda g, p, y, n=None: _over(_times(g, p - y), n), _of_cross_entropy,
             "p is the softmax of the scores, y the target (1 for the label and 0 for the others, or probabilities), "
             "n how many labels are averaged, g what arrives at the loss",
             "p is the softmax of the scores, y the target (1 for the label and 0 for the others, or probabilities), "
             "g what arrives at the loss"),
    ),
    "binary_cross_entropy_with_logits": (
        Form("input", lambda g, s, y, n=None: _over(_times(g, s - y), n), _of_binary_cross_entropy,
             "σ is the sigmoid of the score, y the target, n how many entries are averaged, g what arrives at the loss",
             "σ is the sigmoid of the score, y the target, g what arrives at the loss"),
    ),
    "mse_loss": (
        Form("input", lambda g, x, y, n=None: _over(2 * _times(g, x - y), n), _of_squares,
             "x is the input, y the target, n how many entries are averaged, g what arrives at the loss",
             "x is the input, y the target, g what arrives at the loss"),
        Form("target", lambda g, x, y, n=None: _over(2 * _times(g, y - x), n), _of_squares,
             "x is the input, y the target, n how many entries are averaged, g what arrives at the loss",
             "x is the input, y the target, g what arrives at the loss"),
    ),
    "softmax": (
        Form("x", lambda y, g, s: y * (g - s), _of_softmax, "y is the softmax, g what arrives at it, s the sum of g · y"),
    ),
    "log_softmax": (
        Form("x", lambda g, p, s: g - p * s, _of_log_softmax, "p is the softmax, g what arrives here, s the sum of g"),
    ),
    "logsumexp": (Form("x", lambda g, p: g * p, _of_logsumexp, "p is the softmax, g what arrives at the result"),),
    "mean": (Form("x", lambda g, n: g / n, _of_mean, "g is what arrives at the mean, n how many entries it is of"),),
    "var": (
        Form("x", lambda g, x, m, n: 2 * g * (x - m) / n, _of_variance,
             "x is the entry, μ the mean, g what arrives at the variance, "
             "n how many entries it is of, less the correction"),
    ),
    "layer_norm": (
        Form("input", lambda h, m, z, c, s: (h - m - z * c) / s, _of_layer_norm,
             "h is what arrives times the weight, z the normalised entry, "
             "m the mean of h and c that of h · z over the entries that are normalised together, σ their deviation"),
    ),
    "batch_norm": (
        Form("input", lambda h, m, z, c, s: (h - m - z * c) / s, _of_batch_norm,
             "h is what arrives times the weight, z the normalised entry, "
             "m the mean of h and c that of h · z over the batch, σ its deviation"),
    ),
    "rms_norm": (
        Form("input", lambda h, z, c, r: (h - z * c) / r, _of_rms_norm,
             "h is what arrives times the weight, z the normalised entry, "
             "c the mean of h · z and r the root mean square"),
    ),
    "gelu": (
        Form("input", lambda g, p, x, d: g * (p + x * d), _of_gelu,
             "Φ is the normal distribution function at the entry x, φ its density, g what arrives at the result"),
    ),
    "silu": (
        Form("input", lambda g, s, x: g * s * (1 + x * (1 - s)), _of_silu,
             "x is the entry, σ its sigmoid, g what arrives at the result"),
    ),
    "scaled_dot_product_attention": (
        Form("query", lambda a, t: a * t, _of_query, "t = Σ s · k over the keys, "
             "with s = p · (u − Σ p · u) at the scores, u = g · v, p the weights of attention and α the scale"),
        Form("key", lambda a, t: a * t, _of_key, "t = Σ s · q over the queries, "
             "with s = p · (u − Σ p · u) at the scores, u = g · v, p the weights of attention and α the scale"),
        Form("value", lambda t: t, _of_value,
             "t = Σ p · g: what arrives at each position, times how much it looked here"),
    ),
}  # fmt: skip
"""By the name of the function."""
