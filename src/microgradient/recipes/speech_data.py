"""Strings of digits that espeak-ng speaks in many voices. They are made once and kept, as it never says the same twice."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.espeak import Espeak
from ..data.log_mels import RATE
from ..data.wav import resampled
from ..errors import DataError
from ..native.runtime import cache
from ..train.atomic import write_atomically

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LONGEST = 5  # digits of a string
VOICES = tuple(
    re.findall(
        r"\w+",
        "Alex Alicia Andrea Andy Annie Denis Diogo Gene Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen Reed "
        "adam anika antonio aunty belinda benjamin boris caleb david ed edward f1 f2 f3 f4 f5 grandma grandpa gustave "
        "ian iven john kaukovalta linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel norbert pablo paul pedro quincy rob "
        "robert sandro shelby steph travis victor zac RicishayMax Storm",
    )
)
"""espeak-ng's variants that sound like people; of those that differ by a number in the name, but for f and m, one."""

_ACCENTS = ("en-us", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc", "en-029")
_STRINGS = 32  # of each voice


class Spoken(NamedTuple):
    """Recordings at 8000 samples a second, what is said in each, and the number of its voice."""

    sounds: list[NDArray[np.int16]]
    digits: list[tuple[int, ...]]
    voices: NDArray[np.int64]


def load_spoken_digits() -> Spoken:
    """Each of the voices says 32 strings of 1 to 5 digits, in several accents, higher or lower, faster or slower.

    They are made the first time, in half a minute, and kept where compiled programs are (`MICROGRADIENT_CACHE`). Raises
    `DataError` (MG184) if they have to be made and espeak-ng is not installed.
    """
    settings = repr((RATE, WORDS, LONGEST, VOICES, _ACCENTS, _STRINGS))
    root = cache.folder()
    path = (root or Path()) / f"spoken-digits-{hashlib.sha256(settings.encode()).hexdigest()[:12]}.npz"
    kept = _read(path) if root else None
    if kept is None:
        kept = _made(Espeak())
        if root:
            with suppress(DataError):  # a disk that is full: they are made again next time
                write_atomically(path, _packed(kept))
    return kept


def _packed(spoken: Spoken) -> bytes:
    digits = np.full((len(spoken.digits), LONGEST), -1)
    for row, string in zip(digits, spoken.digits, strict=True):
        row[: len(string)] = string
    lengths = np.array([len(sound) for sound in spoken.sounds])
    content = io.BytesIO()
    np.savez(content, samples=np.concatenate(spoken.sounds), lengths=lengths, digits=digits, voices=spoken.voices)
    return content.getvalue()


def _read(path: Path) -> Spoken | None:
    """What was kept, if it is there and sound."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:  # which closes what it can't read
            samples, lengths, digits, voices = (file[name] for name in ("samples", "lengths", "digits", "voices"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if samples.dtype != np.int16 or lengths.sum() != len(samples) or not len(lengths) == len(digits) == len(voices):
        return None
    sounds = np.split(samples, np.cumsum(lengths)[:-1])
    return Spoken(sounds, [tuple(row[row >= 0].tolist()) for row in digits], voices)


def _made(espeak: Espeak) -> Spoken:
    draw = np.random.default_rng(0)
    sounds: list[NDArray[np.int16]] = []
    strings: list[tuple[int, ...]] = []
    for voice in VOICES:
        for k in range(_STRINGS):
            digits = tuple(draw.integers(0, 10, 1 + k % LONGEST).tolist())
            text = (", " if draw.random() < 0.2 else " ").join(WORDS[digit] for digit in digits)
            accent, speed, pitch = draw.choice(_ACCENTS), int(draw.integers(130, 230)), int(draw.integers(30, 71))
            sound = espeak.say(f"{accent}+{voice}", text, speed, pitch)
            sounds.append(
                np.clip(resampled(sound.astype(np.float32), espeak.rate, RATE), -32768, 32767).astype(np.int16)
            )
            strings.append(digits)
    return Spoken(sounds, strings, np.repeat(np.arange(len(VOICES)), _STRINGS))
