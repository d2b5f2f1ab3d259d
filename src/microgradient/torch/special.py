"""`torch.special`, and those of its functions that are also `torch`'s: `microgradient.special`, under PyTorch's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from ..tensor import Tensor as Base
from ..trace_hooks import whole_value
from . import older_names  # noqa: F401 (which has polygamma and mvlgamma)
from .function import FUNCTIONS, adopting, function
from .promotion import together

__all__: list[str] = []

_OF_ONE = {  # ours by PyTorch's
    "airy_ai": "airy_ai", "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "entr": "entr",
    "erfcx": "erfcx", "i0": "i0", "i0e": "i0e", "i1": "i1", "i1e": "i1e", "log_ndtr": "log_ndtr", "modified_bessel_i0": "i0",
    "modified_bessel_i1": "i1", "modified_bessel_k0": "k0", "modified_bessel_k1": "k1", "ndtr": "ndtr", "ndtri": "ndtri",
    "scaled_modified_bessel_k0": "k0e", "scaled_modified_bessel_k1": "k1e", "sinc": "sinc", "gammaln": "gammaln",
    "psi": "psi", "expit": "expit",
}  # fmt: skip
_POLYNOMIALS = {
    "chebyshev_polynomial_t": "eval_chebyt", "chebyshev_polynomial_u": "eval_chebyu", "chebyshev_polynomial_v": "eval_chebyv",
    "chebyshev_polynomial_w": "eval_chebyw", "hermite_polynomial_h": "eval_hermite",
    "hermite_polynomial_he": "eval_hermitenorm", "laguerre_polynomial_l": "eval_laguerre",
    "legendre_polynomial_p": "eval_legendre",
}  # fmt: skip
_OF_TORCH = (
    "digamma erf erfc erfinv exp2 expm1 log1p log_softmax logit logsumexp polygamma round softmax xlogy",
    "multigammaln=mvlgamma",
)


def _floating(x: Any) -> Any:
    x = x if isinstance(x, Base) else mg.asarray(float(x))
    return x if x.raw.dtype.kind in "fc" else mg.astype(x, mg.get_default_dtype())


def _public(name: str, f: Callable[..., Any]) -> None:
    f.__name__ = f.__qualname__ = name
    globals()[name] = adopting(f)
    __all__.append(name)


def _of_one(ours: Callable[..., Any]) -> Callable[..., Any]:
    def call(input: Any) -> Any:
        return ours(_floating(input))

    call.__doc__ = (ours.__doc__ or "").partition("\n\n")[0]
    return call


def _polynomial(ours: Callable[..., Any], shifted: bool) -> Callable[..., Any]:
    """As a function of x and the degree, of which the whole part counts; 0 for negative degrees."""

    def call(input: Any, n: Any) -> Any:
        x, degree = together(_floating(input), n if isinstance(n, Base) else mg.asarray(float(n)))
        whole = np.trunc(whole_value(degree.raw, "the degree of a polynomial"))
        point, y = (
            2 * x - 1 if shifted else x,
            mg.zeros(np.broadcast_shapes(x.raw.shape, whole.shape), dtype=x.raw.dtype),
        )
        for k in np.unique(whole[whole >= 0]).astype(int).tolist():
            y = mg.where(mg.asarray(whole == k), ours(k, point), y)
        return y

    call.__doc__ = (ours.__doc__ or "").partition("\n\n")[0]
    return call


for _name, _ours in _OF_ONE.items():
    _public(_name, _of_one(getattr(mg.special, _ours)))
for _name, _ours in _POLYNOMIALS.items():
    _public(_name, _polynomial(getattr(mg.special, _ours), False))
    if _name.startswith("chebyshev"):
        _public(f"shifted_{_name}", _polynomial(getattr(mg.special, _ours), True))
for _pair in " ".join(_OF_TORCH).split():
    _here, _, _there = _pair.partition("=")
    globals()[_here] = FUNCTIONS[_there or _here]
    __all__.append(_here)


def _pairs(ours: Callable[..., Any], doc: str) -> Callable[..., Any]:
    def call(input: Any, other: Any) -> Any:
        return ours(*together(_floating(input), _floating(other)))

    call.__doc__ = doc
    return call


_public("zeta", _pairs(mg.special.zeta, "Hurwitz' zeta function Σ (k + other)^-input."))
_public("xlog1py", _pairs(mg.special.xlog1py, "input · log(1 + other), 0 where input is 0."))
_public("gammainc", _pairs(mg.special.gammainc, "The regularised lower incomplete gamma function."))
_public("gammaincc", _pairs(mg.special.gammaincc, "The regularised upper incomplete gamma function."))


def _spherical_bessel_j0(input: Any) -> Any:
    """sin(input) / input."""
    return mg.special.sinc(_floating(input) / math.pi)


_public("spherical_bessel_j0", _spherical_bessel_j0)


def _older(name: str, f: Callable[..., Any], inplace: bool = True) -> None:
    f.__name__ = f.__qualname__ = name
    function(f, inplace=inplace)


_older("i0", _of_one(mg.special.i0))
_older("sinc", _of_one(mg.special.sinc))
_older("igamma", _pairs(mg.special.gammainc, "The regularised lower incomplete gamma function."))
_older("igammac", _pairs(mg.special.gammaincc, "The regularised upper incomplete gamma function."))
