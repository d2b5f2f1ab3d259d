"""Initial numbers for parameters. Each function replaces `tensor.data` and returns the tensor.

Draws come from `microgradient.random`, so `mg.manual_seed` repeats them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import random
from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from ..trace_hooks import Traced, current

Array = np.ndarray[Any, Any]
_ONE = "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid"
_GAINS = {**dict.fromkeys(_ONE.split(), 1.0), "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights should grow to make up for what an activation takes away.

    `param` is the slope of "leaky_relu" (0.01 if not given).

    >>> calculate_gain("linear")
    1.0
    """
    if str(nonlinearity) == "leaky_relu":
        slope = 0.01 if param is None else float(param)
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if str(nonlinearity) not in _GAINS:
        raise ArgumentError("MG157", f"No gain is known for {nonlinearity!r}: use leaky_relu or {', '.join(_GAINS)}.")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """Uniform between a and b.

    >>> import microgradient as mg
    >>> uniform_(mg.zeros((2, 3)), 1.0, 2.0).shape
    (2, 3)
    """
    return _put(tensor, (generator or random).uniform(tensor.shape, a, b, tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """Normal with a mean and a standard deviation.

    >>> import microgradient as mg
    >>> normal_(mg.zeros((2, 3))).shape
    (2, 3)
    """
    return _put(tensor, (generator or random).normal(tensor.shape, mean, std, tensor.dtype))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: random.Generator | None = None,
) -> Tensor:
    """Normal, but only between a and b: what falls outside is drawn anew.

    Where little of the normal distribution lies between them, uniform numbers are kept with a probability in proportion to
    its density instead (von Neumann 1951).

    >>> import microgradient as mg
    >>> bool(trunc_normal_(mg.zeros((100,))).abs().max() <= 2)
    True
    """
    draw: Any = generator or random
    low, high = ((1 + math.erf((bound - mean) / (std * math.sqrt(2)))) / 2 for bound in (a, b))

    def proposed() -> tuple[Array, Array]:
        """Numbers, and which of them are refused."""
        if high - low > 0.3:
            numbers = _array(draw.normal(tensor.shape, mean, std, tensor.dtype))
            return numbers, (numbers < numbers.dtype.type(a)) | (numbers > numbers.dtype.type(b))
        numbers = _array(draw.uniform(tensor.shape, a, b, tensor.dtype))
        density = -0.5 * ((numbers - mean) / std) ** 2 + 0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
        with np.errstate(divide="ignore"):
            return numbers, np.log(_array(draw.uniform(tensor.shape, dtype=tensor.dtype))) > density

    numbers, refused = proposed()
    while refused.any():
        others, again = proposed()
        numbers, refused = np.where(refused, others, numbers), refused & again
    return _put(tensor, numbers)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The same number everywhere.

    >>> import microgradient as mg
    >>> constant_(mg.zeros((2,)), 3.0).tolist()
    [3.0, 3.0]
    """
    return _put(tensor, np.full(tensor.shape, val))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros.

    >>> import microgradient as mg
    >>> zeros_(mg.ones((2,))).tolist()
    [0.0, 0.0]
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones.

    >>> import microgradient as mg
    >>> ones_(mg.zeros((2,))).tolist()
    [1.0, 1.0]
    """
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix.

    >>> import microgradient as mg
    >>> eye_(mg.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if tensor.ndim != 2:
        raise ShapeError("MG160", f"eye_ fills a matrix, got shape {tensor.shape}.")
    return _put(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """Uniform within ± gain · √(6 / (fan_in + fan_out)). Glorot and Bengio 2010.

    >>> import microgradient as mg
    >>> bool(xavier_uniform_(mg.zeros((3, 3))).abs().max() <= 1)
    True
    """
    bound = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """Normal with standard deviation gain · √(2 / (fan_in + fan_out)). Glorot and Bengio 2010.

    >>> import microgradient as mg
    >>> xavier_normal_(mg.zeros((3, 3))).shape
    (3, 3)
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: random.Generator | None = None,
) -> Tensor:
    """Uniform within ± gain · √(3 / fan), the gain of `nonlinearity` with slope `a`. He et al. 2015.

    >>> import microgradient as mg
    >>> kaiming_uniform_(mg.zeros((3, 3)), nonlinearity="relu").shape
    (3, 3)
    """
    bound = math.sqrt(3.0) * _he_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: random.Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / √fan, the gain of `nonlinearity` with slope `a`. He et al. 2015.

    >>> import microgradient as mg
    >>> kaiming_normal_(mg.zeros((3, 3)), mode="fan_out").shape
    (3, 3)
    """
    return normal_(tensor, 0.0, _he_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`. Saxe et al. 2014.

    The axes after the first are taken as one. Q of the QR decomposition of a normal matrix, with R's diagonal made
    positive so that every rotation is equally likely.

    >>> import microgradient as mg
    >>> w = orthogonal_(mg.zeros((2, 2)))
    >>> bool((w @ w.T - mg.eye(2)).abs().max() < 1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ShapeError("MG160", f"orthogonal_ fills a matrix or more, got shape {tensor.shape}.")
    if not tensor.raw.size:
        return tensor
    rows, columns = tensor.shape[0], tensor.raw.size // tensor.shape[0]
    drawn = _array((generator or random).normal((rows, columns), dtype=tensor.dtype)).astype(np.float64)
    q, r = np.linalg.qr(drawn if rows >= columns else drawn.T)
    q = q * np.sign(np.diagonal(r))
    return _put(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: random.Generator | None = None) -> Tensor:
    """Normal, but with that part of the entries of each column 0, at random places. Martens 2010.

    >>> import microgradient as mg
    >>> mg.count_nonzero(sparse_(mg.zeros((10, 3)), 0.7), axis=0).tolist()
    [3, 3, 3]
    """
    if tensor.ndim != 2:
        raise ShapeError("MG160", f"sparse_ fills a matrix, got shape {tensor.shape}.")
    draw: Any = generator or random
    rows, columns = tensor.shape
    numbers = np.array(_array(draw.normal(tensor.shape, 0.0, std, tensor.dtype)))
    for column in range(columns):
        numbers[_array(draw.permutation(rows))[: math.ceil(sparsity * rows)], column] = 0.0
    return _put(tensor, numbers)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The weight (out, in/groups, ...) of a convolution that passes on the channels of each group, as many as there are.

    >>> import microgradient as mg
    >>> dirac_(mg.zeros((2, 1, 3))).tolist()
    [[[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ShapeError(
            "MG160", f"dirac_ fills the weight of a convolution of {groups} groups, got shape {tensor.shape}."
        )
    weight = np.zeros(tensor.shape)
    size = tensor.shape[0] // groups
    centre: tuple[Any, ...] = tuple(n // 2 for n in tensor.shape[2:])
    for channel in range(min(size, tensor.shape[1])):
        weight[(slice(channel, None, size), channel, *centre)] = 1.0
    return _put(tensor, weight)


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out): how many numbers feed into one output, and how many outputs one number feeds.

    >>> import microgradient as mg
    >>> fans(mg.zeros((8, 3, 5, 5)))
    (75, 200)
    """
    if tensor.ndim < 2:
        raise ShapeError("MG160", f"A tensor of shape {tensor.shape} has no fan-in: it needs two axes or more.")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _he_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError("MG157", f"mode={mode!r} is unknown: use 'fan_in' or 'fan_out'.")
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def _put(tensor: Tensor, drawn: Tensor | Array) -> Tensor:
    tensor.store(np.array(_array(drawn), dtype=tensor.dtype))
    return tensor


def _array(drawn: Tensor | Array) -> Array:
    data = drawn.raw if isinstance(drawn, Tensor) else drawn
    if isinstance(data, Traced):
        current().refuse(
            "The initialisation of a layer", "Make the layer outside of the function, which is then called."
        )
    return np.asarray(data)
