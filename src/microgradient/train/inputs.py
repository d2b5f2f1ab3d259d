"""What predictors are given, checked before a model sees it: lists of texts, arrays of numbers, lists of arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentTypeError, DataError, ShapeError, type_name


def as_texts(inputs: Any, what: str = "texts", example: str = "[text]") -> list[str]:
    """A list of the texts. Raises `ArgumentTypeError` (MG147) for a single one, which would be taken letter by letter, and for
    what is no text.

    >>> as_texts(np.array(["Bonjour", "Guten Tag"]))
    ['Bonjour', 'Guten Tag']
    """
    single = isinstance(inputs, str | bytes)
    if single or isinstance(inputs, Mapping) or not isinstance(inputs, Iterable) or getattr(inputs, "ndim", 1) != 1:
        hint = f" One is to be in a list, too: {example}." if single else ""
        raise ArgumentTypeError("MG147", f"Expected a list of {what}, got {type_name(inputs)}.{hint}")
    found = list(inputs)
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise ArgumentTypeError(
                "MG147", f"Expected a list of {what}, and at place {place} of it is {type_name(text)}."
            )
    return [str(text) for text in found]


def as_numbers(
    inputs: Any, shape: tuple[int | str, ...], what: str = "The array", dtype: Any = np.float32, single: bool = False
) -> NDArray[Any]:
    """An array of finite numbers of this shape, in which a word stands for any length; a `single` one may lack the first axis.

    Raises `ShapeError` (MG161), and `DataError` (MG182) for what are no numbers, for NaN, infinity and None.

    >>> as_numbers([[1, 2], [3, 4]], ("points", 2))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    wanted = ", ".join(map(str, shape))
    try:
        given = np.asarray(inputs)
    except ValueError:  # of lengths that differ
        raise ShapeError(
            "MG161", f"{what} should have the shape ({wanted}); its rows have different lengths."
        ) from None
    if given.dtype.kind == "O":
        given = _objects(given, what)
    if given.dtype.kind not in "biuf":
        raise DataError("MG182", f"{what} should hold numbers, ({wanted}), not {given.dtype}.")
    if single and given.ndim == len(shape) - 1:
        given = given[None]
    fits = given.ndim == len(shape) and all(
        isinstance(n, str) or n == m for n, m in zip(shape, given.shape, strict=True)
    )
    if not fits:
        hint = f" A single one is {given.shape}: put it in a list." if given.ndim == len(shape) - 1 else ""
        raise ShapeError("MG161", f"{what} should have the shape ({wanted}), got {given.shape}.{hint}")
    with np.errstate(over="ignore"):
        numbers = given.astype(dtype)
    if not np.isfinite(numbers).all():
        place = tuple(np.argwhere(~np.isfinite(numbers))[0].tolist())
        raise DataError("MG182", f"{what} has {given[place]} at {list(place)}, which is not finite, or too large for "
                                 f"{numbers.dtype}: fill it in, or leave it out.")  # fmt: skip
    return numbers


def as_arrays(inputs: Any, shape: tuple[str, ...], what: str) -> list[NDArray[np.float32]]:
    """A list of arrays of finite numbers, each with as many axes as `shape` has names, and none empty. Raises what `as_numbers`
    does, and `ArgumentTypeError` (MG147) for what is no list.

    >>> [sound.shape for sound in as_arrays([[0.5, 1], np.zeros(9)], ("samples",), "recording")]
    [(2,), (9,)]
    """
    if isinstance(inputs, str | bytes | Mapping) or not isinstance(inputs, Iterable):
        raise ArgumentTypeError("MG147", f"Expected a list of {what}s, got {type_name(inputs)}.")
    if getattr(inputs, "ndim", None) == len(shape):
        raise ShapeError("MG161", f"Expected a list of {what}s, got a single {what}: put it in a list.")
    found = []
    for place, one in enumerate(inputs):
        if isinstance(one, str | PurePath):
            raise ArgumentTypeError("MG147", f"Expected a list of {what}s, and at place {place} of it is the name of a file: "
                                             "the predictor's `read` makes a list of a list of names.")  # fmt: skip
        found.append(as_numbers(one, shape, f"The {what} at place {place}"))
        if not found[-1].size:
            raise ShapeError("MG161", f"The {what} at place {place} is empty, of shape {found[-1].shape}.")
    return found


def _objects(given: NDArray[Any], what: str) -> NDArray[np.float64]:
    """Numbers as Python has them, NaN for None."""
    try:
        return given.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("MG182", f"{what} should hold numbers: {error}.") from None
