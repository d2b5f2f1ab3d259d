"""One library running one workload in a process of its own: `python -m workloads.worker LIBRARY WORKLOAD THREADS`.

It answers each line of JSON on its standard input with one on its standard output, and sleeps in between:
`{"run": n}` with the seconds that n steps took, `{"repeat": n}` likewise for the native loop, `{"losses": n}` with the
losses of n steps one by one, `{"memory": 0}` with the largest memory it ever had, in MB. What libraries print goes to
standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

from .definitions.workload import Step

LIBRARIES = {  # a library's name: the file with its code, and the arguments of `build` there
    "compiled": ("ours", {"compiled": True}),
    "eager": ("ours", {"compiled": False}),
    "torch": ("pytorch", {}),
    "jax": ("jax_", {}),
    "tensorflow": ("tensorflow_", {}),
    "micrograd": ("micrograd_", {}),
    "onnxruntime": ("onnx_", {}),
    "numpy": ("numpy_", {}),
}


def main() -> None:
    """Answer until the input ends."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    library, workload, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    file, arguments = LIBRARIES[library]
    code: Any = importlib.import_module(f"workloads.{file}")
    code.prepare(threads)
    step = code.build_call() if workload == "call" else code.build(workload, **arguments)
    start = time.perf_counter()
    step.run(1)
    first = time.perf_counter() - start
    ready = {
        "first": first, "loss": step.loss(), "version": code.VERSION, "repeats": step.repeat is not None,
        "tolerance": getattr(code, "TOLERANCE", {}).get(workload),
    }  # fmt: skip
    print(json.dumps({"answer": ready}), file=replies)
    for line in sys.stdin:
        print(json.dumps({"answer": answer(step, **json.loads(line))}), file=replies)


def answer(step: Step, run: int = 0, repeat: int = 0, losses: int = 0, memory: int | None = None) -> Any:
    """What is asked for."""
    if losses:
        found = []
        for _ in range(losses):
            step.run(1)
            found.append(step.loss())
        return found
    if memory is not None:
        return peak_memory()
    start = time.perf_counter()
    if repeat and step.repeat is not None:
        step.repeat(repeat)
    else:
        step.run(run)
    return time.perf_counter() - start


def peak_memory() -> float | None:
    """Megabytes; None where there is no /proc."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6
    except OSError:
        return None


if __name__ == "__main__":
    main()
