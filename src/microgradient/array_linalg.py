"""The array world, continued: matrices and stacks of them, on LAPACK through NumPy.

`array_world.py` takes these into its namespace. Each works on the last two axes. What LAPACK refuses is raised as LinAlgError
with the numbers that say why.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import combinations, product
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from .errors import LinAlgError

Array = npt.NDArray[Any]

eye = np.eye


def lapack(function: Callable[..., Any], a: Array, *args: Any, **options: Any) -> Any:
    """`function(a, …)`, an array or a tuple of them, with errors that say which matrix of the stack it was, and why."""
    try:
        found = function(a, *args, **options)
    except np.linalg.LinAlgError as error:
        raise _explained(function.__name__, a) or LinAlgError("MG137", f"{function.__name__}: {error}.") from None
    return tuple(found) if isinstance(found, tuple) else found


solve, inv, pinv, det, slogdet, qr = (
    functools.partial(lapack, getattr(np.linalg, name)) for name in ("solve", "inv", "pinv", "det", "slogdet", "qr")
)
svd = functools.partial(lapack, np.linalg.svd, full_matrices=False)  # the reduced form, as qr's is


def cofactor(a: Array, *ts: Array) -> Array:
    """The matrix of cofactors: det(a)·a⁻ᵀ where a has an inverse worth the name. With matrices t₁ … tₖ, its k-th derivative.

    It is a polynomial in a, and computed without a division where a = U diag(s) Vᴴ: there the part of degree k in a change t is
    C(t) = Σ_I Π_{i∉I} sᵢ · cofactor(t_II) over all sets I of k + 1 places, and derivatives are Σ_J (-1)^(k-|J|) C(Σ_{j∈J} tⱼ).
    """
    if not ts:
        try:
            inverse = np.linalg.inv(a)
        except np.linalg.LinAlgError:
            pass
        else:
            condition = np.linalg.matrix_norm(a) * np.linalg.matrix_norm(inverse)
            if np.all(condition * np.sqrt(np.finfo(a.dtype).eps) < 1):
                return cast("Array", np.linalg.det(a)[..., None, None] * np.swapaxes(inverse, -1, -2))
    u, s, vh = svd(a)
    n, k = s.shape[-1], len(ts)
    places = np.array([*combinations(range(n), k + 1)], np.int64).reshape(-1, k + 1)
    outside = np.ones((len(places), n), np.bool_)
    np.put_along_axis(outside, places, False, axis=1)
    weights = np.linalg.det(u) * np.linalg.det(vh)
    weights = weights[..., None] * np.prod(np.where(outside, s[..., None, :], 1), axis=-1)
    inside: Any = (..., places[:, :, None], places[:, None, :])
    left, right = np.conj(u), np.conj(vh)
    turned = [np.swapaxes(left, -1, -2) @ t @ np.swapaxes(right, -1, -2) for t in ts]
    c = np.zeros(np.broadcast_shapes(a.shape, *(t.shape for t in ts)), a.dtype)
    for chosen in product((0, 1), repeat=k):
        if any(chosen) or not k:
            t = np.asarray(sum(t for t, one in zip(turned, chosen, strict=True) if one))
            minors = 1 if not k else cofactor(t[inside]) if np.isfinite(t).all() else np.nan
            np.add.at(c, inside, (-1) ** (k - sum(chosen)) * weights[..., None, None] * minors)
    return cast("Array", left @ c @ right)


def cholesky(a: Array) -> Array:
    """L with (a + aᴴ)/2 = L Lᴴ."""
    return cast("Array", lapack(np.linalg.cholesky, _hermitian(a)))


def eigh(a: Array) -> tuple[Array, Array]:
    """Eigenvalues in ascending order and eigenvectors, as columns, of (a + aᴴ)/2."""
    a = _hermitian(a)
    if not np.isfinite(a).all() and (error := _explained("eigh", a)) is not None:  # LAPACK gives finite numbers
        raise error
    return cast("tuple[Array, Array]", lapack(np.linalg.eigh, a))


def solve_triangular(a: Array, b: Array, *, upper: bool, unit: bool) -> Array:
    """y with a y = b, where a counts as triangular, and its diagonal as ones if `unit`."""
    import scipy.linalg

    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    if not b.size:
        return np.zeros(b.shape, np.result_type(a, b))
    try:
        y = scipy.linalg.solve_triangular(a, b, lower=not upper, unit_diagonal=unit, check_finite=False)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            "MG137", f"solve_triangular: {error}. A triangular matrix with a 0 on its diagonal is singular."
        ) from None
    return cast("Array", y.astype(np.result_type(a, b), copy=False))


def matrix_exp(a: Array) -> Array:
    """exp(a) = Σ aᵏ / k!, by scaling and squaring."""
    import scipy.linalg

    return cast("Array", scipy.linalg.expm(a) if a.size else a.copy())


def lu(a: Array) -> tuple[Array, Array]:
    """L and U with a = L U, without a change of rows: LAPACK's where it makes none."""
    import scipy.linalg

    if not a.size:
        return a.copy(), a.copy()
    order, lower, upper = scipy.linalg.lu(a, p_indices=True, check_finite=False)
    if (order == np.arange(a.shape[-1])).all():
        return lower, upper
    upper, lower = a.copy(), np.zeros_like(a) + np.eye(a.shape[-1], dtype=a.dtype)
    for k in range(a.shape[-1] - 1):
        lower[..., k + 1 :, k] = upper[..., k + 1 :, k] / upper[..., k, k, None]
        upper[..., k + 1 :, :] -= lower[..., k + 1 :, k, None] * upper[..., k, None, :]
    return lower, np.triu(upper)


