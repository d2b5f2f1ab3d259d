"""Invertible functions of tensors with the logarithm of the absolute determinant of their derivative."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import microgradient as mg

from ..errors import MissingKernelError, ShapeError
from . import constraints
from .constraints import Constraint
from .distribution import sum_last

Shape = tuple[int, ...]


class Transform:
    """A function from `domain` to `codomain`, sets of events: `t(x)`, `t.inv(y)`, `t.log_abs_det_jacobian(x, y)`.

    `sign` is 1 where it keeps the order of numbers, and -1 where it reverses it. With cache_size=1 the inverse of the
    last result is what it was computed from.

    >>> import microgradient as mg
    >>> t = mg.distributions.AffineTransform(1.0, 2.0)
    >>> t(mg.tensor(3.0)).item(), t.inv(mg.tensor(7.0)).item()
    (7.0, 3.0)
    """

    bijective: bool = False
    domain: Any = constraints.real
    codomain: Any = constraints.real
    sign: Any = 1
    cache_size: int = 0
    _last: Any = (None, None)

    @property
    def inv(self) -> Transform:
        """The inverse transform."""
        return _InverseTransform(self)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same with another `cache_size`."""
        self.__dict__["cache_size"] = cache_size
        return self

    def __call__(self, x: Any) -> Any:
        if not self.cache_size:
            return self._call(x)
        if self._last[0] is not x:
            self.__dict__["_last"] = (x, self._call(x))
        return self._last[1]

    def _inv_call(self, y: Any) -> Any:
        return self._last[0] if self.cache_size and self._last[1] is y else self._inverse(y)

    def _call(self, x: Any) -> Any:
        raise MissingKernelError("MG159", f"{type(self).__name__} has no forward direction.")

    def _inverse(self, y: Any) -> Any:
        raise MissingKernelError("MG159", f"{type(self).__name__} has no inverse.")

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """log |det dy/dx| for each event."""
        raise MissingKernelError(
            "MG159", f"{type(self).__name__} does not keep volumes in proportion: it has no determinant."
        )

    def forward_shape(self, shape: Shape) -> Shape:
        """The shape of results from that of arguments."""
        return shape

    def inverse_shape(self, shape: Shape) -> Shape:
        """The shape of arguments from that of results."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _InverseTransform(Transform):
    def __init__(self, transform: Transform) -> None:
        self._inv = transform
        self.bijective, self.sign = transform.bijective, transform.sign
        self.domain, self.codomain = transform.codomain, transform.domain

    @property
    def inv(self) -> Transform:
        return self._inv

    def __call__(self, x: Any) -> Any:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Any) -> Any:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Shape) -> Shape:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Shape) -> Shape:
        return self._inv.forward_shape(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{self._inv!r}.inv"


@dataclass
class ExpTransform(Transform):
    """y = exp(x).

    >>> import microgradient as mg
    >>> mg.distributions.ExpTransform().log_abs_det_jacobian(mg.tensor(3.0), None).item()
    3.0
    """

    cache_size: int = 0
    bijective = True
    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return mg.exp(x)

    def _inverse(self, y: Any) -> Any:
        return mg.log(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return x


@dataclass
class AffineTransform(Transform):
    """y = loc + scale · x, for events of `event_dim` axes.

    >>> import microgradient as mg
    >>> mg.distributions.AffineTransform(0.0, -1.0).sign
    -1
    """

    loc: Any
    scale: Any
    event_dim: int = 0
    cache_size: int = 0
    bijective = True

    @property
    def domain(self) -> Constraint:
        """Real numbers, in events of `event_dim` axes."""
        return constraints.independent(constraints.real, self.event_dim)

    codomain = domain

    @property
    def sign(self) -> Any:
        """The sign of `scale`."""
        return (self.scale > 0) - (self.scale < 0) if isinstance(self.scale, int | float) else mg.sign(self.scale)

    def _call(self, x: Any) -> Any:
        return self.loc + self.scale * x

    def _inverse(self, y: Any) -> Any:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        scale = self.scale
        size = (
            math.log(abs(scale)) * mg.ones_like(x) if isinstance(scale, int | float) else mg.log(mg.abs(scale)) + 0 * x
        )
        return sum_last(size, self.event_dim)

    def forward_shape(self, shape: Shape) -> Shape:
        return tuple(mg.broadcast_shapes(shape, *(tuple(getattr(a, "shape", ())) for a in (self.loc, self.scale))))

    inverse_shape = forward_shape


@dataclass
class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x)).

    >>> import microgradient as mg
    >>> mg.distributions.SigmoidTransform()(mg.tensor(0.0)).item()
    0.5
    """

    cache_size: int = 0
    bijective = True
    codomain = constraints.unit_interval

    def _call(self, x: Any) -> Any:
        info = mg.finfo(x.dtype)
        return mg.clip(mg.sigmoid(x), float(info.smallest_normal), 1 - float(info.eps))

    def _inverse(self, y: Any) -> Any:
        info = mg.finfo(y.dtype)
        y = mg.clip(y, float(info.smallest_normal), 1 - float(info.eps))
        return mg.log(y) - mg.log1p(-y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -mg.softplus(-x) - mg.softplus(x)


@dataclass
class TanhTransform(Transform):
    """y = tanh(x).

    >>> import microgradient as mg
    >>> mg.distributions.TanhTransform().log_abs_det_jacobian(mg.tensor(0.0), None).item()
    0.0
    """

    cache_size: int = 0
    bijective = True
    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Any) -> Any:
        return mg.tanh(x)

    def _inverse(self, y: Any) -> Any:
        return mg.atanh(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return 2 * (math.log(2) - x - mg.softplus(-2 * x))


@dataclass
class SoftplusTransform(Transform):
    """y = log(1 + exp(x)).

    >>> import microgradient as mg
    >>> t = mg.distributions.SoftplusTransform()
    >>> round(t.inv(t(mg.tensor(1.5))).item(), 4)
    1.5
    """

    cache_size: int = 0
    bijective = True
    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return mg.softplus(x)

    def _inverse(self, y: Any) -> Any:
        return mg.log(-mg.expm1(-y)) + y

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -mg.softplus(-x)


@dataclass
class PowerTransform(Transform):
    """y = x^exponent, for positive x.

    >>> import microgradient as mg
    >>> mg.distributions.PowerTransform(2.0).inv(mg.tensor(9.0)).item()
    3.0
    """

    exponent: Any
    cache_size: int = 0
    bijective = True
    domain = constraints.positive
    codomain = constraints.positive

    @property
    def sign(self) -> Any:
        """The sign of the exponent."""
        return mg.sign(mg.asarray(self.exponent))

    def _call(self, x: Any) -> Any:
        return x**self.exponent

    def _inverse(self, y: Any) -> Any:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return mg.log(mg.abs(self.exponent * y / x))

    def forward_shape(self, shape: Shape) -> Shape:
        return tuple(mg.broadcast_shapes(shape, tuple(getattr(self.exponent, "shape", ()))))

    inverse_shape = forward_shape


@dataclass
class AbsTransform(Transform):
    """y = |x|; of the two x that give y, the inverse is the positive one.

    >>> import microgradient as mg
    >>> mg.distributions.AbsTransform()(mg.tensor(-2.0)).item()
    2.0
    """

    cache_size: int = 0
    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return mg.abs(x)

    def _inverse(self, y: Any) -> Any:
        return y


@dataclass
class SoftmaxTransform(Transform):
    """y = exp(x) / Σ exp(x) along the last axis. It is not invertible: the inverse is log y.

    >>> import microgradient as mg
    >>> mg.distributions.SoftmaxTransform()(mg.zeros(4)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    cache_size: int = 0
    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Any) -> Any:
        return mg.softmax(x, axis=-1)

    def _inverse(self, y: Any) -> Any:
        return mg.log(y)

    def forward_shape(self, shape: Shape) -> Shape:
        return _of_vectors(self, shape)

    inverse_shape = forward_shape


@dataclass
class StickBreakingTransform(Transform):
    """Vectors of n real numbers to n + 1 shares: each takes the part sigmoid(xᵢ - log(n - i)) of what is left, the last
    the rest.

    >>> import microgradient as mg
    >>> [round(x, 4) for x in mg.distributions.StickBreakingTransform()(mg.zeros(2)).tolist()]
    [0.3333, 0.3333, 0.3333]
    """

    cache_size: int = 0
    bijective = True
    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Any) -> Any:
        z = mg.sigmoid(x - self._offset(x))
        left = mg.cumulative_prod(1 - z, axis=-1)
        one = mg.ones_like(x[..., :1])
        return mg.concat([z, one], axis=-1) * mg.concat([one, left], axis=-1)

    def _inverse(self, y: Any) -> Any:
        kept = y[..., :-1]
        left = mg.clip(1 - mg.cumulative_sum(kept, axis=-1), float(mg.finfo(y.dtype).smallest_normal))
        return mg.log(kept) - mg.log(left) + self._offset(kept)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        x = x - self._offset(x)
        return mg.sum(-x + (mg.log(mg.sigmoid(x)) + mg.log(y[..., :-1])), axis=-1)

    def _offset(self, x: Any) -> Any:
        n = x.shape[-1]
        return mg.asarray([math.log(n - i) for i in range(n)], dtype=x.dtype)

    def forward_shape(self, shape: Shape) -> Shape:
        shape = _of_vectors(self, shape)
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Shape) -> Shape:
        shape = _of_vectors(self, shape)
        return (*shape[:-1], shape[-1] - 1)


def _of_vectors(transform: Transform, shape: Shape) -> Shape:
    if not shape:
        raise ShapeError("MG157", f"{type(transform).__name__} is for vectors, got the shape ().")
    return shape
