"""Microgradient: automatic differentiation you can see through, fast on a CPU."""

from .composite import conv, conv_transpose, log_softmax, logsumexp, softmax, stop_gradient, windows
from .tape import enable_grad, is_grad_enabled, no_grad
from .tensor import Tensor, get_default_dtype, set_default_dtype, tensor

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "conv",
    "conv_transpose",
    "enable_grad",
    "get_default_dtype",
    "is_grad_enabled",
    "log_softmax",
    "logsumexp",
    "no_grad",
    "set_default_dtype",
    "softmax",
    "stop_gradient",
    "tensor",
    "windows",
]
