"""The `linalg` extension of the array API standard: factorisations, solutions, determinants, eigenvalues, norms.

Every function works on the matrices in the last two axes, so also on stacks of them. Integers become the default float;
float16 is not supported by LAPACK. The rules are in rules_linalg.py.

Eigenvectors of equal eigenvalues, and singular vectors of equal singular values, are not unique and have no derivative: where
one is asked for, the result is inf or NaN, as in PyTorch. What is computed from the eigenvalues or singular values alone has
its derivative there too.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from ..array_linalg import eigvals_alone, lapack
from ..errors import ArgumentError, GradientError, ShapeError
from ..operators import wrap
from ..other_names import answer_for
from ..tape import recording
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data
from .arguments import (
    ArrayLike,
    Axis,
    as_tensor,
    as_tensors,
    axes_of,
    constant_tensor,
    float_matrices,
    inexact,
    square_matrices,
)
from .matrix_functions import cond, expm_multiply, householder_product, matrix_exp, multi_dot, vander
from .products import cross, diagonal, matmul, matrix_transpose, outer, tensordot, trace, vecdot
from .solvers import (
    LstsqResult,
    LUFactorResult,
    LUResult,
    cholesky_inverse,
    cholesky_solve,
    lstsq,
    lu,
    lu_factor,
    lu_solve,
    solve_triangular,
    tensorinv,
    tensorsolve,
)  # fmt: skip

__all__ = [
    "EigResult", "EighResult", "LUFactorResult", "LUResult", "LstsqResult", "QRResult", "SVDResult", "SlogdetResult",
    "cholesky", "cholesky_inverse", "cholesky_solve", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "expm_multiply", "householder_product", "inv", "lstsq", "lu", "lu_factor", "lu_solve", "matmul", "matrix_exp", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "outer", "pinv", "qr", "slogdet", "solve",
    "solve_triangular", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vander", "vecdot", "vector_norm",
]  # fmt: skip


class EighResult(NamedTuple):
    """What `eigh` returns.

    >>> import microgradient as mg
    >>> mg.linalg.eigh(mg.tensor([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([2., 3.])
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class EigResult(NamedTuple):
    """What `eig` returns.

    >>> import microgradient as mg
    >>> mg.linalg.eig(mg.tensor([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([2.+0.j, 3.+0.j], dtype=complex64)
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns.

    >>> import microgradient as mg
    >>> Q, R = mg.linalg.qr(mg.ones((3, 2)))
    >>> Q.shape, R.shape
    ((3, 2), (2, 2))
    """

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """What `slogdet` returns.

    >>> import microgradient as mg
    >>> mg.linalg.slogdet(mg.tensor([[0.0, 1.0], [1.0, 0.0]])).sign
    tensor(-1.)
    """

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns.

    >>> import microgradient as mg
    >>> mg.linalg.svd(mg.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """

    U: Tensor
    S: Tensor
    Vh: Tensor


# -------------------------------------------------------------------------------------------- solutions and determinants


def solve(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The solution y of x1 y = x2, for square matrices x1 (..., n, n).

    x2 (n,) is one right-hand side and gives y (n,), or (..., n) for a stack; otherwise x2 (..., n, k) holds them as columns
    and gives (..., n, k). The axes before the matrices broadcast.
    Raises ShapeError where the shapes do not fit, LinAlgError if a matrix is singular.

    >>> import microgradient as mg
    >>> mg.linalg.solve(mg.tensor([[2.0, 0.0], [0.0, 4.0]]), mg.tensor([2.0, 2.0]))
    tensor([1. , 0.5])
    """
    a, b = as_tensors((square_matrices(x1, "solve"), inexact(as_tensor(x2))))
    vector = b.ndim == 1
    if not b.ndim or b.shape[0 if vector else -2] != a.shape[-1]:
        raise ShapeError(
            "MG134", f"solve: matrices {a.shape} need right-hand sides of length {a.shape[-1]}, not {b.shape}."
        )
    try:
        y = xp.solve(a, xp.reshape(b, shape=(*b.shape, 1)) if vector else b)
    except ValueError as error:
        if isinstance(error, np.linalg.LinAlgError):
            raise
        raise ShapeError("MG134", f"solve: the shapes {a.shape} and {b.shape} do not broadcast.") from None
    return xp.reshape(y, shape=y.shape[:-1]) if vector else y


def inv(x: ArrayLike, /) -> Tensor:
    """The inverse of each square matrix: x⁻¹ x = 1. To solve equations, `solve` is faster and more exact.

    Raises ShapeError if the matrices are not square, LinAlgError if one is singular.

    >>> import microgradient as mg
    >>> mg.linalg.inv(mg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    return xp.inv(square_matrices(x, "inv"))


def pinv(x: ArrayLike, /, *, rtol: float | ArrayLike | None = None) -> Tensor:
    """The Moore-Penrose pseudo-inverse of each matrix (..., m, n): (..., n, m).

    Singular values up to `rtol` times the largest count as zero; `rtol` is a number or one per matrix, None means
    max(m, n)·eps. The derivative is that of matrices of this rank (Golub & Pereyra 1973); where the rank changes there is none.

    >>> import microgradient as mg
    >>> mg.linalg.pinv(mg.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]])
    """
    x = float_matrices(x, "pinv")
    return xp.pinv(x, rtol=_tolerance(rtol, x))


def det(x: ArrayLike, /) -> Tensor:
    """The determinant of each square matrix; 1 for matrices without entries. Its gradient is the matrix of cofactors.

    Derivatives of every order are exact where the matrix is singular, too.
    Raises ShapeError if the matrices are not square.

    >>> import microgradient as mg
    >>> mg.linalg.det(mg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    return xp.det(square_matrices(x, "det"))


def slogdet(x: ArrayLike, /) -> SlogdetResult:
    """(sign, logabsdet) with det x = sign · exp(logabsdet), without over- or underflow: (0, -inf) for singular matrices.

    The derivative of logabsdet is x⁻ᵀ: taking it raises LinAlgError at a singular matrix. That of the sign is 0.
    Raises ShapeError if the matrices are not square.

    >>> import microgradient as mg
    >>> mg.linalg.slogdet(mg.tensor([[0.0, 1.0], [1.0, 0.0]]))
    SlogdetResult(sign=tensor(-1.), logabsdet=tensor(0.))
    """
    return SlogdetResult(*xp.slogdet(square_matrices(x, "slogdet")))


def matrix_power(x: ArrayLike, n: int, /) -> Tensor:
    """The product of n copies of each square matrix: 1 for n = 0, powers of the inverse for n < 0.

    Raises ShapeError if the matrices are not square, LinAlgError if n < 0 and one is singular.

    >>> import microgradient as mg
    >>> mg.linalg.matrix_power(mg.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    n = operator.index(n)
    x = square_matrices(x, "matrix_power", floats=n < 0)
    if n == 1:
        return xp.reshape(x, shape=x.shape)
    if n < 0:
        x, n = xp.inv(x), -n
    result = None
    while n:
        if n % 2:
            result = x if result is None else xp.matmul(result, x)
        n //= 2
        if n:
            x = xp.matmul(x, x)
    if result is None:
        return constant_tensor(np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape).copy())
    return result


# ------------------------------------------------------------------------------------------------------- factorisations


def cholesky(x: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """The lower triangular L with x = L Lᵀ, for symmetric positive definite matrices; with `upper`, Lᵀ.

    It is computed for (x + xᵀ)/2, which is x where x is symmetric, so that the gradient is symmetric too.
    Raises ShapeError if the matrices are not square, LinAlgError if one is not positive definite. The rule: Murray 2016,
    "Differentiation of the Cholesky decomposition".

    >>> import microgradient as mg
    >>> mg.linalg.cholesky(mg.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    lower = xp.cholesky(square_matrices(x, "cholesky"))
    if not upper:
        return lower
    return matrix_transpose(_conj(lower))


def qr(x: ArrayLike, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """(Q, R) with x = Q R, orthonormal columns in Q and R upper triangular, for matrices (..., m, n).

    "reduced": Q (..., m, k) and R (..., k, n) with k = min(m, n). "complete": Q (..., m, m) and R (..., m, n). Derivatives exist
    where the first k columns are linearly independent (else LinAlgError), and in the complete form only for m ≤ n.

    >>> import microgradient as mg
    >>> mg.abs(mg.linalg.qr(mg.tensor([[0.0, 2.0], [1.0, 3.0]])).R)
    tensor([[1., 3.],
            [0., 2.]])
    """
    x = float_matrices(x, "qr")
    m, n = x.shape[-2:]
    if mode not in ("reduced", "complete"):
        raise ArgumentError("MG138", f"The mode of qr is 'reduced' or 'complete', not {mode!r}.")
    if mode == "complete" and m > n:
        what = f"qr(x, mode='complete') for {m} × {n} matrices, whose last {m - n} columns are arbitrary"
        return QRResult(*_values(np.linalg.qr, x, what, "mode='reduced'", mode="complete"))
    if m >= n:
        return QRResult(*xp.qr(x))
    # [X Y] = Q [U V]: Q and U belong to the square part, and V = Qᵀ Y
    q, u = xp.qr(xp.index(x, key=(..., slice(0, m))))
    v = xp.matmul(matrix_transpose(_conj(q)), xp.index(x, key=(..., slice(m, n))))
    return QRResult(q, xp.concat(u, v, axis=x.ndim - 1))


def svd(x: ArrayLike, /, *, full_matrices: bool = True) -> SVDResult:
    """(U, S, Vh) with x = U diag(S) Vh, orthonormal U and Vh, and S ≥ 0 in descending order, for matrices (..., m, n).

    With `full_matrices`: U (..., m, m) and Vh (..., n, n); otherwise (..., m, k) and (..., k, n), k = min(m, n). S is (..., k).
    The columns that make the matrices full are arbitrary: for m ≠ n write `full_matrices=False` to differentiate.
    The rule: Townsend 2016. U and Vh have derivatives where the singular values differ (else inf or NaN) and, for m ≠ n, are
    not 0; S has one everywhere.

    >>> import microgradient as mg
    >>> mg.linalg.svd(mg.tensor([[0.0, 3.0], [2.0, 0.0]])).S
    tensor([3., 2.])
    """
    x = float_matrices(x, "svd")
    m, n = x.shape[-2:]
    if full_matrices and m != n:
        what = f"svd(x) of {m} × {n} matrices in its full form"
        return SVDResult(*_values(np.linalg.svd, x, what, "full_matrices=False"))
    return SVDResult(*xp.svd(x))


def svdvals(x: ArrayLike, /) -> Tensor:
    """The singular values of each matrix (..., m, n), in descending order: (..., min(m, n)).

    >>> import microgradient as mg
    >>> mg.linalg.svdvals(mg.tensor([[0.0, 3.0], [2.0, 0.0]]))
    tensor([3., 2.])
    """
    return xp.svd(float_matrices(x, "svdvals"))[1]


# ------------------------------------------------------------------------------------------------------------ eigenvalues


def eigh(x: ArrayLike, /) -> EighResult:
    """Eigenvalues, ascending, and orthonormal eigenvectors, as columns, of symmetric (complex: Hermitian) matrices.

    It is computed for (x + xᵀ)/2, which is x where x is symmetric, so that the gradient is symmetric too. The sign of an
    eigenvector is arbitrary. Eigenvectors have derivatives where the eigenvalues differ, else inf or NaN; eigenvalues always.
    Raises ShapeError if the matrices are not square. The rule: Giles 2008, section 3.1.

    >>> import microgradient as mg
    >>> mg.linalg.eigh(mg.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    return EighResult(*xp.eigh(square_matrices(x, "eigh")))


def eigvalsh(x: ArrayLike, /) -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order. See `eigh`.

    >>> import microgradient as mg
    >>> mg.linalg.eigvalsh(mg.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    return eigh(x).eigenvalues


def eig(x: ArrayLike, /) -> EigResult:
    """Eigenvalues and eigenvectors, as columns, of square matrices: always complex, in no particular order.

    Eigenvectors have length 1, and what is left to choose, a factor exp(iφ) for each, is arbitrary: so what is differentiated
    must not depend on it. They have derivatives where the eigenvalues differ, else inf or NaN. See `eigh` for symmetric matrices.

    >>> import microgradient as mg
    >>> mg.linalg.eig(mg.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues
    tensor([0.+1.j, 0.-1.j], dtype=complex64)
    """
    return EigResult(*xp.eig(square_matrices(x, "eig")))


def eigvals(x: ArrayLike, /) -> Tensor:
    """The eigenvalues of square matrices: always complex, in no particular order. See `eig`.

    >>> import microgradient as mg
    >>> mg.linalg.eigvals(mg.tensor([[0.0, 1.0], [-1.0, 0.0]]))
    tensor([0.+1.j, 0.-1.j], dtype=complex64)
    """
    x = square_matrices(x, "eigvals")
    if x.node is not None:
        return xp.eig(x)[0]
    (w,) = _values(eigvals_alone, x)
    return w


def matrix_rank(x: ArrayLike, /, *, rtol: float | ArrayLike | None = None) -> Tensor:
    """How many singular values of each matrix are above `rtol` (None: max(m, n)·eps) times the largest. An integer.

    >>> import microgradient as mg
    >>> mg.linalg.matrix_rank(mg.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    x = float_matrices(x, "matrix_rank")
    (rank,) = _values(np.linalg.matrix_rank, x.detach(), rtol=_tolerance(rtol, x))
    return rank


# ------------------------------------------------------------------------------------------------------------------ norms


def vector_norm(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """(Σ|x|^ord)^(1/ord) over `axis` (None: all): the length for ord = 2, max |x| for inf, min |x| for -inf.

    ord = 0 counts the entries that are not 0. The derivative of |x| at 0 counts as 0, as does that of a zero vector's norm;
    their second derivatives are NaN there.

    >>> import microgradient as mg
    >>> mg.linalg.vector_norm(mg.tensor([3.0, 4.0]))
    tensor(5.)
    """
    x = inexact(as_tensor(x))
    if x.dtype.kind == "c":
        x = xp.abs(x)
    axes = axes_of(axis, x.ndim)
    reduced = functools.partial(xp.sum, axis=axes, keepdims=keepdims)
    if ord == 1:
        return reduced(xp.abs(x))
    if ord == 2:
        return xp.norm(x, axis=axes, keepdims=keepdims)
    if ord == 0:
        return reduced(xp.abs(xp.sign(xp.where(xp.isnan(x), 1, x))))
    if not math.prod(x.shape[i] for i in axes):
        if ord == -math.inf:
            raise ArgumentError("MG138", f"The norm of order -inf needs an entry; the shape is {x.shape}.")
        return reduced(x) if ord >= 0 else reduced(x) + math.inf
    if math.isinf(ord):
        return (xp.max if ord > 0 else xp.min)(xp.abs(x), axis=axes, keepdims=keepdims)
    top = xp.max(xp.abs(wrap(x.raw, None)), axis=axes, keepdims=True)  # a constant: |x| = |x / top| · top, and fits
    top = xp.where(xp.logical_and(xp.isfinite(top), xp.greater(top, 0)), top, 1)
    size = (x if ord % 2 == 0 else xp.abs(x)) / top
    if ord > 2:  # the length of the vector of the |x|^(ord/2)
        total, root = xp.norm(xp.power(size, n=ord / 2), axis=axes, keepdims=keepdims), 2 / ord
    else:
        zero = xp.equal(size, 0)
        powers = xp.where(zero, 0 if ord > 0 else np.inf, xp.pow(xp.where(zero, 1, size), ord))
        total, root = reduced(powers), 1 / ord
    none = xp.equal(total, 0)  # the root has an infinite derivative there
    y = xp.where(none, 0 if ord > 0 else math.inf, xp.pow(xp.where(none, 1, total), root))
    return y * (top if keepdims else xp.reshape(top, shape=y.shape))


def matrix_norm(
    x: ArrayLike, /, *, keepdims: bool = False, ord: float | Literal["fro", "nuc"] | None = "fro"
) -> Tensor:
    """A norm of each matrix in the last two axes.

    "fro" (or None): √Σ x_ij²; "nuc": the sum of the singular values; 2 and -2: the largest and the smallest of them; 1 and -1:
    the largest and the smallest column sum of |x_ij|; inf and -inf: row sum. The derivative at a zero matrix is 0.

    >>> import microgradient as mg
    >>> x = mg.tensor([[3.0, 0.0], [0.0, -4.0]])
    >>> mg.linalg.matrix_norm(x), mg.linalg.matrix_norm(x, ord="nuc"), mg.linalg.matrix_norm(x, ord=2)
    (tensor(5.), tensor(7.), tensor(4.))
    """
    x = float_matrices(x, "matrix_norm")
    if ord == "fro" or ord is None:
        y = vector_norm(x, axis=(-2, -1))
    elif ord == "nuc":
        y = vector_norm(svdvals(x), axis=-1, ord=1)
    elif ord in (2, -2):
        y = vector_norm(svdvals(x), axis=-1, ord=math.copysign(math.inf, ord))
    elif ord in (1, -1):
        y = vector_norm(vector_norm(x, axis=-2, ord=1), axis=-1, ord=math.copysign(math.inf, ord))
    elif ord in (math.inf, -math.inf):
        y = vector_norm(vector_norm(x, axis=-1, ord=1), axis=-1, ord=ord)
    else:
        raise ArgumentError(
            "MG138", f"The ord of a matrix norm is 'fro', 'nuc', 1, 2, inf or the negative of one, not {ord!r}."
        )
    return xp.reshape(y, shape=(*y.shape, 1, 1)) if keepdims else y


# ---------------------------------------------------------------------------------------------------------------- helpers


def _values(function: Callable[..., Any], x: Tensor, what: str = "", instead: str = "", **options: Any) -> list[Tensor]:
    """The results of a NumPy function without derivatives."""
    if x.node is not None and recording.get() is not None:
        raise GradientError(
            "MG119", f"{what} has no derivative here. Use {instead}, or `x.detach()` for the values alone."
        )
    with np.errstate(all="ignore"):
        results = on_data(functools.partial(lapack, function), x.raw, **options)
    return [constant_tensor(part) for part in (results if isinstance(results, tuple) else (results,))]


def _conj(x: Tensor) -> Tensor:
    return xp.conj(x) if x.dtype.kind == "c" else x


def _tolerance(rtol: Any, x: Tensor) -> Any:
    """`rtol` as a number or an array with one entry per matrix."""
    rtol = rtol.raw if isinstance(rtol, Tensor) else rtol
    if rtol is not None and np.shape(rtol) not in ((), x.shape[:-2]):
        raise ShapeError(
            "MG134", f"rtol is one number, or one per matrix of shape {x.shape[:-2]}; its shape is {np.shape(rtol)}."
        )
    return rtol


answer_for(__name__)
