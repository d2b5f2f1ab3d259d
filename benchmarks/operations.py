"""Single operations and layers, eager, as Microgradient and PyTorch run them: what `overhead.py` measures in one table.

Each is at about 4, 1,000 and 100,000 entries. Where the names of functions are the same in both libraries, one line is for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import microgradient as mg
from microgradient import nn

SIZES = (4, 1000, 100_000)
ROWS = {4: (2, 2), 1000: (25, 40), 100_000: (250, 400)}
SQUARE = {4: 2, 1000: 32, 100_000: 316}
PICTURES = {4: (1, 1, 2, 1), 1000: (1, 4, 16, 8), 100_000: (16, 8, 28, 16)}
"""Of a convolution: images, channels in, width and height, channels out."""
SEQUENCES = {4: (2, 1, 2, 2), 1000: (10, 4, 25, 32), 100_000: (50, 32, 64, 128)}
"""Of an LSTM: steps, batch, features, hidden."""
SMALL_LIMIT, LIMIT = 0.6, 1.0


class Operation(NamedTuple):
    """An operation at one size: for each library a forward pass, and a backward pass that takes its result."""

    name: str
    entries: int
    passes: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]
    limit: float


def operations(torch: Any) -> Iterator[Operation]:
    """All of them; PyTorch's are left out where `torch` is None."""
    libraries = {"microgradient": (mg, nn)} | ({} if torch is None else {"torch": (torch, torch.nn)})
    for entries in SIZES:
        for name, (shapes, make) in _elementary(entries).items():
            yield _operation(name, entries, libraries, shapes, make, SMALL_LIMIT if entries < SIZES[-1] else LIMIT)
        for name, (shapes, make) in _composite(entries).items():
            yield _operation(name, entries, libraries, shapes, make, LIMIT)


Make = Callable[[Any, Any], Callable[..., Any]]
"""Given a library and its `nn`, the function that is measured."""
Table = dict[str, tuple[list[tuple[int, ...]], Make]]


def _elementary(n: int) -> Table:
    side = SQUARE[n]
    return {
        "add": ([(n,), (n,)], lambda lib, nn: lambda a, b: a + b),
        "multiply": ([(n,), (n,)], lambda lib, nn: lambda a, b: a * b),
        "exp": ([(n,)], lambda lib, nn: lib.exp),
        "relu": ([(n,)], lambda lib, nn: nn.functional.relu),
        "sum": ([(n,)], lambda lib, nn: lib.sum),
        "matmul": ([(side, side)] * 2, lambda lib, nn: lambda a, b: a @ b),
    }


def _composite(n: int) -> Table:
    (rows, width), (images, channels, side, outputs), (steps, batch, features, hidden) = (
        ROWS[n],
        PICTURES[n],
        SEQUENCES[n],
    )
    picked = np.random.default_rng(1).integers(0, rows, rows)
    return {
        "softmax": ([(rows, width)], lambda lib, nn: lambda a: nn.functional.softmax(a, -1)),
        "layer_norm": (
            [(rows, width), (width,), (width,)],
            lambda lib, nn: lambda a, w, b: nn.functional.layer_norm(a, (width,), w, b),
        ),
        "x[1:, :2]": ([(rows, width)], lambda lib, nn: lambda a: a[1:, :2]),
        "x[indices]": ([(rows, width)], lambda lib, nn: _picking(lib.asarray(picked))),
        "conv2d": (
            [(images, channels, side, side), (outputs, channels, 3, 3), (outputs,)],
            lambda lib, nn: lambda x, w, b: nn.functional.conv2d(x, w, b, padding=1),
        ),
        "LSTM": ([(steps, batch, features)], lambda lib, nn: _outputs(nn.LSTM(features, hidden))),
    }


def _picking(indices: Any) -> Callable[[Any], Any]:
    return lambda a: a[indices]


def _outputs(layer: Any) -> Callable[[Any], Any]:
    return lambda x: layer(x)[0]


def _operation(
    name: str, entries: int, libraries: dict[str, Any], shapes: list[tuple[int, ...]], make: Make, limit: float
) -> Operation:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    passes = {library: _passes(lib, arrays, make(lib, nn)) for library, (lib, nn) in libraries.items()}
    return Operation(name, entries, passes, limit)


def _passes(
    lib: Any, arrays: list[Any], function: Callable[..., Any]
) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    leaves = [lib.asarray(array) for array in arrays]
    for leaf in leaves:
        leaf.requires_grad = True
    cotangent = lib.ones(function(*leaves).shape)

    def forward() -> Any:
        for leaf in leaves:
            leaf.grad = None
        return function(*leaves)

    return forward, lambda y: y.backward(cotangent)
