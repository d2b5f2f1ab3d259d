"""Padding layers."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from . import functional
from .function_module import FunctionModule
from .functional.conv import AXES


class _Pad(FunctionModule):
    """`padding` is one width for all ends, or (left, right, top, bottom, front, back), as `microgradient.nn.functional.pad`."""

    function = staticmethod(functional.pad)
    _ndim: ClassVar[int]
    _mode: ClassVar[str]
    padding: Any

    def __post_init__(self) -> None:
        given = self.padding
        self.padding = (given,) * (2 * self._ndim) if isinstance(given, int) else tuple(given)
        if len(self.padding) != 2 * self._ndim:
            raise ArgumentError("MG157", f"{type(self).__name__} takes one width or {2 * self._ndim}, got {given}.")

    def forward(self, input: Tensor) -> Tensor:  # type: ignore[override]
        if self._mode != "constant" and input.ndim not in (self._ndim + 1, self._ndim + 2):
            axes = AXES[self._ndim]
            raise ShapeError(
                "MG160", f"{type(self).__name__} takes (N, C, {axes}) or (C, {axes}), got shape {input.shape}."
            )
        return functional.pad(input, self.padding, self._mode, getattr(self, "value", None))


class _ConstantPad(_Pad):
    _mode = "constant"
    value: float


class _ZeroPad(_Pad):
    _mode = "constant"


class _ReflectionPad(_Pad):
    _mode = "reflect"


class _ReplicationPad(_Pad):
    _mode = "replicate"


class _CircularPad(_Pad):
    _mode = "circular"


class ConstantPad1d(_ConstantPad):
    """`value` around (N, C, L) or (C, L).

    >>> import microgradient as mg
    >>> ConstantPad1d(1, 7.0)(mg.ones((1, 2))).shape
    (1, 4)
    """

    _ndim = 1


class ConstantPad2d(_ConstantPad):
    """`value` around (N, C, H, W) or (C, H, W).

    >>> import microgradient as mg
    >>> ConstantPad2d(1, 7.0)(mg.ones((1, 2, 2))).shape
    (1, 4, 4)
    """

    _ndim = 2


class ConstantPad3d(_ConstantPad):
    """`value` around (N, C, D, H, W) or (C, D, H, W).

    >>> import microgradient as mg
    >>> ConstantPad3d(1, 7.0)(mg.ones((1, 2, 2, 2))).shape
    (1, 4, 4, 4)
    """

    _ndim = 3


class ZeroPad1d(_ZeroPad):
    """Zeros around (N, C, L) or (C, L).

    >>> import microgradient as mg
    >>> ZeroPad1d(1)(mg.ones((1, 2))).shape
    (1, 4)
    """

    _ndim = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around (N, C, H, W) or (C, H, W).

    >>> import microgradient as mg
    >>> ZeroPad2d(1)(mg.ones((1, 2, 2))).shape
    (1, 4, 4)
    """

    _ndim = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around (N, C, D, H, W) or (C, D, H, W).

    >>> import microgradient as mg
    >>> ZeroPad3d(1)(mg.ones((1, 2, 2, 2))).shape
    (1, 4, 4, 4)
    """

    _ndim = 3


class ReflectionPad1d(_ReflectionPad):
    """The mirror image, without the edge, around (N, C, L) or (C, L).

    >>> import microgradient as mg
    >>> ReflectionPad1d(1)(mg.ones((1, 2))).shape
    (1, 4)
    """

    _ndim = 1


class ReflectionPad2d(_ReflectionPad):
    """The mirror image, without the edge, around (N, C, H, W) or (C, H, W).

    >>> import microgradient as mg
    >>> ReflectionPad2d(1)(mg.ones((1, 2, 2))).shape
    (1, 4, 4)
    """

    _ndim = 2


class ReflectionPad3d(_ReflectionPad):
    """The mirror image, without the edge, around (N, C, D, H, W) or (C, D, H, W).

    >>> import microgradient as mg
    >>> ReflectionPad3d(1)(mg.ones((1, 2, 2, 2))).shape
    (1, 4, 4, 4)
    """

    _ndim = 3


class ReplicationPad1d(_ReplicationPad):
    """The edge repeated around (N, C, L) or (C, L).

    >>> import microgradient as mg
    >>> ReplicationPad1d(1)(mg.ones((1, 2))).shape
    (1, 4)
    """

    _ndim = 1


class ReplicationPad2d(_ReplicationPad):
    """The edge repeated around (N, C, H, W) or (C, H, W).

    >>> import microgradient as mg
    >>> ReplicationPad2d(1)(mg.ones((1, 2, 2))).shape
    (1, 4, 4)
    """

    _ndim = 2


class ReplicationPad3d(_ReplicationPad):
    """The edge repeated around (N, C, D, H, W) or (C, D, H, W).

    >>> import microgradient as mg
    >>> ReplicationPad3d(1)(mg.ones((1, 2, 2, 2))).shape
    (1, 4, 4, 4)
    """

    _ndim = 3


class CircularPad1d(_CircularPad):
    """The other end around (N, C, L) or (C, L).

    >>> import microgradient as mg
    >>> CircularPad1d(1)(mg.ones((1, 2))).shape
    (1, 4)
    """

    _ndim = 1


class CircularPad2d(_CircularPad):
    """The other end around (N, C, H, W) or (C, H, W).

    >>> import microgradient as mg
    >>> CircularPad2d(1)(mg.ones((1, 2, 2))).shape
    (1, 4, 4)
    """

    _ndim = 2


class CircularPad3d(_CircularPad):
    """The other end around (N, C, D, H, W) or (C, D, H, W).

    >>> import microgradient as mg
    >>> CircularPad3d(1)(mg.ones((1, 2, 2, 2))).shape
    (1, 4, 4, 4)
    """

    _ndim = 3
