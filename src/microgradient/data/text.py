"""Text to learn characters from: a file, or the help pages in Python's own standard library."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError


def load_text(path: str | None) -> str:
    """The text of a UTF-8 file, or by default the topics of `help()`, about 370,000 characters. Many of their
    paragraphs occur in several topics; here each is kept once, so that held-out text is not text that was learnt.

    Raises `DataError` (MG180) for a file that is missing, empty or not UTF-8 text.

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
    if Path(path).is_dir():
        raise DataError("MG180", f"{path} is a folder, not a text file.")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError("MG180", f"There is no file {path}.") from error
    except OSError as error:
        raise DataError("MG180", f"Can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        byte = f"byte {error.start:,} is 0x{error.object[error.start]:02x}"
        raise DataError("MG180", f"{path} is not UTF-8 text: {byte}.") from error
    if "\0" in text:
        raise DataError("MG180", f"{path} is not text: it has zero bytes.")
    if not text.strip():
        raise DataError("MG180", f"{path} is empty.")
    return text
