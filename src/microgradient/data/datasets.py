"""The data sets of the recipes. What ships inside other packages needs the extra `recipes`: else `DataError` (MG184)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .csv_file import read_file
from .installed import require
from .text_encoding import as_marked


def load_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pictures (1797, 8, 8) with ink between 0 and 1, and the digit each shows, (1797,), from scikit-learn.

    The test part of the UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998).

    >>> pictures, digits = load_digits()
    >>> pictures.shape, digits[:4].tolist()
    ((1797, 8, 8), [0, 1, 2, 3])
    """
    require("sklearn")
    from sklearn.datasets import load_digits as load

    data: Any = load()
    return np.ascontiguousarray(data.images / 16, np.float32), data.target.astype(np.int64)


def load_names() -> list[str]:
    """First names from Faker, 6,824 of them: in lower case, sorted, only those written with the letters a to z.

    >>> "grace" in load_names()
    True
    """
    require("faker")
    from faker.providers.person.en import Provider

    names = {name.lower() for name in Provider.first_names}
    return sorted(name for name in names if name.isascii() and name.isalpha())


def load_text(path: str | None) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark; by default the topics of Python's `help()`,
    about 370,000 characters. Many of their paragraphs occur in several topics; here each is kept once, so that held-out text
    is not text that was learnt.

    Raises `DataError` (MG180) for a file that is missing, empty or no such text.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.txt").write_text("Call me Ishmael.")
    ...     load_text(str(Path(folder, "a.txt")))
    'Call me Ishmael.'
    """
    if path is None:
        from pydoc_data.topics import topics

        paragraphs = "\n\n".join(topics[name] for name in sorted(topics)).split("\n\n")
        return "\n\n".join({" ".join(paragraph.split()): paragraph for paragraph in paragraphs}.values())
    content = read_file(Path(path), "a text file")
    try:
        text = marked[0] if (marked := as_marked(content, Path(path))) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start:,} is 0x{error.object[error.start]:02x}"
        raise DataError("MG180", f"{path} is not UTF-8 text: {byte}. Save it as UTF-8.") from error
    if "\0" in text:
        raise DataError("MG180", f"{path} is not text: it has zero bytes.")
    if not text.strip():
        raise DataError("MG180", f"{path} is empty.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def make_moons(count: int, noise: float, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Two interleaved half circles, the smallest problem that a straight line can't solve: points (count, 2) and the
    moon each lies on, 0 or 1, in random order; `noise` is the deviation of the points.

    Same distribution as scikit-learn's `make_moons`.

    >>> points, moons = make_moons(100, 0.0, seed=1)
    >>> bool(np.allclose(np.hypot(*points[moons == 0].T), 1)), int(moons.sum())
    (True, 50)
    """
    draw = np.random.default_rng(seed)
    outer, inner = np.linspace(0, np.pi, count // 2), np.linspace(0, np.pi, count - count // 2)
    points = np.concatenate([
        np.stack([np.cos(outer), np.sin(outer)], axis=1),
        np.stack([1 - np.cos(inner), 0.5 - np.sin(inner)], axis=1),
    ])  # fmt: skip
    moons = np.repeat([0, 1], [len(outer), len(inner)])
    order = draw.permutation(count)
    return points[order] + draw.normal(scale=noise, size=(count, 2)), moons[order]
