"""Short-time Fourier transforms, there and back, and the windows that they are taken through."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..functions.arguments import ArrayLike, DType, as_tensor, cast_to, checked_dtype, constant_tensor, inexact
from ..functions.manipulation import moveaxis
from ..interop import DEFAULT_FLOAT
from ..rules import INDEX
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from .transforms import fft, ifft, irfft, rfft

_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "constant": None}


def stft(
    x: ArrayLike,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: ArrayLike | None = None,
    *,
    center: bool = True,
    pad_mode: Literal["reflect", "replicate", "circular", "constant"] = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
) -> Tensor:
    """The Fourier transforms of overlapping frames of `x` (..., n): complex (..., frequencies, frames), as PyTorch's.

    Frame t holds the `n_fft` entries from t · `hop_length` (None: n_fft // 4) on, times `window` (None: ones), which has
    `win_length` entries (None: n_fft) and is padded with zeros on both sides. With `center` the signal is padded by n_fft // 2
    on both sides first, so that frame t is around entry t · hop_length. Real signals give n_fft // 2 + 1 frequencies unless
    `onesided` is False. `normalized` divides by √n_fft. Raises ShapeError if no frame fits.

    >>> import microgradient as mg
    >>> mg.fft.stft(mg.ones(16), 8, window=mg.fft.hann_window(8)).shape
    (5, 9)
    """
    x = inexact(as_tensor(x))
    hop, weights = _framing(n_fft, hop_length, win_length, window, x)
    if center:
        x = _padded(x, n_fft // 2, pad_mode)
    if not x.ndim or x.shape[-1] < n_fft:
        raise ShapeError("MG131", f"A frame of {n_fft} entries does not fit into a signal of shape {x.shape}.")
    frames = xp.windows(x, window=(n_fft,), stride=(hop,), dilation=(1,)) * weights
    half = x.dtype.kind != "c" if onesided is None else onesided
    y = (rfft if half else fft)(frames, norm="ortho" if normalized else "backward")
    return moveaxis(y, -1, -2)


def istft(
    x: ArrayLike,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: ArrayLike | None = None,
    *,
    center: bool = True,
    normalized: bool = False,
    onesided: bool = True,
    length: int | None = None,
) -> Tensor:
    """The signal (..., length) whose `stft` with the same arguments is nearest to `x` (..., frequencies, frames).

    Frames are added up through the window and divided by the sum of its squares: Griffin & Lim 1984, "Signal estimation from
    modified short-time Fourier transform". Raises ArgumentError where no window reaches an entry, and this is 0/0.

    >>> import microgradient as mg
    >>> window = mg.fft.hann_window(4)
    >>> y = mg.fft.istft(mg.fft.stft(mg.arange(8.0), 4, window=window), 4, window=window)
    >>> [round(v, 3) for v in y.tolist()]
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """
    x = inexact(as_tensor(x))
    bins = n_fft // 2 + 1 if onesided else n_fft
    if x.ndim < 2 or x.shape[-2] != bins:
        raise ShapeError(
            "MG134", f"istft with n_fft={n_fft} needs {bins} frequencies, (..., {bins}, frames), not {x.shape}."
        )
    norm: Any = "ortho" if normalized else "backward"
    frames = moveaxis(x, -2, -1)
    frames = irfft(frames, n=n_fft, norm=norm) if onesided else ifft(frames, norm=norm)
    hop, weights = _framing(n_fft, hop_length, win_length, window, frames)
    options = {"size": (n_fft + hop * (x.shape[-1] - 1),), "window": (n_fft,), "stride": (hop,), "dilation": (1,)}
    y = xp.windows_add(frames * weights, **options)
    squares = xp.broadcast_to(weights * weights, shape=(x.shape[-1], n_fft))
    envelope = xp.windows_add(squares, **options)
    start = n_fft // 2 if center else 0
    stop = options["size"][0] - start if length is None else min(start + length, options["size"][0])
    y, envelope = (xp.index(a, key=(..., slice(start, stop))) for a in (y, envelope))
    if isinstance(envelope.raw, np.ndarray) and (envelope.raw < 1e-11).any():
        raise ArgumentError(
            "MG124", f"Windows of {n_fft} entries at distance {hop} leave some of the signal out: choose a smaller hop_length, "
            "or a window without zeros.",
        )  # fmt: skip
    y = y / envelope
    missing = 0 if length is None else length - y.shape[-1]
    return xp.pad(y, widths=(*((0, 0),) * (y.ndim - 1), (0, missing))) if missing > 0 else y


def _framing(n_fft: int, hop: int | None, width: int | None, window: Any, x: Tensor) -> tuple[int, Tensor]:
    """The distance of frames, and the window for all `n_fft` entries."""
    hop, width = n_fft // 4 if hop is None else hop, n_fft if width is None else width
    if hop < 1 or not 1 <= width <= n_fft:
        raise ArgumentError(
            "MG132", f"hop_length is at least 1 and win_length between 1 and n_fft; not {hop}, {width}, {n_fft}."
        )
    real = x.dtype.type(0).real.dtype
    weights = constant_tensor(np.ones(width, real)) if window is None else as_tensor(window)
    if weights.shape != (width,):
        raise ShapeError("MG134", f"The window has shape {weights.shape}; win_length is {width}.")
    left = (n_fft - width) // 2
    weights = cast_to(weights, real) if weights.dtype.kind != "c" else weights
    return hop, xp.pad(weights, widths=((left, n_fft - width - left),))


def _padded(x: Tensor, width: int, mode: str) -> Tensor:
    """`x` with `width` more entries on both sides of its last axis."""
    if str(mode) not in _PAD_MODES:
        raise ArgumentError("MG132", f"pad_mode is one of {', '.join(_PAD_MODES)}, not {mode!r}.")
    n = x.shape[-1] if x.ndim else 0
    if mode == "constant":
        return xp.pad(x, widths=(*((0, 0),) * (x.ndim - 1), (width, width)))
    if n <= width:
        raise ShapeError(
            "MG131", f"A signal of {n} entries can't be padded by {width} with pad_mode={mode!r}: it is too short."
        )
    places = np.pad(np.arange(n), width, mode=_PAD_MODES[mode])  # type: ignore[call-overload]
    return xp.index(x, places, key=(..., INDEX))


# ---------------------------------------------------------------------------------------------------------------- windows


def hann_window(n: int, periodic: bool = True, *, dtype: DType = None) -> Tensor:
    """½ - ½ cos(2πk / N) for k < n: N is n if `periodic`, as spectral analysis wants it, else n - 1, and the window symmetric.

    >>> import microgradient as mg
    >>> mg.fft.hann_window(4)
    tensor([0. , 0.5, 1. , 0.5])
    """
    return _cosines(n, periodic, dtype, (0.5, -0.5))


def hamming_window(n: int, periodic: bool = True, *, dtype: DType = None) -> Tensor:
    """0.54 - 0.46 cos(2πk / N) for k < n. See `hann_window`.

    >>> import microgradient as mg
    >>> mg.fft.hamming_window(4)
    tensor([0.08, 0.54, 1.  , 0.54])
    """
    return _cosines(n, periodic, dtype, (0.54, -0.46))


def blackman_window(n: int, periodic: bool = True, *, dtype: DType = None) -> Tensor:
    """0.42 - ½ cos(2πk / N) + 0.08 cos(4πk / N) for k < n. See `hann_window`.

    >>> import microgradient as mg
    >>> mg.fft.blackman_window(4)
    tensor([0.  , 0.34, 1.  , 0.34])
    """
    return _cosines(n, periodic, dtype, (0.42, -0.5, 0.08))


def bartlett_window(n: int, periodic: bool = True, *, dtype: DType = None) -> Tensor:
    """The triangle 1 - |2k / N - 1| for k < n. See `hann_window`.

    >>> import microgradient as mg
    >>> mg.fft.bartlett_window(4)
    tensor([0. , 0.5, 1. , 0.5])
    """
    places = _places(n, periodic)
    return _window(1 - np.abs(2 * places - 1), dtype)


def kaiser_window(n: int, periodic: bool = True, beta: float = 12.0, *, dtype: DType = None) -> Tensor:
    """I₀(β √(1 - (2k / N - 1)²)) / I₀(β) for k < n, where I₀ is the modified Bessel function. See `hann_window`.

    >>> import microgradient as mg
    >>> mg.fft.kaiser_window(3, periodic=False, beta=0.0)
    tensor([1., 1., 1.])
    """
    inside = np.sqrt(np.maximum(1 - (2 * _places(n, periodic) - 1) ** 2, 0))
    return _window(np.i0(beta * inside) / np.i0(beta), dtype)


def _cosines(n: int, periodic: bool, dtype: DType, factors: tuple[float, ...]) -> Tensor:
    angles = 2 * math.pi * _places(n, periodic)
    values = sum(factor * np.cos(k * angles) for k, factor in enumerate(factors))
    return _window(np.maximum(values, 0) if n != 1 else np.ones(1), dtype)  # 0.42 - 0.5 + 0.08 is not quite 0


def _places(n: int, periodic: bool) -> Any:
    """k / N for k < n."""
    if n < 0:
        raise ArgumentError("MG124", f"A window can't have {n} entries.")
    return np.arange(n) / max(n if periodic else n - 1, 1) if n != 1 else np.full(1, 0.5)


def _window(values: Any, dtype: DType) -> Tensor:
    return constant_tensor(np.asarray(values).astype(DEFAULT_FLOAT[0] if dtype is None else checked_dtype(dtype)))
