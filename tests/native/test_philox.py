"""Random numbers made by machine code have the bits of those that NumPy makes."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from elementwise import same

import microgradient as mg
from microgradient import random
from microgradient.native.codegen.dispatch import generate, pieces
from microgradient.native.plan.kernel import DrawKernel
from microgradient.native.runtime import engine
from microgradient.random import Generator

SIZES = (0, 1, 2, 3, 7, 8, 17, 511, 512, 513, 4096, 5001)


def drawn(specs, seed, counter, target="native", cut=None):
    """What the kernels write."""
    with engine.forced(target):
        bits = engine.host().vector_bits
        kernels = {f"draw{k}": (lambda k=k, s=s: generate(s, f"draw{k}", bits)) for k, s in enumerate(specs)}
        code = engine.machine_code(kernels, repr(specs))
    found = []
    for k, spec in enumerate(specs):
        state = np.array([seed % 2**64, counter % 2**64], np.uint64)
        out = np.full(spec.size + 64, 77, spec.dtype)
        args = np.array([state.ctypes.data, out.ctypes.data, 0], np.int64)
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(code.address(f"draw{k}"))
        count = pieces(spec)
        for piece in reversed(range(count)) if cut else [None]:  # in any order
            call(args.ctypes.data, *((0, count) if piece is None else (piece, piece + 1)))
        assert (out[spec.size :] == np.array(77).astype(spec.dtype)).all()
        assert state.tolist() == [seed % 2**64, counter % 2**64]
        found.append(out[: spec.size])
    return found


def specs_of(kind, dtypes, numbers):
    return [DrawKernel(kind, n, dtype, numbers) for dtype in dtypes for n in SIZES]


def expected(spec, seed, counter):
    generator = Generator(seed)
    generator.set_state({"seed": seed, "counter": counter})
    draw = getattr(generator, spec.kind)
    shape, dtype = (spec.size,), np.dtype(spec.dtype)
    y = draw(spec.numbers[0], shape, dtype) if spec.kind == "bernoulli" else draw(shape, *spec.numbers, dtype)
    assert generator.get_state()["counter"] == counter + spec.blocks
    return y.data


@pytest.mark.parametrize(("kind", "dtypes", "numbers"), [
    ("uniform", ("f4", "f8"), (0.0, 1.0)),
    ("uniform", ("f4", "f8"), (-0.3, 2.1)),
    ("uniform", ("f4", "f8"), (0.0, 1e-45)),
    ("uniform", ("f4", "f8"), (5.0, 5.0)),
    ("normal", ("f4", "f8"), (0.0, 1.0)),
    ("normal", ("f4", "f8"), (-3.0, 0.02)),
    ("bernoulli", ("f4", "f8", "b1", "u1", "i8"), (0.9,)),
    ("bernoulli", ("f4",), (0.0,)),
    ("bernoulli", ("f4",), (1.0,)),
    ("bernoulli", ("f4",), (2.0**-24,)),
])  # fmt: skip
def test_draws_are_those_of_random(kind, dtypes, numbers):
    specs = specs_of(kind, dtypes, numbers)
    for seed, counter in ((0, 0), (12345678901234567, 10**12)):
        for spec, got in zip(specs, drawn(specs, seed, counter), strict=True):
            assert same(got, expected(spec, seed, counter)), (spec, seed)


def test_many_normals():
    """So many that rare words, near 0 and near 2^32, come up too."""
    for dtype in ("f4", "f8"):
        spec = DrawKernel("normal", 300_000, dtype, (0.0, 1.0))
        assert same(drawn([spec], -5, 77)[0], expected(spec, -5, 77))


def test_draws_of_compiled_functions_are_those_of_eager_ones():
    """Several draws in a call, calls in a row, a loop without Python, other users of the generator in between."""

    def numbers(x):
        mask = random.bernoulli(0.7, x.shape)
        drawn = random.normal((5, 7), 1.0, 0.5, np.float64), random.uniform((3,), -1.0, 1.0)
        return x * mask, *drawn, random.bernoulli(0.2, (9,), np.int64), random.bernoulli(1, (2, 0)), mask

    x, compiled = mg.tensor(np.arange(12.0).reshape(3, 4)), mg.compile(numbers)
    found = []
    for function in (numbers, compiled):
        random.manual_seed(3)
        calls = [function(x), function(x), (random.normal((3,)),), function(x)]
        again = compiled.repeat(20, x) if function is compiled else [numbers(x) for _ in range(20)][-1]
        found.append(([y.data for call in [*calls, again] for y in call], random.get_state()))
    assert compiled.stats()["host_calls"] == {}
    assert compiled.stats()["kinds"]["DrawKernel"] == 5
    assert found[0][1] == found[1][1]
    assert all(same(a, b) for a, b in zip(found[0][0], found[1][0], strict=True))


OTHERS = {
    "permutation": lambda g: random.permutation(4),
    "integers": lambda g: random.integers(0, 9, (4,)),
    "probabilities": lambda g: random.bernoulli(mg.tensor([0.1, 0.9])),
    "a number in an array": lambda g: random.bernoulli(np.float32(0.3), (4,)),
    "half": lambda g: random.normal((4,), dtype=np.float16),
    "another generator": lambda g: g.uniform((4,)),
}


@pytest.mark.parametrize("other", OTHERS)
def test_draws_beside_others_that_have_no_kernel(other):
    """All are NumPy's then, and in their order."""
    found = []
    for wrapped in (lambda f: f, mg.compile):
        g = Generator(1)
        random.manual_seed(5)
        function = wrapped(lambda g=g: (random.uniform((3,)), OTHERS[other](g), random.normal((3,))))
        found.append([y.data for _ in range(3) for y in function()])
    assert all(same(a, b) for a, b in zip(*found, strict=True))


def test_pieces_in_any_order_and_vectors_of_any_width():
    specs = [DrawKernel("normal", 9001, "f4", (0.0, 1.0)), DrawKernel("bernoulli", 9001, "b1", (0.3,))]
    for target in engine.targets():
        for spec, got in zip(specs, drawn(specs, 3, 3, target, cut=True), strict=True):
            assert same(got, expected(spec, 3, 3))
            assert pieces(spec) > 1
