"""A screen of lines that a program draws again after every key, in a terminal of POSIX."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .render import Line, shown

_ALTERNATE, _NORMAL = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_WAIT = 0.2  # s between two looks at the size of the terminal
_SOON = 0.05  # s within which the rest of a key's sequence comes
_KEYS = {
    "\x1b[C": "right", "\x1bOC": "right", "\x1b[D": "left", "\x1bOD": "left", "\x1b[A": "up", "\x1bOA": "up",
    "\x1b[B": "down", "\x1bOB": "down", "\x1b[H": "home", "\x1bOH": "home", "\x1b[1~": "home", "\x1b[7~": "home",
    "\x1b[F": "end", "\x1bOF": "end", "\x1b[4~": "end", "\x1b[8~": "end", "\x1b[6~": "down", "\x1b[5~": "up",
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape", "\x03": "interrupt",
    "\x04": "interrupt",
}  # fmt: skip


def interactive() -> bool:
    """Whether there is a terminal that can be written on anywhere, and read key by key."""
    try:
        import termios  # noqa: F401
    except ImportError:  # not POSIX
        return False
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def keys_on_screen(
    model: Any,
    state: Any,
    draw: Callable[[Any, Any, int, int], Sequence[Line]],
    press: Callable[[Any, Any, str], Any],
) -> None:
    """Show `draw(model, state, columns, rows)`; with each key, `state = press(model, state, key)`, until that is None.

    It is drawn again when the terminal changes its size. The terminal is left as it was, whatever happens.
    """
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    size = None
    try:
        tty.setraw(terminal)
        sys.stdout.write(_ALTERNATE)
        while state is not None:
            now = shutil.get_terminal_size()
            if now != size:
                size = now
                _show(draw(model, state, size.columns, size.lines))
            if select.select([terminal], [], [], _WAIT)[0]:
                state = press(model, state, _key(terminal))
                size = None
    finally:
        sys.stdout.write(_NORMAL)
        sys.stdout.flush()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _show(lines: Sequence[Line]) -> None:
    text = shown(lines).split("\n")
    sys.stdout.write("\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in text) + "\x1b[J")
    sys.stdout.flush()


def _key(terminal: int) -> str:
    """The name of the next key, or its character; "interrupt" at the end of the input."""
    read = os.read(terminal, 1)
    if read == b"\x1b":
        while select.select([terminal], [], [], _SOON)[0] and len(read) < 8:
            read += os.read(terminal, 1)
            if read[1:2] not in (b"[", b"O") or (len(read) > 2 and 64 <= read[-1] < 127):
                break
    elif read and read[0] >= 0xC0:  # the other bytes of a character
        read += os.read(terminal, 1 if read[0] < 0xE0 else 2 if read[0] < 0xF0 else 3)
    text = read.decode(errors="replace")
    return _KEYS.get(text, text) if text else "interrupt"
