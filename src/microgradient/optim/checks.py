"""What an optimiser takes: parameters, and settings that make sense."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, as_given, type_name
from ..tensor import Tensor

_INFINITE = math.inf
_BOUNDS: dict[str, tuple[float, float]] = {  # the least and the largest value of a setting, of each if there are several
    **dict.fromkeys(("lr", "eps", "weight_decay", "momentum", "alpha", "lr_decay", "momentum_decay"), (0, _INFINITE)),
    **dict.fromkeys(("initial_accumulator_value", "warmup_steps"), (0, _INFINITE)),
    **dict.fromkeys(("dampening", "lambd", "t0", "r", "weight_lr_power"), (-_INFINITE, _INFINITE)),
    **dict.fromkeys(("history_size", "max_iter", "precondition_frequency"), (1, _INFINITE)),
    "rho": (0, 1), "beta2_decay": (-_INFINITE, 0), "d": (1, _INFINITE), "ns_steps": (0, 99),
}  # fmt: skip


_SEVERAL = {"betas": 2, "etas": 2, "step_sizes": 2, "ns_coefficients": 3}
"""How many numbers a setting has."""


def listed(params: Any) -> list[Any]:
    if hasattr(params, "parameters"):
        raise ArgumentTypeError("MG167", "An optimiser takes parameters, not a module. Write `model.parameters()`.")
    if isinstance(params, Tensor):
        raise ArgumentTypeError("MG167", "An optimiser takes several tensors. Write `[w]` for a single one.")
    if isinstance(params, dict):
        return list(params.items())
    try:
        return list(params)
    except TypeError:
        raise ArgumentTypeError(
            "MG167", f"An optimiser takes tensors, (name, tensor) pairs or groups, not {type_name(params)}."
        ) from None


def check_parameter(p: Any, name: str, known: dict[int, str]) -> None:
    """Raise unless `p` can be trained and is not `known`; then it is."""
    if not isinstance(p, Tensor):
        raise ArgumentTypeError("MG167", f"An optimiser changes tensors, but {name} is {type_name(p)}.")
    if not p.is_leaf:
        raise ArgumentError(
            "MG167",
            f"{name} of shape {p.shape} was computed from other tensors: a change to it would have no effect on them. Pass "
            "the tensors it was computed from, or `x.detach()` with `requires_grad = True`.",
        )
    if id(p) in known:
        raise ArgumentError(
            "MG167", f"{name} of shape {p.shape} was given before{known[id(p)]}: it would be updated twice."
        )
    known[id(p)] = f" as {name}"


def check_settings(group: dict[str, Any]) -> None:
    """Make the numbers of a group Python's own, and raise if one makes no sense."""
    for name, value in group.items():
        if name in _SEVERAL and (not isinstance(value, tuple | list) or len(value) != _SEVERAL[name]):
            raise ArgumentTypeError("MG167", f"`{name}` is {_SEVERAL[name]} numbers in a tuple, got {as_given(value)}.")
        if name == "betas":
            group[name] = betas = tuple(_number(beta, "betas") for beta in value)
            if not all(0 <= beta < 1 for beta in betas):
                raise ArgumentError("MG167", f"`betas` are at least 0 and less than 1, got {betas}.")
        elif name == "etas" and not 0 < value[0] < 1 < value[1]:
            raise ArgumentError("MG167", f"`etas` shrink and grow a step, 0 < η⁻ < 1 < η⁺, got {value}.")
        elif name in _BOUNDS:
            several = value if isinstance(value, tuple | list) else (value,)
            checked = tuple(None if x is None else _bounded(x, name) for x in several)
            group[name] = checked if isinstance(value, tuple | list) else checked[0]


def _bounded(value: Any, name: str) -> float:
    number, (least, most) = _number(value, name), _BOUNDS[name]
    if not least <= number <= most:
        range_ = f"at least {least}" if most == _INFINITE else f"between {least} and {most}"
        range_ = f"at most {most}" if least == -_INFINITE else range_
        uphill = " To go uphill, write `maximize=True`." if name == "lr" else ""
        raise ArgumentError("MG167", f"`{name}` must be {range_}, got {number}.{uphill}")
    return number


def _number(value: Any, name: str) -> float:
    if type(value) is int:
        return value
    if getattr(value, "shape", ()) and math.prod(value.shape) != 1:
        raise ArgumentError(
            "MG167", f"`{name}` must be one number, got a {type(value).__name__} of shape {value.shape}."
        )
    try:
        number = float(np.asarray(value).reshape(()) if getattr(value, "shape", ()) else value)
    except (TypeError, ValueError):
        raise ArgumentTypeError("MG167", f"`{name}` must be a number, got {as_given(value)}.") from None
    if not math.isfinite(number):
        raise ArgumentError("MG167", f"`{name}` must be finite, got {number}.")
    return number
