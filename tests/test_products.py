"""Products of arrays, einsum among them: NumPy's values over many shapes, differences, dtypes and errors."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import einsum, errors, linalg
from microgradient.errors import ArgumentError, ArgumentTypeError, MicrogradientWarning, ShapeError

_rng = np.random.default_rng(20261124)
sides = st.integers(0, 4)
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float32, np.float64, np.complex64, np.complex128])


def _a(*shape):
    return _rng.normal(size=shape)


def _draw(seed, shape, dtype):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape)
    return (a + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else a).astype(dtype)


def _close(ours, theirs):
    assert ours.shape == np.shape(theirs)
    assert ours.dtype == theirs.dtype
    tolerance = 200 * np.finfo(ours.dtype).eps
    np.testing.assert_allclose(
        ours.data, theirs, rtol=tolerance, atol=tolerance * max(1.0, np.abs(theirs).max(initial=0))
    )


PRODUCTS = [
    (linalg.matmul, (3,), (3,)), (linalg.matmul, (2, 3), (3,)), (linalg.matmul, (3,), (3, 2)), (linalg.matmul, (3,), (2, 3, 2)),
    (linalg.matmul, (2, 1, 3), (2, 3, 1)), (linalg.matmul, (0,), (0, 2)), (linalg.matmul, (2, 2, 3), (3,)),
    (linalg.vecdot, (2, 3), (3,)), (lambda a, b: linalg.vecdot(a, b, axis=-2), (2, 3, 1), (3, 2)),
    (linalg.outer, (2,), (3,)), (linalg.cross, (2, 3), (3,)), (lambda a, b: linalg.cross(a, b, axis=0), (3, 2), (3, 1)),
    (linalg.tensordot, (2, 2, 3), (2, 3, 2)), (lambda a, b: linalg.tensordot(a, b, axes=0), (2,), (3,)),
    (lambda a, b: linalg.tensordot(a, b, axes=((-1, 0), (0, 1))), (2, 2, 3), (3, 2)),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(PRODUCTS)))
def test_products_agree_with_differences(case):
    f, *shapes = PRODUCTS[case]
    mg.check_gradients(f, *(_a(*s) for s in shapes), order=2, atol=1e-6)


@settings(deadline=None, max_examples=100)
@given(st.data(), seeds, dtypes)
def test_products_are_numpys(data, seed, dtype):
    batch_a, batch_b = data.draw(st.sampled_from([((), ()), ((2,), ()), ((), (3, 2)), ((2, 1), (3,)), ((0,), (1,))]))
    n, k, m = (data.draw(sides) for _ in range(3))
    a, b = _draw(seed, (*batch_a, n, k), dtype), _draw(seed + 1, (*batch_b, k, m), dtype)
    x, y = mg.tensor(a), mg.tensor(b)
    _close(linalg.matmul(x, y), a @ b)
    if not batch_a:
        u = _draw(seed, (k,), dtype)
        _close(linalg.matmul(mg.tensor(u), y), u @ b)
        _close(
            linalg.tensordot(x, mg.tensor(np.conj(a.T)), axes=((1,), (0,))), np.tensordot(a, np.conj(a.T), ((1,), (0,)))
        )
    if not batch_b:
        v = _draw(seed, (k,), dtype)
        _close(linalg.matmul(x, mg.tensor(v)), a @ v)
        _close(linalg.vecdot(x, mg.tensor(v)), np.vecdot(a, v))
        _close(linalg.matmul(mg.tensor(v), mg.tensor(v)), np.asarray(v @ v))
    for axes, shape in [(0, (2,)), (1, (k, 3)), (2, (n, k, m)), (((0, -1), (1, 0)), (k, 2))]:
        c, d = _draw(seed, (2, n, k), dtype), _draw(seed + 1, shape, dtype)
        _close(linalg.tensordot(mg.tensor(c), mg.tensor(d), axes=axes), np.tensordot(c, d, axes))
    three = _draw(seed, (2, 1, 3), dtype), _draw(seed + 1, (4, 3), dtype)
    _close(linalg.cross(*map(mg.tensor, three)), np.cross(*three))
    _close(linalg.outer(mg.tensor(a.ravel()), mg.tensor(b.ravel())), np.outer(a, b))


# ----------------------------------------------------------------------------------------------------------------- einsum


@st.composite
def _einsums(draw):
    """A spec and shapes that fit it: repeated letters, axes of length 0 and 1, `...`, explicit and implicit results."""
    lengths = {c: draw(st.integers(0, 3)) for c in "aBc"}
    extra = draw(st.lists(st.integers(1, 3), max_size=2))
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        letters = draw(st.lists(st.sampled_from("aBc"), max_size=3))
        dots = draw(st.integers(0, len(extra))) if extra and draw(st.booleans()) else None
        at = draw(st.integers(0, len(letters)))
        lead = [] if dots is None else [n if draw(st.booleans()) else 1 for n in extra[len(extra) - dots :]]
        terms.append("".join(letters) if dots is None else "".join(letters[:at]) + "..." + "".join(letters[at:]))
        shapes.append((*(lengths[c] for c in letters[:at]), *lead, *(lengths[c] for c in letters[at:])))
    spec = ",".join(terms)
    known = sorted(set(spec) - set(".,"))
    if draw(st.booleans()):
        result = draw(st.permutations(known))[: draw(st.integers(0, len(known)))]
        spec += "->" + ("..." if "..." in spec else "") + "".join(result)
    return draw(st.sampled_from([spec, spec.replace(",", " , ").replace("->", " -> ")])), shapes


@settings(deadline=None, max_examples=300)
@given(_einsums(), seeds)
def test_einsum_is_numpys_and_agrees_with_differences(case, seed):
    spec, shapes = case
    arrays = [_draw(seed + i, shape, np.float64) for i, shape in enumerate(shapes)]
    y = einsum(spec, *map(mg.tensor, arrays))
    _close(y, np.asarray(np.einsum(spec, *arrays)))
    leaves = [mg.tensor(a, requires_grad=True) for a in arrays]
    weights = _draw(seed, y.shape, np.float64)
    einsum(spec, *leaves).backward(weights)
    for i, leaf in enumerate(leaves):  # linear in each argument: the difference is the derivative, exactly
        step = _draw(seed + 9, leaf.shape, np.float64)
        moved = np.einsum(spec, *(step if j == i else a for j, a in enumerate(arrays)))
        assert leaf.grad.shape == leaf.shape
        np.testing.assert_allclose(np.sum(leaf.grad.data * step), np.sum(weights * moved), atol=1e-9)


def test_einsum_second_order():
    mg.check_gradients(lambda a, b: einsum("iij,j...->i...", a, b), _a(2, 2, 3), _a(3, 2), order=2)
    mg.check_gradients(lambda a: einsum("ij,jk,ki->", a, a, a), _a(2, 2), order=3)


def test_einsum_broadcasts_letters_of_length_one():
    a, b = _a(1, 3), _a(4, 3)
    _close(einsum("ij,ij->i", mg.tensor(a), mg.tensor(b)), np.einsum("ij,ij->i", a, b))
    mg.check_gradients(lambda a, b: einsum("ij,ij->", a, b), a, b)


def test_einsum_promotes_dtypes():
    assert einsum("i,i", mg.tensor([1, 2]), mg.tensor([1.0, 2.0])).dtype == np.float32
    assert einsum("i,i", mg.tensor([1, 2]), mg.tensor([3, 4])).item() == 11


@pytest.mark.parametrize(
    ("spec", "shapes", "message"),
    [
        ("ij,jk", [(2, 3)], "names 2 arrays; it was given 1"),
        ("ij,jk", [(2, 3), (4, 5)], "one axis called j has length 3, another 4"),
        ("ijk", [(2, 3)], '"ijk" names 3 axes, the array has 2'),
        ("i", [(2, 3)], '"i" names 1 axes, the array has 2'),
        ("i1", [(2, 3)], "not made of letters"),
        ("...i...", [(2, 3)], "not made of letters"),
        ("ij->ii", [(2, 3)], "each letter once"),
        ("ij->k", [(2, 3)], "known ones"),
        ("...i->i", [(2, 3)], 'write "->...i"'),
        ("ii", [(2, 3)], "length 2, another 3"),
        ("ii", [(1, 3)], "needs axes of one length"),
    ],
)
def test_einsum_errors(spec, shapes, message):
    with pytest.raises((ArgumentError, ShapeError), match=re.escape(message)):
        einsum(spec, *(mg.tensor(np.ones(s)) for s in shapes))


def test_einsum_needs_a_spec():
    with pytest.raises(ArgumentTypeError, match="MG135"):
        einsum(mg.tensor([1.0]), "i")


# ----------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("f", "shapes", "message"),
    [
        (linalg.matmul, [(2, 3), (2, 4)], r"\(2, 3\) and \(2, 4\): axis -1 of the first has length 3, axis -2 .* 2.*x\.mT"),
        (linalg.matmul, [(2, 3), (4, 3)], r"write `x @ w\.mT`"),
        (linalg.matmul, [(2, 3), (2,)], "axis 0 of the second 2"),
        (linalg.matmul, [(2, 2, 3), (3, 3, 4)], "do not broadcast"),
        (linalg.matmul, [(), (3,)], "vectors and matrices"),
        (linalg.vecdot, [(3,), (4,)], "vectors of one length"),
        (linalg.vecdot, [(3,), ()], "vecdot along axis"),
        (linalg.vecdot, [(2, 3), (4, 3)], "do not broadcast"),
        (linalg.outer, [(3,), (3, 1)], "takes two vectors"),
        (linalg.cross, [(3,), (2,)], "length 3 along axis -1"),
        (linalg.cross, [(2, 3), (4, 3)], "do not broadcast"),
        (linalg.tensordot, [(2, 3), (3, 2)], r"lengths \[2, 3\] and \[3, 2\] differ"),
        (linalg.tensordot, [(2,), (3, 2)], "tensordot over 2 axes"),
        (lambda a, b: linalg.tensordot(a, b, axes=((0, 0), (0, 1))), [(2, 2), (2, 2)], "can't pair"),
        (linalg.matrix_transpose, [(3,)], "at least 2 axes"),
        (linalg.diagonal, [(3,)], "at least 2 axes"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(f, shapes, message):
    with pytest.raises(ShapeError, match=message):
        f(*(mg.tensor(np.ones(s)) for s in shapes))


SUMS = {
    "matmul": lambda a: mg.matmul(a, a),
    "@": lambda a: a @ a,
    "matrix_power": lambda a: linalg.matrix_power(a, 2),
    "tensordot": lambda a: mg.tensordot(a, a, axes=1),
    "vecdot": lambda a: mg.vecdot(a, a),
    "vecdot along an axis": lambda a: mg.vecdot(a, a[:1], axis=-1),
    "einsum": lambda a: einsum("ij,jk->ik", a, a),
    "einsum of three": lambda a: einsum("ij,jk,kl->il", a, a[:, :1], a[:1]),
    "einsum of one": lambda a: einsum("ij->i", a),
    "conv": lambda a: mg.conv(a[None, None], mg.ones((1, 1, 2, 2), dtype=a.dtype)),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32])
def test_products_of_small_integers_are_exact_or_warn(name, dtype):
    f, limit = SUMS[name], np.iinfo(dtype).max
    fits = np.array([[1, 2], [3, 2]])
    for world in (lambda f: f, mg.compile):
        y = world(f)(mg.asarray(fits.astype(dtype)))
        assert y.dtype == dtype
        np.testing.assert_array_equal(y.numpy(), f(mg.asarray(fits)).numpy())
        errors._warned.clear()  # one warning a place
        with pytest.warns(
            MicrogradientWarning, match=rf"does not fit into the dtype {np.dtype(dtype)} .* `x.astype\(mg.int64\)`"
        ):
            world(f)(mg.asarray(np.full((4, 4), limit, dtype)))


def test_sums_that_pass_the_limit_and_come_back_are_exact():
    a = mg.asarray(np.array([[100, 100, -100]], np.int8))
    assert (a @ mg.asarray(np.array([[1], [1], [1]], np.int8))).tolist() == [[100]]
    big = mg.asarray(np.array([[2**31 - 1, 2**31 - 1]], np.int32))
    assert (big @ mg.asarray(np.array([[5], [-5]], np.int32))).tolist() == [[0]]
    assert mg.matmul(mg.ones((0, 2), dtype=mg.int8), mg.ones((2, 3), dtype=mg.int8)).shape == (0, 3)
