"""`torch.compile`: `mg.compile`, which runs what it can't compile as it is, as PyTorch does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..errors import CompileError, TraceError, warn_once
from ..program.compiled import compile as compile_function
from .nn.modules import Module
from .strict import differs


def compile(model: Any = None, **options: Any) -> Any:
    """A function or a module that runs compiled. Options are accepted; `disable=True` gives it back as it is.

    What can't be compiled, such as an `if` on a tensor's value, runs eagerly from then on, and a warning says why.

    >>> import microgradient.torch as torch
    >>> torch.compile(lambda x: x * 2 + 1)(torch.ones(2))
    tensor([3., 3.])
    """
    if model is None:
        return lambda f: compile(f, **options)
    if options.pop("disable", False):
        return model
    ignored = sorted(k for k, v in options.items() if v not in (None, False, "default", "inductor"))
    if ignored:
        differs("MG208", f"torch.compile ignores {', '.join(ignored)}: there is one back end, and it fuses all it can.")
    return OptimizedModule(model) if isinstance(model, Module) else _with_eager(model)


def _with_eager(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled, or as it is once that has turned out to be impossible."""
    compiled, eager = compile_function(function), [False]

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if eager[0]:
            return function(*args, **options)
        try:
            return compiled(*args, **options)
        except (TraceError, CompileError) as error:
            eager[0] = True
            warn_once(
                "MG208", f"{getattr(function, '__name__', 'This function')} runs eagerly from now on: {error.message}"
            )
            return function(*args, **options)

    return call


class OptimizedModule(Module):
    """A module whose calls run compiled; everything else is that of the module, `_orig_mod`."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self._orig_mod = module
        object.__setattr__(self, "_compiled", _with_eager(module))
        self.training = module.training

    def forward(self, *args: Any, **options: Any) -> Any:
        return vars(self)["_compiled"](*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name in ("_orig_mod", "_compiled"):
            raise AttributeError(name)
        return getattr(self._orig_mod, name)
