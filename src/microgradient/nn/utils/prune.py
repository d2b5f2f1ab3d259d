"""Pruning: entries of a parameter that a mask keeps at 0, as `weight = weight_orig · weight_mask`.

The parameter `weight_orig` is trained, the buffer `weight_mask` saved with it. Pruning again prunes what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import microgradient as mg

from ... import random
from ...errors import ArgumentError, as_given
from ...operators import wrap
from ...tensor import Tensor
from ..module import Module
from ..parameter import Parameter
from .computed import add_computed, check_tensor, computed_names, drop_tensor, remove_computed

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "RandomStructured", "RandomUnstructured",
    "custom_from_mask", "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured", "random_structured",
    "random_unstructured", "remove",
]  # fmt: skip

Array = np.ndarray[Any, np.dtype[Any]]
Amount = int | float


class BasePruningMethod:
    """A way to choose what is pruned. A subclass writes `compute_mask(t, default_mask)`: importances, and what is left.

    `PRUNING_TYPE`: "unstructured" methods see only the entries that are left, "structured" ones the channels, "global" ones all.

    >>> import microgradient as mg
    >>> L1Unstructured(amount=1).prune(mg.tensor([3.0, -1.0, 2.0])).tolist()
    [3.0, -0.0, 2.0]
    """

    PRUNING_TYPE: ClassVar[str] = "global"
    dim: int = -1
    _tensor_name: str = ""

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """1 where an entry stays, 0 where it goes."""
        raise NotImplementedError

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune the parameter `name` of a module by a new object of this class."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        pruned = name in computed_names(module)
        weight = getattr(module, f"{name}_orig") if pruned else check_tensor(module, name)
        left = getattr(module, f"{name}_mask").raw if pruned else np.ones(weight.shape, weight.dtype)
        importance = weight.raw if importance_scores is None else _array(importance_scores)
        mask = wrap(method.left_of(importance, left).astype(weight.dtype), None)
        if pruned:
            getattr(module, f"{name}_mask").store(mask.raw)
            vars(type(module))[name].fget.methods.append(method)
            return method
        add_computed(module, name, _Masked(name, [method]))
        module.register_parameter(f"{name}_orig", weight)
        module.register_buffer(f"{name}_mask", mask)
        return method

    def left_of(self, importance: Array, left: Array) -> Array:
        """The mask after this method, given the one before."""
        mask, part = np.array(left), self._part(left)
        mask[part] = _array(self.compute_mask(importance[part], left[part]))
        return mask

    def _part(self, left: Array) -> Any:
        if self.PRUNING_TYPE == "unstructured":
            return left == 1
        if self.PRUNING_TYPE == "structured":
            dim = self.dim % left.ndim
            kept = left.sum(axis=tuple(i for i in range(left.ndim) if i != dim)) > 0
            return (slice(None),) * dim + (kept,)
        return ...

    def prune(self, t: Tensor, default_mask: Any = None, importance_scores: Any = None) -> Tensor:
        """`t` with what goes set to 0."""
        left = np.ones(t.shape, t.dtype) if default_mask is None else _array(default_mask)
        importance = t.raw if importance_scores is None else _array(importance_scores)
        return t * wrap(self.left_of(importance, left).astype(t.dtype), None)


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the mask.

    >>> import microgradient as mg
    >>> Identity().prune(mg.tensor([3.0])).tolist()
    [3.0]
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return default_mask


class _Amount(BasePruningMethod):
    """`amount`: how many, or which part of them, between 0 and 1."""

    def __init__(self, amount: Amount) -> None:
        if not isinstance(amount, int | float) or amount < 0 or (isinstance(amount, float) and amount > 1):
            raise ArgumentError(
                "MG157", f"`amount` is a whole number, or a part between 0.0 and 1.0, not {as_given(amount)}."
            )
        self.amount = amount

    def _count(self, of: int) -> int:
        count = self.amount if isinstance(self.amount, int) else round(self.amount * of)
        if count > of:
            raise ArgumentError("MG157", f"{count} of {of} can't be pruned.")
        return count


class RandomUnstructured(_Amount):
    """Prunes entries at random.

    >>> import microgradient as mg
    >>> mg.count_nonzero(RandomUnstructured(3).prune(mg.ones((5,)))).item()
    2
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        mask = np.array(_array(default_mask))
        mask.reshape(-1)[_shuffled(mask.size, _array(t).dtype)[: self._count(mask.size)]] = 0
        return mask


def _shuffled(n: int, dtype: Any) -> Array:
    """0 … n-1 in random order: that of uniform numbers, the greatest first."""
    return np.argsort(-_array(random.uniform((n,), dtype=dtype)), kind="stable")


class L1Unstructured(_Amount):
    """Prunes the entries of the smallest magnitude.

    >>> import microgradient as mg
    >>> L1Unstructured(0.5).prune(mg.tensor([3.0, 1.0, 2.0, 4.0])).tolist()
    [3.0, 0.0, 0.0, 4.0]
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        mask = np.array(_array(default_mask))
        order = np.argsort(np.abs(_array(t)), axis=None, kind="stable")
        mask.reshape(-1)[order[: self._count(mask.size)]] = 0
        return mask


class RandomStructured(_Amount):
    """Prunes channels along `dim` at random.

    >>> import microgradient as mg
    >>> mg.sum(RandomStructured(1, dim=0).prune(mg.ones((3, 2)))).item()
    4.0
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return self._without(_array(default_mask), _shuffled(_array(t).shape[self.dim], np.dtype(np.float32))[::-1])

    def _without(self, mask: Array, order: Array) -> Array:
        mask, dim = np.array(mask), self.dim % mask.ndim
        mask[(slice(None),) * dim + (order[: self._count(len(order))],)] = 0
        return mask


