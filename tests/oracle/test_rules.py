"""The rulebook against PyTorch: values and gradients of the functions that both have, kinks and special values included."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg

torch = pytest.importorskip("torch")

SPECIAL = [-np.inf, -2.5, -1.0, -0.5, -0.0, 0.0, 0.3, 0.5, 1.0, 2.0, 3.7, np.inf, np.nan]
UNARY = {
    "abs": "abs", "acos": "acos", "acosh": "acosh", "asin": "asin", "asinh": "asinh", "atan": "atan", "atanh": "atanh",
    "ceil": "ceil", "cos": "cos", "cosh": "cosh", "digamma": "digamma", "erf": "erf", "erfc": "erfc", "exp": "exp",
    "exp2": "exp2", "expm1": "expm1", "floor": "floor", "lgamma": "lgamma", "log": "log", "log10": "log10",
    "log1p": "log1p", "log2": "log2", "negative": "neg", "reciprocal": "reciprocal", "relu": "relu", "round": "round",
    "sigmoid": "sigmoid", "sign": "sign", "sin": "sin", "sinh": "sinh", "sqrt": "sqrt", "square": "square", "tan": "tan",
    "tanh": "tanh", "trunc": "trunc",
}  # fmt: skip
BINARY = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "maximum": "maximum", "minimum": "minimum",
    "pow": "pow", "hypot": "hypot", "logaddexp": "logaddexp", "remainder": "remainder", "copysign": "copysign",
}  # fmt: skip
# Where a gradient is not finite, or a value is itself special, libraries differ in kind (NaN or inf); compared elsewhere.
ORDINARY = [-2.5, -1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 2.0, 3.7]


def both(ours, theirs, arrays):
    a = [mg.tensor(x, requires_grad=True) for x in arrays]
    b = [torch.tensor(x, requires_grad=True) for x in arrays]
    y, z = ours(*a), theirs(*b)
    y.sum().backward()
    z.sum().backward()
    return y, z, a, b


@pytest.mark.parametrize("name", sorted(UNARY))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unary_values_at_special_points(name, dtype):
    x = np.array(SPECIAL if name != "sign" else SPECIAL[:-1], dtype)  # the standard says sign(NaN) = NaN, PyTorch 0
    ours, theirs = getattr(mg, name)(mg.tensor(x)).data, getattr(torch, UNARY[name])(torch.tensor(x)).numpy()
    np.testing.assert_allclose(
        ours, theirs, rtol=2e-6 if dtype is np.float32 else 1e-13, atol=1e-7 if dtype is np.float32 else 1e-15
    )


@pytest.mark.parametrize("name", sorted(UNARY))
def test_unary_gradients(name):
    _, z, a, b = both(getattr(mg, name), getattr(torch, UNARY[name]), [np.array(ORDINARY)])
    finite = (np.abs(b[0].grad.numpy()) < 1e30) & np.isfinite(z.detach().numpy())
    rtol = 1e-9 if name == "digamma" else 1e-12  # PyTorch's trigamma(1/2) differs from π²/2 in the tenth digit
    np.testing.assert_allclose(a[0].grad.data[finite], b[0].grad.numpy()[finite], rtol=rtol, atol=1e-15)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_binary_values_and_gradients_ties_included(name):
    grid = np.array(np.meshgrid(ORDINARY, ORDINARY)).reshape(2, -1)
    y, z, a, b = both(getattr(mg, name), getattr(torch, BINARY[name]), list(grid))
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-13, atol=1e-15)
    at_zero = (grid[0] == 0) & (grid[1] == 0)  # hypot: PyTorch gives NaN at (0, 0), we promise 0
    for ours, theirs in zip(a, b, strict=True):
        fine = np.isfinite(theirs.grad.numpy()) & ~at_zero
        np.testing.assert_allclose(ours.grad.data[fine], theirs.grad.numpy()[fine], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: mg.max(x, axis=1), lambda x: torch.amax(x, 1)),
        (lambda x: mg.min(x, axis=(0, 1)), lambda x: torch.amin(x, (0, 1))),
        (lambda x: mg.prod(x, axis=1), lambda x: torch.prod(x, 1)),
        (lambda x: mg.cumulative_prod(x, axis=1), lambda x: torch.cumprod(x, 1)),
        (lambda x: mg.cumulative_sum(x, axis=0), lambda x: torch.cumsum(x, 0)),
        (lambda x: mg.var(x, axis=1, correction=1), lambda x: torch.var(x, 1)),
        (lambda x: mg.std(x, axis=0, correction=1), lambda x: torch.std(x, 0)),
        (lambda x: mg.sort(x, axis=1), lambda x: torch.sort(x, dim=1, stable=True).values),
        (lambda x: mg.clip(x, -1.0, 2.0), lambda x: torch.clamp(x, -1.0, 2.0)),
        (lambda x: mg.softmax(x, axis=1), lambda x: torch.softmax(x, 1)),
        (lambda x: mg.log_softmax(x, axis=0), lambda x: torch.log_softmax(x, 0)),
        (lambda x: mg.logsumexp(x, axis=1), lambda x: torch.logsumexp(x, 1)),
        (lambda x: mg.flip(x, axis=1), lambda x: torch.flip(x, (1,))),
        (lambda x: mg.roll(x, (1, -2), axis=(0, 1)), lambda x: torch.roll(x, (1, -2), (0, 1))),
        (lambda x: mg.tril(x, k=-1), lambda x: torch.tril(x, -1)),
        (lambda x: x[[0, 2, 0], 1], lambda x: x[[0, 2, 0], 1]),
        (lambda x: x[:, None, ::2], lambda x: x[:, None, ::2]),
        (lambda x: mg.einsum("ij,kj->ik", x, x), lambda x: torch.einsum("ij,kj->ik", x, x)),
    ],
)
def test_functions_of_a_matrix_with_zeros_and_ties(ours, theirs):
    x = np.array([[1.0, 0.0, 2.0, 2.0], [0.0, -1.5, 0.0, 3.0], [2.5, -1.0, -1.0, 1.0]])
    weights = np.random.default_rng(0).normal(size=theirs(torch.tensor(x)).shape)
    a, b = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-13)
    (y * weights).sum().backward()
    (z * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 1, 2), (3, 2, 2, 4), (1, 3, 1, 1)]
)
def test_convolutions(dims, stride, padding, dilation, groups):
    rng = np.random.default_rng(dims)
    size, window = (7, 6, 5)[:dims], (3, 2, 1)[:dims]
    x, w = rng.normal(size=(2, 4, *size)), rng.normal(size=(8, 4 // groups, *window))
    wt = rng.normal(size=(4, 8 // groups, *window))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for ours, theirs, weight in (
        (mg.conv, getattr(torch.nn.functional, f"conv{dims}d"), w),
        (mg.conv_transpose, getattr(torch.nn.functional, f"conv_transpose{dims}d"), wt),
    ):
        if ours is mg.conv_transpose and any(
            (n - 1) * stride - 2 * padding + dilation * (k - 1) + 1 < 1 for n, k in zip(size, window, strict=True)
        ):
            continue
        y, z, a, b = both(
            lambda x, w, f=ours: f(x, w, **options), lambda x, w, f=theirs: f(x, w, **options), [x, weight]
        )
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-11, atol=1e-12)
        for mine, other in zip(a, b, strict=True):
            np.testing.assert_allclose(mine.grad.data, other.grad.numpy(), rtol=1e-11, atol=1e-12)
