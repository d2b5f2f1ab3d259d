"""Speech from text by espeak-ng, which the package espeakng-loader brings. Nothing of it is part of this package."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .installed import installed_path

_SYNCHRONOUS, _UTF8, _NO_EXIT = 2, 1, 0x8000  # AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8, espeakINITIALIZE_DONT_EXIT
_RATE, _PITCH = 1, 3  # of enum espeak_PARAMETER
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """espeak-ng, loaded and ready to speak. Raises `DataError` (MG184) where it isn't installed.

    Two calls with the same arguments differ a little: its noise goes on from where it was.
    """

    def __init__(self) -> None:
        folder = installed_path("espeakng_loader", install="pip install espeakng-loader").resolve()
        libraries = [path for end in ("so", "dylib", "dll") for path in sorted(folder.glob(f"*espeak-ng*.{end}"))]
        try:
            self.library = ctypes.CDLL(str(libraries[0]))
            self.rate = int(
                self.library.espeak_Initialize(_SYNCHRONOUS, 0, str(folder / "espeak-ng-data").encode(), _NO_EXIT)
            )
        except (IndexError, OSError, AttributeError) as error:
            raise DataError("MG184", f"espeak-ng in {folder} can't be loaded: {error}.") from error
        if self.rate <= 0:
            raise DataError("MG184", f"espeak-ng in {folder} finds no data of its voices.")
        self.parts: list[NDArray[np.int16]] = []
        self.callback: Any = _Callback(self._keep)  # kept, as the library calls it later
        self.library.espeak_SetSynthCallback(self.callback)

    def say(self, voice: str, text: str, words_per_minute: int = 175, pitch: int = 50) -> NDArray[np.int16]:
        """The sound of an English text, `rate` samples a second, in a voice as `en-us+f3`: a language and a variant.

        Raises `DataError` (MG181) if there is no such voice.
        """
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise DataError("MG181", f"espeak-ng has no voice {voice!r}.")
        self.library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self.library.espeak_SetParameter(_PITCH, pitch, 0)
        self.parts.clear()
        content = text.encode()
        self.library.espeak_Synth(content, ctypes.c_size_t(len(content) + 1), 0, 1, 0, _UTF8, None, None)
        return np.concatenate(self.parts) if self.parts else np.zeros(0, np.int16)

    def _keep(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self.parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0
