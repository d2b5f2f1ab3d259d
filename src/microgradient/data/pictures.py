"""Pictures from files, PNG and what else Pillow reads, and NumPy's `.npy`, as arrays of 0 … 1."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, warn_once

_ENDINGS = (".png", ".npy", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)
_LONGEST = 4  # times as long as wide: what is longer is no picture, but a table of numbers

Grey = NDArray[np.float32]


class Picture(NamedTuple):
    """A grey picture (height, width), from 0, the background, to 1, and the name of its file; of several in one file with their
    number, `a.npy[0]`.
    """

    name: str
    pixels: Grey


def read_pictures(names: Sequence[str], shape: tuple[int, int], white: float = 255) -> tuple[list[str], Grey]:
    """The names of pictures and their pixels, (pictures, height, width), as `read_sizes` reads them, brought to `shape` by the
    mean of what falls on each pixel. An `.npy` of (pictures, height · width) is taken apart. Raises `DataError` (MG180, MG181,
    MG184).
    """
    found = read_sizes(names, white, shape)
    return [picture.name for picture in found], np.stack([resized(picture.pixels, shape) for picture in found])


def read_sizes(names: Sequence[str], white: float = 255, shape: tuple[int, int] | None = None) -> list[Picture]:
    """Grey pictures, each of its own size.

    A folder stands for the pictures in it, in the order of their names, an `.npy` of three axes for as many. Whole numbers in an
    `.npy` or a TIFF of 32 bits count up to the least of `white`, 255, 65,535 and their dtype's largest number that none of them
    is above; others are from 0 to 1, or refused. A picture that is transparent somewhere is seen on white, or on black if what
    shows of it is all bright. One that is dark on a bright border is turned into its negative, and that is said. Raises
    `DataError` (MG180, MG181, MG184).
    """
    found: list[Picture] = []
    for path in picture_files(names):
        if path.suffix.lower() != ".npy":
            found.append(Picture(str(path), _read_picture(path)))
            continue
        array = _load(path, ".npy")
        pixels = _pixels(array, path, white, shape)
        several = array.ndim != 2 or len(pixels) > 1
        found += [Picture(f"{path}[{k}]" if several else str(path), picture) for k, picture in enumerate(pixels)]
    return [Picture(name, _bright_on_dark(pixels)) for name, pixels in found]


def read_labelled(
    path: str, shape: tuple[int, int], classes: int, white: float = 255
) -> tuple[Grey, NDArray[np.int64]]:
    """Pictures, as `read_pictures` reads them, and their classes, below `classes`: from folders named 0, 1, 2, …, one for each
    class, or from an `.npz` with the arrays `x` and `y`. Raises `DataError` (MG180, MG181, MG184).
    """
    if path.endswith(".npz"):
        x, labels = _load(Path(path), ".npz")
        pixels = _pixels(x, path, white, shape)
        if labels.shape != (len(pixels),) or labels.dtype.kind not in "iu":
            raise DataError("MG181", f"{path}: `y` has a whole number for each of {len(pixels)} pictures, not an array of "
                                     f"{labels.dtype} and shape {labels.shape}.")  # fmt: skip
        pictures = np.stack([resized(_bright_on_dark(picture), shape) for picture in pixels])
    else:
        inside = Path(path).iterdir() if Path(path).is_dir() else ()
        folders = sorted(folder for folder in inside if folder.is_dir() and folder.name.isdecimal())
        if not folders:
            raise DataError(
                "MG180", f"{path} is neither an .npz file nor a folder with folders 0, 1, 2, … of pictures."
            )
        parts = [read_pictures([str(folder)], shape, white)[1] for folder in folders]
        labels = np.repeat([int(folder.name) for folder in folders], [len(part) for part in parts])
        pictures = np.concatenate(parts)
    if (wrong := labels[(labels < 0) | (labels >= classes)]).size:
        raise DataError("MG181", f"{path} has a picture of class {wrong[0]}; the classes are 0 to {classes - 1}.")
    return pictures, labels.astype(np.int64)


def picture_files(names: Sequence[str]) -> list[Path]:
    """The files that these names of files and folders stand for. Raises `DataError` (MG180) where there are none."""
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if not name:
            raise DataError("MG180", "A picture's name is empty: give the name of a file or a folder.")
        inside = sorted(f for f in path.rglob("*") if f.suffix.lower() in _ENDINGS) if path.is_dir() else [path]
        if not inside:
            raise DataError("MG180", f"There are no pictures in {path}, only files of other kinds.")
        files += inside
    return files


def _load(path: Path, ending: str) -> Any:
    """The array in an `.npy` file, or the arrays `x` and `y` in an `.npz` file."""
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            kind = ".npy" if isinstance(found, np.ndarray) else ".npz"
            if kind == ending:
                return found if kind == ".npy" else (found["x"], found["y"])
    except FileNotFoundError:
        raise DataError("MG180", f"There is no file {path}.") from None
    except _UNREADABLE as error:
        what = "an array" if ending == ".npy" else "arrays `x` and `y`"
        raise DataError("MG181", f"{path} does not hold {what} that NumPy reads: {error}.") from error
    raise DataError("MG181", f"{path} is a file of the kind {kind}, in spite of its name: save it as {ending}.")


def _pixels(array: NDArray[Any], path: Path | str, white: float, shape: tuple[int, int] | None) -> Grey:
    """The pictures in an array, (pictures, height, width), from 0 to 1."""
    given = array
    if shape is not None and array.ndim in (1, 2) and array.shape[-1] == shape[0] * shape[1]:
        array = array.reshape(-1, *shape)
    elif array.ndim == 2:
        array = array[None]
    sides = sorted(array.shape[1:])
    if array.ndim != 3 or not array.size or array.dtype.kind not in "fiub" or sides[1] > _LONGEST * sides[0]:
        raise DataError(
            "MG181",
            f"{path} holds an array of {given.dtype} and shape {given.shape}; a picture is (height, width), several are "
            f"(pictures, height, width), of numbers, and none is more than {_LONGEST} times as long as wide.",
        )
    if len(given.shape) == 3 and given.shape[-1] in (3, 4) and given.shape[1] > 4:
        raise DataError("MG181", f"{path} holds an array of shape {given.shape}, which looks like a picture in colour: take the "
                                 "mean over its last axis.")  # fmt: skip
    return _scaled(array, path, white)


def _scaled(array: NDArray[Any], path: Path | str, white: float = 255) -> Grey:
    """Numbers from 0 to 1: whole ones by the least usual white that none of them is above, others as they are."""
    low, high = array.min(), array.max()
    if array.dtype.kind in "iu" and low >= 0:
        largest = np.iinfo(array.dtype).max
        return (array / next(w for w in (white, 255, 65535, largest) if high <= w and w <= largest)).astype(np.float32)
    if array.dtype.kind != "b" and not (low >= -1e-6 and high <= 1 + 1e-6):  # NaN is not, either
        raise DataError("MG181", f"{path} has pixels from {low:g} to {high:g}: they are to be finite and from 0, black, to 1, "
                                 "white, or whole numbers from 0. Shift and scale them first.")  # fmt: skip
    return np.clip(array.astype(np.float32), 0, 1)


def _read_picture(path: Path) -> Grey:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise DataError(
            "MG184", "Pictures are read by Pillow, which is missing: pip install 'microgradient[recipes]'."
        ) from error
    try:
        with Image.open(path) as picture:
            return _grey(picture, path)
    except FileNotFoundError:
        raise DataError("MG180", f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise DataError("MG181", f"{path} is not a picture that Pillow knows: save it as PNG.") from None
    except DataError:
        raise
    except (OSError, ValueError, EOFError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError("MG181", f"{path} can't be read as a picture: {error}.") from error


def _grey(picture: Any, path: Path) -> Grey:
    """The pixels of a picture of Pillow's. Its conversion to 8 bits cuts off what is above 255."""
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
        return np.asarray(picture).astype(np.float32) / np.float32(65535)
    if picture.mode in ("I", "F"):
        return _scaled(np.asarray(picture), path)
    if picture.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in picture.info:
        return np.asarray(picture.convert("L")).astype(np.float32) / np.float32(255)
    seen = picture.convert("LA" if picture.mode == "La" else "RGBA").convert("RGBA")
    grey, alpha = (
        np.asarray(part).astype(np.float32) / np.float32(255) for part in (seen.convert("L"), seen.getchannel("A"))
    )
    ground = np.float32(0 if (grey[alpha >= 0.5] > 0.5).all() else 1)
    return alpha * grey + (1 - alpha) * ground


def resized(pictures: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Pictures (..., height, width) at another size: each new pixel is the mean of what falls on it."""
    height, width = pictures.shape[-2:]
    if (height, width) == shape:
        return pictures
    rows, columns = _means(height, shape[0]), _means(width, shape[1])
    return (rows @ pictures @ columns.T).astype(np.float32)


def _means(old: int, new: int) -> NDArray[np.float64]:
    """The matrix (new, old) of the shares of old pixels in new ones."""
    edges = np.linspace(0, old, new + 1)
    ends = np.minimum(edges[1:, None], np.arange(1, old + 1))
    covered = np.clip(ends - np.maximum(edges[:-1, None], np.arange(old)), 0, None)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True))


def _bright_on_dark(picture: Grey) -> Grey:
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    if np.median(border) <= 0.5:
        return picture
    warn_once(
        "MG181",
        "A picture is dark on a bright border, and those learnt from are bright on dark: it is turned into its negative.",
    )
    return 1 - picture
