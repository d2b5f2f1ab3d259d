"""Microgradient: automatic differentiation you can see through, fast on a CPU."""

from . import startup  # noqa: F401

# isort: split
import importlib
from typing import TYPE_CHECKING, Any

from . import functions, random
from .check import check_gradients
from .custom_rules import checkpoint, custom_rule
from .functions import *  # noqa: F403 (the functions, listed there)
from .operators import get_default_dtype, set_default_dtype
from .other_names import missing
from .random import bernoulli, manual_seed, rand, randint, randn, randperm
from .tape import enable_grad, is_grad_enabled, no_grad
from .tensor import Tensor, tensor
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from . import data, distributions, fft, nn, optim, recipes, scalar, sparse, special, train  # noqa: F401
    from .explain.doctor import doctor
    from .explain.gradient_flow import gradient_flow
    from .explain.grading import check_answer
    from .explain.largest_paths import paths
    from .explain.step import step
    from .explain.trace import trace
    from .explain.updates.why_update import why_update
    from .explain.why import why
    from .functions.composite import *  # noqa: F403 (mypy does not add lists up)
    from .native.runtime.threads import get_num_threads, set_num_threads
    from .page.view import view
    from .program.compiled import compile
    from .program.control_flow import cond, fori_loop, map, scan, while_loop
    from .program.vmap import vmap
    from .recipes.use import load
    from .scalar import Value

__version__ = "0.2.0"

__all__ = [
    "Tensor", "Value", "bernoulli", "check_answer", "check_gradients", "checkpoint", "compile", "cond", "custom_rule",
    "doctor", "enable_grad", "fori_loop", "get_default_dtype", "get_num_threads", "grad", "gradient_flow", "hessian", "hvp",
    "is_grad_enabled", "jacobian", "jvp", "load", "manual_seed", "map", "no_grad", "paths", "rand", "randint", "randn", "random",
    "randperm", "scan", "set_default_dtype", "set_num_threads", "step", "tensor", "trace", "value_and_grad", "view",
    "vjp", "vmap", "while_loop", "why", "why_update",
]  # fmt: skip
__all__ += functions.__all__


_AUTOGRAD = (
    "deriv", "elementwise_grad", "grad_and_aux", "grad_named", "hessian_tensor_product", "hessian_vector_product",
    "holomorphic_grad", "make_ggnvp", "make_hvp", "make_jvp", "make_vjp", "multigrad_dict", "tensor_jacobian_product",
    "vector_jacobian_product",
)  # fmt: skip
_LATE = {  # loaded when first used
    "compile": "program.compiled",
    "check_answer": "explain.grading",
    "doctor": "explain.doctor",
    **dict.fromkeys(("cond", "fori_loop", "map", "scan", "while_loop"), "program.control_flow"),
    "load": "recipes.use",
    **dict.fromkeys(("gradient_flow", "paths", "step", "trace", "why", "why_update"), "explain"),
    "view": "page",
    "vmap": "program.vmap",
    "Value": "scalar",
    **dict.fromkeys(_AUTOGRAD, "numpy.transforms"),
    "get_num_threads": "native.runtime.threads",
    "set_num_threads": "native.runtime.threads",
}
_LATE_MODULES = (
    "data",
    "distributions",
    "explain",
    "fft",
    "sparse",
    "special",
    "numpy",
    "scipy",
    "nn",
    "optim",
    "page",
    "recipes",
    "rl",
    "scalar",
    "train",
)


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
    if name in _LATE_MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in functions.pointwise.__all__:  # of a primitive that was registered later
        return getattr(functions.pointwise, name)
    raise missing("microgradient", name, __all__)


def __dir__() -> list[str]:
    return sorted({*__all__, *functions.pointwise.__all__, *_LATE_MODULES, "__version__"})
