"""TensorBoard's event files, written without TensorBoard.

A file is a sequence of records: length, masked CRC-32C of it, bytes, masked CRC-32C of these. Each is an `Event` in the protocol
buffer format. https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

PREFIX = "events.out.tfevents."


class EventFile:
    """A new event file in a folder.

    >>> import tempfile
    >>> file = EventFile(Path(tempfile.mkdtemp()))
    >>> file.scalar("loss", 0.5, step=1)
    >>> file.close()
    """

    def __init__(self, folder: Path, suffix: str = "") -> None:
        name = f"{PREFIX}{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
        self._file = open(folder / f"{name}{suffix}", "wb")  # noqa: SIM115 (closed by `close`)
        self._event(bytes_field(3, b"brain.Event:2"), None, None)

    def scalar(self, tag: str, number: float, step: int | None = None) -> None:
        """A number at a step."""
        self.value(tag, float_field(2, number), step, None)

    def value(self, tag: str, value: bytes, step: Any, walltime: float | None) -> None:
        """A value, encoded as the field of a `Summary.Value` that is its kind, at a step."""
        self._event(bytes_field(5, bytes_field(1, bytes_field(1, tag.encode()) + value)), step, walltime)

    def flush(self) -> None:
        """Write what is waiting."""
        self._file.flush()

    def close(self) -> None:
        """Write what is waiting, and close the file."""
        self._file.close()

    def _event(self, content: bytes, step: Any, walltime: float | None) -> None:
        event = double_field(1, time.time() if walltime is None else walltime)
        event += b"" if step is None else whole_field(2, int(step))
        event += content
        length = struct.pack("<Q", len(event))
        self._file.write(length + struct.pack("<I", _masked(length)) + event + struct.pack("<I", _masked(event)))


def _varint(n: int) -> bytes:
    out, n = bytearray(), n & (2**64 - 1)
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def whole_field(field: int, n: int) -> bytes:
    """A whole number as a field of a message."""
    return _varint(field << 3) + _varint(n)


def bytes_field(field: int, content: bytes) -> bytes:
    """Bytes, a text or a message as a field of a message."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def double_field(field: int, x: float) -> bytes:
    """A number of 64 bits as a field of a message."""
    return _varint(field << 3 | 1) + struct.pack("<d", x)


def float_field(field: int, x: float) -> bytes:
    """A number of 32 bits as a field of a message."""
    return _varint(field << 3 | 5) + struct.pack("<f", x)


def _table() -> list[int]:
    entries = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        entries.append(n)
    return entries


_CRC = _table()


def _masked(content: bytes) -> int:
    """The CRC-32C (Castagnoli) of the bytes, turned and shifted as the format wants it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
