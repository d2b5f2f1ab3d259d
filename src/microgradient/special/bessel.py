"""Bessel and Airy functions: J and Y, the modified I and K, also scaled, and the spherical ones."""

from __future__ import annotations

import math

from ..functions.arguments import ArrayLike, as_tensor, inexact
from ..tensor import Tensor
from .arguments import elementwise


def j0(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the first kind of order 0, for each element.

    >>> import microgradient as mg
    >>> mg.special.j0(0.0)
    tensor(1.)
    """
    return elementwise("jv", x, v=0)


def j1(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the first kind of order 1, for each element.

    >>> import microgradient as mg
    >>> mg.special.j1(0.0)
    tensor(0.)
    """
    return elementwise("jv", x, v=1)


def jv(v: float, x: ArrayLike, /) -> Tensor:
    """The Bessel function of the first kind of order v, a number, for each element: a solution of x²y″ + xy′ + (x² - v²)y = 0.

    >>> import microgradient as mg
    >>> mg.special.jv(2, 0.0)
    tensor(0.)
    """
    return elementwise("jv", x, v=v)


def y0(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the second kind of order 0, for each element.

    >>> import microgradient as mg
    >>> mg.special.y0(1.0)
    tensor(0.08825696)
    """
    return elementwise("yv", x, v=0)


def y1(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the second kind of order 1, for each element.

    >>> import microgradient as mg
    >>> mg.special.y1(1.0)
    tensor(-0.7812128)
    """
    return elementwise("yv", x, v=1)


def yv(v: float, x: ArrayLike, /) -> Tensor:
    """The Bessel function of the second kind of order v, a number, for each element.

    >>> import microgradient as mg
    >>> mg.special.yv(0, 1.0)
    tensor(0.08825696)
    """
    return elementwise("yv", x, v=v)


def i0(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the first kind of order 0, for each element.

    >>> import microgradient as mg
    >>> mg.special.i0(0.0)
    tensor(1.)
    """
    return elementwise("iv", x, v=0)


def i1(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the first kind of order 1, for each element.

    >>> import microgradient as mg
    >>> mg.special.i1(0.0)
    tensor(0.)
    """
    return elementwise("iv", x, v=1)


def iv(v: float, x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the first kind of order v, a number, for each element.

    >>> import microgradient as mg
    >>> mg.special.iv(2, 0.0)
    tensor(0.)
    """
    return elementwise("iv", x, v=v)


def i0e(x: ArrayLike, /) -> Tensor:
    """exp(-|x|) · i0(x), without overflow, for each element.

    >>> import microgradient as mg
    >>> mg.special.i0e(0.0)
    tensor(1.)
    """
    return elementwise("ive", x, v=0)


def i1e(x: ArrayLike, /) -> Tensor:
    """exp(-|x|) · i1(x), without overflow, for each element.

    >>> import microgradient as mg
    >>> mg.special.i1e(0.0)
    tensor(0.)
    """
    return elementwise("ive", x, v=1)


def k0(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the second kind of order 0, for each element.

    >>> import microgradient as mg
    >>> mg.special.k0(1.0)
    tensor(0.42102444)
    """
    return elementwise("kv", x, v=0)


def k1(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the second kind of order 1, for each element.

    >>> import microgradient as mg
    >>> mg.special.k1(1.0)
    tensor(0.60190725)
    """
    return elementwise("kv", x, v=1)


def kv(v: float, x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the second kind of order v, a number, for each element.

    >>> import microgradient as mg
    >>> mg.special.kv(0, 1.0)
    tensor(0.42102444)
    """
    return elementwise("kv", x, v=v)


def k0e(x: ArrayLike, /) -> Tensor:
    """exp(x) · k0(x), without underflow, for each element.

    >>> import microgradient as mg
    >>> mg.special.k0e(1.0)
    tensor(1.1444631)
    """
    return elementwise("kve", x, v=0)


def k1e(x: ArrayLike, /) -> Tensor:
    """exp(x) · k1(x), without underflow, for each element.

    >>> import microgradient as mg
    >>> mg.special.k1e(1.0)
    tensor(1.6361535)
    """
    return elementwise("kve", x, v=1)


def spherical_jn(n: int, x: ArrayLike, /) -> Tensor:
    """The spherical Bessel function √(π/2x) · J(n + ½, x) of the first kind, for each element: sin x / x for n = 0.

    >>> import microgradient as mg
    >>> mg.special.spherical_jn(0, 0.0)
    tensor(1.)
    """
    return elementwise("spherical_jn", x, n=n)


def sinc(x: ArrayLike, /) -> Tensor:
    """sin(πx) / (πx), and 1 at 0, for each element.

    >>> import microgradient as mg
    >>> mg.special.sinc(0.0)
    tensor(1.)
    """
    return elementwise("spherical_jn", inexact(as_tensor(x)) * math.pi, n=0)


def airy_ai(x: ArrayLike, /) -> Tensor:
    """The Airy function Ai(x), for each element: the solution of y″ = xy that vanishes at infinity.

    >>> import microgradient as mg
    >>> mg.special.airy_ai(0.0)
    tensor(0.35502806)
    """
    return elementwise("airy", x, k=0)


def airy_bi(x: ArrayLike, /) -> Tensor:
    """The Airy function Bi(x), for each element: the other solution of y″ = xy.

    >>> import microgradient as mg
    >>> mg.special.airy_bi(0.0)
    tensor(0.61492664)
    """
    return elementwise("airy", x, k=2)
