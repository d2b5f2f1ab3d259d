"""`torch.fft`, and the windows and spectrograms of `torch`: `microgradient.fft`, with PyTorch's names of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import microgradient as mg

from ..errors import DTypeError
from . import types
from .function import adopting, function
from .tensor import adopt

__all__: list[str] = []

_ONE, _SEVERAL = "fft ifft rfft irfft hfft ihfft", "fftn ifftn rfftn irfftn hfftn ihfftn"
_TWO = "fft2 ifft2 rfft2 irfft2 hfft2 ihfft2"


def _transforms() -> dict[str, Callable[..., Any]]:
    made: dict[str, Callable[..., Any]] = {}
    for name in _ONE.split():
        made[name] = _of_one(getattr(mg.fft, name))
    for names, axes in ((_SEVERAL, None), (_TWO, (-2, -1))):
        for name in names.split():
            made[name] = _of_several(getattr(mg.fft, name), axes)
    return made


def _of_one(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
        return f(input, n=n, axis=dim, norm=norm or "backward")

    return call


def _of_several(f: Callable[..., Any], axes: Any) -> Callable[..., Any]:
    def call(input: Any, s: Any = None, dim: Any = axes, norm: str | None = None) -> Any:
        dim = (dim,) if isinstance(dim, int) else dim
        s = (s,) if isinstance(s, int) else s
        return f(
            input, s=None if s is None else tuple(s), axes=None if dim is None else tuple(dim), norm=norm or "backward"
        )

    return call


for _name, _call in _transforms().items():
    _call.__name__, _call.__doc__ = _name, (getattr(mg.fft, _name).__doc__ or "").partition("\n\n")[0]
    globals()[_name] = adopting(_call)
    __all__.append(_name)


def _shifted(name: str) -> Callable[..., Any]:
    def call(input: Any, dim: Any = None) -> Any:
        return getattr(mg.fft, name)(input, axes=dim)

    call.__name__, call.__doc__ = name, (getattr(mg.fft, name).__doc__ or "").partition("\n\n")[0]
    return adopting(call)


fftshift, ifftshift = _shifted("fftshift"), _shifted("ifftshift")


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """The frequencies of `fft`'s results."""
    out = adopt(mg.fft.fftfreq(n, d=d, dtype=types.numpy_dtype(dtype)))
    return out.requires_grad_() if requires_grad else out


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """The frequencies of `rfft`'s results."""
    out = adopt(mg.fft.rfftfreq(n, d=d, dtype=types.numpy_dtype(dtype)))
    return out.requires_grad_() if requires_grad else out


__all__ += ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


# ------------------------------------------------------------------------------------------------------- in `torch` itself


@function
def stft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None, center: bool = True,
    pad_mode: Any = "reflect", normalized: bool = False, onesided: bool | None = None, return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:  # fmt: skip
    """The Fourier transforms of overlapping frames: (…, frequencies, frames)."""
    if not return_complex and input.raw.dtype.kind != "c" and (window is None or window.raw.dtype.kind != "c"):
        if return_complex is None:
            raise DTypeError(
                "MG142",
                "stft requires the return_complex parameter be given for real inputs: write return_complex=True.",
            )
        y = mg.fft.stft(
            input,
            n_fft,
            hop_length,
            win_length,
            window,
            center=center,
            pad_mode=pad_mode,
            normalized=normalized,
            onesided=onesided,
        )
        return mg.view_as_real(y)
    return mg.fft.stft(
        input,
        n_fft,
        hop_length,
        win_length,
        window,
        center=center,
        pad_mode=pad_mode,
        normalized=normalized,
        onesided=onesided,
    )


@function
def istft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None, center: bool = True,
    normalized: bool = False, onesided: bool | None = None, length: int | None = None, return_complex: bool = False,
) -> Any:  # fmt: skip
    """The signal whose `stft` is nearest."""
    onesided = input.shape[-2] != n_fft if onesided is None else onesided
    y = mg.fft.istft(
        input,
        n_fft,
        hop_length,
        win_length,
        window,
        center=center,
        normalized=normalized,
        onesided=onesided,
        length=length,
    )
    return mg.real(y) if y.raw.dtype.kind == "c" and not return_complex else y


def _window(name: str) -> None:
    make = getattr(mg.fft, name)

    def call(
        window_length: int,
        periodic: bool = True,
        *args: Any,
        dtype: Any = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Any:
        for option in ("layout", "device", "pin_memory"):
            options.pop(option, None)
        out = adopt(make(int(window_length), periodic, *args, dtype=types.numpy_dtype(dtype), **options))
        return out.requires_grad_() if requires_grad else out

    call.__name__, call.__doc__ = name, (make.__doc__ or "").partition("\n\n")[0]
    function(call, method=False)


for _name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"):
    _window(_name)
