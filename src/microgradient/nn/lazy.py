"""Layers that take the size of their input from the first one they see."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .parameter import UninitializedBuffer, UninitializedParameter, materialize


class _Lazy(Module):
    """A layer of size 0 until it is called; then it becomes `cls_to_become`, with the size of the input's `_axis`."""

    cls_to_become: ClassVar[Any]
    _axis: ClassVar[int]

    _defaults: ClassVar[dict[str, Any]] = {}  # where PyTorch's lazy class has others

    def __init__(self, *args: Any, **options: Any) -> None:
        given = inspect.signature(type(self)).bind(*args, **options)
        given.apply_defaults()
        kind = self.cls_to_become
        self._make: Callable[[int], Module] = lambda size: kind(size, *given.args, **given.kwargs)
        super().__init__(0, *given.args, **given.kwargs)  # type: ignore[call-arg]
        self._unknown = tuple(name for name, x in vars(self).items() if isinstance(x, Tensor) and len(x.shape))
        for name in self._unknown:
            if isinstance(value := vars(self)[name], Tensor):
                unknown = UninitializedParameter if value.requires_grad else UninitializedBuffer
                setattr(self, name, unknown(dtype=value.dtype))

    def __init_subclass__(cls) -> None:
        _, *rest = inspect.signature(cls.cls_to_become).parameters.values()
        rest = [p.replace(default=cls._defaults.get(p.name, p.default)) for p in rest]
        cls.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined]

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.initialize_parameters(*args, **options)
        return self(*args, **options)  # of the class that it is now

    def has_uninitialized_params(self) -> bool:
        """Whether the size of the input is not known yet."""
        return any(vars(self)[name].shape == (0,) for name in self._unknown)

    def initialize_parameters(self, input: Tensor, *args: Any, **options: Any) -> None:
        """Become a layer for inputs such as this one. What was loaded from a state_dict stays."""
        made = self._make(input.shape[self._axis])
        for name, value in vars(made).items():
            own: Any = vars(self).get(name)
            if name in self._unknown:
                if own.shape != (0,):
                    continue  # loaded
                materialize(own, value.shape)
                own.store(np.array(value.raw, dtype=own.dtype))
            elif not isinstance(own, Tensor) and name not in ("training", "_hooks"):
                setattr(self, name, value)
        del self._make, self._unknown
        self.__class__ = self.cls_to_become


class LazyLinear(_Lazy, Linear):
    """`Linear` that finds out `in_features` when it is first called. Give the optimiser its parameters afterwards.

    >>> import microgradient as mg
    >>> layer = LazyLinear(2)
    >>> layer(mg.ones((4, 3))).shape, layer
    ((4, 2), Linear(in_features=3, out_features=2, bias=True)  # 8 parameters)
    """

    cls_to_become, _axis = Linear, -1


class LazyConv1d(_Lazy, Conv1d):
    """`Conv1d` that finds out `in_channels` when it is first called.

    >>> import microgradient as mg
    >>> LazyConv1d(4, 1)(mg.ones((2, 3, 5))).shape
    (2, 4, 5)
    """

    cls_to_become, _axis = Conv1d, -2


class LazyConvTranspose1d(_Lazy, ConvTranspose1d):
    """`ConvTranspose1d` that finds out `in_channels` when it is first called.

    >>> import microgradient as mg
    >>> LazyConvTranspose1d(4, 1)(mg.ones((2, 3, 5))).shape
    (2, 4, 5)
    """

    cls_to_become, _axis = ConvTranspose1d, -2


class LazyConv2d(_Lazy, Conv2d):
    """`Conv2d` that finds out `in_channels` when it is first called.

    >>> import microgradient as mg
    >>> LazyConv2d(4, 1)(mg.ones((2, 3, 5, 5))).shape
    (2, 4, 5, 5)
    """

    cls_to_become, _axis = Conv2d, -3


class LazyConvTranspose2d(_Lazy, ConvTranspose2d):
    """`ConvTranspose2d` that finds out `in_channels` when it is first called.

    >>> import microgradient as mg
    >>> LazyConvTranspose2d(4, 1)(mg.ones((2, 3, 5, 5))).shape
    (2, 4, 5, 5)
    """

    cls_to_become, _axis = ConvTranspose2d, -3


class LazyConv3d(_Lazy, Conv3d):
    """`Conv3d` that finds out `in_channels` when it is first called.

    >>> import microgradient as mg
    >>> LazyConv3d(4, 1)(mg.ones((2, 3, 5, 5, 5))).shape
    (2, 4, 5, 5, 5)
    """

    cls_to_become, _axis = Conv3d, -4


class LazyConvTranspose3d(_Lazy, ConvTranspose3d):
    """`ConvTranspose3d` that finds out `in_channels` when it is first called.

    >>> import microgradient as mg
    >>> LazyConvTranspose3d(4, 1)(mg.ones((2, 3, 5, 5, 5))).shape
    (2, 4, 5, 5, 5)
    """

    cls_to_become, _axis = ConvTranspose3d, -4


class LazyBatchNorm1d(_Lazy, BatchNorm1d):
    """`BatchNorm1d` that finds out `num_features` when it is first called.

    >>> import microgradient as mg
    >>> LazyBatchNorm1d()(mg.ones((2, 3, 5))).shape
    (2, 3, 5)
    """

    cls_to_become, _axis = BatchNorm1d, 1


class LazyInstanceNorm1d(_Lazy, InstanceNorm1d):
    """`InstanceNorm1d` that finds out `num_features` when it is first called.

    >>> import microgradient as mg
    >>> LazyInstanceNorm1d()(mg.ones((2, 3, 5))).shape
    (2, 3, 5)
    """

    cls_to_become, _axis = InstanceNorm1d, -2
    _defaults: ClassVar[dict[str, Any]] = {"affine": True, "track_running_stats": True}


class LazyBatchNorm2d(_Lazy, BatchNorm2d):
    """`BatchNorm2d` that finds out `num_features` when it is first called.

    >>> import microgradient as mg
    >>> LazyBatchNorm2d()(mg.ones((2, 3, 5, 5))).shape
    (2, 3, 5, 5)
    """

    cls_to_become, _axis = BatchNorm2d, 1


class LazyInstanceNorm2d(_Lazy, InstanceNorm2d):
    """`InstanceNorm2d` that finds out `num_features` when it is first called.

    >>> import microgradient as mg
    >>> LazyInstanceNorm2d()(mg.ones((2, 3, 5, 5))).shape
    (2, 3, 5, 5)
    """

    cls_to_become, _axis = InstanceNorm2d, -3
    _defaults: ClassVar[dict[str, Any]] = {"affine": True, "track_running_stats": True}


class LazyBatchNorm3d(_Lazy, BatchNorm3d):
    """`BatchNorm3d` that finds out `num_features` when it is first called.

    >>> import microgradient as mg
    >>> LazyBatchNorm3d()(mg.ones((2, 3, 5, 5, 5))).shape
    (2, 3, 5, 5, 5)
    """

    cls_to_become, _axis = BatchNorm3d, 1


class LazyInstanceNorm3d(_Lazy, InstanceNorm3d):
    """`InstanceNorm3d` that finds out `num_features` when it is first called.

    >>> import microgradient as mg
    >>> LazyInstanceNorm3d()(mg.ones((2, 3, 5, 5, 5))).shape
    (2, 3, 5, 5, 5)
    """

    cls_to_become, _axis = InstanceNorm3d, -4
    _defaults: ClassVar[dict[str, Any]] = {"affine": True, "track_running_stats": True}
