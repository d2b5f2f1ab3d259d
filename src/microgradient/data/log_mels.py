"""What speech recognition sees of a sound: the logarithms of its energy in mel bands over time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from ..tensor import Tensor
from .transforms.sound import mel_filter_bank

RATE = 8000  # samples a second
BANDS, _HOP, _WINDOW = 32, 80, 256  # bands, samples between frames, samples of a frame
_SHIFT = 2  # bands by which a voice is moved up or down at most
_LATER = 20  # frames by which it begins later at most


def log_mels(sound: NDArray[Any]) -> NDArray[np.float32]:
    """The logarithms of the energy in 32 mel bands every 10 ms, (frames, BANDS), with mean 0 and deviation 1 over the recording.

    Davis and Mermelstein 1980; the loudness of a recording and of its noise don't matter then.

    >>> log_mels(np.sin(np.arange(4000))).shape
    (51, 32)
    """
    wave = np.asarray(sound, np.float32)
    wave = np.pad(wave / max(1e-6, float(np.abs(wave).max())), (0, max(0, _WINDOW - len(wave))))
    spectrum = mg.fft.stft(Tensor(wave), _WINDOW, _HOP, window=mg.fft.hann_window(_WINDOW, dtype=np.float32)).data
    logs = np.log((np.abs(spectrum) ** 2).T @ _bank() + 1e-4)
    return ((logs - logs.mean()) / (logs.std() + 1e-3)).astype(np.float32)


def padded(mels: Sequence[NDArray[np.float32]], frames: int) -> Tensor:
    """Log-mels as one tensor (recordings, frames, BANDS), zeros after their ends.

    >>> padded([np.ones((2, BANDS)), np.ones((5, BANDS))], 4).data[:, :, 0].tolist()
    [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]
    """
    rows = np.zeros((len(mels), frames, BANDS), np.float32)
    for row, x in zip(rows, mels, strict=True):
        row[: len(x)] = x[:frames]
    return Tensor(rows)


@cache
def _bank() -> NDArray[np.float32]:
    return np.asarray(mel_filter_bank(_WINDOW // 2 + 1, 60, RATE / 2, BANDS, RATE).data)


def varied(mels: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    """A recording to learn from as it is heard this time: later, moved by bands, with some noise, and with frames and bands
    blanked out (Park et al. 2019, "SpecAugment").

    >>> 100 <= len(varied(np.zeros((100, BANDS), np.float32), np.random.default_rng(0))) < 120
    True
    """
    shift, later = int(draw.integers(-_SHIFT, _SHIFT + 1)), int(draw.integers(0, _LATER))
    bands = np.clip(np.arange(BANDS) + shift, 0, BANDS - 1)
    heard = np.concatenate([np.repeat(mels[:1], later, axis=0), mels])[:, bands]
    heard = heard + draw.normal(0, draw.uniform(0, 0.3), heard.shape).astype(np.float32)
    start, low = draw.integers(0, len(heard)), draw.integers(0, BANDS)
    heard[start : start + draw.integers(0, 8)] = 0
    heard[:, low : low + draw.integers(0, 5)] = 0
    return heard
