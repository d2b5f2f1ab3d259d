"""The random numbers: the same from the same seed, spread as they should be, and made of the documented bits."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading

import mpmath
import numpy as np
import pytest
from scipy import stats

from microgradient import random, set_default_dtype
from microgradient.box_muller import FORMATS, box_muller
from microgradient.random import Generator

N = 200_000
DRAWS = {
    "uniform32": lambda g, n: g.uniform((n,), dtype=np.float32),
    "uniform64": lambda g, n: g.uniform((n,), dtype=np.float64),
    "normal16": lambda g, n: g.normal((n,), dtype=np.float16),
    "normal32": lambda g, n: g.normal((n,), dtype=np.float32),
    "normal64": lambda g, n: g.normal((n,), dtype=np.float64),
    "integers": lambda g, n: g.integers(-5, 6, (n,)),
    "bernoulli": lambda g, n: g.bernoulli(0.3, (n,)),
}


def philox_block(seed: int, counter: int) -> list[int]:
    """Philox4x64-10 as its authors define it, in Python's whole numbers."""
    mask = 2**64 - 1
    x, key = [counter, 0, 0, 0], [seed % 2**64, 0]
    for _ in range(10):
        p, q = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
        x = [(q >> 64) ^ x[1] ^ key[0], q & mask, (p >> 64) ^ x[3] ^ key[1], p & mask]
        key = [(key[0] + 0x9E3779B97F4A7C15) & mask, (key[1] + 0xBB67AE8584CAA73B) & mask]
    return x


def words(seed: int, n: int, bits: int, counter: int = 0) -> list[int]:
    """The first n words of a draw, from the definition."""
    out: list[int] = []
    while len(out) < n:
        counter += 1
        for word in philox_block(seed, counter):
            out += [word] if bits == 64 else [word % 2**32, word >> 32]
    return out[:n]


# ------------------------------------------------------------------------------------------------- the documented numbers


@pytest.mark.parametrize("seed", [0, 7, -1, 2**64 - 1])
def test_uniform_numbers_are_the_top_bits_of_the_documented_words(seed):
    g = Generator(seed)
    assert g.uniform((13,), dtype=np.float32).tolist() == [(w >> 8) / 2**24 for w in words(seed, 13, 32)]
    assert g.get_state() == {"seed": seed, "counter": 2}
    assert g.uniform((5,), dtype=np.float64).tolist() == [(w >> 11) / 2**53 for w in words(seed, 5, 64, counter=2)]
    assert g.get_state() == {"seed": seed, "counter": 4}


@pytest.mark.parametrize("bits", [32, 64])
def test_normals_are_box_and_mullers_to_rounding(bits):
    drawn = Generator(5).normal((400,), dtype=f"f{bits // 8}").tolist()
    with mpmath.workdps(40):
        source = words(5, 400, bits)
        for w, v, z0, z1 in zip(source[0::2], source[1::2], drawn[0::2], drawn[1::2], strict=True):
            k = (4 * v) % 2**bits
            a = mpmath.pi / 4 * (k - 2**bits if k >= 2 ** (bits - 1) else k) / 2 ** (bits - 1)
            r = mpmath.sqrt(-mpmath.log((w + mpmath.mpf(0.5)) / 2**bits))
            signs = [-1 if v >> (bits - 1 - i) & 1 else 1 for i in (0, 1)]
            exact = [signs[0] * r * (mpmath.cos(a) + mpmath.sin(a)), signs[1] * r * (mpmath.cos(a) - mpmath.sin(a))]
            assert abs(z0 - exact[0]) < 8 * np.finfo(f"f{bits // 8}").eps
            assert abs(z1 - exact[1]) < 8 * np.finfo(f"f{bits // 8}").eps


def test_the_extreme_words_give_finite_normals():
    for form in FORMATS.values():
        top = 2**form.bits - 1
        extremes = [0, 1, top, top - 1] + [x for i in (1, 2, 3) for x in (top >> i, (top >> i) + 1)]
        grid = np.array([(w, v) for w in extremes for v in extremes], form.word).ravel()
        z = box_muller(grid, form)
        assert np.isfinite(z).all()
        assert abs(np.max(np.abs(z)) - math.sqrt(2 * (form.bits + 1) * math.log(2))) < 1e-3  # r at w = 0


