"""Discrete Fourier transforms along one axis, several or two, of complex, real and Hermitian data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError
from ..functions.arguments import ArrayLike, DType, as_tensor, axes_of, cast_to, checked_dtype, constant_tensor, inexact
from ..functions.data_types import isdtype
from ..interop import DEFAULT_FLOAT, check_device
from ..taped_world import TAPED as xp
from ..tensor import Tensor

Norm = Literal["backward", "ortho", "forward"]
Lengths = Sequence[int] | None
Axes = Sequence[int] | None

_OTHER = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


# ------------------------------------------------------------------------------------------------------ along several axes


def fftn(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The discrete Fourier transform along `axes` (None: all, or the last len(s)): complex.

    `s` are the lengths to which `x` is cut, or padded with zeros, along these axes first; None leaves them.

    >>> import microgradient as mg
    >>> mg.fft.fftn(mg.ones((2, 2)))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]], dtype=complex64)
    """
    x, along = _fitted(x, s, axes)
    return _scaled(xp.fft(_complex(x), axis=along, inverse=False), x, along, norm, forward=True)


def ifftn(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The inverse of `fftn`.

    >>> import microgradient as mg
    >>> mg.real(mg.fft.ifftn(mg.fft.fftn(mg.asarray([[1.0, 2.0]]))))
    tensor([[1., 2.]])
    """
    x, along = _fitted(x, s, axes)
    return _scaled(xp.fft(_complex(x), axis=along, inverse=True), x, along, norm, forward=False)


def rfftn(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The transform of real `x` along `axes`, without the half that follows by symmetry: n // 2 + 1 along the last.

    >>> import microgradient as mg
    >>> mg.fft.rfftn(mg.ones((2, 2)))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]], dtype=complex64)
    """
    x, along = _fitted(_real(x, "rfftn"), s, axes)
    y = xp.rfft(x, axis=along[-1])
    y = xp.fft(y, axis=along[:-1], inverse=False) if len(along) > 1 else y
    return _scaled(y, x, along, norm, forward=True)


def irfftn(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The inverse of `rfftn`: real. The last of the lengths `s` is that of the result, None means 2 (m - 1) for m entries.

    >>> import microgradient as mg
    >>> mg.fft.irfftn(mg.fft.rfftn(mg.asarray([[1.0, 2.0, 3.0]])), s=(1, 3))
    tensor([[1., 2., 3.]])
    """
    x = xp.conj(_complex(inexact(as_tensor(x))))
    return _to_real(x, s, axes, norm, forward=False)


def hfftn(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The transform along `axes` of data of which `x` is the half that does not follow by Hermitian symmetry: real.

    The last of the lengths `s` is that of the result, None means 2 (m - 1) for m entries.

    >>> import microgradient as mg
    >>> mg.fft.hfftn(mg.asarray([1.0, 2.0]))
    tensor([ 3., -1.])
    """
    return _to_real(_complex(inexact(as_tensor(x))), s, axes, norm, forward=True)


def ihfftn(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The inverse of `hfftn`: of real `x`, the half that does not follow by symmetry.

    >>> import microgradient as mg
    >>> mg.fft.hfftn(mg.fft.ihfftn(mg.asarray([3.0, 4.0])))
    tensor([3., 4.])
    """
    return xp.conj(rfftn(x, s=s, axes=axes, norm=_OTHER.get(norm, norm)))  # type: ignore[arg-type]


def _to_real(x: Tensor, s: Lengths, axes: Axes, norm: Norm, forward: bool) -> Tensor:
    """Re Σ_k w_k x_k exp(-2πi jk/n), where w counts what stands for two entries twice."""
    along = _along(x, s, axes)
    lengths = [x.shape[i] for i in along] if s is None else [*s]
    if s is None:
        lengths[-1] = 2 * (x.shape[along[-1]] - 1)
    n, last = lengths[-1], along[-1]
    if n < 1:
        raise ArgumentError("MG124", f"The result would have {n} entries along axis {last}; name the length.")
    x = _resized(x, [*lengths[:-1], n // 2 + 1], along)
    if len(along) > 1:
        x = xp.fft(x, axis=along[:-1], inverse=False)
    twice = np.ones(n // 2 + 1, x.dtype.type(0).real.dtype)
    twice[1 : (n + 1) // 2] = 2
    y = xp.rfft_transpose(x * twice.reshape(-1, *(1,) * (x.ndim - last - 1)), axis=last, n=n)
    return _scaled(y, y, along, norm, forward)


# ---------------------------------------------------------------------------------------- along one axis, and along two


def fft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The discrete Fourier transform along an axis, cut to `n` entries or padded to them: complex.

    >>> import microgradient as mg
    >>> mg.fft.fft(mg.asarray([1.0, 0.0, 0.0, 0.0]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    return fftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)


def ifft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of `fft`.

    >>> import microgradient as mg
    >>> mg.fft.ifft(mg.asarray([1.0, 1.0]))
    tensor([1.+0.j, 0.+0.j], dtype=complex64)
    """
    return ifftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)


def rfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The transform of real `x` along an axis, without the half that follows by symmetry: n // 2 + 1 entries.

    >>> import microgradient as mg
    >>> mg.fft.rfft(mg.asarray([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j], dtype=complex64)
    """
    return rfftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)


def irfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of `rfft`: real, of length `n` (None: 2 (m - 1) for m entries).

    >>> import microgradient as mg
    >>> mg.fft.irfft(mg.asarray([10.0, -2.0 + 2.0j, -2.0]))
    tensor([1., 2., 3., 4.])
    """
    return irfftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)


def hfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The transform of what has Hermitian symmetry, from its half `x`: real, of length `n` (None: 2 (m - 1) for m entries).

    >>> import microgradient as mg
    >>> mg.fft.hfft(mg.asarray([1.0, 2.0, 3.0]))
    tensor([ 8., -2.,  0., -2.])
    """
    return hfftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)


def ihfft(x: ArrayLike, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of `hfft`: of real `x`, the half that does not follow by symmetry.

    >>> import microgradient as mg
    >>> mg.fft.ihfft(mg.asarray([2.0, 0.0]))
    tensor([1.-0.j, 1.-0.j], dtype=complex64)
    """
    return ihfftn(x, s=None if n is None else (n,), axes=(axis,), norm=norm)


def fft2(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = (-2, -1), norm: Norm = "backward") -> Tensor:
    """`fftn` along two axes, by default the last ones.

    >>> import microgradient as mg
    >>> mg.fft.fft2(mg.ones((2, 2))).shape
    (2, 2)
    """
    return fftn(x, s=s, axes=axes, norm=norm)


def ifft2(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = (-2, -1), norm: Norm = "backward") -> Tensor:
    """`ifftn` along two axes, by default the last ones.

    >>> import microgradient as mg
    >>> mg.fft.ifft2(mg.ones((2, 2))).shape
    (2, 2)
    """
    return ifftn(x, s=s, axes=axes, norm=norm)


def rfft2(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = (-2, -1), norm: Norm = "backward") -> Tensor:
    """`rfftn` along two axes, by default the last ones.

    >>> import microgradient as mg
    >>> mg.fft.rfft2(mg.ones((2, 2))).shape
    (2, 2)
    """
    return rfftn(x, s=s, axes=axes, norm=norm)


def irfft2(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = (-2, -1), norm: Norm = "backward") -> Tensor:
    """`irfftn` along two axes, by default the last ones.

    >>> import microgradient as mg
    >>> mg.fft.irfft2(mg.ones((2, 2))).shape
    (2, 2)
    """
    return irfftn(x, s=s, axes=axes, norm=norm)


def hfft2(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = (-2, -1), norm: Norm = "backward") -> Tensor:
    """`hfftn` along two axes, by default the last ones.

    >>> import microgradient as mg
    >>> mg.fft.hfft2(mg.ones((2, 2))).shape
    (2, 2)
    """
    return hfftn(x, s=s, axes=axes, norm=norm)


def ihfft2(x: ArrayLike, /, *, s: Lengths = None, axes: Axes = (-2, -1), norm: Norm = "backward") -> Tensor:
    """`ihfftn` along two axes, by default the last ones.

    >>> import microgradient as mg
    >>> mg.fft.ihfft2(mg.ones((2, 2))).shape
    (2, 2)
    """
    return ihfftn(x, s=s, axes=axes, norm=norm)


# ------------------------------------------------------------------------------------------------- frequencies and shifts


def fftfreq(n: int, /, *, d: float = 1.0, dtype: DType = None, device: Any = None) -> Tensor:
    """The frequencies that `fft` of `n` entries at distance `d` has: [0, 1, ..., -2, -1] / (n d), the negative ones last.

    >>> import microgradient as mg
    >>> mg.fft.fftfreq(4)
    tensor([ 0.  ,  0.25, -0.5 , -0.25])
    """
    return _frequencies(np.fft.fftfreq, n, d, dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: DType = None, device: Any = None) -> Tensor:
    """The frequencies that `rfft` of `n` entries at distance `d` has: [0, 1, ..., n // 2] / (n d).

    >>> import microgradient as mg
    >>> mg.fft.rfftfreq(4)
    tensor([0.  , 0.25, 0.5 ])
    """
    return _frequencies(np.fft.rfftfreq, n, d, dtype, device)


def fftshift(x: ArrayLike, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """`x` with frequency 0 moved from the start to the middle of `axes` (None: all).

    >>> import microgradient as mg
    >>> mg.fft.fftshift(mg.fft.fftfreq(4))
    tensor([-0.5 , -0.25,  0.  ,  0.25])
    """
    x = as_tensor(x)
    along = axes_of(axes, x.ndim)
    return xp.roll(x, shift=tuple(x.shape[i] // 2 for i in along), axis=along)


def ifftshift(x: ArrayLike, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """`fftshift` undone, for odd lengths too.

    >>> import microgradient as mg
    >>> mg.fft.ifftshift(mg.asarray([-0.5, -0.25, 0.0, 0.25]))
    tensor([ 0.  ,  0.25, -0.5 , -0.25])
    """
    x = as_tensor(x)
    along = axes_of(axes, x.ndim)
    return xp.roll(x, shift=tuple(-(x.shape[i] // 2) for i in along), axis=along)


def _frequencies(function: Any, n: int, d: float, dtype: DType, device: Any) -> Tensor:
    check_device(device)
    target = DEFAULT_FLOAT[0] if dtype is None else checked_dtype(dtype)
    if not isdtype(target, "real floating"):
        raise ArgumentError("MG143", f"Frequencies are real floating numbers, not {target}.")
    if n < 1:
        raise ArgumentError("MG124", f"There are no frequencies of {n} entries.")
    return constant_tensor(function(n, d).astype(target))


# ---------------------------------------------------------------------------------------------------------------- helpers


def _along(x: Tensor, s: Lengths, axes: Axes) -> tuple[int, ...]:
    """The axes of a transform as numbers from 0."""
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    along = axes_of(tuple(axes), x.ndim)
    if s is not None and len(s) != len(along):
        raise ArgumentError("MG124", f"s={tuple(s)} names {len(s)} lengths for {len(along)} axes.")
    if not along:
        raise ArgumentError("MG124", f"A transform needs an axis; x has the shape {x.shape}.")
    return along


def _fitted(x: ArrayLike, s: Lengths, axes: Axes) -> tuple[Tensor, tuple[int, ...]]:
    """`x` with the lengths of its transform along its axes, and these."""
    x = inexact(as_tensor(x))
    along = _along(x, s, axes)
    lengths = [x.shape[i] for i in along] if s is None else [*s]
    for i, n in zip(along, lengths, strict=True):
        if n < 1:
            raise ArgumentError("MG124", f"A transform needs at least one entry; along axis {i} there are {n}.")
    return _resized(x, lengths, along), along


def _resized(x: Tensor, lengths: Sequence[int], along: tuple[int, ...]) -> Tensor:
    """`x` cut to these lengths, or padded with zeros."""
    now = dict(zip(along, lengths, strict=True))
    if any(n < x.shape[i] for i, n in now.items()):
        x = xp.index(x, key=tuple(slice(0, now.get(i, n)) for i, n in enumerate(x.shape)))
    if any(n > x.shape[i] for i, n in now.items()):
        x = xp.pad(x, widths=tuple((0, now.get(i, n) - n) for i, n in enumerate(x.shape)))
    return x


def _scaled(y: Tensor, x: Tensor, along: tuple[int, ...], norm: Norm, forward: bool) -> Tensor:
    """`y`, the transform of as many entries as `x` has `along` the axes, times the factor that `norm` puts here."""
    if str(norm) not in _OTHER:
        raise ArgumentError("MG124", f'norm is "backward", "ortho" or "forward", not {norm!r}.')
    n = math.prod(x.shape[i] for i in along)
    if norm == "ortho":
        return y * (1 / math.sqrt(n))
    return y * (1 / n) if (norm == "forward") == forward else y


def _complex(x: Tensor) -> Tensor:
    return x if x.dtype.kind == "c" else cast_to(x, np.result_type(x.dtype, np.complex64))


def _real(x: ArrayLike, name: str) -> Tensor:
    x = inexact(as_tensor(x))
    if x.dtype.kind == "c":
        raise ArgumentError(
            "MG141", f"{name} is for real numbers, not {x.dtype}. Write `mg.fft.fftn(x)`, or `mg.real(x)` first."
        )
    return x
