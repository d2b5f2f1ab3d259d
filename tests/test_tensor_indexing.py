"""Indexing tensors and assigning to parts of them."""

from __future__ import annotations

import copy
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg

quick = settings(max_examples=80, deadline=None)


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_array_equal(ours.data, theirs)
    assert ours.shape == np.shape(theirs)
    assert ours.dtype == np.asarray(theirs).dtype


def numbered(shape: tuple[int, ...]) -> Any:
    return np.arange(1, np.prod(shape, dtype=int) + 1, dtype=np.float64).reshape(shape)


shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def index_of(draw: Any, shape: tuple[int, ...]) -> Any:
    kind = draw(st.sampled_from(["basic", "integers", "mask"]))
    if kind == "basic" or not shape or 0 in shape:
        return draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    if kind == "mask":
        ndim = draw(st.integers(1, len(shape)))
        return draw(hnp.arrays(np.bool_, shape[:ndim]))
    integers = draw(hnp.integer_array_indices(shape[: draw(st.integers(1, len(shape)))]))
    before = draw(st.sampled_from([(), (slice(None),)])) if len(integers) < len(shape) else ()
    return (
        integers if not before or any(n < 2 for n in shape) else (*before, *(i % 2 for i in integers[: len(shape) - 1]))
    )


@given(shape=shapes, data=st.data())
@quick
def test_getitem_and_its_derivative(shape: tuple[int, ...], data: Any):
    key = data.draw(index_of(shape))
    a = numbered(shape)
    x = mg.tensor(a, requires_grad=True)
    y = x[key]
    same(y, a[key])
    weight = numbered(y.shape)
    mg.sum(y * weight).backward()
    expected = np.zeros(shape)
    np.add.at(expected, key, weight)
    assert x.grad is not None
    same(x.grad, expected)


@given(shape=shapes, data=st.data())
@quick
def test_setitem_and_its_derivative(shape: tuple[int, ...], data: Any):
    key = data.draw(index_of(shape))
    a = numbered(shape)
    target = np.shape(a[key])
    if isinstance(key, tuple) and any(isinstance(k, np.ndarray) for k in key):
        key = tuple(np.unique(k)[:1] if isinstance(k, np.ndarray) else k for k in key)  # each place once
        target = np.shape(a[key])
    x, v = mg.tensor(a, requires_grad=True), mg.tensor(-numbered(target), requires_grad=True)
    y = x * 1
    y[key] = v
    expected = a.copy()
    expected[key] = v.data
    same(y, expected)
    weight = numbered(shape)
    mg.sum(y * weight).backward()
    left = weight.copy()
    left[key] = 0
    assert x.grad is not None
    assert v.grad is not None
    same(x.grad, left)
    same(v.grad, weight[key])


def test_indices_of_all_kinds():
    a = numbered((2, 3))
    x = mg.asarray(a)
    same(x[mg.asarray(1)], a[1])
    same(x[mg.asarray([1, 0]), mg.asarray([2, 2])], a[[1, 0], [2, 2]])
    same(x[x > 2], a[a > 2])
    same(x[[0, 1]], a[[0, 1]])
    same(x[range(2)], a[[0, 1]])
    same(x[[]], a[[]])
    same(x[np.int8(1), np.bool_(True)], a[1, True])
    same(x[mg.asarray(0) : mg.asarray(1)], a[0:1])
    same(x[None, ..., ::-1], a[None, ..., ::-1])
    same(x[True], a[True])
    same(mg.asarray(3.0, dtype=mg.float64)[()], np.float64(3))
    same(mg.asarray(3.0, dtype=mg.float64)[mg.asarray(False)], np.zeros(0))
    assert [row.tolist() for row in x] == a.tolist()
    assert 3 in x
    assert 7 not in x


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        (5, IndexError, "shape (2, 3)"), ((0, 0, 0), IndexError, "Too many indices"), (0.5, TypeError, "not float"),
        ("a", TypeError, "not str"), ([[9]], IndexError, "out of bounds"), (np.ones(2), TypeError, "float64"),
        (np.ones(5, bool), IndexError, "boolean"), (slice(0.5), TypeError, "not float"),
        (slice(None, None, 0), ValueError, "can't be 0. Leave it out"),
    ],
)  # fmt: skip
def test_indices_that_make_no_sense(key: Any, error: type[Exception], words: str):
    x = mg.ones((2, 3))
    with pytest.raises(error) as caught:
        x[key]
    assert words in str(caught.value)
    assert isinstance(caught.value, mg.errors.MicrogradientError)


@pytest.mark.parametrize(
    ("x", "value", "words"),
    [
        (mg.zeros(2), None, "None is none"),
        (mg.zeros(2), [1.0, None], "None is none"),
        (mg.zeros(2), "3", "holds numbers"),
        (mg.zeros(2, dtype=mg.int8), 300, "int8"),
        (mg.zeros(2, dtype=mg.uint8), [1, -1], "uint8"),
        (mg.zeros(2, dtype=mg.int64), float("nan"), "int64"),
        (mg.zeros(2, dtype=mg.int64), 1e30, "int64"),
    ],
)
def test_what_is_no_number_or_does_not_fit_is_not_put_in(x: Any, value: Any, words: str):
    with pytest.raises(mg.errors.MicrogradientError, match=rf"{words}.*MG143"):
        x[...] = value
    assert x.tolist() == [0, 0]
    with pytest.raises(mg.errors.MicrogradientError, match=rf"{words}.*MG143"):
        mg.tensor(value, dtype=x.dtype)


