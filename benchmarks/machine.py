"""The machine that was measured on, in words."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import numpy as np

import microgradient as mg
from microgradient.native.runtime.engine import host


def describe() -> dict[str, str]:
    """What figures depend on besides the libraries measured."""
    target = host()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index, call-overload]
    return {
        "processor": f"{_processor()} ({target.cpu}), vectors of {target.vector_bits} bits",
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "NumPy": f"{np.__version__}, {blas['name']} {blas['version']}",
        "llvmlite": version("llvmlite"),
        "Microgradient": mg.__version__,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
