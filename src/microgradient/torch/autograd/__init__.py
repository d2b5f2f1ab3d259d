"""`torch.autograd`: gradients by name, functions with derivatives of their own, and what turns recording on and off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...errors import GradientError, ShapeError, user_location
from ...operators import world, wrap
from ...tape import NOT_STORED, TAPE, Spent, recording, topological
from ...tape import backward as sweep
from ...taped_world import TAPED
from ...tensor import Tensor as Base
from ...transforms import _on_the_way
from ..tensor import Tensor, adopt
from . import forward_ad, functional, graph, profiler
from .function import Function
from .grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "forward_ad", "functional", "grad", "gradcheck",
    "gradgradcheck", "graph", "inference_mode", "is_grad_enabled", "no_grad", "profiler", "set_detect_anomaly",
    "set_grad_enabled",
]  # fmt: skip


def Variable(x: Tensor, requires_grad: bool = False, volatile: bool = False) -> Any:
    """The tensor itself: once, tensors had to be wrapped for derivatives."""
    return x.requires_grad_() if requires_grad else x


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Σ grad_outputs · ∂outputs/∂inputs, a tensor for each input; `.grad` stays as it is.

    Raises GradientError for an input that the outputs don't depend on, unless `allow_unused` (then None) or `materialize_grads`
    (then zeros).

    >>> import microgradient.torch as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    ys, xs = _listed(outputs), _listed(inputs)
    seeds = [None] * len(ys) if grad_outputs is None else _listed(grad_outputs)
    if is_grads_batched:
        rows = [
            grad(ys, xs, [None if s is None else s[i] for s in seeds], True, create_graph, True, False, True)
            for i in range(len(next(s for s in seeds if s is not None)))
        ]
        return tuple(adopt(TAPED.concat(*(r[None] for r in column), axis=0)) for column in zip(*rows, strict=True))
    for x in xs:
        if x.node is None:
            raise GradientError(
                "MG102", "One of the differentiated Tensors does not require grad. Write `x.requires_grad_()`."
            )
    start: dict[Any, Any] = {}
    for y, seed in zip(ys, seeds, strict=True):
        if y.node is None:
            raise GradientError("MG102", "element 0 of tensors does not require grad and does not have a grad_fn.")
        t = y._seed(seed)
        t = t if create_graph else t.raw
        start[y.node] = start[y.node] + t if y.node in start else t
    found = _swept(
        start, [x.node for x in xs], bool(retain_graph if retain_graph is not None else create_graph), create_graph
    )
    return tuple(_result(found.get(x.node), x, bool(allow_unused), materialize_grads, create_graph) for x in xs)


def _swept(start: dict[Any, Any], wanted: list[Any], retain: bool, create_graph: bool) -> dict[Any, Any]:
    """The cotangents of the nodes `wanted`."""
    order = _on_the_way(topological(start), {*wanted})
    asked = [node for node in wanted if node.op is not None and node.stored is NOT_STORED]
    for node in asked:
        node.stored = None  # so that the sweep returns it, too
    try:
        if create_graph:
            return sweep(order, start, TAPED, wrap)
        spent = None if retain or recording.get() is not TAPE else Spent(user_location())
        with np.errstate(all="ignore"):
            return sweep(order, {k: v for k, v in start.items() if k in {*order}}, world(), spent=spent)
    finally:
        for node in asked:
            node.stored = NOT_STORED


def _result(t: Any, x: Any, allow_unused: bool, materialize: bool, create_graph: bool) -> Any:
    if t is None and materialize:
        t = np.zeros(x.raw.shape, x.raw.dtype)
    if t is None:
        if not allow_unused:
            raise GradientError(
                "MG102", "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
                "this is the desired behavior.",
            )  # fmt: skip
        return None
    if isinstance(t, Base):
        return wrap(t.raw, t.node, None, Tensor)
    return wrap(np.array(t) if isinstance(t, np.ndarray) else t, None, None, Tensor)


def _listed(x: Any) -> list[Any]:
    return [x] if isinstance(x, Base) or x is None else list(x)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add Σ grad_tensors · ∂tensors/∂leaf to the `grad` of the leaves."""
    ys = _listed(tensors)
    seeds = [None] * len(ys) if grad_tensors is None else _listed(grad_tensors)
    total: Any = None
    for y, seed in zip(ys, seeds, strict=True):
        t = y._seed(seed)
        if tuple(t.shape) != tuple(y.shape):
            raise ShapeError("MG122", f"grad_tensors has shape {tuple(t.shape)}, the tensor {tuple(y.shape)}.")
        part = TAPED.sum(y * t, axis=tuple(range(y.raw.ndim)), keepdims=False)
        total = part if total is None else total + part
    total.backward(retain_graph=retain_graph, create_graph=create_graph, inputs=inputs)