def test_what_can_not_be_put_in():
    x = mg.ones((2, 3))
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        x[0] = [1, 2]
    with pytest.raises(TypeError, match="complex"):
        x[0] = 1j
    with pytest.raises(TypeError, match="float32"):
        mg.asarray([1, 2])[0] = mg.asarray(0.5)
    leaf = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="no_grad"):
        leaf[0] = 3.0
    with mg.no_grad():
        leaf[0] = 3.0
    assert leaf.tolist() == [3, 2]
    assert leaf.is_leaf


def test_subclasses_of_arrays_are_arrays():
    class Own(np.ndarray):
        """As np.memmap is."""

    x, own = mg.tensor([1.0, 2.0], requires_grad=True), np.ones(2, np.float32).view(Own)
    y = mg.sum(x * own + own * x)
    own[:] = 7
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]
    assert type((mg.ones(2) * own).data) is np.ndarray


def test_arrays_may_change_after_their_use():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    weight, places, mask = np.ones(3, np.float32), np.asarray([0, 0]), np.asarray([True, False, False])
    y = mg.sum(x * weight) + mg.sum(weight / x) + mg.sum(x[places]) + mg.sum(x[mask]) + mg.sum(mg.take(x, places))
    weight[:], places[:], mask[:] = 0, 2, True
    y.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, [1 - 1 + 2 + 1 + 2, 1 - 1 / 4, 1 - 1 / 9], rtol=1e-6)


def test_assignment_is_in_place_where_nothing_else_holds_the_array():
    x = mg.zeros((4, 3))
    place = x.data.ctypes.data
    x[1] = 5.0
    x[mg.tensor([0, 0, -1]), 1:] = mg.tensor([[1.0, 2.0], [3.0, 4.0], [6.0, 7.0]])
    x[..., 0] = x[..., 1] * 2  # what was read is an array of its own
    assert x.data.ctypes.data == place
    assert x.tolist() == [[6, 3, 4], [10, 5, 5], [0, 0, 0], [12, 6, 7]]
    x[1:] = x[:-1]  # what is assigned is a view of the array itself
    assert x.tolist() == [[6, 3, 4], [6, 3, 4], [10, 5, 5], [0, 0, 0]]


def _taped(x):
    w = mg.tensor([2.0, 3.0], requires_grad=True)
    return mg.sum(x * w), w


def _stored(x):
    layer = mg.nn.Module()
    layer.register_buffer("b", x)
    return layer.state_dict()["b"]


HOLDERS = {
    "a row": (lambda x: x[:1], lambda h: h),
    "a transpose": (lambda x: mg.flip(x), lambda h: h),
    "rows": (lambda x: list(x), lambda h: h),
    "numpy()": (lambda x: x.numpy(), lambda h: h),
    "asarray": (np.asarray, lambda h: h),
    "a memoryview": (lambda x: memoryview(np.asarray(x)), np.asarray),
    "mg.asarray": (lambda x: mg.asarray(x.data, copy=False), lambda h: h),
    "detach": (lambda x: x.detach(), lambda h: h),
    "DLPack": (np.from_dlpack, lambda h: h),
    "a capsule": (lambda x: x.__dlpack__(), lambda h: [0]),
    "the datum": (lambda x: x.data, lambda h: h),
    "a state_dict": (_stored, lambda h: h),
    "a copy": (copy.copy, lambda h: h),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_assignment_changes_nothing_that_anything_else_holds(name):
    hold, show = HOLDERS[name]
    x = mg.tensor([1.0, 2.0])
    held = hold(x)
    before = np.array(show(held)).tolist()
    x[0] = 9.0
    assert np.array(show(held)).tolist() == before
    assert x.tolist() == [9, 2]


def test_assignment_leaves_what_a_tape_saved():
    x = mg.tensor([1.0, 2.0])
    loss, w = _taped(x)
    x[0] = 9.0
    loss.backward()
    assert w.grad.tolist() == [1, 2]
    assert x.tolist() == [9, 2]


def test_assignment_is_seen_by_a_compiled_function_and_leaves_its_results_alone():
    x = mg.tensor([1.0, 2.0])
    double = mg.compile(lambda: x * 2)
    first = double()
    x[0] = 9.0
    second = double()
    first[1] = 0.0
    assert (first.tolist(), second.tolist(), double().tolist()) == ([2, 0], [18, 4], [18, 4])


def test_a_tuple_inside_an_index_is_an_index_array():
    x, a = mg.tensor(np.arange(12.0).reshape(3, 4)), np.arange(12.0).reshape(3, 4)
    for key in ((slice(None), (1, 2)), ((0, 2), (1, 1)), ((0, -1),), (..., (3, 0, 3)), ((True, False, True),), ((), 0)):
        np.testing.assert_array_equal(x[key].numpy(), a[key])
    x[:, (1, 1)], a[:, (1, 1)] = mg.tensor([5.0, 6.0]), [5, 6]
    np.testing.assert_array_equal(x.numpy(), a)