@pytest.mark.parametrize("span", [1, 2, 3, 10, 2**32 - 1, 2**32, 2**32 + 7, 10**15, 2**63, 2**63 + 1, 2**64 - 1, 2**64])
def test_scaling_to_a_span_is_exact(span):
    source = [*words(9, 200, 64), 0, 1, 2**64 - 1]
    scaled, rejected = random._scaled(np.array(source, np.uint64), span)
    assert scaled.tolist() == [w * span >> 64 for w in source]
    assert rejected.tolist() == [(w * span) % 2**64 < 2**64 % span for w in source]


def test_rejected_integers_take_their_word_of_the_next_round():
    low, high, n = -(2**62) - 1, 2**62, 40  # a span of 2^63 + 1 rejects almost every second word
    expected: list[int | None] = [None] * n
    counter = 0
    while None in expected:
        for i, w in enumerate(words(3, n, 64, counter)):
            if expected[i] is None and (w * (high - low)) % 2**64 >= 2**64 % (high - low):
                expected[i] = low + (w * (high - low) >> 64)
        counter += n // 4
    g = Generator(3)
    assert g.integers(low, high, (n,)).tolist() == expected
    assert g.get_state()["counter"] == counter > n // 4


def test_a_permutation_sorts_the_words():
    source = words(11, 50, 64)
    assert Generator(11).permutation(50).tolist() == sorted(range(50), key=source.__getitem__)


# -------------------------------------------------------------------------------------- reproducible, however it is split


@pytest.mark.parametrize("name", DRAWS)
def test_an_element_depends_on_its_position_only(name):
    draw = DRAWS[name]
    whole = draw(Generator(1), 40_000).numpy()
    for n in (1, 3, 8, 63, 64, 65, 1000, 16_384, 16_386):
        np.testing.assert_array_equal(draw(Generator(1), n).numpy(), whole[:n])


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("sizes", [[8] * 100, [1, 2, 3, 700, 5, 0, 64, 65, 8, 4]])
def test_successive_draws_use_whole_blocks(name, sizes):
    draw, split, alone = DRAWS[name], Generator(2), Generator(2)
    per_block = 4 if "64" in name or name == "integers" else 8
    counter = 0
    for n in sizes:
        drawn = draw(split, n).numpy()
        alone.set_state({"seed": 2, "counter": counter})
        np.testing.assert_array_equal(drawn, draw(alone, n).numpy())
        counter += -(-n // per_block)
        assert split.get_state() == {"seed": 2, "counter": counter}


def test_kinds_of_draw_can_alternate():
    g, expected = Generator(4), []
    for i in range(30):
        expected.append([draw(g, 1 + 7 * i % 23).tolist() for draw in DRAWS.values()])
        if i == 0:
            after_first = json.loads(json.dumps(g.get_state()))
    g.set_state(after_first)
    again = [[draw(g, 1 + 7 * i % 23).tolist() for draw in DRAWS.values()] for i in range(1, 30)]
    assert again == expected[1:]


def test_a_state_belongs_to_any_generator():
    a, b = Generator(10), Generator()
    a.normal((33,))
    b.set_state(a.get_state())
    assert a.normal((20,)).tolist() == b.normal((20,)).tolist()


def test_manual_seed_repeats_the_numbers_of_the_shared_generator():
    before = random.get_state()
    try:
        runs = []
        for _ in range(2):
            random.manual_seed(123)
            runs.append([random.rand(3).tolist(), random.randn(2, 2).tolist(), random.randperm(9).tolist()])
        assert runs[0] == runs[1]
        random.manual_seed(124)
        assert random.rand(3).tolist() != runs[0][0]
    finally:
        random.set_state(before)


def test_unseeded_generators_differ():
    assert Generator().uniform((4,)).tolist() != Generator().uniform((4,)).tolist()


def test_threads_share_a_generator_without_drawing_a_number_twice():
    g, parts = Generator(6), []

    def work() -> None:
        parts.extend(g.uniform((4,), dtype=np.float64).numpy() for _ in range(300))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = Generator(6).uniform((4800,), dtype=np.float64).numpy()
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.sort(alone))


