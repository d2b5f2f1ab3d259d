"""Genes of yeast and what they do: examples with several labels each."""

from __future__ import annotations

import csv
import gzip

import numpy as np
from numpy.typing import NDArray

from .installed import installed_path


def load_yeast() -> tuple[NDArray[np.float32], NDArray[np.int64], list[str], list[str]]:
    """Genes of yeast, from river: what 103 microarray experiments measured (2417, 103), which of 14 functional classes
    each gene has (2417, 14) as 0 and 1, the names of the measurements and of the classes.

    Elisseeff and Weston, "A kernel method for multi-labelled classification" (2001).

    >>> x, y, measurements, classes = load_yeast()
    >>> x.shape, y.shape, classes[0], int(y.sum(axis=1).max())
    ((2417, 103), (2417, 14), 'Class1', 11)
    """
    with gzip.open(installed_path("river", "datasets/yeast.csv.gz"), "rt", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    labels = [name.startswith("Class") for name in header]
    table = np.array(rows, np.float64)
    x, y = table[:, ~np.array(labels)], table[:, labels]
    measurements = [name for name, label in zip(header, labels, strict=True) if not label]
    return x.astype(np.float32), y.astype(np.int64), measurements, [n for n in header if n not in measurements]
