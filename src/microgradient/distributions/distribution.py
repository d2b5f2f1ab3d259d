"""What all distributions share: shapes, checks, and what follows from a few methods."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import microgradient as mg

from .. import trace_hooks
from ..errors import ArgumentError, ArgumentTypeError, MissingKernelError, ShapeError
from ..operators import get_default_dtype
from ..tape import no_grad
from ..tensor import Tensor
from .constraints import Constraint

Shape = tuple[int, ...]


class Distribution:
    """A probability distribution, or a batch of them: samples have the shape sample_shape + batch_shape + event_shape.

    A subclass names its parameters in `arg_constraints` and computes `log_prob`, and `rsample` if a sample can be
    differentiated in the parameters, otherwise `sample`. Parameters are broadcast with each other; numbers become
    tensors of the default dtype. With `validate_args` (by default True), parameters and samples out of their range are
    ArgumentErrors; not while `mg.compile` traces, when they have no value.

    >>> import microgradient as mg
    >>> d = mg.distributions.Normal(mg.zeros(3), 1.0)
    >>> d.batch_shape, d.sample((2,)).shape, d.log_prob(mg.zeros(3)).shape
    ((3,), (2, 3), (3,))
    """

    has_rsample: ClassVar[bool] = False
    has_enumerate_support: ClassVar[bool] = False
    arg_constraints: ClassVar[Any]  # by name, the constraint of a parameter
    support: Any
    _validate_args = True
    _parts: ClassVar[tuple[str, ...]] = ()  # attributes that are distributions with the same batch

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = tuple(batch_shape), tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._checks():
            for name, constraint in self.arg_constraints.items():
                value = self._held(name)
                if isinstance(value, Tensor) and type(constraint).__name__ != "_Dependent":
                    self._check_parameter(name, value, constraint)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions that are made from now on check their parameters and samples."""
        Distribution._validate_args = value

    # --------------------------------------------------------------------------------------------------------------
    # shapes

    @property
    def batch_shape(self) -> Shape:
        """How many distributions there are, with parameters of their own."""
        return self._batch_shape

    @property
    def event_shape(self) -> Shape:
        """The shape of one sample of one of them."""
        return self._event_shape

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Self:
        """The same distribution with its parameters broadcast to `batch_shape`."""
        batch_shape = tuple(batch_shape)
        new = copy.copy(self)
        for name, constraint in self.arg_constraints.items():
            for key in (name, f"_{name}"):
                value = vars(self).get(key)
                if isinstance(value, Tensor):
                    event = value.shape[len(value.shape) - int(constraint.event_dim) :]
                    vars(new)[key] = mg.broadcast_to(value, batch_shape + tuple(event))
        for name in self._parts:
            vars(new)[name] = vars(self)[name].expand(batch_shape)
        new._batch_shape = batch_shape
        return new

    def _extended_shape(self, sample_shape: Any = ()) -> Shape:
        if isinstance(sample_shape, int):
            raise ArgumentTypeError("MG157", f"The shape of samples is a tuple. Write `sample(({sample_shape},))`.")
        return tuple(sample_shape) + self._batch_shape + self._event_shape

    # -------------------------------------------------------------------------------------------------------------
    # samples

    def sample(self, sample_shape: Any = ()) -> Any:
        """Samples of the shape sample_shape + batch_shape + event_shape, which are constants."""
        with no_grad():
            return mg.stop_gradient(self.rsample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Samples that can be differentiated in the parameters."""
        raise self._missing("rsample")

    # -------------------------------------------------------------------------------------------------- densities,
    # moments

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability, at `value`."""
        raise self._missing("log_prob")

    def cdf(self, value: Any) -> Any:
        """The probability of at most `value`."""
        raise self._missing("cdf")

    def icdf(self, value: Any) -> Any:
        """The quantile: where `cdf` is `value`."""
        raise self._missing("icdf")

    def entropy(self) -> Any:
        """The mean of -log_prob."""
        raise self._missing("entropy")

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values that a sample can have, along a new first axis."""
        raise self._missing("enumerate_support")

    @property
    def mean(self) -> Any:
        """The mean of all samples."""
        raise self._missing("mean")

    @property
    def mode(self) -> Any:
        """Where `log_prob` is largest."""
        raise self._missing("mode")

    @property
    def variance(self) -> Any:
        """The mean square of the distance from the mean."""
        raise self._missing("variance")

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return mg.sqrt(self.variance)

    def perplexity(self) -> Any:
        """exp(entropy)."""
        return mg.exp(self.entropy())

    # -------------------------------------------------------------------------------------------------------------
    # helpers

    def _broadcast(self, validate_args: bool | None, **parameters: Any) -> None:
        """Take parameters, broadcast with each other; their shape is that of the batch."""
        tensors = broadcast(*parameters.values())
        vars(self).update(zip(parameters, tensors, strict=True))
        Distribution.__init__(self, tuple(tensors[0].shape), validate_args=validate_args)

    def _held(self, name: str) -> Any:
        """A parameter as it was given."""
        return vars(self).get(name, vars(self).get(f"_{name}"))

    def _checks(self) -> bool:
        return self._validate_args and trace_hooks.current() is None

    def _validate_sample(self, value: Any) -> Any:
        """`value` as a tensor. Raises if it doesn't fit or, where that is checked, is out of the support."""
        if not isinstance(value, Tensor):
            value = mg.asarray(value)
        events = len(self._event_shape)
        if events and tuple(value.shape[len(value.shape) - events :]) != self._event_shape:
            raise ShapeError(
                "MG157",
                f"A sample of {type(self).__name__} ends in the shape {self._event_shape}, got {tuple(value.shape)}.",
            )
        if self._checks():
            _check(self.support, value, f"a value of {type(self).__name__}")
        return value

    def _check_parameter(self, name: str, value: Any, constraint: Constraint) -> None:
        """Raise if a parameter that is not kept as it was given is out of its range."""
        if self._checks():
            _check(constraint, value, f"the parameter `{name}` of {type(self).__name__}")

    def _missing(self, method: str) -> MissingKernelError:
        return MissingKernelError("MG159", f"{type(self).__name__} has no `{method}`.")

    def __repr__(self) -> str:
        shown = []
        for name in self.arg_constraints:
            value = self._held(name)
            if value is not None:
                small = isinstance(value, Tensor) and not value.shape and trace_hooks.current() is None
                shown.append(f"{name}: {value.raw.item() if small else tuple(getattr(value, 'shape', ()))}")
        return f"{type(self).__name__}({', '.join(shown)})"


def broadcast(*values: Any) -> list[Any]:
    """Parameters as tensors of one shape and one floating dtype; numbers take those of the tensors, or the default."""
    kinds = [v.dtype for v in values if isinstance(v, Tensor) and v.dtype.kind == "f"]
    dtype = mg.result_type(*kinds) if kinds else get_default_dtype()
    tensors = [v if isinstance(v, Tensor) and v.dtype == dtype else mg.astype(mg.asarray(v), dtype) for v in values]
    return [*mg.broadcast_arrays(*tensors)] if len(tensors) > 1 else tensors


def sum_last(x: Any, axes: int) -> Any:
    """The sum over the last axes."""
    return mg.sum(x, axis=tuple(range(-axes, 0))) if axes else x


def _check(constraint: Constraint, value: Any, what: str) -> None:
    good = constraint.check(value)
    if not bool(mg.all(good)):
        raise ArgumentError(
            "MG157",
            f"{what[0].upper()}{what[1:]}, of shape {tuple(value.shape)}, must be {_said(constraint)}, and is not everywhere.",
        )


def _said(constraint: Constraint) -> str:
    low, high = getattr(constraint, "low", None), getattr(constraint, "high", None)
    if low is None and high is None:
        return f"in the set {constraint!r}"
    bounds = [
        x
        for x in (f"from {_bound(low)}" if low is not None else "", f"to {_bound(high)}" if high is not None else "")
        if x
    ]
    return f"in {constraint!r} {' '.join(bounds)}"


def _bound(x: Any) -> str:
    return f"a tensor of shape {tuple(x.shape)}" if getattr(x, "shape", ()) else f"{float(x):g}"
