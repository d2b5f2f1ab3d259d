"""`microgradient.scipy.stats`: SciPy's densities, with the derivatives of `mg.distributions` where a tensor takes part.

>>> import microgradient as mg, microgradient.numpy as np
>>> from microgradient.scipy.stats import norm
>>> mg.grad(norm.logpdf)(np.array(1.0), 0.5, 2.0)
tensor(-0.125, dtype=float64)
"""

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import distributions as d
from .. import special
from ..functions.elementwise import exp
from ..tensor import Tensor, tensor
from .special import either

__all__ = ["beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"]


def _family(name: str, made: Callable[..., Any], **further: Callable[..., Any]) -> SimpleNamespace:
    """The functions of SciPy's distribution `name`: the density, its logarithm, the distribution function, and further ones.

    `made` makes ours from the parameters of SciPy's.
    """
    mass = "pmf" if name == "poisson" else "pdf"
    functions = {
        mass: lambda x, *params, **named: exp(_of(made, params, named).log_prob(_double(x))),
        f"log{mass}": lambda x, *params, **named: _of(made, params, named).log_prob(_double(x)),
        "cdf": lambda x, *params, **named: _of(made, params, named).cdf(_double(x)),
        "entropy": lambda *params, **named: _of(made, params, named).entropy(),
    } | further

    def theirs(function: str) -> Callable[[], Any]:
        return lambda: getattr(getattr(importlib.import_module("scipy.stats"), name), function)

    return SimpleNamespace(**{function: either(theirs(function), ours) for function, ours in functions.items()})


def _of(made: Callable[..., Any], params: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return made(*map(_double, params), **{name: _double(value) for name, value in named.items()})


def _double(x: Any) -> Any:
    """What is no tensor as one of NumPy's default dtype."""
    return x if x is None or isinstance(x, Tensor) else tensor(np.asarray(x, float))


def _of_covariance(mean: Any = None, cov: Any = 1.0, allow_singular: Any = False) -> Any:
    """SciPy lets a covariance be a number, for points of one coordinate."""
    cov = _double(cov) if np.ndim(cov) else _double(cov) * np.eye(1)
    mean = np.zeros(np.shape(cov)[-1]) if mean is None else mean
    return d.MultivariateNormal(_double(mean), covariance_matrix=cov)


def _standard(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    return (_double(x) - _double(loc)) / _double(scale)


norm = _family(
    "norm",
    lambda loc=0.0, scale=1.0: d.Normal(_double(loc), _double(scale)),
    logcdf=lambda x, *params, **named: special.log_ndtr(_standard(x, *params, **named)),
    sf=lambda x, *params, **named: special.ndtr(-_standard(x, *params, **named)),
    logsf=lambda x, *params, **named: special.log_ndtr(-_standard(x, *params, **named)),
)
t = _family("t", lambda df, loc=0.0, scale=1.0: d.StudentT(df, _double(loc), _double(scale)))
gamma = _family("gamma", lambda a: d.Gamma(a, _double(1.0)))
beta = _family("beta", d.Beta, cdf=lambda x, a, b: special.betainc(_double(a), _double(b), _double(x)))
chi2 = _family("chi2", d.Chi2)
poisson = _family(
    "poisson", d.Poisson, cdf=lambda k, mu: special.gammaincc(np.floor(_double(k).detach()) + 1.0, _double(mu))
)
dirichlet = _family("dirichlet", d.Dirichlet)
multivariate_normal = _family("multivariate_normal", _of_covariance)
