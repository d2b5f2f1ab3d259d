"""Gradients of all parameters, scaled or clipped."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import microgradient as mg

from ... import trace_hooks
from ...errors import ArgumentTypeError, GradientError
from ...tape import recording
from ...tensor import Tensor
from ..module import Module


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by max_norm / (norm + 1e-6) if that is below 1; return the norm of all as one vector, before that.

    `norm_type` p gives (Σ abs(g)^p)^(1/p), `inf` the largest. Pascanu, Mikolov and Bengio 2013. With
    `error_if_nonfinite`, raises `GradientError` if the norm is infinite or NaN; it names the parameter. `foreach` is ignored.

    >>> import microgradient as mg
    >>> w = mg.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w * 0.5).sum().backward()
    >>> clip_grad_norm_([w], 1.0).item()
    5.0
    >>> bool(abs(w.grad.numpy() - [0.6, 0.8]).max() < 1e-6)
    True
    """
    with_grad = _with_grad(parameters)
    norm = get_total_norm([grad for _, grad in with_grad], norm_type)
    if error_if_nonfinite and not mg.isfinite(norm):
        raise _non_finite(norm, with_grad)
    clip_grads_with_norm_([parameter for parameter, _ in with_grad], max_norm, norm)
    return norm


def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The p-norm of all tensors as one vector; squares that would not fit into the dtype do not spoil it.

    >>> import microgradient as mg
    >>> get_total_norm([mg.tensor([3.0]), mg.tensor([4.0])]).item()
    5.0
    """
    norms = [mg.linalg.vector_norm(tensor.detach(), ord=norm_type) for tensor in tensors if tensor.raw.size]
    total = mg.linalg.vector_norm(mg.stack(norms), ord=norm_type) if norms else Tensor(0.0)
    if error_if_nonfinite and not mg.isfinite(total):
        raise GradientError("MG170", f"The norm of these tensors is {total.item()}.")
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by max_norm / (total_norm + 1e-6) if that is below 1.

    >>> import microgradient as mg
    >>> w = mg.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w * 0.5).sum().backward()
    >>> clip_grads_with_norm_([w], 1.0, mg.tensor(10.0))
    >>> bool(abs(w.grad.numpy() - [0.3, 0.4]).max() < 1e-6)
    True
    """
    scale = mg.clip(max_norm / (total_norm + 1e-6), max=1.0)
    for parameter, grad in _with_grad(parameters):
        parameter.grad = mg.astype(grad * scale, grad.dtype)
        if (observer := recording.get()) is not None and trace_hooks.current() is None:
            observer.note_clip(parameter, grad, scale, total_norm)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clip every entry of every gradient to ± `clip_value`.

    >>> import microgradient as mg
    >>> w = mg.tensor([3.0, -4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad.tolist()
    [1.0, -1.0]
    """
    for parameter, grad in _with_grad(parameters):
        parameter.grad = mg.clip(grad, min=-clip_value, max=clip_value)


def _non_finite(norm: Tensor, with_grad: list[tuple[Tensor, Tensor]]) -> GradientError:
    from ...explain.names import node_names, user_variables  # the names that the caller has for its parameters

    names = node_names(user_variables())
    bad = [
        f"{np.count_nonzero(~np.isfinite(grad.raw))} of {grad.raw.size} entries of the gradient of "
        f"`{names.get(parameter.node, f'parameters[{i}]')}` {parameter.shape}"
        for i, (parameter, grad) in enumerate(with_grad)
        if not np.isfinite(grad.raw).all()
    ]
    what = f"{bad[0]} are not finite" if bad else "all gradients are finite, but their norm overflows"
    more = f", and so in {len(bad) - 1} more" if len(bad) > 1 else ""
    return GradientError(
        "MG170", f"The norm of the gradients is {norm.item()}: {what}{more}. `mg.trace()` shows where they came from."
    )


def _with_grad(parameters: Tensor | Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    if isinstance(parameters, Module):
        raise ArgumentTypeError("MG167", "Clipping takes parameters, not a module. Write `model.parameters()`.")
    taken = [parameters] if isinstance(parameters, Tensor) else parameters
    return [(parameter, parameter.grad.detach()) for parameter in taken if parameter.grad is not None]
