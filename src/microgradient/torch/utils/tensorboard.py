"""`torch.utils.tensorboard`: a writer of TensorBoard's event files, which needs no other library."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...data.png import png
from ...errors import ArgumentError
from ...tensor import Tensor as Base
from ...train.event_file import EventFile, bytes_field, double_field, float_field, whole_field
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
        self._file = EventFile(Path(self.log_dir), filename_suffix)

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None, new_style: bool = False,
        double_precision: bool = False,
    ) -> None:  # fmt: skip
        """A number at a step."""
        self._file.value(tag, float_field(2, float(_array(scalar_value).reshape(()))), global_step, walltime)

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
            double_field(1, x.min())
            + double_field(2, x.max())
            + double_field(3, x.size)
            + double_field(4, x.sum())
            + double_field(5, (x * x).sum())
        )
        content += bytes_field(6, edges[1:].astype("<f8").tobytes()) + bytes_field(7, counts.astype("<f8").tobytes())
        self._file.value(tag, bytes_field(5, content), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text, in Markdown."""
        kind = bytes_field(9, bytes_field(1, bytes_field(1, b"text")))
        tensor = (
            whole_field(1, 7) + bytes_field(2, bytes_field(2, whole_field(1, 1))) + bytes_field(8, text_string.encode())
        )
        self._file.value(f"{tag}/text_summary", kind + bytes_field(8, tensor), global_step, walltime)

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
        content = (
            whole_field(1, height) + whole_field(2, width) + whole_field(3, channels) + bytes_field(4, png(pixels))
        )
        self._file.value(tag, bytes_field(4, content), global_step, walltime)

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
