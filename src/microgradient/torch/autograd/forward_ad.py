"""`torch.autograd.forward_ad`: tensors with tangents. The tape is swept forwards where a tangent is asked for."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from ...errors import GradientError
from ...operators import world, wrap
from ...tape import Node, forward, topological
from ...taped_world import TAPED
from ...tensor import leaf_node
from ..tensor import Tensor

_levels: list[dict[Node, Any]] = []


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent, None if it has none."""

    primal: Any
    tangent: Any


class dual_level:  # noqa: N801 (PyTorch's name)
    """Inside, tensors can have tangents.

    >>> import microgradient.torch as torch
    >>> from microgradient.torch.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    ...     forward_ad.unpack_dual(x * x).tangent
    tensor(6.)
    """

    def __enter__(self) -> Self:
        _levels.append({})
        return self

    def __exit__(self, *_: object) -> None:
        _levels.pop()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """`tensor` with a tangent, of its shape."""
    if not _levels:
        raise GradientError("MG116", "Trying to make a dual number outside of `with forward_ad.dual_level():`.")
    x: Any = TAPED.positive(tensor) if tensor.node is not None else wrap(tensor.raw, None, None, Tensor)
    if x.node is None:
        x.node = leaf_node(x)
    _levels[-1][x.node] = tangent
    return x


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor."""
    tangents: dict[Node, Any] = {node: t for level_ in _levels for node, t in level_.items()}
    primal = tensor.detach()
    if tensor.node is None or not tangents:
        return UnpackedDualTensor(primal, None)
    if tensor.node in tangents:
        return UnpackedDualTensor(primal, tangents[tensor.node])
    order = topological([tensor.node])
    taped = any(t.node is not None for t in tangents.values())
    with np.errstate(all="ignore"):
        if taped:
            moved = forward(order, tangents, TAPED, wrap)
        else:
            moved = forward(order, {node: t.raw for node, t in tangents.items()}, world())
    t = moved.get(tensor.node)
    if t is not None:
        t = wrap(getattr(t, "raw", t), getattr(t, "node", None), None, Tensor)
    return UnpackedDualTensor(primal, t)
