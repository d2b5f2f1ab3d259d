"""Sound from WAV files, as one channel at the rate that is asked for."""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError


def read_wav(path: Path, rate: int) -> NDArray[np.float32]:
    """The samples (n,) of a WAV file of 16-bit PCM, from -1 to 1, the mean of its channels, resampled to `rate` a second.

    Raises `DataError` (MG180, MG181).

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with wave.open(f"{folder}/a.wav", "wb") as file:
    ...         file.setparams((1, 2, 44100, 441, "NONE", ""))
    ...         file.writeframes(bytes(882))
    ...     read_wav(Path(folder, "a.wav"), 8000).shape
    (80,)
    """
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, old = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise DataError("MG180", f"There is no file {path}.") from None
    except (wave.Error, EOFError) as error:
        raise DataError("MG181", f"{path} is not a WAV file of PCM samples: {error or 'it ends too early'}.") from error
    except OSError as error:
        raise DataError("MG180", f"Can't read {path}: {error.strerror or error}.") from error
    if width != 2:
        raise DataError("MG181", f"{path} has samples of {8 * width} bits: save it as 16-bit PCM.")
    if old < 1000:
        raise DataError("MG181", f"{path} has {old} samples a second, too few for speech.")
    samples = np.frombuffer(content[: len(content) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    if not len(samples):
        raise DataError("MG181", f"{path} holds no sound.")
    return resampled((samples.mean(axis=1) / 32768).astype(np.float32), old, rate)


def resampled(samples: NDArray[np.float32], old: int, new: int) -> NDArray[np.float32]:
    """Sound at another rate, by SciPy's polyphase filter."""
    from scipy.signal import resample_poly

    common = math.gcd(old, new)
    return np.asarray(resample_poly(samples, new // common, old // common), np.float32)


def wav_files(names: Sequence[str]) -> list[Path]:
    """The files that names of files and folders stand for, those of a folder in order. Raises `DataError` (MG180)."""
    files: list[Path] = []
    for path in map(Path, names):
        inside = sorted(f for f in path.rglob("*") if f.suffix.lower() == ".wav") if path.is_dir() else [path]
        if not inside:
            raise DataError("MG180", f"There are no WAV files in {path}.")
        files += inside
    return files
