"""Factors of matrices and solutions of equations that PyTorch has in `linalg` and the array API standard has not."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..array_linalg import permutation
from ..errors import ArgumentError, ShapeError
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data
from .arguments import (
    ArrayLike,
    as_tensor,
    as_tensors,
    constant_tensor,
    float_matrices,
    inexact,
    one_axis,
    square_matrices,
)  # fmt: skip
from .manipulation import moveaxis, reshape
from .products import matmul, matrix_transpose


class LUResult(NamedTuple):
    """What `lu` returns.

    >>> import microgradient as mg
    >>> mg.linalg.lu(mg.tensor([[0.0, 2.0], [1.0, 3.0]])).U
    tensor([[1., 3.],
            [0., 2.]])
    """

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactorResult(NamedTuple):
    """What `lu_factor` returns.

    >>> import microgradient as mg
    >>> mg.linalg.lu_factor(mg.tensor([[0.0, 2.0], [1.0, 3.0]])).pivots
    tensor([1, 1])
    """

    LU: Tensor
    pivots: Tensor


class LstsqResult(NamedTuple):
    """What `lstsq` returns.

    >>> import microgradient as mg
    >>> mg.linalg.lstsq(mg.ones((3, 1)), mg.tensor([1.0, 2.0, 6.0])).rank
    tensor(1)
    """

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


# ------------------------------------------------------------------------------------------------------ triangular systems


def solve_triangular(
    x1: ArrayLike, x2: ArrayLike, /, *, upper: bool = False, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The solution y of x1 y = x2 for triangular x1 (..., n, n), of which the other triangle is not looked at.

    With `upper` it is the upper triangle; `unitriangular` takes its diagonal for ones; without `left`, y x1 = x2. x2 is
    (..., n, k), or (n,) for one right-hand side. Raises LinAlgError if there is a 0 on the diagonal.

    >>> import microgradient as mg
    >>> mg.linalg.solve_triangular(mg.tensor([[2.0, 0.0], [1.0, 1.0]]), mg.tensor([2.0, 3.0]))
    tensor([1., 2.])
    """
    a, b = as_tensors((square_matrices(x1, "solve_triangular"), inexact(as_tensor(x2))))
    vector = b.ndim == 1
    if vector:
        b = reshape(b, (*b.shape, 1) if left else (1, *b.shape))
    if not left:
        a, b, upper = matrix_transpose(a), matrix_transpose(b), not upper
    if not b.ndim or b.shape[-2] != a.shape[-1]:
        raise ShapeError(
            "MG134", f"solve_triangular: matrices {a.shape} and right-hand sides {b.shape} don't fit together."
        )
    y = xp.solve_triangular(a, b, upper=bool(upper), unit=bool(unitriangular))
    y = y if left else matrix_transpose(y)
    return reshape(y, (*y.shape[:-2], a.shape[-1])) if vector else y


