"""`MLPRegressor`: one number a row, or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d, validate_data

from .learner import Floats
from .multilayer import MultilayerPerceptron, without_times


@dataclass(eq=False, repr=False)
class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """A multilayer perceptron that predicts numbers: scikit-learn's `MLPRegressor`, its parameters, defaults and numbers (to
    rounding, with the same `random_state`), trained by compiled steps.

    Minimises half the squared error, or with `loss="poisson"` half the Poisson deviance of exp(output), a row, plus α/2 ‖W‖² / n.

    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", max_iter=200, random_state=0).fit(X, X[:, 0] ** 2)
    >>> bool(model.score(X, X[:, 0] ** 2) > 0.99), model.predict(X).shape
    (True, (50,))
    """

    loss: str = "squared_error"
    hidden_layer_sizes: Any = (100,)
    activation: str = "relu"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MultilayerPerceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    @available_if(MultilayerPerceptron._is_stochastic)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Floats:
        """The number of each row, (n_samples,), or several, (n_samples, n_outputs)."""
        said = self._said(X)
        return said[:, 0] if self.n_outputs_ == 1 else said

    def _validated(self, X: Any, y: Any, first: bool, partial: bool) -> tuple[Any, Floats]:
        X, y = validate_data(
            self, without_times(X, "X"), without_times(y, "y"), accept_sparse="csr", multi_output=True, y_numeric=True,
            dtype=(np.float64, np.float32), reset=first,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' is for numbers of at least 0, and y has {y.min():g}.")
        return X, y.reshape(len(y), -1).astype(X.dtype)

    def _output(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _score_of(self, y: Floats, said: Floats, weights: Floats | None) -> float:
        return float(r2_score(y, said, sample_weight=weights))
