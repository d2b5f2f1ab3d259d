"""The epochs of a multilayer perceptron: batches in scikit-learn's order, when to stop, and which weights are kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from ..native.runtime import blas
from .learner import Floats, Learner

_SMALLEST_RATE = 1e-6


def fit_epochs(
    estimator: Any, learner: Learner, x: Any, y: Floats, weights: Floats, draw: np.random.RandomState,
    validation: Callable[[], float] | None, partial: bool,
) -> bool:  # fmt: skip
    """Train until the loss, or with a `validation` its score, becomes no better, for at most `max_iter` epochs, one if `partial`;
    then restore the weights of the best score. Returns whether it ended before the last epoch. Ctrl-C ends it, too, and
    keeps what was learnt.
    """
    estimator.n_iter_ = 0
    best = learner.vector()
    most = 200 if estimator.batch_size == "auto" else int(estimator.batch_size)
    there = 1 << (len(y) - 1).bit_length() if partial else len(y)  # calls of any length share a few programs
    size = min(most, there)
    if estimator.batch_size != "auto" and estimator.batch_size > len(y):
        warnings.warn(f"batch_size is {estimator.batch_size}, and there are {len(y)} rows: clipped.", stacklevel=4)
    order = np.arange(len(y))
    done = False
    try:
        with blas.one_thread(), np.errstate(all="ignore"):
            for _ in range(1 if partial else estimator.max_iter):
                order = order[draw.permutation(len(y))] if estimator.shuffle else order
                estimator.loss_ = _epoch(learner, x, y, weights, order, size)
                estimator.n_iter_ += 1
                estimator.t_ += len(y)
                estimator.loss_curve_.append(estimator.loss_)
                if estimator.verbose:
                    print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
                if _note_progress(estimator, validation):
                    best = learner.vector()
                if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
                    learner.set_rate(estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t)
                if estimator._no_improvement_count > estimator.n_iter_no_change and _stops(estimator, learner):
                    done = True
                    break
    except KeyboardInterrupt:
        done = True
        warnings.warn("Training interrupted by user.", stacklevel=4)
    if validation is not None:
        learner.set_vector(best)
    return done


def _epoch(learner: Learner, x: Any, y: Floats, weights: Floats, order: NDArray[np.int64], size: int) -> float:
    """Each row once; the mean loss. A batch without weight has nothing to teach. The last one is filled up by rows without
    weight, so that all have one length and one program.
    """
    total = 0.0
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        w = weights[rows]
        if not w.any():
            continue
        filled = rows
        if len(rows) < size:
            filled, w = np.resize(rows, size), np.concatenate([w, np.zeros(size - len(rows), w.dtype)])
        total += learner.step(dense(x[filled]), y[filled], w) * len(rows)
    return total / len(order)


def _note_progress(estimator: Any, validation: Callable[[], float] | None) -> bool:
    """Count the epochs since the last one that was better by `tol`; whether this has the best validation score so far."""
    if validation is None:
        better = estimator.loss_ <= estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        best = False
    else:
        score = validation()
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:.6f}")
        better = not score < estimator.best_validation_score_ + estimator.tol
        best = score > estimator.best_validation_score_
        if best:
            estimator.best_validation_score_ = score
    estimator._no_improvement_count = 0 if better else estimator._no_improvement_count + 1
    return best


def _stops(estimator: Any, learner: Learner) -> bool:
    """Whether an estimator that no longer becomes better stops, or goes on with a fifth of its learning rate."""
    said = f"Not better by more than tol={estimator.tol:g} for {estimator.n_iter_no_change} epochs."
    adaptive = estimator.solver == "sgd" and estimator.learning_rate == "adaptive" and learner.rate > _SMALLEST_RATE
    if adaptive:
        learner.set_rate(learner.rate / 5)
        estimator._no_improvement_count = 0
    if estimator.verbose:
        print(f"{said} {f'Learning rate {learner.rate:g} from here on.' if adaptive else 'Stopping.'}")
    return not adaptive


def fit_lbfgs(estimator: Any, learner: Learner, x: Any, y: Floats, weights: Floats) -> None:
    """Minimise over all rows at once, by L-BFGS-B (Zhu, Byrd, Lu and Nocedal 1997), each evaluation one compiled program."""
    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    x = dense(x)
    with blas.one_thread(), np.errstate(all="ignore"):
        found = minimize(learner.slope(x, y, weights), learner.vector(), method="L-BFGS-B", jac=True, options=options)
        learner.set_vector(found.x)
        estimator.loss_ = learner.loss(x, y, weights)
    estimator.n_iter_ = min(int(found.nit), estimator.max_iter)
    if not found.success:
        warnings.warn(f"L-BFGS stopped after {found.nit} iterations: {found.message}", ConvergenceWarning, stacklevel=4)


def dense(rows: Any) -> Any:
    """Rows of a sparse matrix as an array."""
    return rows.toarray() if hasattr(rows, "toarray") else rows
