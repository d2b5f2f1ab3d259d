"""How a function of `mg.special` calls its row of the rulebook."""

from __future__ import annotations

from typing import Any

import microgradient.rules_special  # noqa: F401 (registers the rows)

from ..functions.arguments import ArrayLike, as_tensors, inexact
from ..functions.manipulation import broadcast_shapes
from ..operators import apply
from ..primitives import TABLE
from ..tensor import Tensor


def elementwise(name: str, *arrays: ArrayLike, **params: Any) -> Tensor:
    """The primitive `name` of arrays, brought to one floating dtype. Raises ShapeError where they do not broadcast."""
    tensors = [inexact(x) for x in as_tensors(arrays)]
    broadcast_shapes(*(x.shape for x in tensors))
    y: Tensor = apply(TABLE[name], *tensors, **params)
    return y
