"""`fashion`: pictures in IDX files, by a residual network."""

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes, trained

from microgradient.cli import main
from microgradient.data import idx
from microgradient.data.datasets import load_digits
from microgradient.data.idx import load_pictures, read_idx
from microgradient.errors import DataError

SMALL = {"width": 4, "batch_size": 32, "epochs": 2}


def write_idx(path: Path, array: np.ndarray, packed: bool = False) -> None:
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    content = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content += array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """128 + 40 of scikit-learn's digits as MNIST's four files."""
    path = tmp_path_factory.mktemp("idx")
    x, y = load_digits()
    x = (x * 255).astype(np.uint8)
    for part, rows, packed in (("train", slice(0, 128), True), ("t10k", slice(128, 168), False)):
        end = ".gz" if packed else ""
        write_idx(path / f"{part}-images-idx3-ubyte{end}", x[rows], packed)
        write_idx(path / f"{part}-labels-idx1-ubyte{end}", y[rows].astype(np.uint8), packed)
    return str(path)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_idx_files_are_read(tmp_path, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    write_idx(tmp_path / "a", array)
    found = read_idx(tmp_path / "a")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_one_batch_is_overfitted(folder):
    recipe = built("fashion", data=folder, **{**SMALL, "width": 8, "lr": 1e-2})
    check_overfits(recipe, np.arange(16), 60, 0.3)  # with smoothed labels 0.17 of it is the least


@pytest.mark.slow
def test_a_stopped_run_goes_on(folder, tmp_path):
    check_resumes("fashion", tmp_path, data=folder, **SMALL)


def test_it_predicts_what_it_was_scored_by(folder, tmp_path):
    session = trained("fashion", tmp_path / "r", data=folder, **{**SMALL, "width": 8, "lr": 1e-2, "epochs": 20})
    check_predicts(session, session.recipe.test_pictures)
    found = session.recipe.predictor.predict(session.recipe.test_pictures)
    right = np.mean([int(name) for name in found["class"]] == session.recipe.pictures_data.test_y)
    assert right == session.folder.run.result["test_accuracy"] > 0.3  # of ten classes, from 128 pictures
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, rtol=1e-5)
    assert any("to beat: logistic regression" in line for line in session.recipe.description())
    figures = session.recipe.pictures()
    assert (tmp_path / "r" / "confusion.png").exists()
    assert list(figures) == ["confusion"]


def test_bad_files_get_one_sentence(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def refused(path: str, pattern: str) -> None:
        assert main(["train", "fashion", "--data", path, "--epochs", "1"]) == 1
        error = capsys.readouterr().err
        assert re.search(pattern, error), error
        assert error.count("\n") == 1

    refused("nowhere", "There is no train-images-idx3-ubyte")
    for name, change, pattern in (
        ("train-images-idx3-ubyte.gz", lambda b: gzip.compress(b"\1\2\3\4"), "not an IDX file"),
        ("t10k-images-idx3-ubyte", lambda b: b[:-7], "is damaged: 2,553 bytes"),
        ("train-images-idx3-ubyte.gz", lambda b: b[: len(b) // 2], "Can't read"),
        ("t10k-labels-idx1-ubyte", lambda b: b[:7] + bytes([39]) + b[8:-1], "they don't fit"),
    ):
        broken = tmp_path / "broken"
        broken.mkdir(exist_ok=True)
        for file in Path(folder).iterdir():
            content = file.read_bytes()
            (broken / file.name).write_bytes(change(content) if file.name == name else content)
        refused("broken", pattern)


def test_digits_can_be_asked_for_and_files_may_not_come_with_it(folder, capsys):
    digits = load_pictures(None, "digits", seed=0)
    assert (digits.train_x.shape, len(digits.test_x)) == ((4000, 28, 28), 1000)
    assert digits.classes == [str(digit) for digit in range(10)]
    assert main(["train", "fashion", "--pictures", "digits", "--data", str(folder)]) == 1
    assert "leave one of them out" in capsys.readouterr().err


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(idx, "FASHION", Path("/nowhere"))
    check_missing_package(monkeypatch, "fashion", "mlxtend")
    with pytest.raises(DataError, match="apt install dataset-fashion-mnist"):
        load_pictures(None, "clothes", seed=0)


def test_the_rate_does_not_depend_on_how_many_epochs_there_will_be(folder):
    short, long = (built("fashion", data=folder, **{**SMALL, "epochs": epochs}) for epochs in (2, 20))
    rates = [short.learning_rate(epoch) for epoch in range(20)]
    assert rates == [long.learning_rate(epoch) for epoch in range(20)]
    np.testing.assert_allclose(np.divide(rates[1:], rates[:-1]), 0.8)