def permutation(a: Array) -> Array:
    """Where each row of `a` is among those of L U, in its factorisation with pivots."""
    import scipy.linalg

    found = scipy.linalg.lu(a, p_indices=True, check_finite=False)[0] if a.size else np.arange(a.shape[-2])
    return np.broadcast_to(found, a.shape[:-1]).astype(np.int64)


def eig(a: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors, as columns: as complex numbers, also where LAPACK finds all of them real."""
    dtype = np.result_type(a.dtype, np.complex64)
    w, v = lapack(np.linalg.eig, a)
    return w.astype(dtype), v.astype(dtype)


def eigvals_alone(a: Array) -> Array:
    """The eigenvalues without the eigenvectors: faster, where no derivative is asked for."""
    return cast("Array", lapack(np.linalg.eigvals, a).astype(np.result_type(a.dtype, np.complex64)))


def norm(a: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
    """√Σa² over `axis`. Where the squares would over- or underflow, the largest entry is divided out first."""
    y = np.sqrt(np.sum(a * a, axis=axis, keepdims=keepdims))
    limits = np.finfo(a.dtype)
    if np.all((y * y > limits.tiny / limits.eps) & np.isfinite(y)):
        return cast("Array", y)
    top = np.max(np.abs(a), axis=axis, keepdims=True, initial=0)
    top = np.where((top == 0) | ~np.isfinite(top), 1, top)
    y = np.sqrt(np.sum(np.square(a / top), axis=axis, keepdims=True)) * top
    return cast("Array", y if keepdims else np.squeeze(y, axis=axis))


def _hermitian(a: Array) -> Array:
    return cast("Array", (a + np.conj(np.swapaxes(a, -1, -2))) / 2)


def _explained(name: str, a: Array) -> LinAlgError | None:
    for place in np.ndindex(*a.shape[:-2]):
        matrix = a[place]
        shape = f"{name}: the matrix" + (f" at {list(place)}" if place else f" of shape {matrix.shape}")
        if not np.all(np.isfinite(matrix)):
            bad = np.count_nonzero(~np.isfinite(matrix))
            return LinAlgError("MG137", f"{shape} has {bad} entries that are NaN or infinite.")
        if name == "cholesky":
            low = np.linalg.eigvalsh(matrix)[0]
            if low <= 0 or _fails(np.linalg.cholesky, matrix):
                return LinAlgError(
                    "MG137", f"{shape} is not positive definite: its smallest eigenvalue is {low:.3g}. Add a little to the "
                    f"diagonal: `x + {max(-2 * low, 1e-6):.1g} * mg.eye({len(matrix)})`.",
                )  # fmt: skip
        elif name in ("solve", "inv") and _fails(np.linalg.inv, matrix):
            s = np.linalg.svd(matrix, compute_uv=False)
            return LinAlgError(
                "MG137", f"{shape} is singular: its singular values go from {s[0]:.3g} down to {s[-1]:.3g}. Use "
                "`mg.linalg.pinv(x)`, or add a small multiple of `mg.eye(n)` to it.",
            )  # fmt: skip
    return None


def _fails(function: Callable[..., Any], matrix: Array) -> bool:
    try:
        function(matrix)
    except np.linalg.LinAlgError:
        return True
    return False
