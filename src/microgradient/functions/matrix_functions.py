"""Functions of matrices in `mg.linalg` that are not in the array API standard: exponentials, chains of products, condition."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from .arguments import (
    ArrayLike,
    as_tensor,
    as_tensors,
    constant_tensor,
    float_matrices,
    inexact,
    square_matrices,
)  # fmt: skip
from .manipulation import reshape
from .products import matmul, matrix_transpose

_DEGREE = 18  # of the Taylor polynomial of exp(A) b for a norm of A up to 1: 1/19! is below the precision of float64


def matrix_exp(x: ArrayLike, /) -> Tensor:
    """exp(x) = Σ xᵏ / k! of each square matrix, by scaling and squaring (Al-Mohy & Higham 2009).

    The derivative is that of a block triangular matrix of twice the size: Mathias 1996, "A chain rule for matrix functions".

    >>> import microgradient as mg
    >>> mg.linalg.matrix_exp(mg.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return xp.matrix_exp(square_matrices(x, "matrix_exp"))


def expm_multiply(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """exp(x1) x2 without the exponential itself, for x1 (..., n, n) and x2 (..., n, k) or (n,).

    ⌈‖x1‖₁⌉ times a Taylor polynomial in products of a matrix and x2, as in Al-Mohy & Higham 2011, "Computing the action of the
    matrix exponential". Where a trace doesn't know the norm, it is `matrix_exp(x1) @ x2`.

    >>> import microgradient as mg
    >>> mg.linalg.expm_multiply(mg.tensor([[0.0, 1.0], [0.0, 0.0]]), mg.tensor([1.0, 2.0]))
    tensor([3., 2.])
    """
    a, b = as_tensors((square_matrices(x1, "expm_multiply"), inexact(as_tensor(x2))))
    vector = b.ndim == 1
    b = reshape(b, (*b.shape, 1)) if vector else b
    if isinstance(a.raw, np.ndarray):
        norm = float(np.abs(a.raw).sum(axis=-2).max(initial=0))
        if not math.isfinite(norm):
            raise ArgumentError("MG137", "expm_multiply: the matrix has entries that are NaN or infinite.")
        steps = max(math.ceil(norm), 1)
        small = a * (1 / steps)
        for _ in range(steps):
            term = b
            for k in range(1, _DEGREE + 1):
                term = matmul(small, term) * (1 / k)
                b = b + term
    else:
        b = matmul(xp.matrix_exp(a), b)
    return reshape(b, b.shape[:-1]) if vector else b


def multi_dot(arrays: Any, /) -> Tensor:
    """The product of two or more matrices, in the order of products that takes the fewest multiplications.

    The first and the last may be vectors, a row and a column. Raises ShapeError where the shapes don't fit.

    >>> import microgradient as mg
    >>> mg.linalg.multi_dot([mg.ones((2, 3)), mg.ones((3, 4)), mg.ones(4)])
    tensor([12., 12.])
    """
    tensors = as_tensors(arrays) if isinstance(arrays, list | tuple) else []
    if len(tensors) < 2:
        raise ArgumentError("MG124", "multi_dot multiplies at least two matrices.")
    first, last = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if first:
        tensors[0] = reshape(tensors[0], (1, -1))
    if last:
        tensors[-1] = reshape(tensors[-1], (-1, 1))
    shapes = [t.shape for t in tensors]
    if any(len(s) != 2 for s in shapes) or any(s[1] != t[0] for s, t in itertools.pairwise(shapes)):
        raise ShapeError(
            "MG130", f"multi_dot: these shapes don't form a chain of products: {', '.join(map(str, shapes))}."
        )
    sizes = (*(s[0] for s in shapes), shapes[-1][1])

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:
        """The cost of the product of matrices i to j, and after which of them to part it."""
        if i == j:
            return 0, i
        return min((best(i, k)[0] + best(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))

    def product(i: int, j: int) -> Tensor:
        return tensors[i] if i == j else matmul(product(i, k := best(i, j)[1]), product(k + 1, j))

    y = product(0, len(tensors) - 1)
    return reshape(y, tuple(n for n, gone in zip(y.shape, (first, last), strict=True) if not gone))


def householder_product(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The first n columns of H₁ … Hₖ with Hᵢ = 1 - τᵢ vᵢ vᵢᴴ, for x1 (..., m, n) and τ = x2 (..., k), k ≤ n ≤ m.

    vᵢ is column i of x1 below its diagonal, with a 1 on it and 0 above: what LAPACK's geqrf leaves.

    >>> import microgradient as mg
    >>> mg.linalg.householder_product(mg.zeros((2, 2)), mg.tensor([2.0]))
    tensor([[-1.,  0.],
            [ 0.,  1.]])
    """
    a, tau = as_tensors((float_matrices(x1, "householder_product"), inexact(as_tensor(x2))))
    (m, n), k = a.shape[-2:], tau.shape[-1] if tau.ndim else -1
    if not 0 <= k <= n <= m or tau.shape[:-1] != a.shape[:-2]:
        raise ShapeError(
            "MG134", f"householder_product needs (..., m, n) and (..., k) with k ≤ n ≤ m, not {a.shape}, {tau.shape}."
        )
    one = np.eye(m, n, dtype=a.dtype)
    vectors = xp.tril(a, k=-1) + one
    y: Any = constant_tensor(np.broadcast_to(one, a.shape).copy())
    for i in range(k - 1, -1, -1):
        v = xp.index(vectors, key=(..., slice(i, i + 1)))
        t = reshape(xp.index(tau, key=(..., i)), (*tau.shape[:-1], 1, 1))
        y = y - t * matmul(v, matmul(matrix_transpose(xp.conj(v) if v.dtype.kind == "c" else v), y))
    return y


def vander(x: ArrayLike, /, *, n: int | None = None) -> Tensor:
    """The powers x⁰, x¹, …, xⁿ⁻¹ of each entry along a new last axis; n is the length of the last axis of `x` unless given.

    >>> import microgradient as mg
    >>> mg.linalg.vander(mg.tensor([2.0, 3.0]), n=3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]])
    """
    x = as_tensor(x)
    if not x.ndim:
        raise ShapeError("MG136", "vander needs a vector, or a stack of them.")
    n = x.shape[-1] if n is None else n
    if n < 1:
        raise ArgumentError("MG124", f"There are at least one power, not {n}.")
    ones = constant_tensor(np.ones((*x.shape, 1), x.dtype))
    repeated = xp.broadcast_to(reshape(x, (*x.shape, 1)), shape=(*x.shape, n - 1))
    return xp.cumulative_prod(xp.concat(ones, repeated, axis=x.ndim), axis=x.ndim)


def cond(x: ArrayLike, /, *, ord: Any = None) -> Tensor:
    """The condition number ‖x‖ · ‖x⁻¹‖ of each matrix, in the norm `ord` of `matrix_norm`; None: that of order 2.

    For orders 2 and -2 it is the ratio of the largest and the smallest singular value, or its inverse, for any shape.

    >>> import microgradient as mg
    >>> mg.linalg.cond(mg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.)
    """
    from .linalg import inv, matrix_norm, svdvals

    if ord in (None, 2, -2):
        s = svdvals(float_matrices(x, "cond"))
        large, small = xp.index(s, key=(..., 0)), xp.index(s, key=(..., -1))
        return small / large if ord == -2 else large / small
    x = square_matrices(x, "cond")
    return matrix_norm(x, ord=ord) * matrix_norm(inv(x), ord=ord)