def cholesky_solve(x1: ArrayLike, x2: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """The solution y of (L Lᴴ) y = x2 from the factor L = x1; with `upper`, of (Uᴴ U) y = x2 from U = x1.

    >>> import microgradient as mg
    >>> mg.linalg.cholesky_solve(mg.tensor([[2.0]]), mg.tensor([[8.0]]))
    tensor([[2.]])
    """
    factor = square_matrices(x1, "cholesky_solve")
    turned = matrix_transpose(xp.conj(factor) if factor.dtype.kind == "c" else factor)
    first, second = (turned, factor) if upper else (factor, turned)
    return solve_triangular(second, solve_triangular(first, x2), upper=True)


def cholesky_inverse(x: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """(L Lᴴ)⁻¹ from the factor L = x; with `upper`, (Uᴴ U)⁻¹ from U = x.

    >>> import microgradient as mg
    >>> mg.linalg.cholesky_inverse(mg.tensor([[2.0]]))
    tensor([[0.25]])
    """
    x = square_matrices(x, "cholesky_inverse")
    return cholesky_solve(x, constant_tensor(np.eye(x.shape[-1], dtype=x.dtype)), upper=upper)


# ---------------------------------------------------------------------------------------------------------------- LU


def lu(x: ArrayLike, /) -> LUResult:
    """(P, L, U) with x = P L U: a permutation, L lower triangular with ones on its diagonal, U upper triangular.

    For x (..., m, n), k = min(m, n): P (..., m, m), L (..., m, k), U (..., k, n). Rows are exchanged so that the largest entry
    of each column divides. L and U have derivatives where the first k columns are linearly independent.

    >>> import microgradient as mg
    >>> P, L, U = mg.linalg.lu(mg.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> L, U
    (tensor([[1. , 0. ],
            [0.5, 1. ]]), tensor([[2., 2.],
            [0., 1.]]))
    """
    x = float_matrices(x, "lu")
    m, n = x.shape[-2:]
    k = min(m, n)
    order = constant_tensor(on_data(permutation, x.raw))  # P L U has row order[i] in place i
    back = constant_tensor(on_data(np.argsort, order.raw, axis=-1))
    rows = _rows(x, back)
    lower, upper = xp.lu(xp.index(rows, key=(..., slice(0, k), slice(0, k))))
    if n > k:
        rest = xp.index(rows, key=(..., slice(k, n)))
        upper = xp.concat(upper, solve_triangular(lower, rest, unitriangular=True), axis=x.ndim - 1)
    if m > k:
        rest = xp.index(rows, key=(..., slice(k, m), slice(None)))
        lower = xp.concat(lower, solve_triangular(upper, rest, upper=True, left=False), axis=x.ndim - 2)
    one = constant_tensor(np.broadcast_to(np.eye(m, dtype=x.dtype), (*x.shape[:-2], m, m)))
    return LUResult(_rows(one, order), lower, upper)


def lu_factor(x: ArrayLike, /) -> LUFactorResult:
    """(LU, pivots): L and U of `lu` in one matrix, without the ones; row i was exchanged with row pivots[i], for i = 0, 1, ….

    >>> import microgradient as mg
    >>> mg.linalg.lu_factor(mg.tensor([[1.0, 2.0], [2.0, 2.0]])).LU
    tensor([[2. , 2. ],
            [0.5, 1. ]])
    """
    x = float_matrices(x, "lu_factor")
    p, lower, upper = lu(x)
    m, n = x.shape[-2:]
    pad = ((0, 0),) * (x.ndim - 2)
    lower = xp.pad(xp.tril(lower, k=-1), widths=(*pad, (0, 0), (0, n - lower.shape[-1])))
    upper = xp.pad(upper, widths=(*pad, (0, m - upper.shape[-2]), (0, 0)))
    return LUFactorResult(lower + upper, constant_tensor(on_data(functools.partial(_pivots, k=min(m, n)), p.raw)))


def lu_solve(x1: ArrayLike, pivots: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The solution y of a y = x2 from (x1, pivots) = lu_factor(a): x2 is (..., n, k), or (n,) for one right-hand side.

    >>> import microgradient as mg
    >>> mg.linalg.lu_solve(*mg.linalg.lu_factor(mg.tensor([[2.0, 0.0], [0.0, 4.0]])), mg.tensor([2.0, 2.0]))
    tensor([1. , 0.5])
    """
    factors, b = as_tensors((square_matrices(x1, "lu_solve"), inexact(as_tensor(x2))))
    vector = b.ndim == 1
    b = reshape(b, (*b.shape, 1)) if vector else b
    batch = np.broadcast_shapes(factors.shape[:-2], b.shape[:-2])
    order = constant_tensor(on_data(_exchanged, as_tensor(pivots).raw))
    b = xp.broadcast_to(b, shape=(*batch, *b.shape[-2:]))
    order = xp.broadcast_to(order, shape=(*batch, order.shape[-1]))
    y = solve_triangular(factors, _rows(b, order), unitriangular=True)
    y = solve_triangular(factors, y, upper=True)
    return reshape(y, y.shape[:-1]) if vector else y


def _pivots(permutation: Any, k: int) -> Any:
    """With which rows the first k were exchanged, one after the other, so that all came to where a matrix P has them."""
    wanted = permutation.argmax(axis=-2) if permutation.size else np.zeros(permutation.shape[:-1], np.int64)
    pivots = np.zeros((*wanted.shape[:-1], k), np.int64)
    for place in np.ndindex(*wanted.shape[:-1]):
        rows = [*range(wanted.shape[-1])]
        for i, row in enumerate(wanted[place][:k]):
            p = pivots[(*place, i)] = rows.index(row)
            rows[i], rows[p] = rows[p], rows[i]
    return pivots


def _exchanged(pivots: Any) -> Any:
    """The order of rows after they were exchanged with those that `pivots` names, one after the other."""
    order = np.broadcast_to(np.arange(pivots.shape[-1]), pivots.shape).copy()
    for place in np.ndindex(*pivots.shape[:-1]):
        row = order[place]
        for i, p in enumerate(pivots[place]):
            row[i], row[p] = row[p], row[i]
    return order


def _rows(x: Tensor, order: Tensor) -> Tensor:
    """The rows of the matrices `x` in another order, one for each matrix."""
    return xp.take_along_axis(x, reshape(order, (*order.shape, 1)), axis=x.ndim - 2)


# ------------------------------------------------------------------------------------------------ least squares, tensors


def lstsq(x1: ArrayLike, x2: ArrayLike, /, *, rtol: float | None = None) -> LstsqResult:
    """(solution, residuals, rank, singular_values): the shortest y that makes ‖x1 y - x2‖ least, for x1 (..., m, n).

    x2 is (..., m, k), or (m,) for one right-hand side. It is pinv(x1, rtol) · x2, so that matrices without full rank have a
    solution too, with the derivative of `pinv`. `residuals` are ‖x1 y - x2‖² of each right-hand side.

    >>> import microgradient as mg
    >>> x = mg.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> mg.round(mg.linalg.lstsq(x, mg.tensor([1.0, 3.0, 5.0])).solution)
    tensor([1., 2.])
    """
    from .linalg import matrix_rank, pinv, svdvals

    a, b = as_tensors((float_matrices(x1, "lstsq"), inexact(as_tensor(x2))))
    vector = b.ndim == 1
    b = reshape(b, (*b.shape, 1)) if vector else b
    if b.ndim < 2 or b.shape[-2] != a.shape[-2]:
        raise ShapeError(
            "MG134", f"lstsq: matrices {a.shape} need right-hand sides of length {a.shape[-2]}, not {b.shape}."
        )
    y = matmul(pinv(a, rtol=rtol), b)
    residuals = xp.sum(xp.square(xp.abs(matmul(a, y) - b)), axis=(y.ndim - 2,), keepdims=False)
    if vector:
        y, residuals = reshape(y, y.shape[:-1]), reshape(residuals, residuals.shape[:-1])
    return LstsqResult(y, residuals, matrix_rank(a, rtol=rtol), svdvals(a))


def tensorsolve(x1: ArrayLike, x2: ArrayLike, /, *, axes: Sequence[int] | None = None) -> Tensor:
    """The y with tensordot(x1, y, axes=y.ndim) = x2: x1 has the axes of x2, then those of y. `axes` of x1 are moved to its end.

    >>> import microgradient as mg
    >>> mg.linalg.tensorsolve(mg.reshape(mg.eye(4), (2, 2, 4)), mg.ones((2, 2))).shape
    (4,)
    """
    from .linalg import solve

    a, b = as_tensors((inexact(as_tensor(x1)), inexact(as_tensor(x2))))
    if axes is not None:
        moved = [one_axis(i, a.ndim) for i in axes]
        a = moveaxis(a, tuple(moved), tuple(range(a.ndim - len(moved), a.ndim)))
    shape = a.shape[b.ndim :]
    n = math.prod(shape)
    if n != math.prod(b.shape):
        raise ShapeError("MG134", f"tensorsolve: {a.shape} does not make a square matrix behind the axes of {b.shape}.")
    return reshape(solve(reshape(a, (n, n)), reshape(b, (n,))), shape)


def tensorinv(x: ArrayLike, /, *, ind: int = 2) -> Tensor:
    """The inverse of the linear map that tensordot with `x` is: the first `ind` axes of `x` have as many entries as the others.

    >>> import microgradient as mg
    >>> mg.linalg.tensorinv(mg.reshape(mg.eye(4), (2, 2, 4))).shape
    (4, 2, 2)
    """
    from .linalg import inv

    x = inexact(as_tensor(x))
    if not 0 < ind < x.ndim:
        raise ArgumentError("MG124", f"ind={ind} has to leave axes on both sides of a tensor with {x.ndim} axes.")
    rows, columns = x.shape[:ind], x.shape[ind:]
    n = math.prod(rows)
    if n != math.prod(columns):
        raise ShapeError("MG136", f"tensorinv: {rows} and {columns} have different numbers of entries.")
    return reshape(inv(reshape(x, (n, n))), (*columns, *rows))
