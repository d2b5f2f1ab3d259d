"""Kernels of the array world that are written otherwise than NumPy's, or than they read."""

import itertools

import numpy as np
import pytest

import microgradient as mg
from microgradient import array_world as xp
from microgradient.errors import MicrogradientWarning


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("size", [1, 3999, 4000, 4001, 9973])
def test_where_has_the_bits_of_numpys(dtype, size):
    rng = np.random.default_rng(size)
    a, b = rng.normal(size=(2, size)).astype(dtype)
    special = [np.nan, -0.0, np.inf, 0.0, -np.inf]
    a[:5], b[-5:] = special[:size], special[:size]
    c = rng.random(size) < 0.5
    pairs = [
        (a, b),
        (a, 0),
        (0, b),
        (a, 0.0),
        (-0.0, b),
        (a, -0.0),
        (a[::-1], b),
        (a, b[0]),
        (1, b),
        (0, 1),
        (False, b),
    ]
    for first, second in [*pairs, (a, b.astype("float32")), (a[:1], b)]:
        for condition in (c, c[::-1], c.astype(int)):
            found, wanted = xp.where(condition, first, second), np.where(condition, first, second)
            assert found.dtype == wanted.dtype
            assert found.tobytes() == wanted.tobytes()


def test_where_broadcasts_as_numpys():
    rng = np.random.default_rng(0)
    table, row, column = rng.normal(size=(90, 80)), rng.normal(size=80), rng.normal(size=(90, 1))
    for c, a, b in [(table > 0, row, 0), (table > 0, column, row), (row > 0, table, 0), (table.T > 0, 0, table.T)]:
        np.testing.assert_array_equal(xp.where(c, a, b), np.where(c, a, b))


@pytest.mark.parametrize("rows", [[], [2], [4, 0, -3], [4, 0, 4, -1]])
def test_rows_are_added_where_they_came_from(rows):
    t = np.random.default_rng(0).integers(-9, 9, (len(rows), 3)).astype(float)
    wanted = np.zeros((5, 3))
    np.add.at(wanted, rows, t)
    indices = np.array(rows, dtype=int)
    np.testing.assert_array_equal(xp.index_add(t, indices, key=(xp.INDEX,), shape=(5, 3)), wanted)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("outputs", [4, 8])
def test_convolutions_and_their_transposes_agree(groups, outputs):
    """⟨conv(x, w), y⟩ = ⟨x, conv_input(y, w)⟩ = ⟨w, conv_weight(x, y)⟩: exactly, of small whole numbers, in any order of sums."""
    rng = np.random.default_rng(0)
    for images, stride, dilation, padding, window in itertools.product(
        (0, 1, 40), ((1, 1), (2, 1)), ((1, 1), (1, 2)), (((0, 0), (0, 0)), ((1, 0), (2, 3))), ((3, 2), (1, 1))
    ):
        x = rng.integers(-3, 4, (images, 4, 9, 11)).astype(float)
        w = rng.integers(-3, 4, (outputs, 4 // groups, *window)).astype(float)
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        y = xp.conv(x, w, **options)
        t = rng.integers(-3, 4, y.shape).astype(float)
        assert (y * t).sum() == (x * xp.conv_input(t, w, size=(9, 11), **options)).sum()
        assert (y * t).sum() == (w * xp.conv_weight(x, t, window=window, **options)).sum()


def test_a_convolution_takes_images_in_turns_and_each_as_if_it_were_alone():
    rng = np.random.default_rng(0)
    x, w = rng.integers(-3, 4, (37, 8, 12, 13)).astype(np.float32), rng.integers(-3, 4, (4, 8, 3, 3)).astype(np.float32)
    options = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    together = xp.conv(x, w, **options)
    np.testing.assert_array_equal(together, np.concatenate([xp.conv(x[i : i + 1], w, **options) for i in range(37)]))
    t = rng.integers(-3, 4, together.shape).astype(np.float32)
    alone = [xp.conv_weight(x[i : i + 1], t[i : i + 1], window=(3, 3), **options) for i in range(37)]
    np.testing.assert_array_equal(xp.conv_weight(x, t, window=(3, 3), **options), np.sum(alone, axis=0))


def test_where_gives_native_numbers_of_others():
    a = np.arange(5000, dtype=">f4")
    found = xp.where(a > 10, a, a)
    assert found.dtype == np.where(a > 10, a, a).dtype
    np.testing.assert_array_equal(found, a)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_a_sum_that_does_not_fit_is_told_by_the_function_that_was_called(name):
    x, w = mg.full((1, 1, 5, 5), 100, dtype=mg.int8), mg.full((1, 1, 3, 3), 100, dtype=mg.int8)
    with pytest.warns(MicrogradientWarning, match="MG144") as caught:
        getattr(mg.nn.functional, name)(x, w)
    assert len(caught) == 1
    assert ("conv_input" in str(caught[0].message)) == (name == "conv_transpose2d")
