"""Tensor as an array object: operators in place, conversions, and how it meets Python and NumPy."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError

# ------------------------------------------------------------------------------------------------- operators in place


def test_an_update_in_place_is_a_new_value():
    x = mg.asarray([1.0, 2.0])
    y = x
    y += 1
    assert (x.tolist(), y.tolist()) == ([1, 2], [2, 3])
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    h = w * w
    before = h
    h *= w
    mg.sum(h + before).backward()
    assert w.grad is not None
    assert w.grad.tolist() == [5, 16]


def test_leaves_keep_their_identity_under_no_grad():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="no_grad"):
        w += 1
    same_w = w
    with mg.no_grad():
        w -= 0.5
    assert w is same_w
    assert w.requires_grad
    assert w.tolist() == [0.5, 1.5]
    with mg.no_grad(), pytest.raises(TypeError, match="unsupported operand"):
        w += "a"


def test_an_update_in_place_keeps_shape_and_dtype():
    x, n = mg.ones(1), mg.asarray([1, 2])
    with pytest.raises(ValueError, match="keeps the shape"):
        x += mg.ones(3)
    with pytest.raises(TypeError, match="keeps the dtype int64"):
        n += 0.5
    with pytest.raises(TypeError, match="keeps the dtype"):
        n /= 2
    x += mg.ones(1, dtype=mg.float64)
    assert x.dtype == mg.float32
    small = mg.asarray([1], dtype=mg.int8)
    small += 2
    assert small.dtype == mg.int8
    m = mg.eye(2)
    m @= mg.asarray([[0.0, 1.0], [1.0, 0.0]])
    assert m.tolist() == [[0, 1], [1, 0]]


# --------------------------------------------------------------------------------------------- errors of the operators


def test_operators_say_what_does_not_fit():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        mg.ones(2) + mg.ones(3)
    with pytest.raises(ValueError, match=r"\(3,\)"):
        mg.where(mg.ones(2) > 0, mg.ones(3), 0)
    with pytest.raises(ValueError, match=r"\(3,\)"):
        mg.clip(mg.ones(2), mg.ones(3))
    with pytest.raises(TypeError, match="bitwise_and"):
        mg.ones(2) & 1
    with pytest.raises(TypeError, match="negative"):
        -mg.asarray([True])
    with pytest.raises(ValueError, match="negative integer powers"):
        mg.asarray([1, 2]) ** -1
    with pytest.raises(TypeError, match="unsupported operand"):
        mg.ones(2) + "a"
    with pytest.raises(TypeError, match="<U1"):
        mg.add(mg.ones(2), "a")
    assert (mg.ones(2) == "a") is False
    assert (mg.ones(2) != None) is True  # noqa: E711


# --------------------------------------------------------------------------------------------------------- conversions


def test_to_python_numbers():
    assert float(mg.asarray(1.5)) == 1.5
    assert int(mg.asarray(-7.9)) == -7
    assert complex(mg.asarray(2.0)) == 2
    assert complex(mg.asarray(True)) == 1
    assert [10, 20][mg.asarray(1)] == 20
    assert bool(mg.asarray(float("nan")))
    assert not bool(mg.asarray(-0.0))
    assert mg.asarray([[2]]).item() == 2
    assert type(mg.asarray(3).item()) is int
    assert f"{mg.asarray(1.5):.2f}" == "1.50"
    assert f"{mg.asarray([1.0]):>15}" == "  tensor([1.])".rjust(15)
    with pytest.raises(
        ValueError, match=r"'\.2f' is for one number; this tensor has shape \(3,\).*`mg\.mean\(x\)`.*MG123"
    ):
        f"{mg.ones(3):.2f}"
    with pytest.raises(ValueError, match="ambiguous"):
        bool(mg.ones(2))
    with pytest.raises(ValueError, match="one entry"):
        float(mg.ones(2))
    with pytest.raises(TypeError, match="complex"):
        float(mg.asarray(1j))
    with pytest.raises(ValueError, match="NaN"):
        int(mg.asarray(float("nan")))
    for x in (mg.asarray(1.0), mg.asarray([1]), mg.asarray(True)):
        with pytest.raises(TypeError, match="index"):
            x.__index__()
    with pytest.raises(TypeError, match="no length"):
        len(mg.asarray(1))
    with pytest.raises(TypeError, match="iterated"):
        iter(mg.asarray(1))


def test_from_python_and_numpy():
    assert mg.tensor(1.0).dtype == mg.tensor([0.5, 1]).dtype == mg.float32
    assert mg.tensor(1).dtype == mg.tensor([True, 2]).dtype == mg.int64
    assert mg.tensor(True).dtype == mg.bool
    assert mg.tensor([1j, 2]).dtype == mg.complex64
    assert mg.tensor(np.float64(1)).dtype == mg.tensor([np.ones(2)]).dtype == mg.float64
    assert mg.asarray(0.1, dtype=mg.float64).item() == mg.full((), 0.1, dtype=mg.float64).item() == 0.1
    assert mg.asarray([]).dtype == mg.float32
    assert mg.asarray(np.arange(3, dtype=">f4")).dtype == np.dtype("=f4")
    assert mg.asarray(bytearray(b"ab")).dtype == mg.uint8
    a = np.ones(2)
    x = mg.asarray(a)
    a[:] = 5
    assert x.tolist() == [1, 1]
    with pytest.raises(ValueError, match="of one length"):
        mg.asarray([[1, 2], [3]])
    with pytest.raises(TypeError, match="holds numbers"):
        mg.asarray(["a"])


def test_copies():
    x = mg.asarray([1.0, 2.0])
    assert mg.asarray(x) is x
    assert mg.asarray(x, copy=False) is x
    assert mg.asarray(x, copy=True) is not x
    assert mg.astype(x, mg.float32, copy=False) is x
    assert mg.astype(x, mg.float32) is not x
    a = np.ones(2)
    shared = mg.asarray(a, copy=False)
    a[0] = 3
    assert shared.tolist() == [3, 1]
    with pytest.raises(ValueError, match="without a copy"):
        mg.asarray(a, dtype=mg.float32, copy=False)
    with pytest.raises(ValueError, match="without a copy"):
        mg.asarray([1, 2], copy=False)
    m = mg.reshape(mg.arange(6), (2, 3))
    assert np.shares_memory(mg.reshape(m, (6,), copy=False).data, m.data)
    assert not np.shares_memory(mg.reshape(m, (6,), copy=True).data, m.data)
    with pytest.raises(ValueError, match="copy=False"):
        mg.reshape(m.T, (6,), copy=False)


@pytest.mark.parametrize(
    "function",
    [
        mg.conj, mg.real, mg.positive, mg.clip, mg.stop_gradient, mg.flatten, lambda x: mg.broadcast_arrays(x)[0],
        lambda x: mg.diff(x, n=0), lambda x: mg.linalg.matrix_power(x, 1), lambda x: mg.squeeze(x, axis=()),
        lambda x: mg.sum(x, axis=()), lambda x: mg.tile(x, (1,)), lambda x: mg.reshape(x, (2, 2)), lambda x: x[...],
        lambda x: mg.concat([x]), lambda x: mg.broadcast_to(x, (2, 2)), lambda x: mg.meshgrid(x[0])[0],
    ],
)  # fmt: skip
def test_what_a_function_returns_can_be_assigned_to(function: Any):
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    function(x)[0] = 7.0
    assert x.tolist() == [[1, 2], [3, 4]]


def test_arrays_of_other_libraries():
    class Other:
        """An array of another library: with NumPy's protocol, with DLPack, or with both."""

        def __init__(self) -> None:
            self.array = np.ones(2)

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return self.array

    class WithDLPack(Other):
        def __dlpack__(self, **options: Any) -> Any:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    for make in (mg.asarray, mg.tensor, mg.exp):
        for kind in (Other, WithDLPack):
            other = kind()
            x = make(other)
            before = x.tolist()
            other.array[:] = 5
            assert (x.dtype, x.tolist()) == (mg.float64, before)
    double = mg.tensor(1.0, dtype=mg.float64)
    assert mg.tensor([double]).dtype == mg.tensor([[double]]).dtype == mg.float64


