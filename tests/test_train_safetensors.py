"""The safetensors reader and writer against the reference package, and against damage."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import numpy as reference

from microgradient.errors import DataError, DTypeError
from microgradient.train import safetensors as ours

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
arrays = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    ),
    max_size=4,
)
metadata = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=9), max_size=3)


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].shape == right[name].shape
        assert left[name].tobytes() == right[name].tobytes()


@given(arrays, metadata)
def test_what_we_write_the_reference_reads(tensors, meta):
    assert_same(reference.load(ours.to_bytes(tensors, meta)), tensors)


@given(arrays, metadata)
def test_what_the_reference_writes_we_read(tensors, meta):
    content = reference.save(tensors, metadata=meta or None)  # with {} twice, version 0.8 writes no JSON
    loaded, loaded_meta = ours.from_bytes(content)
    assert_same(loaded, tensors)
    assert loaded_meta == meta


@given(arrays)
def test_arrays_lie_on_multiples_of_their_item_size(tensors):
    content = ours.to_bytes(tensors)
    length = struct.unpack_from("<Q", content)[0]
    assert length % 8 == 0
    for entry in json.loads(content[8 : 8 + length]).values():
        assert entry["data_offsets"][0] % max(1, np.dtype(ours._DTYPES[entry["dtype"]]).itemsize) == 0


def test_strided_and_big_endian_arrays_keep_their_values():
    tensors = {"t": np.arange(6, dtype=">f4").reshape(2, 3).T, "s": np.arange(10)[::3]}
    loaded, _ = ours.from_bytes(ours.to_bytes(tensors))
    np.testing.assert_array_equal(loaded["t"], tensors["t"])
    np.testing.assert_array_equal(loaded["s"], tensors["s"])
    loaded["t"][0, 0] = 5  # writable


def test_bfloat16_is_read_as_float32():
    bits = np.array([0x3F80, 0xC020, 0x4049, 0x7F80], "<u2")  # the upper halves of 1, -2.5, 3.140625 and infinity
    loaded, _ = ours.from_bytes(rebuilt({"b": entry("BF16", (4,), (0, 8))}, bits.tobytes()))
    np.testing.assert_array_equal(loaded["b"], np.array([1.0, -2.5, 3.140625, np.inf], np.float32))
    assert loaded["b"].dtype == np.float32


def test_a_dtype_without_a_code_is_refused():
    with pytest.raises(DTypeError, match=r"`c` is complex128.*MG140"):
        ours.to_bytes({"c": np.zeros(2, complex)})


def rebuilt(header: object, body: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "0 bytes"),
        (b"abc", "3 bytes"),
        (struct.pack("<Q", 50) + b"{}", "header claims 50 bytes"),
        (struct.pack("<Q", 2**63) + b"{}", "header claims"),
        (rebuilt(b"[]"), "not JSON"),
        (rebuilt(b"{nonsense"), "not JSON"),
        (rebuilt(b'{"a": \xff}'), "not JSON"),
        (rebuilt(b'{"a":1,"a":2}'), "twice"),
        (rebuilt(b"{" + b'"a":{' * 100_000), "not JSON"),
        (rebuilt({"__metadata__": {"a": 1}}, b""), "metadata"),
        (rebuilt({"w": [1]}), "`w` is not described"),
        (rebuilt({"w": {"dtype": "F32", "shape": [2]}}), "`w` is not described"),
        (rebuilt({"w": entry(dtype="F31")}), "dtype 'F31'"),
        (rebuilt({"w": entry(dtype=[])}), "dtype"),
        (rebuilt({"w": entry(shape=(-2,))}), "shape"),
        (rebuilt({"w": entry(shape=(2.0,))}), "shape"),
        (rebuilt({"w": entry(offsets=(8, 0))}), "needs 8 bytes"),
        (rebuilt({"w": entry(shape=(3,))}), "needs 12 bytes"),
        (rebuilt({"w": entry(offsets=(4, 12))}), "begins at byte 4"),
        (rebuilt({"w": entry(), "v": entry(offsets=(4, 12))}, bytes(12)), "`v` begins at byte 4"),
        (rebuilt({"w": entry()}, bytes(7)), "only 7"),
        (rebuilt({"w": entry()}, bytes(9)), "1 bytes follow"),
        (rebuilt(b'{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "twice"),
        (rebuilt(b'{"\\ud800":1}'), "not JSON"),  # half of a surrogate pair could not even be printed
        (rebuilt(b'{"__metadata__":{"a":"\\udfff"}}', b""), "not JSON"),
        (rebuilt(b'{"w":' + b"9" * 5000 + b"}"), "not JSON"),
        (rebuilt({"w": entry(shape=(2**62,) * 20_000)}), "shape"),
        (rebuilt({"w": entry(shape=(10**4000,) * 100)}), "shape"),
        (rebuilt({"w": entry(shape=(1,) * 65, offsets=(0, 4))}, bytes(4)), "shape"),  # NumPy has 64 axes
        (rebuilt({"w": entry(shape=(0, 2**62, 2**62), offsets=(0, 0))}, b""), "shape"),  # and 2^63 bytes
        (rebuilt({"w": entry(shape=(0, 2**63), offsets=(0, 0))}, b""), "shape"),
        (rebuilt({"w": entry(offsets=(10**4000, 10**4000 + 8))}), "offsets"),
        (rebuilt({"w": entry(offsets=(2**62, 2**62 + 8))}), "`w` begins at byte 4,6"),
        (rebuilt({"w": entry(offsets=(-8, 0))}), "offsets"),
        (rebuilt({"w": entry(shape=(True, 2))}), "shape"),
        (rebuilt({"w": entry(shape={"0": 2})}), "shape|offsets"),
        (rebuilt({"w" * 10_000: entry(dtype="F" * 10_000)}), "dtype 'FFFF"),
    ],
)
def test_damage_is_named(content, why):
    with pytest.raises(DataError, match=why) as caught:
        ours.from_bytes(content, "m.safetensors")
    assert caught.value.code == "MG185"
    assert str(caught.value).startswith("m.safetensors is not a whole safetensors file")
    assert len(str(caught.value)) < 600


@given(st.data())
def test_any_cut_or_changed_byte_loads_or_is_refused_never_crashes(data):
    content = bytearray(ours.to_bytes({"w": np.ones((2, 3), np.float32), "n": np.arange(3)}, {"k": "v"}))
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[position:]
        with pytest.raises(DataError):
            ours.from_bytes(bytes(content))
    else:
        content[position] = data.draw(st.integers(0, 255))
        try:
            ours.from_bytes(bytes(content))
        except DataError:
            pass


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-1, 70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(arrays, st.data())
def test_any_changed_header_loads_what_it_says_or_is_refused(tensors, data):
    content = ours.to_bytes(tensors)
    length = struct.unpack_from("<Q", content)[0]
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    for _ in range(data.draw(st.integers(1, 3))):
        holder = header
        while True:  # put something else, or nothing, at a place of any depth
            places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            place = data.draw(st.sampled_from([*places, "new"])) if places else "new"
            if place != "new" and isinstance(holder[place], (dict, list)) and data.draw(st.booleans()):
                holder = holder[place]
            else:
                break
        if isinstance(holder, list):
            holder[place if place != "new" else len(holder) :] = [data.draw(JUNK)]
        elif place in holder and data.draw(st.booleans()):
            del holder[place]
        else:
            holder[place] = data.draw(JUNK | st.sampled_from(sorted(ours._DTYPES)))
    content = rebuilt(header, data.draw(st.sampled_from([body, body[:-1], body + b"\0"])))
    try:
        loaded, _ = ours.from_bytes(content)
    except DataError:
        pass
    else:
        header.pop("__metadata__", None)
        assert loaded.keys() == header.keys()
        for name, array in loaded.items():
            assert list(array.shape) == header[name]["shape"]
            if header[name]["dtype"] not in ("BF16", "BOOL"):
                assert array.tobytes() == body[slice(*header[name]["data_offsets"])]


def test_a_byte_that_is_no_boolean_is_true():
    loaded, _ = ours.from_bytes(rebuilt({"b": entry("BOOL", (3,), (0, 3))}, b"\0\1\2"))
    assert loaded["b"].view(np.uint8).tolist() == [0, 1, 1]


def test_a_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "m.safetensors")
    with pytest.raises(DataError, match=r"Can't read .*m\.safetensors: it is not a plain file"):
        ours.load(tmp_path / "m.safetensors")


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "m.safetensors").symlink_to(tmp_path / "elsewhere")
    ours.save(tmp_path / "m.safetensors", {"w": np.ones(3)})
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert ours.load(tmp_path / "m.safetensors")[0]["w"].shape == (3,)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch):
    path = tmp_path / "m.safetensors"
    ours.save(path, {"w": np.ones(3)})
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"Can't write m\.safetensors in .*: No space left on device\. \[MG186\]"):
        ours.save(path, {"w": np.zeros(3)})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"Can't read .*none\.safetensors: No such file"):
        ours.load(tmp_path / "none.safetensors")
