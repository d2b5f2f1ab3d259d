"""Error functions, the normal distribution, exponential integrals, and products with logarithms."""

from __future__ import annotations

from ..functions.arguments import ArrayLike, as_tensor, inexact
from ..functions.elementwise import clip
from ..tensor import Tensor
from .arguments import elementwise


def erfcx(x: ArrayLike, /) -> Tensor:
    """exp(x²) · erfc(x), without underflow, for each element.

    >>> import microgradient as mg
    >>> mg.special.erfcx(0.0)
    tensor(1.)
    """
    return elementwise("erfcx", x)


def erfcinv(x: ArrayLike, /) -> Tensor:
    """The number whose complementary error function is x, for each element.

    >>> import microgradient as mg
    >>> mg.special.erfcinv(0.5)
    tensor(0.47693628)
    """
    return elementwise("erfcinv", x)


def dawsn(x: ArrayLike, /) -> Tensor:
    """Dawson's integral exp(-x²) ∫ exp(t²) dt from 0 to x, for each element.

    >>> import microgradient as mg
    >>> mg.special.dawsn(0.0)
    tensor(0.)
    """
    return elementwise("dawsn", x)


def ndtr(x: ArrayLike, /) -> Tensor:
    """The distribution function of the standard normal distribution, for each element.

    >>> import microgradient as mg
    >>> mg.special.ndtr(0.0)
    tensor(0.5)
    """
    return elementwise("ndtr", x)


def log_ndtr(x: ArrayLike, /) -> Tensor:
    """log ndtr(x), exact far below 0 too, for each element.

    >>> import microgradient as mg
    >>> mg.special.log_ndtr(0.0)
    tensor(-0.6931472)
    """
    return elementwise("log_ndtr", x)


def ndtri(x: ArrayLike, /) -> Tensor:
    """The number at which the standard normal distribution function is x, for each element.

    >>> import microgradient as mg
    >>> mg.special.ndtri(0.5)
    tensor(0.)
    """
    return elementwise("ndtri", x)


def expi(x: ArrayLike, /) -> Tensor:
    """The exponential integral Ei(x) = ∫ e^t / t dt from -∞ to x, for each element.

    >>> import microgradient as mg
    >>> mg.special.expi(1.0)
    tensor(1.8951178)
    """
    return elementwise("expi", x)


def exp1(x: ArrayLike, /) -> Tensor:
    """The exponential integral E₁(x) = ∫ e^(-t) / t dt from x to ∞, for each element.

    >>> import microgradient as mg
    >>> mg.special.exp1(2.0)
    tensor(0.04890051)
    """
    return elementwise("expn", x, n=1)


def expn(n: int, x: ArrayLike, /) -> Tensor:
    """The exponential integral Eₙ(x) = ∫ e^(-xt) / tⁿ dt from 1 to ∞, for each element.

    >>> import microgradient as mg
    >>> mg.special.expn(2, 0.0)
    tensor(1.)
    """
    return elementwise("expn", x, n=n)


def entr(x: ArrayLike, /) -> Tensor:
    """The entropy -x log x, for each element; 0 at 0 and -∞ below.

    >>> import microgradient as mg
    >>> mg.special.entr(0.0)
    tensor(0.)
    """
    return elementwise("entr", x)


def xlogy(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 · log(x2), for each element; 0 where x1 is 0 and x2 is not NaN.

    >>> import microgradient as mg
    >>> mg.special.xlogy(0.0, 0.0)
    tensor(0.)
    """
    return elementwise("xlogy", x1, x2)


def xlog1py(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 · log(1 + x2), for each element; 0 where x1 is 0 and x2 is not NaN.

    >>> import microgradient as mg
    >>> mg.special.xlog1py(0.0, -1.0)
    tensor(0.)
    """
    return elementwise("xlog1py", x1, x2)


def logit(x: ArrayLike, eps: float | None = None, /) -> Tensor:
    """log(x / (1 - x)), for each element; with `eps`, of x moved into [eps, 1 - eps].

    >>> import microgradient as mg
    >>> mg.special.logit(0.5)
    tensor(0.)
    """
    x = inexact(as_tensor(x))
    return elementwise("logit", x if eps is None else clip(x, min=eps, max=1 - eps))
