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
    notes = [f"dtype={x.dtype!r}"] if _unusual(array) or (not array.size and array.dtype != DEFAULT_FLOAT[0]) else []
    if not array.size and array.ndim != 1:
        notes.insert(0, f"size={tuple(array.shape)}")
    body = "[]" if not array.size else _body(array, len("tensor("))
    return name + _with_notes(f"tensor({body}", notes + _graph_note(x))


def shown_sparse(x: Any, parts: dict[str, Any]) -> str:
    """The text of a sparse tensor that is stored as these parts: the places of its entries, and their values."""
    lines = []
    for name, part in parts.items():
        start, array = f"{name}=tensor(", part.raw
        body = _body(array, len("tensor(" + start)) if array.size else f"[], size={tuple(array.shape)}"
        lines.append(f"{start}{body})")
    notes = [f"size={tuple(x.shape)}", f"nnz={x._nnz()}"]
    notes += [f"dtype={x.dtype!r}"] if _unusual(parts["values"].raw) else []
    notes += [f"layout={x.layout!r}", *_graph_note(x)]
    return _with_notes("tensor(" + f",\n{' ' * 7}".join(lines), notes, new_line=x.is_sparse)


def _unusual(array: Any) -> bool:
    """Whether the dtype is none of the defaults, so that it is said."""
    usual = (np.bool_, np.int64, DEFAULT_FLOAT[0], np.result_type(DEFAULT_FLOAT[0], np.complex64))
    return all(array.dtype != kind for kind in usual)


def _graph_note(x: Any) -> list[str]:
    if x.grad_fn is not None:
        return [f"grad_fn=<{type(x.grad_fn).__name__}>"]
    return ["requires_grad=True"] if x.requires_grad else []


def _with_notes(text: str, notes: list[str], new_line: bool = False) -> str:
    """`text` and the notes, on new lines where the last one is full, or for the first if `new_line`."""
    last = len(text.rpartition("\n")[2]) + 2
    for note in notes:
        if new_line or last + len(note) + 2 > OPTIONS["linewidth"]:
            text, last, new_line = f"{text},\n{' ' * 7}{note}", 7 + len(note), False
        else:
            text, last = f"{text}, {note}", last + len(note) + 2
    return f"{text})"


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
