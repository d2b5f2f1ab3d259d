"""Where a meaning differs from PyTorch's: a warning, once; an error where MICROGRADIENT_STRICT is set."""

from __future__ import annotations

import os

from ..errors import MicrogradientError, warn_once


class DifferenceError(MicrogradientError, RuntimeError):
    """What a program asked for means something else here than in PyTorch, and MICROGRADIENT_STRICT is set."""


def differs(code: str, message: str) -> None:
    """Say so, once for each code in a process; raise DifferenceError if the variable MICROGRADIENT_STRICT is set."""
    if os.environ.get("MICROGRADIENT_STRICT", "0") not in ("", "0"):
        raise DifferenceError(code, message)
    warn_once(code, message, everywhere=True)
