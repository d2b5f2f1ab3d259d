"""A parameter: a tensor that a module owns and an optimiser changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..coercion import to_array
from ..errors import DTypeError
from ..interop import check_device
from ..operators import get_default_dtype, wrap
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that `Module` finds by itself and that collects a gradient.

    `data` may be a Tensor, an ndarray or nested numbers; it is copied, so the parameter shares memory with nothing.
    Raises `DTypeError` for integers and booleans, which have no derivative.

    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: object, requires_grad: bool = True) -> None:
        array = np.array(data.raw) if isinstance(data, Tensor) else to_array(data)
        if requires_grad and array.dtype.kind != "f":
            raise DTypeError(
                "MG150",
                f"A parameter needs a floating dtype, got {array.dtype}: whole numbers have no derivative. "
                "Write `Parameter(x.astype(mg.float32))`, or `register_buffer(name, x)` for data that is not trained.",
            )
        super().__init__(array, requires_grad=requires_grad)


class Buffer(Tensor):
    """A tensor that a module saves (if `persistent`) and never trains: `self.mean = nn.Buffer(x)` registers it as a buffer.

    >>> Buffer([1.0, 2.0]).requires_grad
    False
    """

    __slots__ = ("persistent",)

    def __init__(self, data: object = None, *, persistent: bool = True) -> None:
        data = [] if data is None else data
        super().__init__(np.array(data.raw) if isinstance(data, Tensor) else to_array(data))
        self.persistent = persistent


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet, as those of `LazyLinear`: empty until `materialize` is called.

    >>> p = UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> p.shape, type(p).__name__
    ((2, 3), 'Parameter')
    """

    __slots__ = ()

    def __init__(self, requires_grad: bool = True, device: object = None, dtype: Any = None) -> None:
        check_device(device)
        super().__init__(np.zeros(0, get_default_dtype() if dtype is None else dtype), requires_grad)

    def materialize(self, shape: tuple[int, ...], device: object = None, dtype: Any = None) -> None:
        """Become a parameter of zeros with this shape."""
        materialize(self, shape, dtype)


class UninitializedBuffer(Tensor):
    """A buffer whose shape is not known yet.

    >>> b = UninitializedBuffer()
    >>> b.materialize((2,))
    >>> b.tolist()
    [0.0, 0.0]
    """

    __slots__ = ()

    def __init__(self, requires_grad: bool = False, device: object = None, dtype: Any = None) -> None:
        check_device(device)
        super().__init__(np.zeros(0, get_default_dtype() if dtype is None else dtype))

    def materialize(self, shape: tuple[int, ...], device: object = None, dtype: Any = None) -> None:
        """Become a tensor of zeros with this shape."""
        materialize(self, shape, dtype)


def materialize(tensor: Tensor, shape: tuple[int, ...], dtype: Any = None) -> None:
    """Let a parameter or buffer without a shape be zeros of this shape."""
    trained, tensor.requires_grad = tensor.requires_grad, False  # a leaf's node knows its shape: it is made again
    tensor.raw = np.zeros(shape, tensor.dtype if dtype is None else dtype)
    tensor.requires_grad = trained
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
        tensor.__class__ = Parameter if isinstance(tensor, Parameter) else Tensor  # type: ignore[assignment]


def zero_grad(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Forget gradients: make them None, or zeros."""
    for p in parameters:
        p.grad = (
            None if set_to_none or p.grad is None else wrap(np.zeros(p.shape, p.grad.dtype), None, None, p.result_class)
        )
