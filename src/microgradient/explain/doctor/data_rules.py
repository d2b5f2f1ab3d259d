"""Rules about the numbers that enter a model, and the statistics that it keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...nn.norm import _BatchNorm
from .case import Case, layer_of, named
from .diagnosis import Finding
from .graph import WeightUse, rms
from .loss_rules import is_error, squared_errors

_FAR_TARGETS = 1000.0  # times the predictions


def unnormalised_data(case: Case) -> Iterator[Finding]:
    """Data that enter the first weight with a size or an offset far from 1, where no normalisation follows."""
    for use in case.graph.weight_uses:
        x = np.asarray(use.signal_value)
        if use.signal is not None or x.dtype.kind != "f" or x.size < 2 or not np.isfinite(x).all():
            continue
        if use.node.op is not None and use.node.op.name == "index":
            continue
        z, g = np.asarray(case.graph.value(use.node)), case.graph.adjoint(use.node)
        if g is not None and _size_does_not_matter(z * g, _is_conv(use)):
            continue
        large = rms(x)
        axis = tuple(i for i in range(x.ndim) if i != (1 if x.ndim > 2 and _is_conv(use) else x.ndim - 1))
        spread = float(np.median(np.std(x, axis=axis))) or float(np.std(x))
        if not (large > 10 and rms(z) > 10):
            continue
        yield Finding(
            "data not normalised", named(layer_of(use.parameter)),
            f"What enters `{named(layer_of(use.parameter))}` has the root mean square {large:.4g} (mean {x.mean():.4g}, "
            f"standard deviation {spread:.3g}), and what leaves it {rms(z):.4g}.",
            "The data come in units of their own, and the initialisation is made for numbers of about 1.",
            "Subtract the mean and divide by the standard deviation, both of the training data.",
            "x = (x - x_train.mean(axis=0)) / x_train.std(axis=0)",
            {"rms": large, "mean": float(x.mean()), "std": spread},
        )  # fmt: skip
        return


def unnormalised_targets(case: Case) -> Iterator[Finding]:
    """Targets above 1000, and as many times the predictions, in a squared or absolute error."""
    graph = case.graph
    for node in squared_errors(case):
        error = node.parents[0]
        if error is None or not is_error(case, error):
            continue
        signal = 0 if error.parents[0] is not None else 1
        prediction, target = graph.args(error)[signal], np.asarray(graph.args(error)[1 - signal])
        ratio = rms(target) / max(rms(prediction), 1.0)
        if not ratio > _FAR_TARGETS:
            continue
        yield Finding(
            "data not normalised", "targets",
            f"The targets have the root mean square {rms(target):.4g} and the predictions {rms(prediction):.4g}: "
            "weights of usual size have a long way to go.",
            "The targets come in units of their own, and models start with predictions of about 1.",
            "Subtract their mean and divide by their standard deviation, and undo it to predict.",
            "y = (y - y_train.mean()) / y_train.std()",
            {"rms": rms(target), "predicted": rms(prediction)},
        )  # fmt: skip
        return


def _size_does_not_matter(products: Any, of_conv: bool) -> bool:
    """Whether a normalisation follows: value · gradient then adds up to 0 in each channel, or in each example (Euler)."""
    units = 1 if of_conv and products.ndim > 2 else products.ndim - 1
    for kept in (0, units):
        axes = tuple(i for i in range(products.ndim) if i != kept)
        sums, sizes = np.abs(products.sum(axis=axes)), np.abs(products).sum(axis=axes)
        if sizes.any() and np.median(sums[sizes > 0] / sizes[sizes > 0]) < 1e-3:
            return True
    return False


def _is_conv(use: WeightUse) -> bool:
    return use.node.op is not None and use.node.op.name.startswith("conv")


def frozen_batch_norm(case: Case) -> Iterator[Finding]:
    """Batch norm in evaluation mode that has never measured anything, or other statistics than those of what enters."""
    for call in case.seen.probe.calls:
        module = call.module
        if not isinstance(module, _BatchNorm) or module.training or module.running_mean is None or not call.args:
            continue
        x = np.asarray(call.args[0].raw, np.float64)
        if x.ndim < 2 or x.size // x.shape[1] < 4:
            continue
        axes = (0, *range(2, x.ndim))
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running, spread = (np.asarray(x.raw) for x in (module.running_mean, module.running_var) if x is not None)
        off = float(np.median(np.abs(mean - running) / np.sqrt(spread + module.eps)))
        ratio = float(np.median((var + module.eps) / (spread + module.eps)))
        untouched = not running.any() and bool((spread == 1).all())
        if off < 0.5 and 0.5 < ratio < 2 and not untouched:
            continue
        yield Finding(
            "frozen batch norm", named(call.layer),
            f"`{named(call.layer)}` is in evaluation mode and its running statistics do not fit: the batch lies {off:.2g} "
            f"standard deviations off, with {ratio:.2g} times the variance.",
            "The model is in evaluation mode while it is trained, so batch norm uses statistics that it never measured.",
            "Switch to training mode before the training loop, and back for evaluation.",
            "model.train()",
            {"offset": off, "variance_ratio": ratio},
        )  # fmt: skip
        return