def test_small_draws_are_the_callers_own():
    g = Generator(8)
    first = g.normal((4,))
    kept = first.numpy()
    first.data[...] = 0
    g.set_state({"seed": 8, "counter": 0})
    np.testing.assert_array_equal(g.normal((4,)).numpy(), kept)


# ------------------------------------------------------------------------------------------------------------- statistics


def test_the_distribution_of_uniform_numbers():
    for seed, dtype in [(1, np.float32), (2, np.float64)]:
        x = Generator(seed).uniform((N,), dtype=dtype).numpy().astype(np.float64)
        assert x.min() >= 0
        assert x.max() < 1
        assert stats.kstest(x, "uniform").pvalue > 0.01
        assert abs(x.mean() - 0.5) < 4 * math.sqrt(1 / 12 / N)
        assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 4 / math.sqrt(N)


def test_the_distribution_of_normals():
    for seed, dtype in [(1, np.float32), (2, np.float64)]:
        z = Generator(seed).normal((N,), dtype=dtype).numpy().astype(np.float64)
        assert stats.kstest(z, "norm").pvalue > 0.01
        assert abs(z.mean()) < 4 / math.sqrt(N)
        assert abs(z.var() - 1) < 4 * math.sqrt(2 / N)
        assert abs(stats.skew(z)) < 4 * math.sqrt(6 / N)
        assert abs(stats.kurtosis(z)) < 4 * math.sqrt(24 / N)
        assert abs(np.corrcoef(z[0::2], z[1::2])[0, 1]) < 4 / math.sqrt(N / 2)
        assert abs(np.corrcoef(z[0::2] ** 2, z[1::2] ** 2)[0, 1]) < 4 / math.sqrt(N / 2)
        assert stats.kstest(np.arctan2(z[1::2], z[0::2]) / (2 * np.pi) + 0.5, "uniform").pvalue > 0.01


def test_mean_and_standard_deviation():
    z = Generator(3).normal((N,), mean=-4.0, std=0.25, dtype=np.float64).numpy()
    np.testing.assert_array_equal(z, Generator(3).normal((N,), dtype=np.float64).numpy() * 0.25 + -4.0)
    assert Generator(3).normal((3,), mean=2.0, std=0.0).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(("low", "high"), [(0, 7), (-3, 4), (10**12, 10**12 + 5)])
def test_integers_are_equally_likely(low, high):
    k = Generator(5).integers(low, high, (N,)).numpy()
    values, counts = np.unique(k, return_counts=True)
    assert values.tolist() == list(range(low, high))
    assert stats.chisquare(counts).pvalue > 0.01


