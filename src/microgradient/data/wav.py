"""Sound from WAV files, as one channel at the rate that is asked for."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

_SLOWEST, _FASTEST = 1000, 768_000  # samples a second
_UNKNOWN_LENGTH = 0x7FFF0000  # bytes: what says more was written to a pipe, when its length was not known
_LARGEST_TERM = 50_000


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
            promised = width * channels * file.getnframes()
            content = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise DataError("MG180", f"There is no file {path}.") from None
    except (wave.Error, EOFError) as error:
        why = str(error) or "it ends too early"
        raise DataError("MG181", f"{path} is not a WAV file of PCM samples: {why}. Save it as 16-bit PCM.") from error
    except OSError as error:
        raise DataError("MG180", f"Can't read {path}: {error.strerror or error}.") from error
    if width != 2:
        raise DataError("MG181", f"{path} has samples of {8 * width} bits: save it as 16-bit PCM.")
    if not _SLOWEST <= old <= _FASTEST:
        raise DataError("MG181", f"{path} has {old:,} samples a second; a recording has {_SLOWEST:,} to {_FASTEST:,}.")
    if len(content) < promised < _UNKNOWN_LENGTH:
        raise DataError(
            "MG181", f"{path} is cut off: it should have {promised:,} bytes of sound, and has {len(content):,}."
        )
    samples = np.frombuffer(content[: len(content) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    if not len(samples):
        raise DataError("MG181", f"{path} holds no sound.")
    return resampled((samples.mean(axis=1) / 32768).astype(np.float32), old, rate)


def resampled(samples: NDArray[np.float32], old: int, new: int) -> NDArray[np.float32]:
    """Sound at another rate, by SciPy's polyphase filter. This is twenty times as long as the larger term of the ratio, so one
    of terms beyond 50,000 is taken for the nearest of smaller ones.
    """
    from scipy.signal import resample_poly

    ratio = Fraction(new, old).limit_denominator(_LARGEST_TERM)
    return np.asarray(resample_poly(samples, ratio.numerator, ratio.denominator), np.float32)


def wav_files(names: Sequence[str]) -> list[Path]:
    """The files that names of files and folders stand for, those of a folder in order. Raises `DataError` (MG180)."""
    files: list[Path] = []
    for path in map(Path, names):
        inside = sorted(f for f in path.rglob("*") if f.suffix.lower() == ".wav") if path.is_dir() else [path]
        if not inside:
            raise DataError("MG180", f"There are no WAV files in {path}.")
        files += inside
    return files
