"""The error for a package that belongs to an extra and is not installed."""

from __future__ import annotations

from ..errors import DataError


def missing_extra(recipe: str, package: str) -> DataError:
    """The error to raise (MG184)."""
    return DataError(
        "MG184",
        f"The recipe {recipe} takes its data from {package}, which is missing: pip install 'microgradient[recipes]'.",
    )