def test_numpy_arrays_and_dlpack():
    x = mg.asarray([1.0, 2.0])
    view = np.asarray(x)
    assert not view.flags.writeable
    assert np.array(x).flags.writeable
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="needs a copy"):
        np.asarray(x, dtype=np.float64, copy=False)
    assert np.from_dlpack(x).tolist() == [1, 2]
    assert x.__dlpack_device__() == np.ones(1).__dlpack_device__()
    assert mg.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
    assert mg.from_dlpack(x) is x
    assert mg.from_dlpack(mg.broadcast_to(mg.ones(1), (3,)), copy=True).tolist() == [1, 1, 1]
    mg.broadcast_to(mg.ones(1), (3,)).__dlpack__()
    with pytest.raises(AttributeError, match="dlpack"):
        mg.from_dlpack([1, 2])
    with pytest.raises(ValueError, match="only device"):
        mg.zeros(1, device="gpu")
    with pytest.raises(ValueError, match="only device"):
        x.to_device("gpu")


def test_pickle_and_deepcopy():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    mg.sum(w * w).backward()
    for twin in (pickle.loads(pickle.dumps(w)), copy.deepcopy(w)):
        assert twin.tolist() == w.tolist()
        assert twin.requires_grad
        assert twin is not w
    assert copy.deepcopy(w).grad.tolist() == [2, 4]
    with pytest.raises(RuntimeError, match="deep-copied"):
        copy.deepcopy(w * 2)


