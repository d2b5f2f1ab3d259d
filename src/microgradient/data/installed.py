"""Data files that ship inside other packages, found without importing those packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..errors import DataError


def installed_path(package: str, path: str = "", install: str = "") -> Path:
    """Where an installed package keeps the file or folder `path`. The package is looked for, not imported.

    `install` is what to type where the package is missing, if that is not pip with the extra `recipes`. Raises
    `DataError` (MG184) if package or file is missing.

    >>> installed_path("sklearn", "datasets/data/digits.csv.gz").name
    'digits.csv.gz'
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        if (found := Path(folder, path)).exists():
            return found
    raise missing_package(package, install)


def missing_package(package: str, install: str = "") -> DataError:
    """The error (MG184) where data, or a baseline, come from a package that isn't installed."""
    how = install or "pip install 'microgradient[recipes]'"
    return DataError("MG184", f"This needs {package}, which is missing: {how}.")


def require(*packages: str) -> None:
    """Raise `DataError` (MG184) unless these packages, by the names that they are imported by, are installed.

    >>> require("numpy", "scipy")
    """
    for package in packages:
        if find_spec(package) is None:
            raise missing_package(package)