def test_permutations_are_equally_likely():
    g = Generator(6)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(12_000):
        p = tuple(g.permutation(4).tolist())
        counts[p] = counts.get(p, 0) + 1
    assert len(counts) == 24
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_ones_come_with_their_probability():
    p = np.array([0.0, 0.1, 0.5, 1.0])
    ones = Generator(7).bernoulli(p, (N // 4, 4)).numpy()
    assert set(np.unique(ones)) == {0.0, 1.0}
    means = ones.mean(axis=0, dtype=np.float64)
    assert means[0] == 0
    assert means[3] == 1
    assert np.all(np.abs(means - p)[1:3] < 4 * np.sqrt(p * (1 - p) / (N // 4))[1:3])


# ------------------------------------------------------------------------------------------------- shapes, dtypes, mistakes


def test_shapes():
    g = Generator(1)
    for shape, expected in [((), ()), ((0,), (0,)), ((2, 0, 3), (2, 0, 3)), (4, (4,)), ([2, 3], (2, 3))]:
        for x in (g.uniform(shape), g.normal(shape), g.integers(0, 5, shape), g.bernoulli(0.5, shape)):
            assert x.shape == expected
            assert isinstance(x.data, np.ndarray)
    assert g.permutation(0).shape == (0,)
    assert g.permutation(1).tolist() == [0]
    assert random.rand().shape == ()
    assert random.rand(2, 3).shape == random.randn((2, 3)).shape == (2, 3)
    assert random.randint(10, (2,)).shape == random.randint(0, 10, (2,)).shape == (2,)


def test_dtypes():
    g = Generator(1)
    assert g.uniform().dtype == g.normal().dtype == g.bernoulli(0.5, (2,)).dtype == np.float32
    assert g.integers(0, 2).dtype == g.permutation(3).dtype == np.int64
    assert g.bernoulli(0.5, (2,), dtype=bool).dtype == np.bool_
    for dtype in (np.float16, np.float32, np.float64):
        assert g.uniform((3,), dtype=dtype).dtype == g.normal((3,), 1.0, 2.0, dtype=dtype).dtype == dtype
    set_default_dtype(np.float64)
    try:
        assert g.uniform().dtype == g.normal().dtype == g.bernoulli(0.5, ()).dtype == np.float64
    finally:
        set_default_dtype(np.float32)


def test_the_upper_bound_is_never_drawn():
    g = Generator(1)
    assert g.uniform((N,), dtype=np.float16).numpy().max() < 1
    x = g.uniform((N,), 1.0, 1.0000001, dtype=np.float32).numpy()
    assert x.max() < np.float32(1.0000001)
    assert g.uniform((3,), 2.0, 2.0).tolist() == [2.0, 2.0, 2.0]


def test_leaves():
    assert random.randn(2, requires_grad=True).requires_grad
    assert not random.rand(2).requires_grad


@pytest.mark.parametrize(
    ("mistake", "error", "text"),
    [
        (lambda g: g.manual_seed(1.5), TypeError, "whole number"),
        (lambda g: g.manual_seed(True), TypeError, "whole number"),
        (lambda g: g.manual_seed(2**64), ValueError, r"between -2\^63 and 2\^64 - 1"),
        (lambda g: g.set_state({"seed": 1}), ValueError, "random state"),
        (lambda g: g.set_state({"seed": 1, "counter": -1}), ValueError, "counter"),
        (lambda g: g.integers(3, 3, (2,)), ValueError, "low < high"),
        (lambda g: g.integers(5, 3, (2,)), ValueError, "low < high"),
        (lambda g: g.integers(0, 2**63 + 1), ValueError, "within int64"),
        (lambda g: g.integers(0, 2.5), TypeError, "whole number"),
        (lambda g: g.uniform((2,), 1.0, 0.0), ValueError, "low <= high"),
        (lambda g: g.uniform((2,), 0.0, math.inf), ValueError, "finite"),
        (lambda g: g.normal((2,), std=-1.0), ValueError, "not be negative"),
        (lambda g: g.normal((2,), mean="a"), TypeError, "one number"),
        (lambda g: g.normal((2,), mean=math.nan), ValueError, "finite"),
        (lambda g: g.normal((2, -1)), ValueError, "not be negative"),
        (lambda g: g.normal((2.5,)), TypeError, "tuple of integers"),
        (lambda g: g.normal((2,), dtype=np.int64), TypeError, "float16, float32 or float64"),
        (lambda g: g.bernoulli(1.5, (2,)), ValueError, "between 0 and 1"),
        (lambda g: g.bernoulli(math.nan, (2,)), ValueError, "between 0 and 1"),
        (lambda g: g.bernoulli(np.array([0.5, 0.5]), (3,)), ValueError, "fit into"),
        (lambda g: g.permutation(-1), ValueError, "needs n"),
    ],
)
def test_mistakes_are_named_and_use_no_numbers(mistake, error, text):
    g = Generator(1)
    with pytest.raises(error, match=text):
        mistake(g)
    assert g.get_state() == {"seed": 1, "counter": 0}


def test_importing_it_leaves_scipy_alone():
    code = "import sys, microgradient.random; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
