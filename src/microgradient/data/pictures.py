"""Pictures from files, PNG and what else Pillow reads, and NumPy's `.npy`, as arrays of 0 … 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, warn_once

_ENDINGS = (".png", ".npy", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def read_pictures(names: Sequence[str], shape: tuple[int, int], white: float = 255) -> NDArray[np.float32]:
    """Grey pictures (pictures, height, width) as `read_sizes` reads them, brought to `shape` by the mean of what falls on each
    pixel. Raises `DataError` (MG180, MG181, MG184).
    """
    return np.stack([resized(picture, shape) for picture in read_sizes(names, white)])


def read_sizes(names: Sequence[str], white: float = 255) -> list[NDArray[np.float32]]:
    """Grey pictures (height, width), each of its own size, of numbers from 0, the background, to 1.

    A folder stands for the pictures in it, in the order of their names, an `.npy` of three axes for as many. Whole numbers in an
    `.npy` count up to `white`, others are taken as they are. A picture that is dark on a bright border is turned into its
    negative, and that is said. Raises `DataError` (MG180, MG181, MG184).
    """
    found: list[NDArray[np.float32]] = []
    for path in picture_files(names):
        array = _read_array(path, white) if path.suffix.lower() == ".npy" else _read_picture(path)
        found += list(array) if array.ndim == 3 else [array]
    return [_bright_on_dark(picture) for picture in found]


def read_labelled(
    path: str, shape: tuple[int, int], white: float = 255
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pictures and their classes: from folders named 0, 1, 2, …, one for each class, or from an `.npz` with the arrays `x` and
    `y`. Raises `DataError` (MG180 to MG183).
    """
    if path.endswith(".npz"):
        try:
            with np.load(path, allow_pickle=False) as file:
                x, y = file["x"], file["y"]
        except FileNotFoundError:
            raise DataError("MG180", f"There is no file {path}.") from None
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise DataError("MG181", f"{path} has no arrays `x` and `y` that NumPy reads: {error}.") from error
        if x.ndim != 3 or y.shape != x.shape[:1] or x.dtype.kind not in "fiub" or y.dtype.kind not in "iu":
            raise DataError("MG181", f"{path}: `x` is (pictures, height, width), `y` (pictures,) whole numbers; they are "
                                     f"{x.dtype} {x.shape} and {y.dtype} {y.shape}.")  # fmt: skip
        x = np.asarray(x if x.dtype.kind == "f" else x / white, np.float32)
        return np.stack([resized(picture, shape) for picture in x]), y.astype(np.int64)
    folders = sorted(folder for folder in Path(path).iterdir() if folder.name.isdigit()) if Path(path).is_dir() else []
    if not folders:
        raise DataError("MG180", f"{path} is neither an .npz file nor a folder with folders 0, 1, 2, … of pictures.")
    parts = [read_pictures([str(folder)], shape, white) for folder in folders]
    return np.concatenate(parts), np.repeat([int(folder.name) for folder in folders], [len(part) for part in parts])


def picture_files(names: Sequence[str]) -> list[Path]:
    """The files that these names of files and folders stand for. Raises `DataError` (MG180) where there are none."""
    files: list[Path] = []
    for path in map(Path, names):
        inside = sorted(f for f in path.rglob("*") if f.suffix.lower() in _ENDINGS) if path.is_dir() else [path]
        if not inside:
            raise DataError("MG180", f"There are no pictures in {path}, only files of other kinds.")
        files += inside
    return files


def _read_array(path: Path, white: float) -> NDArray[np.float32]:
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DataError("MG180", f"There is no file {path}.") from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError("MG181", f"{path} is not an array that NumPy reads: {error}.") from error
    if found.dtype.kind not in "fiub" or found.ndim not in (2, 3) or not found.size or not np.isfinite(found).all():
        raise DataError(
            "MG181",
            f"{path} holds an array of {found.dtype} and shape {found.shape}; a picture is (height, width), several are "
            "(pictures, height, width), of finite numbers.",
        )
    return np.asarray(found if found.dtype.kind == "f" else found / white, np.float32)


def _read_picture(path: Path) -> NDArray[np.float32]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise DataError(
            "MG184", "Pictures are read by Pillow, which is missing: pip install 'microgradient[recipes]'."
        ) from error
    try:
        with Image.open(path) as picture:
            pixels: NDArray[np.float32] = np.asarray(picture.convert("L")).astype(np.float32)
            return pixels / np.float32(255)
    except FileNotFoundError:
        raise DataError("MG180", f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise DataError("MG181", f"{path} is not a picture that Pillow knows: save it as PNG.") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError("MG181", f"{path} can't be read as a picture: {error}.") from error


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


def _bright_on_dark(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    if np.median(border) <= 0.5:
        return picture
    warn_once(
        "MG181",
        "A picture is dark on a bright border, and those learnt from are bright on dark: it is turned into its negative.",
    )
    return 1 - picture
