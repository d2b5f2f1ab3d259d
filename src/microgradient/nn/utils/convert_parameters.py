"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import microgradient as mg

from ...errors import ShapeError
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, one after the other, as one vector; differentiable.

    >>> from microgradient import nn
    >>> parameters_to_vector(nn.Linear(2, 3).parameters()).shape
    (9,)
    """
    return mg.concat([mg.reshape(parameter, (parameter.raw.size,)) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put the numbers of a vector into the parameters: the inverse of `parameters_to_vector`.

    >>> import microgradient as mg
    >>> w = mg.zeros((2,))
    >>> vector_to_parameters(mg.tensor([1.0, 2.0]), [w])
    >>> w.tolist()
    [1.0, 2.0]
    """
    taken = list(parameters)
    count = sum(parameter.raw.size for parameter in taken)
    if vec.shape != (count,):
        raise ShapeError("MG155", f"These parameters hold {count} numbers, the vector has shape {vec.shape}.")
    start = 0
    for parameter in taken:
        part = vec.raw[start : start + parameter.raw.size]
        parameter.store(np.array(part.reshape(parameter.shape), dtype=parameter.dtype))
        start += parameter.raw.size
