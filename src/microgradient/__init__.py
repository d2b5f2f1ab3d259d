"""Microgradient: automatic differentiation you can see through, fast on a CPU."""

from typing import TYPE_CHECKING, Any

from . import functions, random
from .check import check_gradients
from .composite import conv, conv_transpose, log_softmax, logsumexp, softmax, stop_gradient, windows
from .custom import checkpoint, custom_rule
from .functions import *  # noqa: F403 (the functions, listed there)
from .operators import get_default_dtype, set_default_dtype
from .random import bernoulli, manual_seed, rand, randint, randn, randperm
from .tape import enable_grad, is_grad_enabled, no_grad
from .tensor import Tensor, tensor
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from .explain import trace, why

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "bernoulli",
    "check_gradients",
    "checkpoint",
    "conv",
    "conv_transpose",
    "custom_rule",
    "enable_grad",
    "get_default_dtype",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "log_softmax",
    "logsumexp",
    "manual_seed",
    "no_grad",
    "rand",
    "randint",
    "randn",
    "random",
    "randperm",
    "set_default_dtype",
    "softmax",
    "stop_gradient",
    "tensor",
    "trace",
    "value_and_grad",
    "vjp",
    "why",
    "windows",
]
__all__ += functions.__all__


def __getattr__(name: str) -> Any:
    """`trace` and `why` are loaded when first used."""
    if name in ("trace", "why"):
        from . import explain

        return getattr(explain, name)
    raise AttributeError(f"module 'microgradient' has no attribute {name!r}")
