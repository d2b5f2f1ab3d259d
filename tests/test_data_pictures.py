"""Pictures from files: the same picture is the same numbers in whichever form it is saved."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from microgradient.data.datasets import load_digits
from microgradient.data.pictures import read_labelled, read_pictures, read_sizes
from microgradient.errors import DataError

DIGITS = load_digits()[0]
BYTES = (DIGITS[DIGITS.max(axis=(1, 2)).argmax()] * 255).round().astype(np.uint8)  # a digit, bright on dark
ALPHA = {
    "black ink": (np.zeros_like(BYTES), BYTES),
    "white ink": (np.full_like(BYTES, 255), BYTES),
    "white paper": (255 - BYTES, np.full_like(BYTES, 255)),
    "black paper": (BYTES, np.full_like(BYTES, 255)),
}


@pytest.fixture
def same(tmp_path):
    """Asserts that a file holds the digit."""

    def check(name: str, tolerance: float = 1e-6, **how) -> None:
        names, pictures = read_pictures([str(tmp_path / name)], (8, 8), **how)
        assert names == [str(tmp_path / name)]
        np.testing.assert_allclose(pictures, [BYTES / 255], atol=tolerance)

    return check


def test_depths_of_picture_files(tmp_path, same):
    for name, array in (
        ("8.png", BYTES),
        ("16.png", BYTES.astype(np.uint16) * 257),
        ("16.tif", BYTES.astype(np.uint16) * 257),
        ("32.tif", BYTES.astype(np.int32)),
        ("32w.tif", BYTES.astype(np.int32) * 257),
        ("f.tif", (BYTES / 255).astype(np.float32)),
    ):
        Image.fromarray(array).save(tmp_path / name)
        same(name)
    dark = (BYTES // 16).astype(np.uint16)  # in sixteen bits white is 65,535, however dark all is
    Image.fromarray(dark).save(tmp_path / "dark.png")
    assert read_sizes([str(tmp_path / "dark.png")])[0].pixels.max() == pytest.approx(dark.max() / 65535)


@pytest.mark.filterwarnings("ignore:A picture is dark on a bright border")
@pytest.mark.parametrize("what", ALPHA)
def test_transparent_pictures_show_their_ink(tmp_path, same, what):
    grey, alpha = ALPHA[what]
    Image.fromarray(np.stack([grey, alpha], axis=2), "LA").save(tmp_path / "a.png")
    Image.fromarray(np.stack([grey, grey, grey, alpha], axis=2), "RGBA").save(tmp_path / "b.png")
    same("a.png", 3e-3)
    same("b.png", 3e-3)


@pytest.mark.filterwarnings("ignore:A picture is dark on a bright border")
def test_one_colour_may_be_transparent(tmp_path, same):
    ink = np.where(BYTES > 127, 0, 200).astype(np.uint8)  # black on what isn't seen
    Image.fromarray(ink).save(tmp_path / "t.png", transparency=200)
    pixels = read_sizes([str(tmp_path / "t.png")])[0].pixels
    np.testing.assert_array_equal(pixels, BYTES > 127)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i2", "i4", "i8"])
@pytest.mark.parametrize("white", [16, 255])
def test_whole_numbers_are_scaled_by_the_least_white_above_them(tmp_path, same, dtype, white):
    np.save(tmp_path / "a.npy", BYTES.astype(dtype))
    same("a.npy", white=white)
    np.save(tmp_path / "b.npy", np.full((8, 8), white, dtype) * np.eye(8, dtype=dtype))
    _, pictures = read_pictures([str(tmp_path / "b.npy")], (8, 8), white)
    np.testing.assert_array_equal(pictures[0], np.eye(8))
    largest = np.iinfo(dtype).max
    np.save(tmp_path / "c.npy", np.eye(8, dtype=dtype) * np.array(largest, dtype))
    assert read_sizes([str(tmp_path / "c.npy")], white)[0].pixels.max() == 1


def test_true_is_white_and_floats_are_as_they_are(tmp_path, same):
    np.save(tmp_path / "b.npy", np.eye(8, dtype=bool))
    np.testing.assert_array_equal(read_pictures([str(tmp_path / "b.npy")], (8, 8), 16)[1][0], np.eye(8))
    np.save(tmp_path / "f.npy", BYTES / 255)
    same("f.npy", white=16)


@pytest.mark.parametrize(
    ("array", "pattern"),
    [
        (BYTES.astype(float), "pixels from 0 to 255: .* from 0, black, to 1"),
        (BYTES / 127.5 - 1, "pixels from -1 to 1"),
        (BYTES.astype(int) - 1, "pixels from -1 to 254"),
        (np.full((8, 8), np.nan), "finite"),
        (np.zeros((10, 63)), r"shape \(10, 63\); .* none is more than 4 times as long"),
        (np.zeros((28, 28, 3)), "a picture is"),
        (np.zeros((8, 8, 4)), "looks like a picture in colour"),
        (np.zeros((0, 8, 8)), r"shape \(0, 8, 8\)"),
        (np.zeros((8, 8), complex), "complex128"),
        (np.float64(1), r"shape \(\)"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(tmp_path, array, pattern):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=pattern):
        read_pictures([str(tmp_path / "a.npy")], (8, 8), 16)
    np.savez(tmp_path / "a.npz", x=array, y=np.zeros(len(np.atleast_1d(array)), int))
    with pytest.raises(DataError, match=pattern):
        read_labelled(str(tmp_path / "a.npz"), (8, 8), 10, 16)


def test_float_files_out_of_range_are_refused(tmp_path):
    for k, array in enumerate((BYTES.astype(np.float32), np.full((8, 8), np.nan, np.float32))):
        Image.fromarray(array).save(tmp_path / f"{k}.tif")
        with pytest.raises(DataError, match=f"{k}.tif has pixels from"):
            read_sizes([str(tmp_path / f"{k}.tif")])


def test_rows_of_pixels_are_pictures(tmp_path):
    pictures, labels = load_digits()
    np.save(tmp_path / "a.npy", pictures[:10].reshape(10, 64))
    names, found = read_pictures([str(tmp_path / "a.npy")], (8, 8), 16)
    np.testing.assert_array_equal(found, pictures[:10])
    assert names[-1] == f"{tmp_path / 'a.npy'}[9]"
    np.savez(tmp_path / "a.npz", x=pictures[:10].reshape(10, 64), y=labels[:10])
    np.testing.assert_array_equal(read_labelled(str(tmp_path / "a.npz"), (8, 8), 10, 16)[0], pictures[:10])
    np.save(tmp_path / "one.npy", pictures[0].ravel())
    np.testing.assert_array_equal(read_pictures([str(tmp_path / "one.npy")], (8, 8), 16)[1], pictures[:1])


def test_archives_and_arrays_by_the_other_name_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", BYTES)
    np.savez(tmp_path / "b.npz", x=BYTES[None], y=np.zeros(1, int))
    shutil.copy(tmp_path / "a.npy", tmp_path / "c.npz")
    shutil.copy(tmp_path / "b.npz", tmp_path / "d.npy")
    for name, read, other in (("c.npz", lambda name: read_labelled(name, (8, 8), 10), ".npy"),
                              ("d.npy", lambda name: read_sizes([name]), ".npz")):  # fmt: skip
        with pytest.raises(DataError, match=f"is a file of the kind {re.escape(other)}, in spite of its name"):
            read(str(tmp_path / name))
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(DataError, match="MG181"):
            read(str(tmp_path / name))
    with pytest.raises(DataError, match="name is empty"):
        read_sizes([""])
