"""Attention of long sequences in blocks of queries: the numbers and derivatives of whole attention, in linear memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ShapeError
from microgradient.nn.functional import attention, attention_blocks, scaled_dot_product_attention

RNG = np.random.default_rng(3)
MASKS = {
    "none": None,
    "causal": "causal",
    "booleans": RNG.random((11, 9)) > 0.4,
    "one row for all": RNG.random((1, 9)) > 0.4,
    "no rows": RNG.random(9) > 0.4,
    "of each head": RNG.random((2, 1, 11, 9)) > 0.4,
    "floats": RNG.normal(size=(1, 3, 11, 9)),
    "nowhere": np.zeros((11, 9), np.bool_),
}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is long."""
    monkeypatch.setattr(attention_blocks, "LONG", 1)
    monkeypatch.setattr(attention_blocks, "LARGE", 1)
    monkeypatch.setattr(attention_blocks, "BLOCK", 4)


def numbers(*shape: int, dtype: Any = np.float64) -> mg.Tensor:
    return mg.tensor(RNG.normal(size=shape).astype(dtype))


def attend(name: str, query: Any, key: Any, value: Any) -> Any:
    if name == "causal":
        return scaled_dot_product_attention(query, key, value, is_causal=True)
    mask = MASKS[name]
    return scaled_dot_product_attention(query, key, value, attn_mask=None if mask is None else mg.tensor(mask))


def whole(name: str, query: Any, key: Any, value: Any) -> Any:
    """All at once."""
    mask: Any = MASKS[name]
    if name == "causal":
        mask = attention.causal_mask(query.shape[-2], key.shape[-2])
    return attention.attend(query, key, value, None if mask is None else mg.tensor(mask))[0]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_blocks_are_the_whole(short: None, name: str, compiled: bool) -> None:
    arrays = numbers(2, 3, 11, 5), numbers(2, 3, 9, 5), numbers(2, 3, 9, 7)
    seed = numbers(2, 3, 11, 7)

    def results(f: Any) -> Any:
        def loss(*args: Any) -> Any:
            return mg.sum(f(name, *args) * seed)

        both = mg.value_and_grad(loss, argnums=(0, 1, 2))
        return (mg.compile(both) if compiled else both)(*arrays)

    value, gradients = results(attend)
    wanted, wanted_gradients = results(whole)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    for g, w in zip(gradients, wanted_gradients, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("length", [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33])
@pytest.mark.parametrize("source", [1, 8, 40])
@pytest.mark.parametrize("name", ["none", "causal"])
def test_lengths_around_the_edges_of_blocks(short: None, length: int, source: int, name: str) -> None:
    arrays = numbers(length, 2), numbers(source, 2), numbers(source, 3)
    np.testing.assert_allclose(attend(name, *arrays), whole(name, *arrays), rtol=1e-12, atol=1e-14)


def test_derivatives_of_any_order_and_of_examples(short: None) -> None:
    query, key, value, direction = (numbers(6, 2) for _ in range(4))

    def f(query: Any) -> Any:
        return mg.sum(attend("causal", query, key, value) ** 2)

    mg.check_gradients(f, query)
    both = [mg.hvp(g, query, direction) for g in (f, mg.compile(f))]
    step = 1e-5
    near = mg.grad(f)(query + step * direction) - mg.grad(f)(query - step * direction)
    for found in both:
        np.testing.assert_allclose(found, near / (2 * step), rtol=1e-6, atol=1e-8)
    examples = numbers(3, 6, 2)
    np.testing.assert_allclose(
        mg.vmap(mg.grad(f))(examples), mg.stack([mg.grad(f)(x) for x in examples]), rtol=1e-10, atol=1e-13
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fewer_heads_and_broadcast_batches(short: None, dtype: Any) -> None:
    query, key, value = numbers(2, 4, 9, 5, dtype=dtype), numbers(2, 6, 5, dtype=dtype), numbers(2, 6, 5, dtype=dtype)
    shared = scaled_dot_product_attention(query, key, value, enable_gqa=True)
    repeated = whole("none", query, mg.repeat(key, 2, axis=-3), mg.repeat(value, 2, axis=-3))
    assert (shared.dtype, shared.shape) == (dtype, (2, 4, 9, 5))
    np.testing.assert_allclose(shared, repeated, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"key_padding_mask": RNG.random((2, 9)) > 0.7}])
def test_layers(short: None, options: dict[str, Any]) -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = numbers(2, 9, 8, dtype=np.float32)
    given = {name: mg.tensor(v) if isinstance(v, np.ndarray) else v for name, v in options.items()}
    found = layer(x, x, x, need_weights=False, **given)[0]
    wanted = layer(x, x, x, need_weights=True, **given)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_dropout_is_not_done_in_blocks_and_its_gradient_is_that_of_what_was_kept(short: None) -> None:
    x = numbers(9, 4)
    mg.manual_seed(0)
    assert np.count_nonzero(scaled_dot_product_attention(x, x, mg.ones((9, 1)), dropout_p=0.9)) < 9


def test_masks_that_do_not_fit(short: None) -> None:
    x = numbers(11, 5)
    with pytest.raises(ShapeError, match=r"mask of shape \(4, 11\) doesn't fit weights of shape \(11, 11\)"):
        scaled_dot_product_attention(x, x, x, attn_mask=mg.ones((4, 11), dtype=mg.bool))
    x = numbers(2, 11, 5)
    with pytest.raises(ShapeError, match=r"mask of shape \(3, 11, 11\) doesn't fit weights of shape \(2, 11, 11\)"):
        scaled_dot_product_attention(x, x, x, attn_mask=mg.ones((3, 11, 11)))
    with pytest.raises(ShapeError, match=r"leading axes .* query \(2, 11, 5\), key \(3, 11, 5\)"):
        scaled_dot_product_attention(x, numbers(3, 11, 5), numbers(3, 11, 5))


def test_queries_without_features(short: None) -> None:
    """All scores are 0: the mean of the values."""
    value = numbers(9, 3)
    found = scaled_dot_product_attention(numbers(11, 0), numbers(9, 0), value)
    np.testing.assert_allclose(found, np.broadcast_to(value.numpy().mean(axis=0), (11, 3)), rtol=1e-12)


def test_weights_are_counted_with_all_leading_axes() -> None:
    query, key, mask = numbers(16, 1, 512, 1), numbers(1, 64, 16, 1), numbers(2, 1, 1, 512, 16)
    assert attention_blocks.is_long(query, key, None)
    assert not attention_blocks.is_long(query[:, :, :511], key, None)
    assert not attention_blocks.is_long(query[:4], key, None)
    assert attention_blocks.is_long(query[:4], key, mask)


@pytest.mark.parametrize("causal", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_memory_grows_with_the_length(causal: bool) -> None:
    """A training step of twice the length takes twice the memory, and less than one array of all weights."""

    def arena(length: int) -> int:
        def loss(query: Any, key: Any, value: Any) -> Any:
            return mg.sum(scaled_dot_product_attention(query, key, value, is_causal=causal) ** 2)

        step = mg.compile(mg.grad(loss, argnums=(0, 1, 2)))
        step(*(numbers(4, length, 16, dtype=np.float32) for _ in range(3)))
        return int(step.stats()["arena_bytes"])

    short, long = arena(2048), arena(4096)
    assert long < 2.1 * short
    assert long < 4 * 4096 * 4096 * 4
