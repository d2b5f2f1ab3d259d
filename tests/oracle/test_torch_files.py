"""`microgradient.torch.load` reads the files that PyTorch writes."""

import argparse
import io
from collections import Counter, OrderedDict

import numpy as np
import pytest

import microgradient.torch as torch
from microgradient.errors import DataError

pytorch = pytest.importorskip("torch")

Z = pytorch.tensor([1 + 2j, 3 - 1j])
WRITTEN = {
    "conjugates": Z.conj(), "negatives": Z.conj().imag, "part": Z.imag, "uint16": pytorch.ones(2, dtype=pytorch.uint16),
    "transposed": pytorch.arange(6).reshape(2, 3).t()[1:], "expanded": pytorch.ones(1).expand(5), "empty": pytorch.ones(0, 3),
    "state": pytorch.optim.Adam([pytorch.nn.Parameter(pytorch.ones(2))]).state_dict(), "dtypes": [pytorch.float32, pytorch.int8],
    "array": np.arange(6.0).reshape(2, 3).T, "number": np.float64(2.5), "text": np.array(["a", "bc"]),
    "containers": [{1, 2}, frozenset([3]), b"ab\xff", bytearray(b"a"), 1 + 2j, Counter("aab"), OrderedDict(a=(1,))],
}  # fmt: skip


def reread(x: object) -> object:
    file = io.BytesIO()
    pytorch.save(x, file)
    file.seek(0)
    return torch.load(file)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_pytorch_writes_is_read(name: str) -> None:
    found = reread(WRITTEN[name])
    assert repr(found) == repr(WRITTEN[name])
    assert type(found).__name__ == type(WRITTEN[name]).__name__


@pytest.mark.parametrize(
    "x", [len, argparse.Namespace(a=1), pytorch.float8_e4m3fn, np.array([None]), pytorch.nn.Linear(1, 1)], ids=repr
)
def test_what_names_anything_else_is_refused(x: object) -> None:
    with pytest.raises(DataError, match=r"is refused: files hold|holds what is not known"):
        reread(x)
