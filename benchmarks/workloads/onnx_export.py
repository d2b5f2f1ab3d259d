"""Writes a workload's model as ONNX: `python -m workloads.onnx_export WORKLOAD FILE`."""

from __future__ import annotations

import sys

import torch

from .definitions import WORKLOADS
from .pytorch import network


def main(name: str, file: str) -> None:
    """By PyTorch's exporter, with the shapes of the workload's batch."""
    workload = WORKLOADS[name]
    batch = tuple(torch.from_numpy(array) for array in workload.batch())
    torch.onnx.export(network(name, workload).module.eval(), batch, file, external_data=False, verbose=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
