"""Type promotion: the dtype in which two tensors of different dtypes meet.

https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..taped_world import TAPED

_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def together(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors of different dtypes in the one that PyTorch promotes them to.

    A tensor of shape () decides only where its kind (boolean, integer, real, complex) is higher than that of one with axes.
    """
    x, y = a.raw, b.raw
    if (x.ndim == 0) is not (y.ndim == 0):
        large, small = (y, x) if x.ndim == 0 else (x, y)
        low, high = _RANK[large.dtype.kind], _RANK[small.dtype.kind]
        target = large.dtype if high <= low else small.dtype
        if low == 2 and high == 3:  # real beside a complex number: of its own precision
            target = np.result_type(large.dtype, np.complex64)
    else:
        target = promoted(x.dtype, y.dtype)
    return tuple(t if t.raw.dtype == target else TAPED.astype(t, dtype=target) for t in (a, b))  # type: ignore[return-value]


def promoted(a: Any, b: Any) -> Any:
    """The dtype that two promote to: as NumPy, but that integers beside reals take the dtype of the reals."""
    if a.kind in "fc" and b.kind in "biu":
        return a
    if b.kind in "fc" and a.kind in "biu":
        return b
    return np.result_type(a, b)
