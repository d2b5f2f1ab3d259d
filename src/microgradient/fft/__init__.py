"""Fourier transforms: the `fft` extension of the array API standard, what PyTorch and SciPy have besides, and spectrograms.

All are linear, and their derivatives are transforms too. Along an axis of length n the forward transform is
y_k = Σ_j x_j exp(-2πi jk/n), the inverse one has +2πi and the factor 1/n. `norm` says where that factor goes: "backward",
with the inverse; "forward", with the forward transform; "ortho", its root with each.
"""

from ..functions.calls import answer_calls
from ..other_names import answer_for
from .spectrogram import (
    bartlett_window,
    blackman_window,
    hamming_window,
    hann_window,
    istft,
    kaiser_window,
    stft,
)  # fmt: skip
from .transforms import (
    fft,
    fft2,
    fftfreq,
    fftn,
    fftshift,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftfreq,
    rfftn,
)  # fmt: skip

__all__ = [
    "bartlett_window", "blackman_window", "fft", "fft2", "fftfreq", "fftn", "fftshift", "hamming_window", "hann_window", "hfft",
    "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "istft",
    "kaiser_window", "rfft", "rfft2", "rfftfreq", "rfftn", "stft",
]  # fmt: skip

answer_calls(__name__, __all__, "mg.fft.")
answer_for(__name__)
