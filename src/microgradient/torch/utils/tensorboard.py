"""`torch.utils.tensorboard`: a writer of TensorBoard's event files, which needs no other library.

A file is a sequence of records: length, masked CRC-32C of it, bytes, masked CRC-32C of these. Each is an `Event` in the protocol
buffer format. https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto
"""

from __future__ import annotations

import os
import socket
import struct
import time
import zlib
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...errors import ArgumentError
from ...tensor import Tensor as Base
from ..strict import differs


class SummaryWriter:
    """Writes numbers, histograms, texts and pictures for TensorBoard into `log_dir` (by default runs/TIME_HOST).

    >>> import tempfile, microgradient.torch as torch
    >>> with torch.utils.tensorboard.SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.add_scalar("loss", 0.5, global_step=1)
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10, flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:  # fmt: skip
        self.log_dir = str(
            log_dir or Path("runs") / f"{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
        )
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
        self._file = open(Path(self.log_dir) / f"{name}{filename_suffix}", "wb")  # noqa: SIM115 (closed by `close`)
        self._event(_bytes(3, b"brain.Event:2"), None, None)

    def _event(self, content: bytes, step: Any, walltime: float | None) -> None:
        event = _double(1, time.time() if walltime is None else walltime)
        event += b"" if step is None else _whole(2, int(step))
        event += content
        length = struct.pack("<Q", len(event))
        self._file.write(length + struct.pack("<I", _masked(length)) + event + struct.pack("<I", _masked(event)))

    def _value(self, tag: str, value: bytes, step: Any, walltime: float | None) -> None:
        self._event(_bytes(5, _bytes(1, _bytes(1, tag.encode()) + value)), step, walltime)

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None, new_style: bool = False,
        double_precision: bool = False,
    ) -> None:  # fmt: skip
        """A number at a step."""
        self._value(tag, _float(2, float(_array(scalar_value).reshape(()))), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Several numbers at a step."""
        for tag, value in tag_scalar_dict.items():
            self.add_scalar(f"{main_tag}/{tag}", value, global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "auto",
        walltime: float | None = None,
        max_bins: Any = None,
    ) -> None:
        """How numbers are distributed."""
        x = _array(values).astype(np.float64).reshape(-1)
        if not x.size:
            raise ArgumentError("MG124", f"add_histogram({tag!r}): there are no values.")
        counts, edges = np.histogram(x, bins="auto" if bins in ("auto", "tensorflow", "fd") else bins)
        content = (
            _double(1, x.min())
            + _double(2, x.max())
            + _double(3, x.size)
            + _double(4, x.sum())
            + _double(5, (x * x).sum())
        )
        content += _bytes(6, edges[1:].astype("<f8").tobytes()) + _bytes(7, counts.astype("<f8").tobytes())
        self._value(tag, _bytes(5, content), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text, in Markdown."""
        kind = _bytes(9, _bytes(1, _bytes(1, b"text")))
        tensor = _whole(1, 7) + _bytes(2, _bytes(2, _whole(1, 1))) + _bytes(8, text_string.encode())
        self._value(f"{tag}/text_summary", kind + _bytes(8, tensor), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture: numbers of 0 … 1, or bytes."""
        x = _array(img_tensor)
        order = [dataformats.index(c) for c in "HWC" if c in dataformats]
        x = x.transpose(order)
        x = x[..., None] if x.ndim == 2 else x
        pixels = x if x.dtype == np.uint8 else (np.clip(x, 0, 1) * 255).astype(np.uint8)
        height, width, channels = pixels.shape
        content = _whole(1, height) + _whole(2, width) + _whole(3, channels) + _bytes(4, _png(pixels))
        self._value(tag, _bytes(4, content), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Several pictures, side by side."""
        x = _array(img_tensor).transpose([dataformats.index(c) for c in "NCHW"])
        self.add_image(tag, np.concatenate(list(x), axis=2), global_step, walltime)

    def add_hparams(self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any], *_: Any, **__: Any) -> None:
        """The settings of a run, as a text, and what it reached."""
        self.add_text("hparams", "\n".join(f"- {name}: {value}" for name, value in hparam_dict.items()))
        for name, value in metric_dict.items():
            self.add_scalar(name, value)

    def add_graph(self, model: Any, input_to_model: Any = None, *_: Any, **__: Any) -> None:
        """Not written: `mg.trace()` shows a graph with its numbers."""
        differs("MG189", "SummaryWriter.add_graph writes nothing: `mg.trace()` shows the graph with its numbers.")

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def flush(self) -> None:
        """Write what is waiting."""
        self._file.flush()

    def close(self) -> None:
        """Write what is waiting, and close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _array(x: Any) -> Any:
    return np.asarray(x.raw if isinstance(x, Base) else x)


# ------------------------------------------------------------------------------------------------- protocol buffers, PNG


def _varint(n: int) -> bytes:
    out, n = bytearray(), n & (2**64 - 1)
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def _whole(field: int, n: int) -> bytes:
    return _varint(field << 3) + _varint(n)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _double(field: int, x: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", x)


def _float(field: int, x: float) -> bytes:
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


def _png(pixels: Any) -> bytes:
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
