"""Complex numbers: made of real ones, and taken apart. Derivatives pass through all of these; see `docs/architecture.md`."""

from __future__ import annotations

from ..errors import DTypeError, ShapeError
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from .arguments import ArrayLike, as_tensor, as_tensors, inexact, stacked
from .manipulation import broadcast_shapes, reshape

__all__ = ["angle", "complex", "conj", "imag", "polar", "real", "view_as_complex", "view_as_real"]


def complex(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 + i·x2, for each element of two real arrays, which broadcast and promote.

    >>> import microgradient as mg
    >>> mg.complex(1.0, mg.tensor([2.0, 3.0]))
    tensor([1.+2.j, 1.+3.j], dtype=complex64)
    """
    x1, x2 = (inexact(x) for x in as_tensors((as_tensor(x1), as_tensor(x2))))
    if x1.dtype.kind == "c":
        raise DTypeError("MG141", f"The parts of a complex number are real, not {x1.dtype}. Write `x1 + 1j * x2`.")
    broadcast_shapes(x1.shape, x2.shape)  # raises the error that says which shapes don't fit
    return xp.complex(x1, x2)


def polar(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 · exp(i·x2), for each element: the complex number of length x1 and angle x2.

    >>> import microgradient as mg
    >>> mg.polar(2.0, 0.0)
    tensor(2.+0.j, dtype=complex64)
    """
    x1, x2 = (inexact(x) for x in as_tensors((as_tensor(x1), as_tensor(x2))))
    return complex(x1 * xp.cos(x2), x1 * xp.sin(x2))


def real(x: ArrayLike, /) -> Tensor:
    """The real part, for each element; a real `x` itself.

    >>> import microgradient as mg
    >>> mg.real(1 + 2j)
    tensor(1.)
    """
    x = as_tensor(x)
    return xp.real(x) if x.dtype.kind == "c" else reshape(x, x.shape)


def imag(x: ArrayLike, /) -> Tensor:
    """The imaginary part, for each element; zeros for a real `x`.

    >>> import microgradient as mg
    >>> mg.imag(1 + 2j)
    tensor(2.)
    """
    x = as_tensor(x)
    return xp.imag(x) if x.dtype.kind == "c" else xp.zeros_like(x)


def conj(x: ArrayLike, /) -> Tensor:
    """The complex conjugate, for each element; a real `x` itself.

    >>> import microgradient as mg
    >>> mg.conj(1 + 2j)
    tensor(1.-2.j, dtype=complex64)
    """
    x = as_tensor(x)
    return xp.conj(x) if x.dtype.kind == "c" else reshape(x, x.shape)


def angle(x: ArrayLike, /) -> Tensor:
    """The angle of a complex x in the plane, in [-π, π], for each element: 0 or π for a real one. Its derivative at 0 is 0.

    >>> import microgradient as mg
    >>> mg.angle(2j)
    tensor(1.5707964)
    """
    x = inexact(as_tensor(x))
    return xp.atan2(imag(x), real(x))


def view_as_real(x: ArrayLike, /) -> Tensor:
    """The real and imaginary parts of complex `x` along a new last axis: (...) becomes (..., 2). A copy.

    >>> import microgradient as mg
    >>> mg.view_as_real(mg.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    x = as_tensor(x)
    if x.dtype.kind != "c":
        raise DTypeError("MG141", f"view_as_real needs complex numbers, not {x.dtype}.")
    return stacked([xp.real(x), xp.imag(x)], x.ndim)


def view_as_complex(x: ArrayLike, /) -> Tensor:
    """The complex numbers whose real and imaginary parts lie along the last axis of `x` (..., 2), as PyTorch's; a copy.

    >>> import microgradient as mg
    >>> mg.view_as_complex(mg.tensor([[1.0, 2.0]]))
    tensor([1.+2.j], dtype=complex64)
    """
    x = inexact(as_tensor(x))
    if not x.ndim or x.shape[-1] != 2:
        raise ShapeError("MG136", f"view_as_complex needs a last axis of length 2; the shape is {x.shape}.")
    return complex(*(xp.index(x, key=(..., i)) for i in (0, 1)))
