"""`torch.testing`."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradient as mg

from ..tensor import Tensor as Base
from .random import default_generator
from .tensor import adopt

_TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5),
               "complex128": (1e-7, 1e-7)}  # fmt: skip


def assert_close(
    actual: Any, expected: Any, *, rtol: float | None = None, atol: float | None = None, equal_nan: bool = False,
    check_dtype: bool = True, check_device: bool = True, check_layout: bool = True, check_stride: bool = False,
    allow_subclasses: bool = True, msg: Any = None,
) -> None:  # fmt: skip
    """Raise AssertionError unless |actual - expected| ≤ atol + rtol · |expected| everywhere, with shapes and dtypes equal.

    >>> import microgradient.torch as torch
    >>> torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-9)
    """
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), "The keys differ."
        for key in expected:
            assert_close(actual[key], expected[key], rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype)
        return
    if isinstance(expected, list | tuple):
        assert len(actual) == len(expected), f"There are {len(actual)} values, not {len(expected)}."
        for a, b in zip(actual, expected, strict=True):
            assert_close(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype)
        return
    a, b = (np.asarray(x.raw if isinstance(x, Base) else x) for x in (actual, expected))
    assert a.shape == b.shape, f"The shapes differ: {a.shape} is not {b.shape}."
    assert not check_dtype or a.dtype == b.dtype, f"The dtypes differ: torch.{a.dtype} is not torch.{b.dtype}."
    defaults = _TOLERANCES.get(b.dtype.name, (0.0, 0.0))
    relative, absolute = defaults[0] if rtol is None else rtol, defaults[1] if atol is None else atol
    close = np.isclose(a, b, relative, absolute, equal_nan)
    if not close.all():
        with np.errstate(all="ignore"):
            worst = np.abs(a.astype(np.result_type(a, np.float64)) - b).max()
        raise AssertionError(
            msg
            if isinstance(msg, str)
            else f"Tensor-likes are not close! Mismatched elements: {int((~close).sum())} / {close.size}; "
            f"greatest absolute difference: {worst} (up to {absolute} allowed, relative {relative})."
        )


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any = None,
    low: Any = None,
    high: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Any:
    """A tensor of random numbers in [low, high), by default [-9, 9)."""
    kind = np.dtype(dtype)
    lengths = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    low, high = (
        (-9 if kind.kind != "u" else 0) if low is None else low,
        (10 if kind.kind in "iu" else 9) if high is None else high,
    )
    if kind.kind == "b":
        drawn = default_generator.integers(0, 2, lengths)
    elif kind.kind in "iu":
        drawn = default_generator.integers(int(low), int(high), lengths)
    else:
        drawn = default_generator.uniform(lengths, float(low), float(high), np.float64)
    out = adopt(mg.astype(drawn, kind))
    return out.requires_grad_() if requires_grad else out
