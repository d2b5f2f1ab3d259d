"""`import microgradient.numpy as np`: NumPy's names, keywords and meanings, on arrays and on tensors.

On arrays and numbers these are NumPy's functions, and give arrays; where a tensor takes part they give tensors, with the
derivatives of `mg`. Lists that hold tensors are arrays, as everywhere in NumPy. So programs written for HIPS autograd
(https://github.com/HIPS/autograd) run once their imports say `microgradient` in the place of `autograd`.

>>> import microgradient.numpy as np
>>> from microgradient import grad
>>> np.std([1.0, 3.0])
np.float64(1.0)
>>> grad(lambda x: np.sum(np.array([x[0], x[0] * x[1]])))(np.array([2.0, 3.0]))
tensor([4., 2.], dtype=float64)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as _numpy

from ..coercion import holds_tensor
from ..tensor import Tensor
from . import fft, linalg, random  # noqa: F401 (among the names of NumPy's)
from .dispatch import as_one, names_of

__version__ = _numpy.__version__


def array(object: Any, dtype: Any = None, **options: Any) -> Any:
    """NumPy's `array`; of a tensor, or of nested lists with tensors in them, a tensor.

    >>> import microgradient as mg, microgradient.numpy as np
    >>> a = mg.tensor(2.0, dtype=mg.float64)
    >>> np.array([[a, 1.0], [0.0, a * a]])
    tensor([[2., 1.],
            [0., 4.]], dtype=float64)
    """
    if not holds_tensor(object):
        return _numpy.array(object, dtype, **options)
    tensor = as_one(object)
    return tensor if dtype is None else tensor.astype(dtype)


def asarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """NumPy's `asarray`; of a tensor, or of nested lists with tensors in them, a tensor."""
    return array(a, dtype) if holds_tensor(a) else _numpy.asarray(a, dtype, **options)


def full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    """NumPy's `full`; of a tensor, a tensor."""
    if not holds_tensor(fill_value):
        return _numpy.full(shape, fill_value, dtype, **options)
    tensor = broadcast_to(fill_value, shape)
    return tensor if dtype is None else tensor.astype(dtype)


def where(condition: Any, *choices: Any) -> Any:
    """NumPy's `where`: a condition that is a tensor doesn't change the dtype of numbers to choose from."""
    if choices and not holds_tensor(choices):
        choices = tuple(_numpy.asarray(x) for x in choices)
    return _FROM_NUMPY("where")(condition, *choices)


def reshape(a: Any, shape: Any = None, order: Any = "C", *, newshape: Any = None, **options: Any) -> Any:
    """NumPy's `reshape`, with the keyword `newshape` that it had before version 2.1, too."""
    return _FROM_NUMPY("reshape")(a, shape if newshape is None else newshape, order=order, **options)


class vectorize:  # noqa: N801 (NumPy's name)
    """NumPy's `vectorize`: the function of each entry. Where a tensor takes part, so does each of its derivatives.

    >>> import microgradient as mg, microgradient.numpy as np
    >>> mg.grad(lambda x: np.sum(np.vectorize(lambda a, b: a * b)(x, 3.0)))(np.ones(2))
    tensor([3., 3.], dtype=float64)
    """

    def __init__(self, pyfunc: Callable[..., Any], **options: Any) -> None:
        self.pyfunc, self.options = pyfunc, options

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not holds_tensor(args) or self.options.get("signature"):
            return _numpy.vectorize(self.pyfunc, **self.options)(*args, **kwargs)
        spread: Any = broadcast_arrays(*(as_one(x) for x in args))
        entries = [self.pyfunc(*(x[i] for x in spread), **kwargs) for i in _numpy.ndindex(*spread[0].shape)]
        return reshape(array(entries), spread[0].shape)


_FROM_NUMPY = names_of(_numpy)
broadcast_to, broadcast_arrays = _FROM_NUMPY("broadcast_to"), _FROM_NUMPY("broadcast_arrays")
asanyarray = ascontiguousarray = asarray


def isscalar(element: Any) -> bool:
    """Whether it is a number: a tensor without axes is none, as an array without axes is none."""
    return not isinstance(element, Tensor) and _numpy.isscalar(element)


def __getattr__(name: str) -> Any:
    found = globals()[name] = _FROM_NUMPY(name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [name for name in _numpy.__all__ if not name.startswith("__")]