def gradcheck(
    func: Any,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    check_forward_ad: bool = False,
    **_: Any,
) -> bool:
    """Whether gradients agree with central differences, for the inputs that require one; these should be float64.

    `check_forward_ad`: whether derivatives in forward mode do, too.
    """
    given = _listed(inputs)
    for i, x in enumerate(given):
        if not isinstance(x, Base) or not x.requires_grad or not x.raw.size:
            continue
        slopes = _differences(func, given, i, eps)
        found = {"backward": _pulled(func, given, i)}
        if check_forward_ad:
            found["forward"] = _pushed(func, given, i)
        for mode, columns in found.items():
            for k, (ours, theirs) in enumerate(zip(columns, slopes, strict=True)):
                wrong = np.argwhere(~np.isclose(ours, theirs, rtol, atol))
                if len(wrong) and not raise_exception:
                    return False
                if len(wrong):
                    row, entry = place = tuple(wrong[0])
                    narrow = x.raw.dtype not in (np.float64, np.complex128)
                    fix = (
                        f"In {x.raw.dtype} differences have few digits: give it `x.double()`."
                        if narrow
                        else f"Look at the rule for {mode} mode that this entry passes through."
                    )
                    raise GradientError(
                        "MG114", f"Jacobian mismatch for output {k} with respect to input {i} in {mode} mode: that of "
                        f"entry {entry} by entry {row} is {ours[place]:.8g} here and {theirs[place]:.8g} by differences of "
                        f"{eps}. {fix}",
                    )  # fmt: skip
    return True


def _outputs(func: Any, given: list[Any]) -> list[Any]:
    return [y for y in _listed(func(*given)) if isinstance(y, Base) and y.requires_grad]


def _pulled(func: Any, given: list[Any], i: int) -> list[Any]:
    """As `_differences`, by a backward pass for each entry of each output."""
    found = []
    for y in _outputs(func, given):
        columns = []
        for entry in range(y.raw.size):
            seed = np.zeros(y.raw.size, y.raw.dtype)
            seed[entry] = 1
            seed = wrap(seed.reshape(y.raw.shape), None)
            (g,) = grad(y, given[i], seed, True, allow_unused=True, materialize_grads=True)
            columns.append(g.raw.reshape(-1))
        found.append(np.array(columns).reshape(y.raw.size, given[i].raw.size).T)
    return found


def _pushed(func: Any, given: list[Any], i: int) -> list[Any]:
    """As `_differences`, by a forward pass for each entry of the input."""
    x, rows = given[i], []
    for place in range(x.raw.size):
        seed = np.zeros(x.raw.size, x.raw.dtype)
        seed[place] = 1
        with forward_ad.dual_level():
            moved = forward_ad.make_dual(x, wrap(seed.reshape(x.raw.shape), None, None, Tensor))
            ends = _outputs(func, [*given[:i], moved, *given[i + 1 :]])
            tangents = [forward_ad.unpack_dual(y).tangent for y in ends]
        rows.append(
            [np.zeros(y.raw.size) if t is None else t.raw.reshape(-1) for y, t in zip(ends, tangents, strict=True)]
        )
    return [np.array(column) for column in zip(*rows, strict=True)]


def _differences(func: Any, given: list[Any], i: int, eps: float) -> list[Any]:
    """For each output, how its entries (columns) change with each entry of input `i` (rows)."""
    x = given[i].raw
    rows = []
    for place in range(x.size):
        ends = []
        for step in (eps, -eps):
            moved = x.copy()
            moved.reshape(-1)[place] += step
            leaf = wrap(moved, None, None, Tensor)
            leaf.requires_grad = True
            ends.append([y.raw.reshape(-1).copy() for y in _outputs(func, [*given[:i], leaf, *given[i + 1 :]])])
        rows.append([(up - down) / (2 * eps) for up, down in zip(*ends, strict=True)])
    return [np.array(column) for column in zip(*rows, strict=True)]


def gradgradcheck(
    func: Any, inputs: Any, grad_outputs: Any = None, *, raise_exception: bool = True, **options: Any
) -> bool:
    """Whether second derivatives agree with differences of the first."""
    given = _listed(inputs)

    def first(*xs: Any) -> Any:
        varied = [x for x in xs if isinstance(x, Base) and x.requires_grad]
        ys = _outputs(func, list(xs))
        seeds = [wrap(np.cos(np.arange(y.raw.size)).reshape(y.raw.shape), None) for y in ys]
        return grad(ys, varied, seeds, create_graph=True, allow_unused=True, materialize_grads=True)

    return gradcheck(first, given, raise_exception=raise_exception, **options)


@contextmanager
def detect_anomaly(check_nan: bool = True) -> Iterator[None]:
    """Inside, every operation is traced, so that a gradient that is not finite is named with its line."""
    from ...explain import trace

    with trace():
        yield


class set_detect_anomaly:  # noqa: N801 (PyTorch's name)
    """Accepted: `with torch.autograd.detect_anomaly():` names what makes a NaN."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass
