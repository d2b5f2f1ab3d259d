"""torch.save and torch.load: what comes back, and files that are refused."""

import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import microgradient.torch as torch
from microgradient.errors import DataError


def there_and_back(obj, path):
    torch.save(obj, path)
    return torch.load(path)


def test_containers_come_back(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    saved = {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), 3: (1, None, True, 2.5, float("inf"), "π"),
        "shape": torch.Size([2, 3]), "dtype": torch.float16, "many": [torch.arange(3), torch.tensor(1j), {1, 2}, b"x"],
    }  # fmt: skip
    found = there_and_back(saved, tmp_path / "all.pt")
    assert list(found) == list(saved)
    assert isinstance(found["model"], OrderedDict)
    assert found[3] == saved[3]
    assert (found["shape"], found["dtype"], found["many"][2:]) == (torch.Size([2, 3]), torch.float16, [{1, 2}, b"x"])
    assert torch.equal(found["many"][1], torch.tensor(1j))
    again = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    again.load_state_dict(found["model"])
    torch.optim.Adam(again.parameters()).load_state_dict(found["optimizer"])
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_what_is_no_data_is_refused_by_name(tmp_path):
    with pytest.raises(TypeError, match=r"the object\['net'\] is a Linear.*state_dict"):
        torch.save({"net": torch.nn.Linear(1, 1)}, tmp_path / "x.pt")
    assert not (tmp_path / "x.pt").exists()


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    file.seek(0)
    return file


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    with pytest.raises(DataError, match=r"would call io\.open"):
        torch.load(zipped({"archive/data.pkl": pickle.dumps(Harm(), protocol=2)}))
    assert not (tmp_path / "harm").exists()


DAMAGED = [
    b"", b"PK\x03\x04", b"\x80\x02}q\x00.", zipped({"archive/data.pkl": b"\x80\x02("}).read(), zipped({"a": b""}).read(),
    zipped({"object.json": b"{", "tensors.safetensors": b""}).read(), zipped({"object.json": b'{"tensor": "0"}'}).read(),
    zipped({"archive/data.pkl": pickle.dumps([1, 2], 2)[:-1]}).read(),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_files_are_refused(content):
    with pytest.raises(DataError):
        torch.load(io.BytesIO(content))


def test_a_file_of_pytorchs_is_read():
    """As PyTorch writes it: the description by its functions' names, the memory beside it."""
    numbers = np.arange(6, dtype="<f4")
    pickled = (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00((X\x07\x00\x00\x00storageq\x01ctorch\nFloatStorage\nq\x02X\x01\x00\x00"
        b"\x000q\x03X\x03\x00\x00\x00cpuq\x04K\x06tq\x05QK\x01K\x02K\x02\x86q\x06K\x01K\x02\x86q\x07\x89ccollections\n"
        b"OrderedDict\nq\x08)Rq\ttq\nRq\x0b."
    )
    found = torch.load(zipped({"x/data.pkl": pickled, "x/data/0": numbers.tobytes()}))
    np.testing.assert_array_equal(found.numpy(), [[1, 3], [2, 4]])
    with pytest.raises(DataError, match="outside its memory"):
        torch.load(zipped({"x/data.pkl": pickled, "x/data/0": numbers[:3].tobytes()}))
    swapped = {"x/data.pkl": pickled, "x/data/0": numbers.astype(">f4").tobytes(), "x/byteorder": b"big"}
    np.testing.assert_array_equal(torch.load(zipped(swapped)).numpy(), found.numpy())
    with pytest.raises(DataError, match="damaged"):
        torch.load(zipped({**swapped, "x/byteorder": b"middle"}))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_complex_numbers_come_back(shape, tmp_path):
    numbers = torch.complex(torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64))
    for x in (numbers, numbers.to(torch.complex64), numbers.reshape(shape).mT if len(shape) > 1 else numbers):
        found = there_and_back(x, tmp_path / "x.pt")
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found.numpy(), x.numpy())


def test_what_holds_itself_is_refused(tmp_path):
    whole = [1]
    whole.append(whole)
    with pytest.raises(TypeError, match="holds itself"):
        torch.save({"a": whole}, tmp_path / "x.pt")


@pytest.mark.parametrize("form", ["ours", "PyTorch's"])
def test_a_file_with_other_bytes_is_read_or_refused(form):
    file = io.BytesIO()
    torch.save({"a": torch.ones(3), "b": [1, "x"]}, file)
    if form == "PyTorch's":
        file = zipped({"x/data.pkl": pickle.dumps({"a": [1, "x", OrderedDict(b=2.5)]}, 2), "x/data/0": b"12345678"})
    whole = np.frombuffer(file.getvalue(), np.uint8)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        changed = whole.copy()
        changed[rng.integers(len(whole), size=3)] = rng.integers(256, size=3)
        try:
            torch.load(io.BytesIO(changed.tobytes()))
        except DataError:
            refused += 1
    assert refused > 100
