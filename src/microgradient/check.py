"""check_gradients: are the derivatives of a function what finite differences say?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .errors import ArgumentError, GradientError
from .operators import wrap
from .random import Generator
from .taped_world import TAPED
from .tensor import Tensor
from .transforms import jvp, vjp
from .tree import flatten

Function = Callable[..., Any]


def check_gradients(
    f: Callable[..., Any], *args: Any, order: int = 2, rtol: float = 1e-5, atol: float = 1e-7, step: float = 6e-6
) -> None:
    """Compare the derivatives of `f` at `args` with central differences, up to `order`; say nothing if they agree.

    Backward mode is checked entry by entry: ∂(Σ v·f)/∂x for a fixed random v against (F(x + h) - F(x - h)) / 2h. Forward mode
    is checked against it by the adjoint identity ⟨v, Ju⟩ = ⟨vᵀJ, u⟩. For order 2 the same is done to the gradient, and so on.
    Arguments are tensors, arrays or numbers, or trees of them; they are converted to float64, or complex128 where both parts
    are moved, in which differences are accurate.
    Raises GradientError that names the entry that is most wrong, what we gave and what the finite difference gave.

    >>> import microgradient as mg
    >>> mg.check_gradients(lambda x: mg.sin(x) * x, mg.tensor([0.3, 2.0]), order=3)
    """
    if order < 1:
        raise ArgumentError("MG114", f"order must be at least 1, not {order}.")
    leaves, rebuild = flatten(args)
    points = [_wide(x) for x in leaves]
    random = Generator(0x5EED)

    def flat(*xs: Any) -> list[Any]:
        return [y if isinstance(y, Tensor) else Tensor(y, None) for y in flatten(f(*rebuild(list(xs))))[0]]

    names, close = _names(f, args), {"rtol": rtol, "atol": atol, "equal_nan": True}
    checked: Function = flat
    for level in range(1, order + 1):
        try:
            checked = _check(checked, points, names, level, step, close, random)
        except GradientError as error:
            error.message += _other_causes(flat, points)
            raise


def _check(
    f: Function, points: list[Any], names: list[str], level: int, step: float, close: Any, random: Generator
) -> Function:
    """Compare the derivatives of a function that gives a list of tensors; returns its gradient, another such function.

    The first of `names` is that of the function, the others those of its arguments.
    """
    outputs = [y.raw for y in f(*(wrap(x, None) for x in points))]
    if level == 1 and len(outputs) == 1 and outputs[0].size == 1:
        weights = [np.ones(outputs[0].shape)]  # the numbers of an error are then the derivatives themselves
    else:
        weights = [_random(random, y) for y in outputs]

    def weighted(*xs: Any) -> Any:
        total: Any = Tensor(np.float64(0.0))
        for y, v in zip(f(*xs), weights, strict=True):
            terms = y * wrap(v, None)
            terms = TAPED.real(terms) if terms.dtype.kind == "c" else terms
            total = total + TAPED.sum(terms, axis=tuple(range(y.ndim)), keepdims=False)
        return total

    _, pullback = vjp(weighted, *(wrap(x, None) for x in points))
    ours = [g.raw for g in pullback(1.0)]
    for k, x in enumerate(points):
        numeric = np.empty_like(x)
        for i in np.ndindex(x.shape):
            numeric[i] = _difference(weighted, points, k, i, step)
            if x.dtype.kind == "c":  # ∂/∂u - i ∂/∂v at u + iv
                numeric[i] -= 1j * _difference(weighted, points, k, i, step * 1j)
        _compare(ours[k], numeric, f"{'∂' * level}{names[0]}/{'∂' * level}{names[k + 1]}", close)
    directions = [_random(random, x) for x in points]
    _, moved = jvp(weighted, tuple(wrap(x, None) for x in points), tuple(wrap(u, None) for u in directions))
    forward, backward = moved.item(), float(sum((g * u).sum().real for g, u in zip(ours, directions, strict=True)))
    if not np.isclose(forward, backward, **close):
        raise GradientError(
            "MG114",
            f"Forward and backward mode disagree at order {level}: ⟨v, Ju⟩ = {forward:.10g}, ⟨vᵀJ, u⟩ = {backward:.10g}. "
            "The jvp and the vjp of some primitive are not adjoint to each other.",
        )
    return lambda *xs: list(vjp(weighted, *xs)[1](1.0))


def _names(f: Any, args: tuple[Any, ...]) -> list[str]:
    """The name of a function, f for one without, and how to write each leaf of its arguments: `params['w']`, `args[0]`."""
    try:
        own = [p.name for p in inspect.signature(f).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        own = []
    own += [f"args[{i}]" for i in range(len(own), len(args))]
    name = getattr(f, "__name__", "f")
    return [
        name if name.isidentifier() else "f",
        *(path for name, arg in zip(own, args, strict=False) for path in _paths(arg, name)),
    ]


def _other_causes(f: Function, points: list[Any]) -> str:
    """What makes differences differ though the rules may be right: digits that are missing, chance."""
    first, second = (f(*(wrap(x, None) for x in points)) for _ in range(2))
    if any(not np.array_equal(a.raw, b.raw, equal_nan=True) for a, b in zip(first, second, strict=True)):
        return " The function gives other numbers for the same arguments each time: write `mg.manual_seed(0)` inside of it."
    narrow = next((y.dtype for y in first if y.dtype.kind == "f" and y.dtype != np.float64), None)
    if narrow is not None:
        return (
            f" The function computes in {narrow}, in which differences have few digits: keep float64 in the function."
        )
    return ""


def _random(random: Generator, like: Any) -> Any:
    """Random numbers of this shape, complex where `like` is."""
    parts = [random.normal(like.shape, dtype=np.float64).raw for _ in range(1 + (like.dtype.kind == "c"))]
    return parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]


def _difference(f: Callable[..., Any], points: list[Any], k: int, i: tuple[int, ...], step: complex) -> float:
    h = step * max(1.0, abs(points[k][i]))
    values = []
    for sign in (1, -1):
        moved = [x.copy() for x in points]
        moved[k][i] += sign * h
        values.append((f(*(wrap(x, None) for x in moved)).item(), moved[k][i]))
    (above, right), (below, left) = values
    return float((above - below) / abs(right - left))


def _compare(ours: Any, numeric: Any, what: str, close: Any) -> None:
    wrong = ~np.isclose(ours, numeric, **close)
    if not wrong.any():
        return
    error = np.where(wrong, np.abs(ours - numeric) / (np.abs(numeric) + close["atol"]), -1.0)
    error = np.where(np.isnan(error), np.inf, error)
    worst = np.unravel_index(int(np.argmax(error)), error.shape)
    entry = f"[{', '.join(str(int(i)) for i in worst)}]" if worst else ""
    told = (
        f"{what}{entry}: ours {ours[worst]:.8g}, finite difference {numeric[worst]:.8g} (relative error {error[worst]:.2g}); "
        f"{int(wrong.sum())} of {wrong.size} entries are wrong."
    )
    advice = (
        " Look at the rule or custom_rule this entry passes through; at a kink (relu at 0, a tie) the two may differ without a "
        "mistake: move the point a little."
    )
    raise GradientError("MG114", told + advice)


def _wide(x: Any) -> Any:
    data = np.asarray(x.raw if isinstance(x, Tensor) else x)
    if data.dtype.kind not in "fc" and not isinstance(x, float | int):
        raise ArgumentError(
            "MG114", f"Only floating arguments can be checked, not {data.dtype}; close over the others."
        )
    return data.astype(np.complex128 if data.dtype.kind == "c" else np.float64)


def _paths(tree: Any, name: str) -> Iterator[str]:
    """How to write each leaf of the arguments: `args[0]['w']`."""
    if isinstance(tree, dict | list | tuple):
        for key, child in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _paths(child, f"{name}[{key!r}]")
    elif tree is not None:
        yield name
