"""Parametrizations: a parameter that is computed from another one by a module, as W = Wᵀ from a triangle.

`module.parametrizations[name].original` is what is trained, `module.name` what was computed from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter
from .computed import add_computed, check_tensor, computed_names, remove_computed

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "type_before_parametrizations",
]  # fmt: skip


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other, and what the first is applied to.

    That is `original`; or `original0`, `original1`, ..., if its `right_inverse` gives several tensors.

    >>> from microgradient import nn
    >>> layer = register_parametrization(nn.Linear(2, 2), "weight", nn.Identity())
    >>> type(layer.parametrizations.weight).__name__
    'ParametrizationList'
    """

    def __init__(self, modules: Sequence[Module], original: Tensor) -> None:
        super().__init__(modules)
        self._count = 0  # of originals, 0 for one that stands alone
        self._store(self._inverse(original), isinstance(original, Parameter))

    def forward(self) -> Tensor:
        first, *rest = self
        names = ["original"] if not self._count else [f"original{i}" for i in range(self._count)]
        x: Tensor = first(*(getattr(self, name) for name in names))
        for module in rest:
            x = module(x)
        return x

    def right_inverse(self, value: Tensor) -> None:
        """Set what is computed: the originals become what gives `value`."""
        with mg.no_grad():
            self._store(self._inverse(value), True)

    def _inverse(self, value: Tensor) -> Any:
        x: Any = wrap(value.raw, None)
        with mg.no_grad():
            for module in reversed([*self]):
                if hasattr(module, "right_inverse"):
                    x = module.right_inverse(x)
        return x

    def _store(self, values: Any, trained: bool) -> None:
        if isinstance(values, Tensor):
            named = {"original": values}
        else:
            self._count = len(values)
            named = {f"original{i}": value for i, value in enumerate(values)}
        for name, value in named.items():
            own = vars(self).get(name)
            if own is not None:
                own.store(value.raw)
            elif trained:
                self.register_parameter(name, Parameter(value))
            else:
                self.register_buffer(name, value)


def register_parametrization(module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Any:
    """Let `module.tensor_name` be computed from what it is now by `parametrization`, a module of one argument; returns `module`.

    With a method `right_inverse` it is computed from what that gives, so that it keeps its value if the two are inverse. Several
    are applied one after the other. Raises `ShapeError` if the shape would change (unless `unsafe`).

    >>> from microgradient import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return mg.triu(x) + mg.triu(x, k=1).T
    >>> layer = register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool(mg.all(layer.weight == layer.weight.T)), list(layer.state_dict())
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        before = getattr(module, tensor_name)
        chain.append(parametrization)
        if hasattr(parametrization, "right_inverse"):
            chain.right_inverse(before)
    else:
        before = check_tensor(module, tensor_name)
        chain = ParametrizationList([parametrization], before)
        add_computed(module, tensor_name, _reader(tensor_name), _writer(tensor_name), "Parametrized")
        if "parametrizations" not in vars(module):
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = chain
    after = getattr(module, tensor_name)
    if not unsafe and (after.shape, after.dtype) != (before.shape, before.dtype):
        raise ShapeError(
            "MG155", f"The parametrization makes {after.dtype} {after.shape} of `{tensor_name}`, {before.dtype} {before.shape}. "
            "Write `unsafe=True` if that is meant.",
        )  # fmt: skip
    return module


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Let `module.tensor_name` be a parameter again: of what was computed last, or of the original; returns `module`.

    >>> from microgradient import nn
    >>> layer = register_parametrization(nn.Linear(2, 2), "weight", nn.Tanh())
    >>> list(remove_parametrizations(layer, "weight").state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError("MG154", f"`{tensor_name}` of {type(module).__name__} has no parametrization.")
    chain = module.parametrizations[tensor_name]
    if not leave_parametrized and chain._count:
        raise ArgumentError(
            "MG157", f"`{tensor_name}` has several originals: only leave_parametrized=True is possible."
        )
    value = getattr(module, tensor_name) if leave_parametrized else chain.original
    trained = any(True for _ in chain.parameters(recurse=False))
    del module.parametrizations[tensor_name]
    if not module.parametrizations:
        del module.parametrizations
    if not trained:
        vars(module).setdefault("_buffer_names", {})[tensor_name] = True
    remove_computed(module, tensor_name, Parameter(value) if trained else value)
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations, or one of that name.

    >>> from microgradient import nn
    >>> is_parametrized(nn.Linear(2, 2))
    False
    """
    known = vars(module).get("parametrizations")
    return isinstance(known, ModuleDict) and (len(known) > 0 if tensor_name is None else tensor_name in known)


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that a module had before it was parametrized.

    >>> from microgradient import nn
    >>> type_before_parametrizations(register_parametrization(nn.Linear(2, 2), "weight", nn.Tanh())).__name__
    'Linear'
    """
    kind: Any = type(module)
    return kind._before if computed_names(module) else kind


@contextmanager
def cached() -> Iterator[None]:
    """Inside the `with` block each parametrized tensor is computed once, however often it is read.

    >>> from microgradient import nn
    >>> layer = register_parametrization(nn.Linear(2, 2), "weight", nn.Tanh())
    >>> with cached():
    ...     layer.weight is layer.weight
    True
    """
    _depth[0] += 1
    try:
        yield
    finally:
        _depth[0] -= 1
        if not _depth[0]:
            _computed.clear()


_depth = [0]
_computed: dict[tuple[int, str], Tensor] = {}


def _reader(name: str) -> Any:
    def get(module: Any) -> Tensor:
        if not _depth[0]:
            return module.parametrizations[name]()
        key = (id(module), name)
        if key not in _computed:
            _computed[key] = module.parametrizations[name]()
        return _computed[key]

    return get


def _writer(name: str) -> Any:
    def put(module: Any, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return put
