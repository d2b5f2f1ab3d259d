"""Modules as functions of their parameters, in PyTorch's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ArgumentError
from ...tensor import Tensor
from ..module import Module
from . import as_function


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with other tensors in the place of its parameters and buffers, as `nn.utils.functional_call`.

    `args` is a tuple, or one argument. Parameters that are shared are replaced together (`tie_weights=False` is refused); with
    `strict` all of them must be given.

    >>> import microgradient as mg
    >>> from microgradient import nn
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> functional_call(layer, {"weight": mg.tensor([[2.0]])}, (mg.tensor([3.0]),)).tolist()
    [6.0]
    """
    if not tie_weights:
        raise ArgumentError(
            "MG157", "functional_call replaces a shared parameter everywhere: tie_weights=False is not possible."
        )
    missing = [name for name in module.state_dict(keep_vars=True) if name not in parameters_and_buffers]
    if strict and missing:
        raise ArgumentError(
            "MG154", f"functional_call with strict=True needs all parameters; {', '.join(missing)} are missing."
        )
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    return as_function.functional_call(module, parameters_and_buffers, *given, **(kwargs or {}))
