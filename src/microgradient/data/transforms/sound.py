"""Transforms of sound: waveforms (..., samples), spectra (..., frequencies, frames). All can be differentiated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradient as mg

from ... import fft
from ...errors import ArgumentError
from ...nn import functional
from .base import as_tensor, below


def resample(waveform: Any, orig_freq: int, new_freq: int, lowpass_filter_width: int = 6, rolloff: float = 0.99) -> Any:
    """A waveform at another rate: a sinc below both rates' limits, within a squared cosine of so many zero crossings.

    The result has ⌈n · new / orig⌉ samples. Smith, "Digital audio resampling" (2002).

    >>> import microgradient as mg
    >>> resample(mg.zeros((2, 441)), 44100, 16000).shape
    (2, 160)
    """
    x = as_tensor(waveform, 1, "A waveform")
    if orig_freq <= 0 or new_freq <= 0:
        raise ArgumentError("MG180", f"Rates are more than 0, got {orig_freq} and {new_freq}.")
    common = math.gcd(orig_freq, new_freq)
    old, new = orig_freq // common, new_freq // common
    if old == new:
        return x
    limit = min(old, new) * rolloff
    width = math.ceil(lowpass_filter_width * old / limit)
    places = np.arange(-width, width + old) / old
    times = (places[None] - np.arange(new)[:, None] / new) * limit
    times = np.clip(times, -lowpass_filter_width, lowpass_filter_width)
    window = np.cos(times * math.pi / lowpass_filter_width / 2) ** 2
    kernel = np.sinc(times) * window * limit / old
    length = x.shape[-1]
    flat = mg.reshape(x, (-1, 1, length))
    padded = functional.pad(flat, (width, width + old))
    phases = functional.conv1d(padded, mg.asarray(kernel[:, None], dtype=x.dtype), stride=old)
    samples = mg.reshape(mg.permute_dims(phases, (0, 2, 1)), (flat.shape[0], -1))
    return mg.reshape(samples[:, : math.ceil(new * length / old)], (*x.shape[:-1], math.ceil(new * length / old)))


@dataclass
class Resample:
    """`resample` as a transform.

    >>> import microgradient as mg
    >>> Resample(2, 1)(mg.ones((10,))).shape
    (5,)
    """

    orig_freq: int = 16000
    new_freq: int = 16000
    lowpass_filter_width: int = 6
    rolloff: float = 0.99

    def __call__(self, waveform: Any) -> Any:
        return resample(waveform, self.orig_freq, self.new_freq, self.lowpass_filter_width, self.rolloff)


@dataclass
class Spectrogram:
    """|STFT|^power of a waveform, in windows of `win_length` every `hop_length` samples; with power=None the complex
    STFT.

    >>> import microgradient as mg
    >>> Spectrogram(n_fft=8)(mg.ones((32,))).shape
    (5, 9)
    """

    n_fft: int = 400
    win_length: int | None = None
    hop_length: int | None = None
    window_fn: Callable[..., Any] = fft.hann_window
    power: float | None = 2.0
    normalized: bool = False
    center: bool = True

    def __call__(self, waveform: Any) -> Any:
        x = as_tensor(waveform, 1, "A waveform")
        length = self.win_length or self.n_fft
        window = self.window_fn(length, dtype=x.dtype)
        hop = self.hop_length or length // 2
        spectrum = fft.stft(x, self.n_fft, hop, length, window, center=self.center, onesided=True)
        if self.normalized:
            spectrum = spectrum / mg.sqrt(mg.sum(window**2))
        if self.power is None:
            return spectrum
        square = mg.real(spectrum) ** 2 + mg.imag(spectrum) ** 2
        return square if self.power == 2 else square ** (self.power / 2)


def mel_filter_bank(
    n_freqs: int,
    f_min: float,
    f_max: float,
    n_mels: int,
    sample_rate: int,
    norm: str | None = None,
    mel_scale: str = "htk",
) -> Any:
    """Triangles (n_freqs, n_mels) that are evenly spaced in mel = 2595 log₁₀(1 + f / 700), each from the middle of one
    to the next but one.

    With mel_scale="slaney", mel is linear below 1000 Hz and logarithmic above; with norm="slaney" each triangle has the
    area 1.

    >>> mel_filter_bank(201, 0.0, 8000.0, 40, 16000).shape
    (201, 40)
    """
    if mel_scale not in ("htk", "slaney") or norm not in (None, "slaney"):
        raise ArgumentError(
            "MG180", f"`mel_scale` is 'htk' or 'slaney', `norm` None or 'slaney', got {mel_scale!r}, {norm!r}."
        )
    frequencies = np.linspace(0, sample_rate // 2, n_freqs)
    ends = np.linspace(_mel(f_min, mel_scale), _mel(f_max, mel_scale), n_mels + 2)
    points = _hertz(ends, mel_scale)
    slopes = points[None] - frequencies[:, None]
    up, down = -slopes[:, :-2] / np.diff(points)[:-1], slopes[:, 2:] / np.diff(points)[1:]
    bank = np.maximum(0, np.minimum(up, down))
    if norm == "slaney":
        bank = bank * 2 / (points[2:] - points[:-2])
    return mg.asarray(bank.astype(np.float32))


@dataclass
class MelSpectrogram:
    """A `Spectrogram` through `mel_filter_bank`.

    >>> import microgradient as mg
    >>> MelSpectrogram(n_fft=64, n_mels=8)(mg.ones((256,))).shape
    (8, 9)
    """

    sample_rate: int = 16000
    n_fft: int = 400
    win_length: int | None = None
    hop_length: int | None = None
    f_min: float = 0.0
    f_max: float | None = None
    n_mels: int = 128
    power: float = 2.0
    norm: str | None = None
    mel_scale: str = "htk"

    def __call__(self, waveform: Any) -> Any:
        spectrum = Spectrogram(self.n_fft, self.win_length, self.hop_length, power=self.power)(waveform)
        top = self.sample_rate / 2 if self.f_max is None else self.f_max
        bank = mel_filter_bank(
            self.n_fft // 2 + 1, self.f_min, top, self.n_mels, self.sample_rate, self.norm, self.mel_scale
        )
        return mg.matmul(mg.matrix_transpose(mg.astype(bank, spectrum.dtype)), spectrum)


@dataclass
class AmplitudeToDB:
    """10 log₁₀ of a power, 20 log₁₀ of a magnitude, at most `top_db` below the largest.

    >>> import microgradient as mg
    >>> [round(x, 3) for x in AmplitudeToDB(top_db=30)(mg.tensor([[1.0, 0.1, 1e-9]]))[0].tolist()]
    [0.0, -10.0, -30.0]
    """

    stype: str = "power"
    top_db: float | None = None

    def __call__(self, spectrum: Any) -> Any:
        x = as_tensor(spectrum, 1, "A spectrum")
        factor = 10.0 if self.stype == "power" else 20.0
        decibels = factor * mg.log10(mg.maximum(x, 1e-10))
        if self.top_db is None:
            return decibels
        axes = tuple(range(-min(3, len(x.shape)), 0))
        return mg.maximum(decibels, mg.max(decibels, axis=axes, keepdims=True) - self.top_db)


@dataclass
class MFCC:
    """The first `n_mfcc` coefficients of the cosine transform (II, orthonormal) of a mel spectrogram in decibels, or
    logarithms.

    >>> import microgradient as mg
    >>> MFCC(n_mfcc=5, melkwargs={"n_fft": 64, "n_mels": 8})(mg.ones((256,))).shape
    (5, 9)
    """

    sample_rate: int = 16000
    n_mfcc: int = 40
    log_mels: bool = False
    melkwargs: dict[str, Any] | None = None

    def __call__(self, waveform: Any) -> Any:
        mel = MelSpectrogram(self.sample_rate, **(self.melkwargs or {}))(waveform)
        n = mel.shape[-2]
        if self.n_mfcc > n:
            raise ArgumentError("MG180", f"{n} mel bands have no {self.n_mfcc} coefficients.")
        logarithm = mg.log(mel + 1e-6) if self.log_mels else AmplitudeToDB(top_db=80.0)(mel)
        waves = np.cos(math.pi / n * (np.arange(n) + 0.5) * np.arange(self.n_mfcc)[:, None]) * math.sqrt(2 / n)
        waves[0] /= math.sqrt(2)
        return mg.matmul(mg.asarray(waves, dtype=mel.dtype), logarithm)


@dataclass
class _Masking:
    """Up to `mask_param` neighbouring places of an axis, and at most a share `p` of all, become `value`."""

    mask_param: int
    p: float = 1.0
    value: float = 0.0
    axis = -1

    def __call__(self, spectrum: Any) -> Any:
        x = as_tensor(spectrum, 2, "A spectrum")
        n = x.shape[self.axis]
        width = below(int(min(self.mask_param, self.p * n)) + 1)
        start = below(n - width + 1)
        places = np.arange(n)
        mask = (places >= start) & (places < start + width)
        return mg.where(mg.asarray(mask if self.axis == -1 else mask[:, None]), self.value, x)


@dataclass
class TimeMasking(_Masking):
    """Up to `mask_param` neighbouring frames, at most a share `p` of all, become `value`. Park et al., "SpecAugment"
    (2019).

    >>> import microgradient as mg
    >>> TimeMasking(2)(mg.ones((5, 9))).shape
    (5, 9)
    """


@dataclass
class FrequencyMasking(_Masking):
    """Up to `mask_param` neighbouring frequencies, at most a share `p` of all, become `value`. Park et al.,
    "SpecAugment" (2019).

    >>> import microgradient as mg
    >>> FrequencyMasking(2)(mg.ones((5, 9))).shape
    (5, 9)
    """

    axis = -2


def _mel(f: float, scale: str) -> float:
    if scale == "htk":
        return 2595 * math.log10(1 + f / 700)
    return f * 3 / 200 if f < 1000 else 15 + 27 * math.log(f / 1000) / math.log(6.4)


def _hertz(mels: Any, scale: str) -> Any:
    if scale == "htk":
        return 700 * (10 ** (mels / 2595) - 1)
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(math.log(6.4) / 27 * (mels - 15)))
