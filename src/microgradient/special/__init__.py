"""Special functions, with SciPy's names and the order of its arguments: gamma and beta, Bessel, error functions, polynomials.

Each has derivatives of any order, also compiled. Most are computed by SciPy, which is loaded at the first call; so compiled
functions call it between their kernels. Orders and degrees are Python numbers, and have no derivative.
"""

from ..functions.calls import answer_calls
from ..functions.composite import log_softmax, logsumexp, softmax
from ..functions.elementwise import polygamma
from ..functions.pointwise import digamma, erf, erfc, erfinv, exp2, expm1, lgamma, log1p, sigmoid
from ..other_names import answer_for
from .bessel import (
    airy_ai,
    airy_bi,
    i0,
    i0e,
    i1,
    i1e,
    iv,
    j0,
    j1,
    jv,
    k0,
    k0e,
    k1,
    k1e,
    kv,
    sinc,
    spherical_jn,
    y0,
    y1,
    yv,
)
from .gamma import beta, betainc, betaln, gamma, gammainc, gammaincc, multigammaln, zeta
from .normal import dawsn, entr, erfcinv, erfcx, exp1, expi, expn, log_ndtr, logit, ndtr, ndtri, xlog1py, xlogy
from .polynomials import (
    eval_chebyt,
    eval_chebyu,
    eval_chebyv,
    eval_chebyw,
    eval_hermite,
    eval_hermitenorm,
    eval_laguerre,
    eval_legendre,
)

expit, gammaln, psi = sigmoid, lgamma, digamma  # as SciPy and PyTorch call them

__all__ = [
    "airy_ai", "airy_bi", "beta", "betainc", "betaln", "dawsn", "digamma", "entr", "erf", "erfc", "erfcinv", "erfcx",
    "erfinv", "eval_chebyt", "eval_chebyu", "eval_chebyv", "eval_chebyw", "eval_hermite", "eval_hermitenorm", "eval_laguerre",
    "eval_legendre", "exp1", "exp2", "expi", "expit", "expm1", "expn", "gamma", "gammainc", "gammaincc", "gammaln", "i0",
    "i0e", "i1", "i1e", "iv", "j0", "j1", "jv", "k0", "k0e", "k1", "k1e", "kv", "lgamma", "log1p", "log_ndtr", "log_softmax",
    "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "sinc", "softmax", "spherical_jn", "xlog1py",
    "xlogy", "y0", "y1", "yv", "zeta",
]  # fmt: skip

answer_calls(__name__, [name for name in __all__ if name not in ("expit", "gammaln", "psi")], "mg.special.")
answer_for(__name__)
