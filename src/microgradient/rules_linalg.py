"""The rulebook, continued: norms, and of matrices and stacks of them inverses, determinants and factors.

All rows are `special` and written with matrix products and the primitives below, so they hold in every world that has
these, and give derivatives of any order. Notation: `y` the result, `t` a cotangent (vjp) or tangent (jvp), Aᵀ = _mT(A), and
its conjugate Aᴴ = _mH(A). The literature has adjoints of complex functions: `_adjoint` makes transposes of them.

The rules are those collected by M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), unless another source stands beside them.

Where they do not exist: eigenvectors of equal eigenvalues, and singular vectors of equal singular values, have no derivative;
the rules then divide by zero and give inf or NaN, as PyTorch does. The derivatives of the eigenvalues and singular values
themselves stay finite, because they never enter the division.
"""

from __future__ import annotations

from typing import Any

from .primitives import Rule, World, special, total
from .rules import _conj, _mT, _over_length, weighted

# ------------------------------------------------------------------------------------------- inverse, solution, determinant


def _mH(xp: World, a: Any) -> Any:
    return _mT(xp, _conj(xp, a))


def _adjoint(rule: Rule) -> Rule:
    """The vjp of a rule written as the adjoint: the conjugate of what that gives for conjugates."""

    def vjp(xp: World, t: Any, *args: Any, **params: Any) -> Any:
        t = tuple(u if u is None else _conj(xp, u) for u in t) if isinstance(t, tuple) else _conj(xp, t)
        return _conj(xp, rule(xp, t, *args, **params))

    return vjp


def _solve_vjp(xp: World, t: Any, y: Any, a: Any, b: Any) -> list[Any]:
    g = xp.solve(_mT(xp, a), t)
    return [-xp.matmul(g, _mT(xp, y)), g]


def _solve_jvp(xp: World, t: Any, y: Any, a: Any, b: Any) -> Any:
    ta, tb = t
    if ta is None:
        return xp.solve(a, tb)
    moved = -xp.matmul(ta, y)
    return xp.solve(a, moved if tb is None else tb + moved)


def _triangle(xp: World, a: Any, upper: bool, unit: bool) -> Any:
    """The part of a matrix that `solve_triangular` looks at."""
    return xp.triu(a, k=int(unit)) if upper else xp.tril(a, k=-int(unit))


