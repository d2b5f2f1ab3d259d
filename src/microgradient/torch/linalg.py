"""`torch.linalg`, and the functions of `torch` that do the same under older names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor as Base
from ..trace_hooks import on_data
from .axes import cast, dims, one_dim
from .function import FUNCTIONS, adopting, function
from .products import _product
from .types import return_types

__all__: list[str] = []


def _linalg(f: Callable[..., Any]) -> Any:
    """A function of `torch.linalg`."""
    __all__.append(f.__name__)
    return adopting(f)


def _float(x: Any) -> Any:
    return x if x.raw.dtype.kind in "fc" else mg.astype(x, mg.get_default_dtype())


@_linalg
def vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of order `ord` of the vectors along `dim`, or of all entries."""
    return mg.linalg.vector_norm(cast(x, dtype), axis=dims(dim, x.raw.ndim), keepdims=keepdim, ord=float(ord))


@_linalg
def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of the matrices in two axes: "fro", "nuc", ±1, ±2, ±∞."""
    x = cast(A, dtype)
    i, j = (one_dim(d, x.raw.ndim) for d in dim)
    y = mg.linalg.matrix_norm(mg.moveaxis(x, (i, j), (-2, -1)), ord=ord, keepdims=False)
    if not keepdim:
        return y
    return mg.reshape(y, tuple(1 if k in (i, j) else n for k, n in enumerate(x.shape)))


@_linalg
def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """A norm of vectors (one axis, or all) or of matrices (two axes)."""
    if dim is None and ord is not None and not (A.raw.ndim == 1 or isinstance(ord, str)) and A.raw.ndim != 2:
        raise ShapeError(
            "MG136", f"linalg.norm: with ord and without dim the input must be 1D or 2D, not {A.raw.ndim}D."
        )
    axes = dims(dim, A.raw.ndim) if dim is not None else None
    matrix = ord is not None and ((axes is not None and len(axes) == 2) or (axes is None and A.raw.ndim == 2))
    if matrix or isinstance(ord, str):
        y = matrix_norm(A, ord, axes if axes is not None else (-2, -1), keepdim, dtype=dtype)
        return y
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def _named(name: str, find: Callable[..., Any], doc: str) -> None:
    pair = return_types[f"linalg_{name}"]

    def call(A: Any, *args: Any, **options: Any) -> Any:
        return pair(*find(_float(A), *args, **options))

    call.__name__, call.__doc__ = name, doc
    globals()[name] = _linalg(call)


_named("slogdet", mg.linalg.slogdet, "The sign and the logarithm of |det A|.")
_named(
    "eigh",
    lambda A, UPLO="L": mg.linalg.eigh(_from_triangle(A, UPLO)),
    "Eigenvalues and eigenvectors of symmetric matrices.",
)
_named("eig", mg.linalg.eig, "Eigenvalues and eigenvectors.")
_named("qr", lambda A, mode="reduced": _qr(A, mode), "A = Q R, with Q orthogonal and R upper triangular.")
_named(
    "svd", lambda A, full_matrices=True, driver=None: mg.linalg.svd(A, full_matrices=full_matrices), "A = U diag(S) Vh."
)


def _from_triangle(A: Any, UPLO: str) -> Any:
    """The symmetric matrix with the entries of one triangle; derivatives pass as if A were it."""
    return A + mg.stop_gradient(_symmetric(A, UPLO) - A)


def _symmetric(A: Any, UPLO: str) -> Any:
    low = mg.tril(A) if UPLO.upper() == "L" else mg.conj(mg.linalg.matrix_transpose(mg.triu(A)))
    strict = mg.tril(low, k=-1)
    return low + mg.conj(mg.linalg.matrix_transpose(strict))


def _qr(A: Any, mode: str) -> tuple[Any, Any]:
    if mode == "r":
        return mg.zeros((0,), dtype=A.raw.dtype), mg.linalg.qr(A)[1]
    return tuple(mg.linalg.qr(A, mode=mode))  # type: ignore[arg-type, return-value]


def _plain(names: dict[str, Callable[..., Any]]) -> None:
    for name, f in names.items():
        f.__name__ = name
        globals()[name] = _linalg(f)


_plain(
    {
        "det": lambda A: mg.linalg.det(_float(A)),
        "inv": lambda A: mg.linalg.inv(_float(A)),
        "svdvals": lambda A, driver=None: mg.linalg.svdvals(_float(A)),
        "eigvalsh": lambda A, UPLO="L": mg.linalg.eigh(_from_triangle(_float(A), UPLO))[0],
        "eigvals": lambda A: mg.linalg.eigvals(_float(A)),
        "matrix_power": lambda A, n: mg.linalg.matrix_power(A, n),
        "diagonal": lambda A, offset=0, dim1=-2, dim2=-1: FUNCTIONS["diagonal"](A, offset, dim1, dim2),
        "matmul": lambda input, other: _product(input, other),
        "cholesky": lambda A, upper=False: mg.linalg.cholesky(_lower(A), upper=upper),
    }
)


def _lower(A: Any) -> Any:
    """The symmetric matrix that Cholesky's method reads the lower triangle of."""
    return _from_triangle(_float(A), "L")