def test_repr():
    assert repr(mg.asarray([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(mg.asarray([1, 2], dtype=mg.int8)) == "tensor([1, 2], dtype=int8)"
    assert repr(mg.tensor(1.0, requires_grad=True)) == "tensor(1., requires_grad=True)"
    assert "op=multiply" in repr(mg.tensor(1.0, requires_grad=True) * 2)


def test_no_gradient_of_what_is_counted():
    with pytest.raises(TypeError, match="integers are counted"):
        mg.tensor([1, 2], requires_grad=True)


def test_numbers_keep_their_digits():
    assert mg.asarray([1, 2**63 + 1], dtype=mg.uint64).tolist() == [1, 2**63 + 1]
    assert mg.full((1,), 2**64 - 1, dtype=mg.uint64).tolist() == [2**64 - 1]
    assert mg.asarray([1.9, -1.9], dtype=mg.int8).tolist() == [1, -1]
    assert mg.asarray(1e300).item() == float("inf")
    for values, dtype in (([300], mg.uint8), ([float("nan")], mg.int64), ([1j], mg.float32)):
        with pytest.raises((ValueError, TypeError), match=r"don't fit into|complex"):
            mg.asarray(values, dtype=dtype)


@pytest.mark.parametrize("version", ["2022.12", "2025.12"])
def test_hypothesis_draws_tensors(version: Any):
    array_api = pytest.importorskip("hypothesis.extra.array_api")
    strategies = array_api.make_strategies_namespace(mg, api_version=version)

    @given(x=strategies.arrays(strategies.scalar_dtypes(), strategies.array_shapes()), data=st.data())
    @settings(max_examples=50, deadline=None)
    def check(x: Any, data: Any) -> None:
        assert isinstance(x, mg.Tensor)
        key = data.draw(strategies.indices(x.shape))
        before = x.numpy()
        x[key] = x[key]
        np.testing.assert_array_equal(x.data, before)

    check()


def test_data_set_to_a_tensor_is_its_array():
    for p in (mg.tensor([1.0, 2.0], requires_grad=True), nn.Parameter([1.0, 2.0]), mg.tensor([1.0, 2.0])):
        new = mg.tensor([3.0, 4.0])
        p.data = new
        assert type(p.data) is np.ndarray
        assert p.data is new.data
        p.data = p - 1.0  # recorded or not
        assert type(p.data) is np.ndarray
        assert p.tolist() == [2.0, 3.0]
        p.data = p.data - 0.5 * mg.ones(2)  # NumPy's operator gives a tensor
        assert type(p.data) is np.ndarray
        assert p.tolist() == [1.5, 2.5]
        p.data = nn.Parameter(p)
        assert type(p.data) is np.ndarray
        (p * p).sum()


def test_data_set_to_a_tensor_when_compiled():
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    @mg.compile
    def step(g):
        w.data = w - 0.5 * g

    for _ in range(3):
        step(mg.ones(2))
    assert type(w.data) is np.ndarray
    assert w.tolist() == [-0.5, 0.5]


def test_data_set_to_a_number_of_numpys_is_an_array():
    x = mg.tensor(1.0, requires_grad=True)
    x.data = np.float32(2.0)
    assert type(x.data) is np.ndarray
    x.data = x.data.sum()
    assert type(x.data) is np.ndarray
    assert x.shape == ()


@pytest.mark.parametrize("wrong", [[1.0, 2.0], 3.0, None, "text"])
def test_data_and_gradients_that_are_no_arrays_are_refused(wrong):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ArgumentTypeError, match=r"`\.data` is an array or a tensor, not \w+\. Write .*np\.asarray"):
        x.data = wrong
    if wrong is not None:
        with pytest.raises(ArgumentTypeError, match="A gradient is a Tensor or None"):
            x.grad = wrong
    assert x.tolist() == [1.0, 2.0]


def test_tensors_and_parameters_of_tensors_hold_arrays():
    x = mg.tensor([1.0, 2.0])
    for made in (mg.Tensor(x), mg.tensor(x), nn.Parameter(x), nn.Parameter(nn.Parameter(x)), mg.asarray(x, copy=True)):
        assert type(made.data) is np.ndarray
        assert made.data is not x.data
