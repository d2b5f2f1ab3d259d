"""ONNX Runtime, on PyTorch's model as PyTorch exports it; that happens in a process of its own, whose memory does not count."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import onnxruntime

from .definitions import WORKLOADS
from .definitions.workload import Step, size

VERSION = onnxruntime.__version__
OPTIONS = onnxruntime.SessionOptions()


def prepare(threads: int) -> None:
    """Before anything runs."""
    OPTIONS.intra_op_num_threads, OPTIONS.inter_op_num_threads = threads, 1


def build(name: str) -> Step:
    """A workload's step."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        subprocess.run([sys.executable, "-m", "workloads.onnx_export", name, file], check=True, stdout=sys.stderr)
        session = onnxruntime.InferenceSession(file, OPTIONS, providers=["CPUExecutionProvider"])
    inputs = dict(zip((x.name for x in session.get_inputs()), WORKLOADS[name].batch(), strict=True))
    outputs: list[Any] = []

    def run(count: int) -> None:
        nonlocal outputs
        for _ in range(count):
            outputs = session.run(None, inputs)

    return Step(run, lambda: size(outputs))