@_linalg
def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The vector product along an axis of length 3."""
    return FUNCTIONS["cross"](input, other, dim)


@_linalg
def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """Σ conj(x) · y along an axis."""
    return mg.sum(mg.conj(x) * y, axis=dim)


@_linalg
def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X with A X = B, or X A = B where not `left`."""
    if not left:
        return mg.linalg.matrix_transpose(solve(mg.linalg.matrix_transpose(A), mg.linalg.matrix_transpose(B)))
    vector = B.raw.ndim == 1 or (B.raw.ndim == A.raw.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    if vector:
        return mg.squeeze(mg.linalg.solve(A, mg.expand_dims(B, axis=-1)), axis=-1)
    return mg.linalg.solve(A, B)


def _with_info(name: str, of: str) -> None:
    pair = return_types[f"linalg_{name}"]

    def call(A: Any, *args: Any, check_errors: bool = False, **options: Any) -> Any:
        y = globals()[of](A, *args, **options)
        return pair(y, mg.zeros(tuple(A.shape[:-2]), dtype=np.int32))

    call.__name__, call.__doc__ = name, f"`{of}`, and for each matrix 0 where it could be done."
    globals()[name] = _linalg(call)


_with_info("inv_ex", "inv")
_with_info("cholesky_ex", "cholesky")
_with_info("solve_ex", "solve")


@_linalg
def pinv(A: Any, rtol: Any = None, hermitian: bool = False, *, atol: Any = None, rcond: Any = None) -> Any:
    """The Moore-Penrose inverse; singular values up to max(atol, rtol · the largest) count as 0."""
    A, rtol = _float(A), rcond if rcond is not None else rtol
    if hermitian:
        A = _from_triangle(A, "L")
    if atol is None:
        return mg.linalg.pinv(A, rtol=rtol.raw if isinstance(rtol, Base) else rtol)
    if not A.raw.size:
        return mg.linalg.matrix_transpose(A)
    largest = mg.max(mg.linalg.svdvals(mg.stop_gradient(A)), axis=-1)
    eps = float(np.finfo(A.raw.dtype).eps) * max(A.shape[-2:])
    relative = rtol if rtol is not None else eps if not _positive(atol) else 0.0
    bound = mg.maximum(mg.asarray(atol, dtype=A.raw.dtype), relative * largest)
    return mg.linalg.pinv(A, rtol=(bound / mg.where(largest == 0, 1, largest)).raw)


def _positive(x: Any) -> bool:
    return bool(np.all(np.asarray(x.raw if isinstance(x, Base) else x) > 0))


@_linalg
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """How many singular values exceed max(atol, rtol · the largest)."""
    A = _symmetric(_float(A), "L") if hermitian else _float(A)
    s = on_data(np.linalg.svd, A.raw, compute_uv=False)
    eps = float(np.finfo(A.raw.dtype).eps) * max(A.shape[-2:])
    atol = tol if tol is not None else atol
    relative = eps if rtol is None and atol is None else 0.0 if rtol is None else rtol
    if not A.raw.size:
        return mg.zeros(tuple(A.shape[:-2]), dtype=np.int64)
    low, ratio = (
        np.asarray(v.raw if isinstance(v, Base) else v)[..., None] for v in (0.0 if atol is None else atol, relative)
    )
    return mg.sum(mg.asarray(s > np.maximum(low, ratio * s.max(axis=-1, keepdims=True))), axis=-1)


@_linalg
def cond(A: Any, p: Any = None) -> Any:
    """The norm of A times that of its inverse; by default the ratio of the singular values."""
    A = _float(A)
    if p in (None, 2, -2):
        s = mg.linalg.svdvals(A)
        return s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    return matrix_norm(A, p) * matrix_norm(mg.linalg.inv(A), p)


@_linalg
def multi_dot(tensors: Any) -> Any:
    """The product of matrices (and vectors at the ends), in the order that costs least."""
    parts = list(tensors)
    if len(parts) < 2:
        raise ArgumentError("MG124", f"multi_dot(): expected at least 2 tensors but got {len(parts)}.")
    first, last = parts[0].raw.ndim == 1, parts[-1].raw.ndim == 1
    if first:
        parts[0] = mg.expand_dims(parts[0], axis=0)
    if last:
        parts[-1] = mg.expand_dims(parts[-1], axis=1)
    while len(parts) > 1:  # always the pair that shares the longest axis: as good as the best order for a few
        i = max(range(len(parts) - 1), key=lambda k: parts[k].shape[-1])
        parts[i : i + 2] = [mg.matmul(parts[i], parts[i + 1])]
    y = parts[0]
    return mg.reshape(y, tuple(n for n, gone in zip(y.shape, (first, last), strict=True) if not gone))


@_linalg
def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of A as a linear map from its last axes to its first `ind`."""
    size = math.prod(A.shape[:ind])
    return mg.reshape(mg.linalg.inv(mg.reshape(A, (size, size))), (*A.shape[ind:], *A.shape[:ind]))


@_linalg
def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """X with A X = B, A a linear map from the axes of X to those of B."""
    if dims is not None:
        A = mg.moveaxis(A, tuple(dims), tuple(range(A.raw.ndim - len(dims), A.raw.ndim)))
    size = B.raw.size
    x = mg.linalg.solve(mg.reshape(A, (size, size)), mg.reshape(B, (size, 1)))
    return mg.reshape(x, tuple(A.shape[B.raw.ndim :]))


@_linalg
def vander(x: Any, *, N: int | None = None) -> Any:
    """The powers 0 … N-1 of each entry, as rows."""
    n = x.shape[-1] if N is None else N
    if n < 0:
        raise ArgumentError("MG124", f"vander: N = {n} is negative.")
    x = mg.reshape(x, (1,)) if not x.raw.ndim else x
    columns = [mg.ones_like(x)]
    for _ in range(n - 1):
        columns.append(columns[-1] * x)
    return mg.stack(columns[:n], axis=-1)


@_linalg
def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """X with A X = B (X A = B) for triangular A."""
    part = mg.triu(A) if upper else mg.tril(A)
    if unitriangular:
        one = mg.eye(A.shape[-1], dtype=A.raw.dtype)
        part = mg.where(mg.astype(one, np.bool_), one, part)
    return (
        solve(part, B, left=left)
        if left
        else mg.linalg.matrix_transpose(
            mg.linalg.solve(mg.linalg.matrix_transpose(part), mg.linalg.matrix_transpose(B))
        )
    )


_plain(
    {
        "matrix_exp": lambda A: mg.linalg.matrix_exp(_float(A)),
        "householder_product": lambda A, tau: mg.linalg.householder_product(A, tau),
    }
)


@_linalg
def lu(A: Any, *, pivot: bool = True) -> Any:
    """A = P L U."""
    _check_pivot(pivot)
    return return_types["linalg_lu"](*mg.linalg.lu(A))


@_linalg
def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and which rows were exchanged, counted from 1."""
    _check_pivot(pivot)
    factors, pivots = mg.linalg.lu_factor(A)
    return return_types["linalg_lu_factor"](factors, mg.astype(pivots + 1, np.int32))


def _check_pivot(pivot: bool) -> None:
    if not pivot:
        raise ArgumentError("MG124", "LU without pivoting is for GPUs alone. Leave out `pivot=False`.")


@_linalg
def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor`, and for each matrix 0, or the number of the first pivot that is 0."""
    factors, pivots = lu_factor(A, pivot=pivot)
    zero = np.linalg.matrix_rank(A.raw) * 0 if not A.raw.size else (np.diagonal(factors.raw, axis1=-2, axis2=-1) == 0)
    info = np.where(zero.any(-1), zero.argmax(-1) + 1, 0) if A.raw.size else np.zeros(A.shape[:-2])
    return return_types["linalg_lu_factor_ex"](factors, pivots, mg.asarray(np.asarray(info, np.int32)))


@_linalg
def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """X with A X = B (X A = B), from `lu_factor(A)`."""
    whole = _unpacked(LU, pivots)
    A = mg.matmul(mg.matmul(whole[0], whole[1]), whole[2])
    return solve(mg.conj(mg.linalg.matrix_transpose(A)) if adjoint else A, B, left=left)


def _unpacked(LU: Any, pivots: Any) -> tuple[Any, Any, Any]:
    m, n = LU.shape[-2:]
    k = min(m, n)
    low = mg.tril(LU[..., :, :k], k=-1) + mg.eye(m, k, dtype=LU.raw.dtype)
    swaps = pivots.raw.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    orders = np.broadcast_to(np.arange(m), (len(swaps), m)).copy()
    for order, row in zip(orders, swaps, strict=True):
        for i, j in enumerate(row - 1):
            order[i], order[j] = order[j], order[i]
    p = np.zeros((len(swaps), m, m), LU.raw.dtype)
    p[np.arange(len(swaps))[:, None], orders, np.arange(m)] = 1
    return mg.asarray(p.reshape(*LU.shape[:-2], m, m)), low, mg.triu(LU[..., :k, :])


@_linalg
def lstsq(A: Any, B: Any, rcond: Any = None, *, driver: str | None = None) -> Any:
    """The solution of least squares, its residuals, the rank of A and (for the SVD's drivers) its singular values."""
    vector = B.raw.ndim == 1 or (B.raw.ndim == A.raw.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    x, residuals, rank, values = mg.linalg.lstsq(A, mg.expand_dims(B, axis=-1) if vector else B, rtol=rcond)
    full = (
        A.shape[-2] > A.shape[-1] and bool(np.all(rank.raw == A.shape[-1])) and driver != "gelsy" and driver is not None
    )
    residuals = (
        residuals if full or (driver is None and A.shape[-2] > A.shape[-1]) else mg.zeros((0,), dtype=A.raw.dtype)
    )
    values = values if driver in ("gelss", "gelsd") else mg.zeros((0,), dtype=A.raw.dtype)
    rank = rank if driver != "gels" else mg.zeros((0,), dtype=np.int64)
    x = mg.squeeze(x, axis=-1) if vector else x
    return return_types["linalg_lstsq"](x, residuals, rank, values)


# ------------------------------------------------------------------------------------------------- older names, in `torch`


def _older(name: str, f: Callable[..., Any], names: str = "") -> None:
    f.__name__ = name
    function(f, names=names)


_older("det", lambda input: globals()["det"](input))
_older("slogdet", lambda input: return_types["slogdet"](*globals()["slogdet"](input)))
_older("logdet", lambda input: _logdet(input))
_older("inverse", lambda input: globals()["inv"](input))
_older("pinverse", lambda input, rcond=1e-15: pinv(input, rcond))
_older("matrix_power", lambda input, n: mg.linalg.matrix_power(input, n))
_older("cholesky", lambda input, upper=False: globals()["cholesky"](input, upper=upper))
_older("qr", lambda input, some=True: return_types["qr"](*globals()["qr"](input, "reduced" if some else "complete")))
_older("svd", lambda input, some=True, compute_uv=True: _svd(input, some, compute_uv))
_older("cholesky_solve", lambda input, L, upper=False: mg.linalg.cholesky_solve(L, input, upper=upper))
_older("cholesky_inverse", lambda input, upper=False: mg.linalg.cholesky_inverse(input, upper=upper))
_older("lu_solve", lambda input, LU_data, LU_pivots: lu_solve(LU_data, LU_pivots, input))
_older(
    "lu_unpack",
    lambda input, LU_pivots, unpack_data=True, unpack_pivots=True: _lu_unpack(
        input, LU_pivots, unpack_data, unpack_pivots
    ),
)
_older("lu", lambda input, pivot=True, get_infos=False: lu_factor_ex(input)[: 3 if get_infos else 2])
_older("geqrf", lambda input: _geqrf(input))
_older("orgqr", lambda input, input2: mg.linalg.householder_product(input, input2))
_older("ormqr", lambda input, tau, other, left=True, transpose=False: _ormqr(input, tau, other, left, transpose))
_older(
    "triangular_solve",
    lambda input, A, upper=True, transpose=False, unitriangular=False: _triangular_solve(
        input, A, upper, transpose, unitriangular
    ),
)


def _logdet(x: Any) -> Any:
    sign, logarithm = mg.linalg.slogdet(x)
    return mg.where(mg.less(sign, 0), math.nan, logarithm)


def _svd(x: Any, some: bool, compute_uv: bool) -> Any:
    u, s, vh = mg.linalg.svd(x, full_matrices=not some)
    if not compute_uv:
        m, n = x.shape[-2:]
        batch = tuple(x.shape[:-2])
        u, vh = mg.zeros((*batch, m, m), dtype=x.raw.dtype), mg.zeros((*batch, n, n), dtype=x.raw.dtype)
    return return_types["svd"](u, s, mg.conj(mg.linalg.matrix_transpose(vh)))


def _lu_unpack(LU: Any, pivots: Any, unpack_data: bool, unpack_pivots: bool) -> Any:
    p, low, up = _unpacked(LU, pivots)
    empty = mg.zeros((0,), dtype=LU.raw.dtype)
    return return_types["linalg_lu"](p if unpack_pivots else empty, *((low, up) if unpack_data else (empty, empty)))


def _geqrf(x: Any) -> Any:
    batch, (m, n) = x.shape[:-2], x.shape[-2:]
    h, tau = np.linalg.qr(x.raw.reshape(math.prod(batch), m, n), mode="raw")
    packed = np.swapaxes(h, -1, -2).reshape(*batch, m, n)
    return return_types["geqrf"](mg.asarray(np.ascontiguousarray(packed)), mg.asarray(tau.reshape(*batch, min(m, n))))


def _ormqr(x: Any, tau: Any, other: Any, left: bool, transpose: bool) -> Any:
    m, k = x.shape[-2:]
    square = mg.pad(x, [(0, 0)] * (x.raw.ndim - 1) + [(0, m - k)]) if m > k else x[..., :m]
    q = mg.linalg.householder_product(square, tau)
    q = mg.conj(mg.linalg.matrix_transpose(q)) if transpose else q
    return mg.matmul(q, other) if left else mg.matmul(other, q)


def _triangular_solve(b: Any, A: Any, upper: bool, transpose: bool, unitriangular: bool) -> Any:
    a = mg.linalg.matrix_transpose(A) if transpose else A
    x = solve_triangular(a, b, upper=upper is not transpose, unitriangular=unitriangular)
    return return_types["triangular_solve"](x, A)
