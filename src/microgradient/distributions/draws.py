"""Random numbers for distributions: uniform and normal ones, and those of NumPy's samplers, seeded from `mg.random`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from .. import random, trace_hooks
from ..custom_rules import custom_rule
from ..operators import wrap
from ..tensor import Tensor

Sampler = Callable[..., Any]


def uniform(shape: tuple[int, ...], like: Any) -> Any:
    """Numbers in [0, 1) in the dtype of a tensor."""
    return random.uniform(shape, dtype=like.dtype)


def open_uniform(shape: tuple[int, ...], like: Any) -> Any:
    """Numbers in (0, 1), of which logarithms may be taken."""
    info = mg.finfo(like.dtype)
    return mg.clip(uniform(shape, like), float(info.smallest_normal), 1 - float(info.eps) / 2)


def normal(shape: tuple[int, ...], like: Any) -> Any:
    """Standard normal numbers in the dtype of a tensor."""
    return random.normal(shape, dtype=like.dtype)


def drawn(sampler: Sampler, shape: tuple[int, ...], *parameters: Any) -> Any:
    """`sampler(generator, *arrays)` with the `samplers` of the shared generator, in the first's dtype.

    In a compiled function it is called whenever the program runs.
    """
    arrays = tuple(p.raw for p in parameters)
    dtype = parameters[0].dtype

    def draw(*arrays: Any) -> Any:
        generator = random.shared_generator().samplers()
        return np.asarray(sampler(generator, *(a.astype(np.float64) for a in arrays)), dtype).reshape(shape)

    trace = trace_hooks.current()
    datum = draw(*arrays) if trace is None else trace.draw(draw, sampler.__name__, shape, dtype, arrays, None)
    return wrap(datum, None, None, parameters[0].result_class)


def log_gamma_sample(concentration: Any, shape: tuple[int, ...]) -> Any:
    """Logarithms of samples of Gamma(concentration, 1), differentiable in the concentration; small ones don't vanish."""
    return _log_gamma(mg.broadcast_to(concentration, shape))


def _log_gamma_sampler(generator: Any, a: Any) -> Any:
    """log(x) + log(u) / a, where x has the distribution for a + 1 (Marsaglia and Tsang 2000), or what the generator has."""
    if hasattr(generator, "log_gamma"):
        return generator.log_gamma(a)
    return np.log(generator.standard_gamma(a + 1)) + np.log1p(-generator.random(a.shape)) / a


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


def _slope(y: Any, a: Any) -> Any:
    """d log z / da of a sample z = exp(y) that keeps its quantile: -∂F/∂a / (z f(z)) (Figurnov et al. 2018).

    With F(z) = ∫₀^z t^(a-1) e^-t dt / Γ(a), t = z e^-x gives -∫₀^∞ (y - ψ(a) - x) exp(-a x + z (1 - e^-x)) dx; where z
    > a, the rest of the integral, with t = z e^x, is used. Either decays, and is integrated by Gauss and Legendre to
    where it is e^-40.
    """
    z = mg.exp(y)
    upper = z > a
    far = mg.sqrt(120 / z)
    below = mg.where(far <= 1, far, (40 + z) / a)
    above = mg.minimum(mg.sqrt(80 / z), mg.log1p(40 / z) + 2.5)
    length = mg.stop_gradient(mg.where(upper, above, below))[..., None]
    sign = mg.where(upper, 1.0, -1.0)[..., None]
    x = length * mg.astype(mg.asarray((_NODES + 1) / 2), y.dtype)
    ends, z, a = (y - mg.digamma(a))[..., None], z[..., None], a[..., None]
    signed = sign * x
    values = sign * (ends + signed) * mg.exp(a * signed - z * mg.expm1(signed))
    return mg.sum(values * (length * mg.astype(mg.asarray(_WEIGHTS / 2), y.dtype)), axis=-1)


def _draw_log_gamma(a: Tensor) -> Tensor:
    out: Tensor = drawn(_log_gamma_sampler, tuple(a.shape), a)
    return out


_log_gamma = custom_rule(
    _draw_log_gamma,
    vjp=lambda t, y, a: t * _slope(y, a),
    jvp=lambda tangents, y, a: tangents[0] * _slope(y, a),
)
