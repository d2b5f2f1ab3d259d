"""Padding: axes made longer, or shorter, at their ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...operators import wrap
from ...tensor import Tensor


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widen axes, starting with the last one: `pad` is (left, right, top, bottom, ...). Negative widths cut.

    `mode`: "constant" fills with `value` (0), "reflect" mirrors without the edge, "replicate" repeats the edge,
    "circular" wraps around.

    >>> pad(mg.tensor([1.0, 2.0, 3.0]), (1, 1), mode="reflect").tolist()
    [2.0, 1.0, 2.0, 3.0, 2.0]
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ArgumentError("MG157", f"pad takes two numbers for each of at most {input.ndim} axes, got {tuple(pad)}.")
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    widths = [(0, 0)] * (input.ndim - len(pairs)) + pairs
    for length, (before, after) in zip(input.shape, widths, strict=True):
        if length + before + after < 0 or -min(before, after) > length:
            raise ShapeError("MG160", f"pad can't cut {before} and {after} off an axis of {length} elements.")
    if mode == "constant":
        if min(pad, default=0) < 0:
            input = input[
                tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(input.shape, widths, strict=True))
            ]
            widths = [(max(lo, 0), max(hi, 0)) for lo, hi in widths]
        return mg.pad(input, widths, value=value) if value else mg.pad(input, widths)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            input = mg.take(input, wrap(_source(input.shape[axis], before, after, mode), None), axis=axis)
    return mg.asarray(input, copy=True)


_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # and NumPy's names


def _source(length: int, before: int, after: int, mode: str) -> np.ndarray:
    """Where the entries of a padded axis come from."""
    if str(mode) not in _MODES:
        raise ArgumentError(
            "MG157", f"There is no padding mode {mode!r}: use 'constant', 'reflect', 'replicate' or 'circular'."
        )
    width = max(before, after)
    if width > {"reflect": length - 1, "circular": length, "replicate": width if length else 0}[mode]:
        raise ShapeError("MG160", f"{mode} padding of {width} needs more than the {length} elements of that axis.")
    source, cut = np.arange(length), slice(max(-before, 0), None if after >= 0 else after)
    widths = (max(before, 0), max(after, 0))
    if mode == "circular":  # what is cut off is not there to wrap around
        return np.pad(source[cut], widths, mode="wrap")
    return np.pad(source, widths, mode=_MODES[mode])[cut]  # type: ignore[call-overload]
