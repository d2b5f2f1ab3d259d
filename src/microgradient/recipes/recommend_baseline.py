"""The baselines of `recommend`: biased matrix factorisation by alternating least squares, and the most popular items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.ratings import Ratings

_FACTORS, _SWEEPS = 10, 8
_PENALTIES = (4.0, 8.0, 12.0, 18.0, 27.0)
Rows = NDArray[np.int64]


def factorize(ratings: Ratings, rows: Rows, penalty: float) -> NDArray[np.float64]:
    """What μ + b_u + b_i + p_u · q_i says of every rating of `ratings`, with what minimises Σ (r - …)² + λ(‖p‖² + ‖q‖² + b²) over
    `rows`: the users' parts and the items' by turns, which are ridge regressions. Koren, Bell and Volinsky 2009.
    """
    user, item, rating = ratings.user[rows], ratings.item[rows], ratings.rating[rows].astype(np.float64)
    mean = rating.mean()
    p = np.zeros((len(ratings.users.ids), _FACTORS + 1))
    q = np.zeros((len(ratings.items.ids), _FACTORS + 1))
    q[:, :-1] = np.random.default_rng(0).normal(scale=0.1, size=q[:, :-1].shape)
    for _ in range(_SWEEPS):
        _solve(p, user, q[item], rating - mean, penalty)
        _solve(q, item, p[user], rating - mean, penalty)
    of, by = p[ratings.user], q[ratings.item]
    return mean + of[:, -1] + by[:, -1] + (of[:, :-1] * by[:, :-1]).sum(axis=1)


def _solve(
    unknown: NDArray[np.float64],
    place: Rows,
    fixed: NDArray[np.float64],
    rest: NDArray[np.float64],
    penalty: float,
) -> None:
    """Set each row of `unknown`, factors and last its mean, to the ridge solution over the ratings at its places."""
    x = np.concatenate([fixed[:, :-1], np.ones((len(fixed), 1))], axis=1)
    y = rest - fixed[:, -1]
    order = np.argsort(place, kind="stable")
    ends = np.searchsorted(place[order], np.arange(len(unknown) + 1))
    for k in range(len(unknown)):
        part = order[ends[k] : ends[k + 1]]
        a = x[part]
        unknown[k] = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ y[part])


def best_factorization(ratings: Ratings, rows: Rows, validating: Rows) -> tuple[float, NDArray[np.float64]]:
    """The penalty that is best on `validating`, and what the factorisation says of every rating then, within their range."""
    low, high = ratings.rating[rows].min(), ratings.rating[rows].max()
    said = {penalty: np.clip(factorize(ratings, rows, penalty), low, high) for penalty in _PENALTIES}
    best = min(said, key=lambda penalty: float(((said[penalty] - ratings.rating)[validating] ** 2).mean()))
    return best, said[best]


def recall_at(k: int, scores: NDArray[np.float32], known: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """The share of each user's `wanted` items, (users, items), that is among the k of the highest scores which are not `known`:
    the mean over the users who want any.

    >>> recall_at(1, np.array([[3.0, 2.0, 1.0]]), np.array([[True, False, False]]), np.array([[False, True, True]]))
    0.5
    """
    top = np.argsort(np.where(known, -np.inf, scores), axis=1, kind="stable")[:, ::-1][:, :k]
    found, all_ = np.take_along_axis(wanted, top, axis=1).sum(axis=1), wanted.sum(axis=1)
    return float((found[all_ > 0] / all_[all_ > 0]).mean()) if all_.any() else 0.0
