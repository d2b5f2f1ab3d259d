"""Kernels of the array world that are written otherwise than NumPy's: where."""

import numpy as np
import pytest

from microgradient import array_world as xp


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
