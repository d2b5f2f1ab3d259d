"""PyTorch's former weight norm and spectral norm: they add parameters to the module itself."""

from __future__ import annotations

import microgradient as mg

from ... import random
from ...errors import ArgumentError
from ...operators import wrap
from ...tensor import Tensor
from ..conv import _ConvTranspose
from ..module import Module
from ..parameter import Parameter
from .computed import add_computed, check_tensor, computed_names, drop_tensor, remove_computed
from .parametrizations import as_matrix, norm_except, power_iterations, unit


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g · v / ‖v‖ with the parameters `weight_g` and `weight_v`; `parametrizations.weight_norm` took its place.

    >>> from microgradient import nn
    >>> list(weight_norm(nn.Linear(2, 3)).state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    weight = check_tensor(module, name)
    axis = None if dim == -1 else dim

    def compute(module: Module) -> Tensor:
        g, v = getattr(module, f"{name}_g"), getattr(module, f"{name}_v")
        return v * (g / norm_except(v, axis))

    with mg.no_grad():
        length = norm_except(weight, axis)
    add_computed(module, name, compute)
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(weight))
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo `weight_norm`: the weight is a parameter again, with the numbers that it has.

    >>> from microgradient import nn
    >>> list(remove_weight_norm(weight_norm(nn.Linear(2, 3))).state_dict())
    ['bias', 'weight']
    """
    return _remove(module, name, f"{name}_g", f"{name}_v")


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """w / σ(w) with the parameter `weight_orig` and the buffers `weight_u` and `weight_v`.

    `parametrizations.spectral_norm` took its place, and says what σ is.

    >>> from microgradient import nn
    >>> list(spectral_norm(nn.Linear(2, 3)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if n_power_iterations < 1:
        raise ArgumentError("MG157", f"spectral_norm needs n_power_iterations of at least 1, got {n_power_iterations}.")
    weight = check_tensor(module, name)
    axis = (1 if isinstance(module, _ConvTranspose) else 0) if dim is None else dim

    def compute(module: Module) -> Tensor:
        original, u, v = (getattr(module, f"{name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(original, axis)
        if module.training:
            # v first, unlike the newer one
            v, u = power_iterations(mg.stop_gradient(matrix).T, v, u, n_power_iterations, eps)
            getattr(module, f"{name}_u").store(u.raw)
            getattr(module, f"{name}_v").store(v.raw)
        return original / mg.vecdot(u, mg.matmul(matrix, v))

    matrix = as_matrix(wrap(weight.raw, None), axis)
    u, v = (unit(random.normal((n,), dtype=weight.dtype), eps) for n in matrix.shape)
    add_computed(module, name, compute)
    module.register_parameter(f"{name}_orig", Parameter(weight))
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo `spectral_norm`: the weight is a parameter again, with the numbers that it has.

    >>> from microgradient import nn
    >>> list(remove_spectral_norm(spectral_norm(nn.Linear(2, 3))).state_dict())
    ['bias', 'weight']
    """
    return _remove(module, name, f"{name}_orig", f"{name}_u", f"{name}_v")


def _remove(module: Module, name: str, *parts: str) -> Module:
    if name not in computed_names(module) or not all(part in vars(module) for part in parts):
        raise ArgumentError("MG154", f"`{name}` of {type(module).__name__} has no {parts[0]} to be removed.")
    training = module.training
    module.training = False  # as it is, without a step of the power method
    with mg.no_grad():
        value = Parameter(getattr(module, name))
    module.training = training
    for part in parts:
        drop_tensor(module, part)
    remove_computed(module, name, value)
    return module
