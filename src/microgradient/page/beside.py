"""A run trained again beside itself with other options, as the doctor advises, in a process and a folder of its own."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MicrogradientError
from ..train.options import Options, flag
from ..train.run_folder import RunFolder
from ..train.session import command_of

# The command, which ends when its standard input does: however the program ends that has started it
_PROGRAM = """
import os, shutil, sys, threading
from microgradient.cli import main
folder = sys.argv.pop(1)
def watch():
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""


class Beside:
    """The run of `source` with `options`, some of them changed: it trains from the start, in a process that ends with ours."""

    def __init__(self, source: str, options: Options, changes: Mapping[str, Any]) -> None:
        self.changes = " ".join(f"{flag(name)} {value}" for name, value in changes.items())
        self.folder = tempfile.TemporaryDirectory(prefix="microgradient-")
        words = shlex.split(command_of(source, dataclasses.replace(options, **changes)))
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, self.folder.name, *words[1:], "--out", str(self._path)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
        self.said = ""
        self.close = weakref.finalize(self, _end, self.process, self.folder)

    def state(self) -> dict[str, Any]:
        """How far it is: what was changed, the loss of each epoch by step, and whether it goes on; what it said if it failed."""
        if self.process.poll() and not self.said:
            self.said = (self._errors.read_text(errors="replace").strip().splitlines() or [""])[-1]
        try:
            metrics = RunFolder.peek(self._path).metrics()
        except MicrogradientError:  # it has not saved anything yet
            metrics = []
        return {
            "changes": self.changes,
            "losses": [[line["step"], line["train_loss"]] for line in metrics if line["train_loss"] is not None],
            "going": self.process.poll() is None,
            "said": self.said,
        }

    @property
    def _errors(self) -> Path:
        return Path(self.folder.name) / "errors"

    @property
    def _path(self) -> Path:
        return Path(self.folder.name) / "run"


def _end(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
    folder.cleanup()
