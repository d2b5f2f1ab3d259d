"""Random programs: machine code gives what the interpreter gives, and what they taught, one test each."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from compare import assert_near
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import random_case

from microgradient import rules_linalg  # noqa: F401
from microgradient.program.program import Alias
from microgradient.program.simplify import simplify
from microgradient.rules import INDEX
from programs import Book, Recorded

RNG = np.random.default_rng(1)


@settings(derandomize=True, deadline=None, max_examples=80, suppress_health_check=list(HealthCheck), database=None)
@given(st.data())
def test_random_programs(data: Any) -> None:
    case = random_case(lambda n: data.draw(st.integers(0, n - 1)), 40)
    program = simplify(case.program) if data.draw(st.booleans()) else case.program
    assert_near(program, case.inputs, case.errors)


def exactly(book: Book, *outputs: Recorded, aliases: Any = (), error: float = 0) -> None:
    program = book.program(*outputs, aliases=aliases)
    assert_near(program, [x.array for x in book.inputs], [error] * len(outputs))


def real(*shape: int) -> Any:
    return RNG.integers(-8, 9, shape).astype(np.float32)


def test_inputs_that_change_places() -> None:
    b = Book()
    x, y, z = b.input(real(3, 3)), b.input(real(3, 3)), b.input(real(3, 3))
    exactly(b, y, z, x, aliases=[Alias(0, 0), Alias(1, 1), Alias(2, 2)])
    exactly(b, b.permute_dims(x, axes=(1, 0)), b.flip(y, axis=(0,)), x, aliases=[Alias(0, 0), Alias(1, 1)])
    exactly(b, b.add(x, 1.0), x, b.index(x, key=(0,)), aliases=[Alias(0, 0)])


def test_an_input_is_replaced_by_entries_of_itself() -> None:
    b = Book()
    x, i = b.input(real(5)), b.input(np.array([4, 3, 3, 0, 1]))
    exactly(b, b.index(x, i, key=(INDEX,)), aliases=[Alias(0, 0)])


def test_an_input_that_is_wanted_as_it_was() -> None:
    """A kernel that reduces may not write over it before it is copied."""
    b = Book()
    x, y = b.input(real(20, 3, 8)), b.input(real(20, 3, 8))
    z = b.multiply(y, b.sum(y, axis=(0, 2), keepdims=True))
    exactly(b, z, x, aliases=[Alias(0, 0), Alias(1, 1)])


def test_entries_chosen_by_a_maximum() -> None:
    """Gathering in a kernel that reduces: its indices have fewer axes than the kernel has loops."""
    b = Book()
    x, y = b.input(real(6, 7)), b.input(np.arange(40, dtype=np.float32).reshape(10, 4))
    i = b.astype(b.maximum(b.minimum(b.max(x, axis=(1,), keepdims=False), 9), 0), dtype=np.dtype(np.int64))
    exactly(b, b.index(y, i, key=(INDEX,)))
    exactly(b, b.index(b.index(y, key=(slice(None), 1)), i, key=(INDEX,)))


def test_entries_of_a_constant() -> None:
    b = Book()
    i = b.input(np.array([0, 0, 0]))
    same = b.broadcast_to(b.constant(np.float32(0.75)), shape=(1,))
    exactly(
        b,
        b.take_along_axis(same, i, axis=0),
        b.index_add(b.broadcast_to(same, shape=(3,)), i, key=(INDEX,), shape=(2,)),
    )


def test_entries_along_an_axis_of_what_is_the_same_along_another() -> None:
    b = Book()
    x, i = b.input(real(1, 5)), b.input(RNG.integers(-5, 5, (40, 2)))
    z, j = b.input(real(4, 1, 3)), b.input(RNG.integers(0, 3, (4, 65, 7)))
    y, w = b.take_along_axis(x, i, axis=1), b.take_along_axis(z, j, axis=2)
    back = b.scatter_along_axis(y, i, axis=1, shape=(1, 5)), b.scatter_along_axis(w, j, axis=2, shape=(4, 1, 3))
    exactly(b, y, w, *back)


def test_pieces_are_placed_without_assertions() -> None:
    text = (
        "import microgradient as mg\nx = mg.ones((2, 3))\n"
        "print(mg.compile(lambda x: mg.concat([mg.flip(x, axis=0), x * 2.0]))(x).tolist())"
    )
    out = subprocess.run([sys.executable, "-O", "-c", text], capture_output=True, text=True, check=True)
    assert out.stdout == f"{[[1.0] * 3] * 2 + [[2.0] * 3] * 2}\n"


@pytest.mark.parametrize("shape", [(0,), (16, 0), (0, 3), (33, 2, 0)])
def test_arrays_without_entries(shape: Any) -> None:
    b = Book()
    x, y = b.input(real(*shape)), b.input(real(*shape))
    z = b.add(b.tanh(x), 1.0)
    axes = tuple(range(len(shape)))
    sums = [b.sum(z, axis=(a,), keepdims=keep) for a in axes for keep in (True, False)]
    products = [b.prod(b.multiply(z, y), axis=(a,), keepdims=False) for a in axes]
    whole = b.sum(b.multiply(z, z), axis=axes, keepdims=False)
    labels = "abc"[: len(shape)]
    others = [
        b.concat(x, z, axis=0),
        b.pad(z, widths=((1, 2),) * len(shape)),
        b.einsum(z, y, spec=f"{labels},{labels}->"),
        b.cumulative_sum(x, axis=0),
        b.add(whole, 2.0),
        b.index_add(z, key=(slice(None),) * len(shape), shape=shape),
    ]
    exactly(b, z, *sums, *products, whole, *others, aliases=[Alias(0, 1)])


def test_numpy_reads_an_array_without_entries() -> None:
    b = Book()
    x = b.input(real(0, 33))
    y = b.index(x, key=(slice(None), -10))
    exactly(b, b.index_set(y, b.negative(y), key=(slice(0, 1),)))