def _solve_triangular_vjp(xp: World, t: Any, y: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> list[Any]:
    g = xp.solve_triangular(_mT(xp, a), t, upper=not upper, unit=unit)
    return [-_triangle(xp, xp.matmul(g, _mT(xp, y)), upper, unit), g]


def _solve_triangular_jvp(xp: World, t: Any, y: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    ta, tb = t
    terms = [] if tb is None else [tb]
    terms += [] if ta is None else [-xp.matmul(_triangle(xp, ta, upper, unit), y)]
    return xp.solve_triangular(a, total(terms), upper=upper, unit=unit)


def _exp_along(xp: World, a: Any, t: Any) -> Any:
    """How exp(a) moves along t: Mathias 1996, "A chain rule for matrix functions": exp [a t; 0 a] = [exp(a) …; 0 exp(a)]."""
    n, rows, columns = a.shape[-1], a.ndim - 2, a.ndim - 1
    above, below = xp.concat(a, t, axis=columns), xp.concat(xp.zeros(a.shape, a.dtype), a, axis=columns)
    return xp.index(xp.matrix_exp(xp.concat(above, below, axis=rows)), key=(..., slice(0, n), slice(n, 2 * n)))


def _inner(xp: World, a: Any, b: Any) -> Any:
    """Σ_ij a_ij b_ij of each matrix of a stack."""
    return xp.sum(a * b, axis=(a.ndim - 2, a.ndim - 1), keepdims=False)


def _scale(xp: World, s: Any) -> Any:
    """A number per matrix, shaped so that it multiplies the matrices."""
    return xp.reshape(s, shape=(*s.shape, 1, 1))


def _cofactor_jvp(xp: World, t: Any, y: Any, a: Any, *ts: Any) -> Any:
    ta, *tangents = t if ts else [t]
    terms = [] if ta is None else [xp.cofactor(a, *ts, ta)]
    return total(terms + [xp.cofactor(a, *ts[:i], x, *ts[i + 1 :]) for i, x in enumerate(tangents) if x is not None])


def _pinv_jvp(xp: World, t: Any, y: Any, a: Any, *, rtol: Any) -> Any:
    """Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems" (1973).

    Exact wherever the rank stays the same nearby, so also for matrices that are not of full rank. The vjp is the jvp at aᵀ.
    """
    yH, tH = _mH(xp, y), _mH(xp, t)
    left = xp.matmul(xp.matmul(y, yH), tH)  # P Pᴴ tᴴ
    right = xp.matmul(xp.matmul(tH, yH), y)  # tᴴ Pᴴ P
    inside = xp.matmul(xp.matmul(y, t), y)
    return left - xp.matmul(xp.matmul(left, a), y) + right - xp.matmul(y, xp.matmul(a, right)) - inside


def _slogdet_vjp(xp: World, t: Any, y: Any, a: Any) -> Any:
    """Of log det a = log |det a| + i·angle, the derivative is a⁻ᵀ; the sign, e^(i·angle), moves for complex matrices alone."""
    tsign, tlog = t
    terms = [] if tlog is None else [tlog]
    if tsign is not None and y[0].dtype.kind == "c":
        terms.append(1j * xp.imag(tsign * y[0]))
    return _scale(xp, total(terms)) * _mT(xp, xp.inv(a)) if terms else None


def _slogdet_jvp(xp: World, t: Any, y: Any, a: Any) -> Any:
    moved = _inner(xp, _mT(xp, xp.inv(a)), t)
    if a.dtype.kind != "c":
        return xp.zeros_like(moved), moved
    return y[0] * (1j * xp.imag(moved)), xp.real(moved)


weighted("norm", lambda xp, y, a, axes: _over_length(xp, a, y), reads="ya")  # √Σa²; its derivative at 0 is 0
special("solve", _solve_vjp, _solve_jvp, reads="ya")  # b is a matrix: the right-hand sides are its columns
special("inv",
        lambda xp, t, y, a: -xp.matmul(xp.matmul(_mT(xp, y), t), _mT(xp, y)),
        lambda xp, t, y, a: -xp.matmul(xp.matmul(y, t), y), reads="y")  # fmt: skip
special("solve_triangular", _solve_triangular_vjp, _solve_triangular_jvp, reads="ya")
special("matrix_exp",  # of a block matrix, with the transpose for the vjp, since exp(aᵀ) = exp(a)ᵀ
        lambda xp, t, y, a: _exp_along(xp, _mT(xp, a), t), lambda xp, t, y, a: _exp_along(xp, a, t), reads="a")  # fmt: skip
special("pinv",
        lambda xp, t, y, a, *, rtol: _pinv_jvp(xp, t, _mT(xp, y), _mT(xp, a), rtol=rtol),
        _pinv_jvp, reads="ya")  # fmt: skip
# The gradient of det is the matrix of cofactors, which exists for singular matrices too, where det A · A⁻ᵀ does not
special("det",
        lambda xp, t, y, a: _scale(xp, t) * xp.cofactor(a),
        lambda xp, t, y, a: _inner(xp, xp.cofactor(a), t), reads="a")  # fmt: skip
# cofactor(a, t₁, …, tₖ) is derivative number k + 1 of det in the directions t, as a matrix: symmetric and linear in them
special("cofactor",
        lambda xp, t, y, a, *ts: [xp.cofactor(a, *ts, t), *(xp.cofactor(a, *ts[:i], t, *ts[i + 1 :]) for i in range(len(ts)))],
        _cofactor_jvp, reads="abcdefgh")  # fmt: skip
special("slogdet", _slogdet_vjp, _slogdet_jvp, reads="ya")


# ------------------------------------------------------------------------------------------------------------ factorisations


def _half_tril(xp: World, a: Any) -> Any:
    """Φ(A): the lower triangle, with half of the diagonal."""
    return (xp.tril(a, k=0) + xp.tril(a, k=-1)) / 2


def _symmetric(xp: World, a: Any) -> Any:
    return (a + _mH(xp, a)) / 2


def _cholesky_vjp(xp: World, t: Any, y: Any, a: Any) -> Any:
    """I. Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10: sym(L⁻ᴴ Φ(Lᴴ t) L⁻¹)."""
    yH = _mH(xp, y)
    half = xp.solve(yH, _half_tril(xp, xp.matmul(yH, t)))
    return _symmetric(xp, xp.solve(yH, _mH(xp, half)))


def _cholesky_jvp(xp: World, t: Any, y: Any, a: Any) -> Any:
    """Murray 2016, equation 8: L Φ(L⁻¹ t L⁻ᴴ)."""
    half = _mH(xp, xp.solve(y, _symmetric(xp, t)))
    return xp.matmul(y, _half_tril(xp, xp.solve(y, half)))


def _over_differences(xp: World, w: Any, a: Any) -> Any:
    """a_ij / (w_j - w_i) off the diagonal, 0 on it."""
    n = w.shape[-1]
    one = xp.eye(n, dtype=w.dtype)
    gaps = xp.reshape(w, shape=(*w.shape[:-1], 1, n)) - xp.reshape(w, shape=(*w.shape[:-1], n, 1))
    return (1 - one) * a / (gaps + one)


def _row(xp: World, w: Any) -> Any:
    """A vector per matrix as a row: multiplying by it scales the columns, as a product with diag(w) does."""
    return xp.reshape(w, shape=(*w.shape[:-1], 1, w.shape[-1]))


def _eigh_vjp(xp: World, t: Any, y: Any, a: Any) -> Any:
    (tw, tv), (w, v) = t, y
    vH = _mH(xp, v)
    terms = [] if tw is None else [v * _row(xp, tw)]
    if tv is not None:
        terms.append(xp.matmul(v, _over_differences(xp, w, xp.matmul(vH, tv))))
    return _symmetric(xp, xp.matmul(total(terms), vH))


def _eigh_jvp(xp: World, t: Any, y: Any, a: Any) -> Any:
    w, v = y
    tv = xp.matmul(_symmetric(xp, t), v)
    inside = xp.matmul(_mH(xp, v), tv)
    return _diagonal(xp, v, tv), xp.matmul(v, _over_differences(xp, w, inside))


def _diagonal(xp: World, v: Any, x: Any) -> Any:
    """The diagonal of vᴴ x; the sweep takes its real part where the entries are real."""
    return xp.sum(_conj(xp, v) * x, axis=(v.ndim - 2,), keepdims=False)


def _eig_vjp(xp: World, t: Any, y: Any, a: Any) -> Any:
    """Boeddeker et al., "On the computation of complex-valued gradients" (2017), section 4.18, for eigenvectors of length 1."""
    (tw, tv), (w, v) = t, y
    vH, one = _mH(xp, v), xp.eye(w.shape[-1], dtype=w.dtype)
    terms = [] if tw is None else [one * _row(xp, tw)]
    if tv is not None:
        lengths = xp.real(_diagonal(xp, v, tv))
        inner = xp.matmul(vH, tv - v * _row(xp, lengths))
        terms.append(_over_differences(xp, _conj(xp, w), inner))
    return xp.matmul(xp.solve(vH, total(terms)), vH)


def _eig_jvp(xp: World, t: Any, y: Any, a: Any) -> Any:
    w, v = y
    one = xp.eye(w.shape[-1], dtype=w.dtype)
    inside = xp.solve(v, xp.matmul(t, v))
    tv = xp.matmul(v, _over_differences(xp, w, inside))
    lengths = xp.real(_diagonal(xp, v, tv))
    return xp.sum(one * inside, axis=(v.ndim - 2,), keepdims=False), tv - v * _row(xp, lengths)


def _svd_vjp(xp: World, t: Any, y: Any, a: Any) -> Any:
    """J. Townsend, "Differentiating the singular value decomposition" (2016), for the reduced form.

    Of complex matrices U and V can turn together; this takes V to stand still, as far as one may choose.
    """
    (tu, ts, tvh), (u, s, vh) = t, y
    uH, v, row = _mH(xp, u), _mH(xp, vh), _row(xp, s)
    terms = [] if ts is None else [xp.matmul(u * _row(xp, ts), vh)]
    if tu is not None:
        inner = xp.matmul(uH, tu)
        skew = _over_differences(xp, s * s, inner - _mH(xp, inner)) * row + _turn(xp, inner, row)
        terms.append(xp.matmul(xp.matmul(u, skew), vh))
        if a.shape[-2] > a.shape[-1]:
            terms.append(xp.matmul((tu - xp.matmul(u, inner)) / row, vh))
    if tvh is not None:
        inner = xp.matmul(tvh, v)
        skew = _over_differences(xp, s * s, _mH(xp, inner) - inner)
        terms.append(xp.matmul(xp.matmul(u * row, skew), vh))
        if a.shape[-2] < a.shape[-1]:
            terms.append(xp.matmul(u / row, tvh - xp.matmul(inner, vh)))
    return total(terms)


def _svd_jvp(xp: World, t: Any, y: Any, a: Any) -> Any:
    u, s, vh = y
    uH, v, row = _mH(xp, u), _mH(xp, vh), _row(xp, s)
    tv = xp.matmul(t, v)
    inside = xp.matmul(uH, tv)
    left = inside * row
    right = _mT(xp, row) * inside
    tu = xp.matmul(u, _over_differences(xp, s * s, left + _mH(xp, left)) + _turn(xp, inside, row))
    tvh = -xp.matmul(_over_differences(xp, s * s, right + _mH(xp, right)), vh)
    if a.shape[-2] > a.shape[-1]:
        tu = tu + (tv - xp.matmul(u, inside)) / row
    if a.shape[-2] < a.shape[-1]:
        tvh = tvh + (xp.matmul(uH, t) - xp.matmul(inside, vh)) / _mT(xp, row)
    return tu, _diagonal(xp, u, tv), tvh


def _turn(xp: World, a: Any, row: Any) -> Any:
    """i·Im(diag a) / s as a diagonal matrix: how left singular vectors turn in the complex plane; 0 for real numbers."""
    if a.dtype.kind != "c":
        return 0
    return xp.eye(a.shape[-1], dtype=a.dtype) * (a - _conj(xp, a)) / (2 * row)


def _qr_vjp(xp: World, t: Any, y: Any, a: Any) -> Any:
    """Walter & Lehmann, "Algorithmic differentiation of linear algebra functions" (2012): (tQ + Q copyltu(M)) R⁻ᴴ.

    M = R tRᴴ - tQᴴ Q, and copyltu copies the lower triangle into the upper one. For at least as many rows as columns.
    """
    (tq, tr), (q, r) = t, y
    terms = [] if tr is None else [xp.matmul(r, _mH(xp, tr))]
    terms += [] if tq is None else [-xp.matmul(_mH(xp, tq), q)]
    half = _half_tril(xp, total(terms))
    g = xp.matmul(q, half + _mH(xp, half))
    return _mH(xp, xp.solve(r, _mH(xp, g if tq is None else tq + g)))


def _qr_jvp(xp: World, t: Any, y: Any, a: Any) -> Any:
    q, r = y
    over = _mT(xp, xp.solve(_mT(xp, r), _mT(xp, t)))  # t R⁻¹
    c = xp.matmul(_mH(xp, q), over)
    half = _half_tril(xp, c)
    turn = half - _mH(xp, half)
    return over - xp.matmul(q, c - turn), xp.matmul(c - turn, r)


def _lu_vjp(xp: World, t: Any, y: Any, a: Any) -> Any:
    (tl, tu), (lower, upper) = t, y
    terms = [] if tl is None else [xp.tril(xp.matmul(_mT(xp, lower), tl), k=-1)]
    terms += [] if tu is None else [xp.triu(xp.matmul(tu, _mT(xp, upper)), k=0)]
    left = xp.solve_triangular(_mT(xp, lower), total(terms), upper=True, unit=True)
    return _mT(xp, xp.solve_triangular(upper, _mT(xp, left), upper=True, unit=False))


def _lu_jvp(xp: World, t: Any, y: Any, a: Any) -> Any:
    lower, upper = y
    left = xp.solve_triangular(lower, t, upper=False, unit=True)
    inside = _mT(xp, xp.solve_triangular(_mT(xp, upper), _mT(xp, left), upper=False, unit=False))
    return xp.matmul(lower, xp.tril(inside, k=-1)), xp.matmul(xp.triu(inside, k=0), upper)


special("lu", _lu_vjp, _lu_jvp, reads="y")  # square, and without a change of rows: L with ones on its diagonal, U
special("cholesky", _adjoint(_cholesky_vjp), _cholesky_jvp, reads="y")
special("eigh", _adjoint(_eigh_vjp), _eigh_jvp, reads="y")
special("eig", _adjoint(_eig_vjp), _eig_jvp, reads="y")
special(
    "svd", _adjoint(_svd_vjp), _svd_jvp, reads="y"
)  # reduced: u (…, m, k), s (…, k), vh (…, k, n) with k = min(m, n)
special("qr", _adjoint(_qr_vjp), _qr_jvp, reads="y")  # reduced, for m ≥ n