class LnStructured(RandomStructured):
    """Prunes the channels along `dim` with the smallest n-norm.

    >>> import microgradient as mg
    >>> LnStructured(1, n=2, dim=0).prune(mg.tensor([[3.0, 4.0], [1.0, 1.0]])).tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """

    def __init__(self, amount: Amount, n: float, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        rows = np.moveaxis(_array(t), self.dim, 0)
        norms = np.linalg.norm(rows.reshape(len(rows), -1), ord=self.n, axis=1)
        return self._without(_array(default_mask), np.argsort(norms, kind="stable"))


class CustomFromMask(BasePruningMethod):
    """Prunes where `mask` is 0.

    >>> import microgradient as mg
    >>> CustomFromMask(mg.tensor([1.0, 0.0])).prune(mg.tensor([3.0, 4.0])).tolist()
    [3.0, 0.0]
    """

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return _array(default_mask) * _array(self.mask)


@dataclass
class _Masked:
    """The getter of what is left of a parameter, which knows the methods that it was pruned by."""

    name: str
    methods: list[BasePruningMethod]

    def __call__(self, module: Any) -> Any:
        return getattr(module, f"{self.name}_orig") * getattr(module, f"{self.name}_mask")


def methods_of(module: Module) -> list[BasePruningMethod]:
    """The last method that each pruned parameter of a module was pruned by."""
    getters = [vars(type(module))[name].fget for name in computed_names(module)]
    return [getter.methods[-1] for getter in getters if isinstance(getter, _Masked)]


def identity(module: Module, name: str) -> Module:
    """Make the mask of a parameter, all ones.

    >>> from microgradient import nn
    >>> list(identity(nn.Linear(2, 2), "weight").state_dict())
    ['bias', 'weight_orig', 'weight_mask']
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Amount) -> Module:
    """Prune entries at random.

    >>> from microgradient import nn
    >>> mg.count_nonzero(random_unstructured(nn.Linear(2, 2), "weight", 3).weight).item()
    1
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Amount, importance_scores: Any = None) -> Module:
    """Prune the entries of the smallest magnitude, or the least `importance_scores`.

    >>> from microgradient import nn
    >>> mg.count_nonzero(l1_unstructured(nn.Linear(2, 2), "weight", 0.5).weight).item()
    2
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Amount, dim: int) -> Module:
    """Prune channels along `dim` at random.

    >>> from microgradient import nn
    >>> mg.count_nonzero(random_structured(nn.Linear(4, 2), "weight", 1, dim=0).weight).item()
    4
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: Amount, n: float, dim: int, importance_scores: Any = None
) -> Module:
    """Prune the channels along `dim` with the smallest n-norm, of the parameter or of `importance_scores`.

    >>> from microgradient import nn
    >>> mg.count_nonzero(ln_structured(nn.Linear(4, 2), "weight", 1, n=2, dim=1).weight).item()
    6
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Any) -> Module:
    """Prune where `mask` is 0.

    >>> from microgradient import nn
    >>> custom_from_mask(nn.Linear(1, 2), "weight", mg.zeros((2, 1))).weight.tolist() == [[0.0], [0.0]]
    True
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Any] | None = None,
    **kwargs: Any,
) -> None:
    """Prune all of the parameters, given as (module, name), as if they were one vector.

    >>> from microgradient import nn
    >>> a, b = nn.Linear(1, 1), nn.Linear(1, 1)
    >>> global_unstructured([(a, "weight"), (b, "weight")], L1Unstructured, amount=1)
    >>> mg.count_nonzero(a.weight).item() + mg.count_nonzero(b.weight).item()
    1
    """
    taken = list(parameters)
    scores = importance_scores or {}
    if pruning_method.PRUNING_TYPE != "unstructured":
        raise ArgumentError(
            "MG157", f"global_unstructured takes an unstructured method, not {pruning_method.__name__}."
        )
    values = [_array(scores.get((m, n), getattr(m, n))) for m, n in taken]
    masks = [_array(getattr(m, f"{n}_mask", np.ones(v.shape))) for (m, n), v in zip(taken, values, strict=True)]
    method = pruning_method(**kwargs)
    joint = method.left_of(np.concatenate([v.ravel() for v in values]), np.concatenate([m.ravel() for m in masks]))
    start = 0
    for (module, name), value in zip(taken, values, strict=True):
        custom_from_mask(module, name, joint[start : start + value.size].reshape(value.shape))
        start += value.size


def remove(module: Module, name: str) -> Module:
    """Make pruning permanent: the parameter has its zeros, the mask is forgotten.

    >>> from microgradient import nn
    >>> list(remove(identity(nn.Linear(2, 2), "weight"), "weight").state_dict())
    ['bias', 'weight']
    """
    if name not in computed_names(module) or f"{name}_mask" not in vars(module):
        raise ArgumentError("MG154", f"`{name}` of {type(module).__name__} isn't pruned.")
    parameter = getattr(module, f"{name}_orig")
    with mg.no_grad():
        parameter.store(getattr(module, name).raw)
    drop_tensor(module, f"{name}_orig")
    drop_tensor(module, f"{name}_mask")
    remove_computed(module, name, parameter if isinstance(parameter, Parameter) else Parameter(parameter))
    return module


def is_pruned(module: Module) -> bool:
    """Whether a module, or one inside it, has a pruned parameter.

    >>> from microgradient import nn
    >>> is_pruned(nn.Linear(2, 2))
    False
    """
    return any(f"{name}_mask" in vars(m) for m in module.modules() for name in computed_names(m))


def _array(x: Any) -> Array:
    return np.asarray(x.raw if isinstance(x, Tensor) else x)
