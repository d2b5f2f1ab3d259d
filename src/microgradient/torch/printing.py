"""How tensors print: as PyTorch's do, with four digits, long ones shortened."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..interop import DEFAULT_FLOAT
from ..trace_hooks import Traced

OPTIONS: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors print: digits, the number of entries from which on they are shortened, how many then stay at each edge.

    >>> import microgradient.torch as torch
    >>> torch.set_printoptions(precision=2); torch.tensor([1 / 3])
    tensor([0.33])
    >>> torch.set_printoptions(profile="default")
    """
    OPTIONS.update(_PROFILES.get(profile or "", {}))
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    OPTIONS.update({name: value for name, value in given.items() if value is not None})
    OPTIONS["sci_mode"] = sci_mode


def shown(x: Any) -> str:
    """The text of a tensor."""
    array = x.raw
    name = "Parameter containing:\n" if type(x).__name__ == "Parameter" else ""
    if isinstance(array, Traced):
        return f"{name}tensor({array!r})"
    notes = []
    if (
        array.dtype not in (np.bool_, np.int64, DEFAULT_FLOAT[0])
        and not (array.dtype.kind == "c" and array.dtype == np.result_type(DEFAULT_FLOAT[0], np.complex64))
    ) or (not array.size and array.dtype != DEFAULT_FLOAT[0]):
        notes.append(f"dtype={x.dtype!r}")
    if not array.size and array.ndim != 1:
        notes.insert(0, f"size={tuple(array.shape)}")
    if x.grad_fn is not None:
        notes.append(f"grad_fn=<{type(x.grad_fn).__name__}>")
    elif x.requires_grad:
        notes.append("requires_grad=True")
    body = "[]" if not array.size else _body(array, len("tensor("))
    text = f"tensor({body}"
    last = len(text.rpartition("\n")[2]) + 2
    for note in notes:
        if last + len(note) + 2 > OPTIONS["linewidth"]:
            text, last = f"{text},\n{' ' * 7}{note}", 7 + len(note)
        else:
            text, last = f"{text}, {note}", last + len(note) + 2
    return f"{name}{text})"


def _body(array: Any, indent: int) -> str:
    short = array.size > OPTIONS["threshold"]
    visible = _visible(array) if short else array
    if array.dtype.kind == "c":
        real, real_width = _number_format(visible.real)
        imaginary, width = _number_format(visible.imag)

        def both(z: Any) -> str:
            second = imaginary(z.imag).lstrip(" ")
            return real(z.real) + (second if second.startswith("-") else f"+{second}") + "j"

        return _nested(array, indent, both, real_width + width + 1, short)
    return _nested(array, indent, *_number_format(visible), short)


def _nested(array: Any, indent: int, write: Callable[[Any], str], width: int, short: bool) -> str:
    edge = OPTIONS["edgeitems"]
    if not array.ndim:
        return write(array[()])
    n = len(array)
    kept = [*range(edge), None, *range(n - edge, n)] if short and n > 2 * edge else [*range(n)]
    parts = [
        " ..."
        if k is None and array.ndim == 1
        else "..."
        if k is None
        else _nested(array[k], indent + 1, write, width, short)
        for k in kept
    ]
    if array.ndim > 1:
        return f"[{(',' + chr(10) * (array.ndim - 1) + ' ' * (indent + 1)).join(parts)}]"
    per_line = max(1, (OPTIONS["linewidth"] - indent) // (width + 2))
    lines = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
    return f"[{(',' + chr(10) + ' ' * (indent + 1)).join(lines)}]"


def _visible(array: Any) -> Any:
    """The entries that will be printed of a long array."""
    edge = OPTIONS["edgeitems"]
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            array = np.take(array, [*range(edge), *range(n - edge, n)], axis=axis)
    return array


def _number_format(values: Any) -> tuple[Callable[[Any], str], int]:
    """A function that writes each of `values`, and the width of what it writes."""
    precision, scientific = OPTIONS["precision"], OPTIONS["sci_mode"]
    if values.dtype.kind != "f":
        width = max((len(str(v)) for v in values.ravel().tolist()), default=1)
        return lambda v: str(v).rjust(width), width
    flat = values.ravel().astype(np.float64)
    counted = flat[np.isfinite(flat) & (flat != 0)]
    whole = bool(np.all(counted == np.ceil(counted)))
    if scientific is None and counted.size:
        low, high = np.abs(counted).min(), np.abs(counted).max()
        scientific = bool(high > 1e8 or high / low > 1000 or (not whole and low < 1e-4))

    def plain(v: float) -> str:
        if scientific:
            return f"{v:.{precision}e}"
        return f"{v:.0f}{'.' if math.isfinite(v) else ''}" if whole else f"{v:.{precision}f}"

    width = max(map(len, map(plain, counted.tolist())), default=1)
    return lambda v: plain(float(v)).rjust(width), width
