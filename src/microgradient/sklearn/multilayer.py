"""What `MLPClassifier` and `MLPRegressor` share: their parameters, `fit` and `partial_fit`, and what can be read afterwards."""

from __future__ import annotations

import numbers
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .learner import HIDDEN, Floats, Learner
from .saving import Saved
from .training import fit_epochs, fit_lbfgs

_Real, _Whole = numbers.Real, numbers.Integral


def without_times(data: Any, name: str) -> Any:
    """The data. Raises `TypeError` if they are dates or durations, which would become numbers of an unsaid unit."""
    try:
        dtype = np.asarray(data).dtype
    except ValueError:  # rows of lengths that differ: scikit-learn says so
        return data
    if dtype.kind in "mM":
        days = (
            f"({name} - {name}[0]) / np.timedelta64(1, 'D')"
            if dtype.kind == "M"
            else f"{name} / np.timedelta64(1, 'D')"
        )
        raise TypeError(f"{name} holds {dtype}, and numbers are needed, such as days: {days}.")
    return data


@dataclass(eq=False, repr=False, kw_only=True)
class MultilayerPerceptron(Saved):
    """The base of both; what they add is what the truth is, as numbers."""

    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: Any = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: Any = 10
    max_fun: int = 15000

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(_Whole, 1, None, closed="left")],
        "activation": [StrOptions(set(HIDDEN))],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(_Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(_Whole, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(_Real, 0, None, closed="neither")],
        "power_t": [Interval(_Real, 0, None, closed="left")],
        "max_iter": [Interval(_Whole, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(_Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(_Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(_Real, 0, 1, closed="left")],
        "beta_1": [Interval(_Real, 0, 1, closed="left")],
        "beta_2": [Interval(_Real, 0, 1, closed="left")],
        "epsilon": [Interval(_Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(_Whole, 1, None, closed="left"), Options(_Real, {np.inf})],
        "max_fun": [Interval(_Whole, 1, None, closed="left")],
    }

    if TYPE_CHECKING:  # parameters that may stand without their names, which come first
        hidden_layer_sizes: Any
        activation: str

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows X (n_samples, n_features), dense or sparse, and their truth y, (n_samples,) or (n_samples, n_outputs).

        A row of `sample_weight` 2 counts as if it were there twice. With `warm_start` the weights go on from where they are.
        """
        self._validate_params()
        first = not (self.warm_start and hasattr(self, "_learner"))
        return self._fit(*self._validated(X, y, first, partial=False), sample_weight, first, partial=False)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        self._validate_params()
        if self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True: there is one epoch, and none to choose."
            )
        first = not hasattr(self, "_learner")
        return self._fit(*self._validated(X, y, first, partial=True), sample_weight, first, partial=True)

    def _is_stochastic(self) -> bool:
        """Whether `partial_fit` is there. L-BFGS needs all rows at once."""
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit needs a stochastic solver, and solver={self.solver!r} needs all rows at once."
            )
        return True

    def _fit(self, X: Any, y: Floats, sample_weight: Any, first: bool, partial: bool) -> Self:
        weights = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        draw = check_random_state(self.random_state)
        hidden = np.atleast_1d(self.hidden_layer_sizes)
        if hidden.ndim > 1 or (hidden.size and hidden.dtype.kind not in "iu"):
            raise ValueError(f"hidden_layer_sizes must be whole numbers, got {self.hidden_layer_sizes}.")
        sizes = [X.shape[1], *hidden.astype(int).tolist(), y.shape[1]]
        if min(sizes) < 1:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {self.hidden_layer_sizes}.")
        if first:
            self._begin(sizes, draw, X.dtype)
        elif (sizes, self.activation) != (self._learner.sizes, self._learner.activation):
            raise ValueError(f"The layers have the sizes {self._learner.sizes} and are {self._learner.activation}; {sizes} and "
                             f"{self.activation} are asked for: training can't go on. Set warm_start=False.")  # fmt: skip
        learner = self._learner
        learner.set_alpha(self.alpha)
        y = y.astype(learner.dtype, copy=False)
        X, weights = X.astype(learner.dtype, copy=False), weights.astype(learner.dtype, copy=False)
        if self.solver == "lbfgs":
            fit_lbfgs(self, learner, X, y, weights)
        else:
            self._begin_curves()
            if not partial or learner.optimizer is None:
                self._use_optimizer()
            validation = None
            if self.early_stopping:
                X, y, weights, validation = self._hold_out(X, y, weights, draw, sample_weight is not None)
            done = fit_epochs(self, learner, X, y, weights, draw, validation, partial)
            if not done and not partial:
                why = f"Stopped after max_iter={self.max_iter} epochs, while the loss still fell: raise max_iter."
                warnings.warn(why, ConvergenceWarning, stacklevel=3)
        if not np.isfinite(learner.vector()).all():
            raise ValueError("Solver produced non-finite parameter weights. The input data may contain large values and need to "
                             "be preprocessed.")  # fmt: skip
        return self

    def _begin(self, sizes: list[int], draw: np.random.RandomState, dtype: Any) -> None:
        self.out_activation_ = self._output()
        self._learner = Learner(sizes, self.activation, self.out_activation_, self.alpha, draw, dtype)
        self.n_layers_, self.n_outputs_ = len(sizes), sizes[-1]
        self.n_iter_ = self.t_ = 0
        for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
            self.__dict__.pop(name, None)

    def _begin_curves(self) -> None:
        """What epochs add to; that of another solver, or without `early_stopping`, is another one."""
        early = self.early_stopping
        if not hasattr(self, "loss_curve_") or early != (self.validation_scores_ is not None):
            self.loss_curve_: list[float] = []
            self.validation_scores_: list[float] | None = [] if early else None
            self.best_loss_ = None if early else np.inf
            self.best_validation_score_ = -np.inf if early else None
            self._no_improvement_count = 0

    def _use_optimizer(self) -> None:
        rate = self.learning_rate_init
        if self.solver == "adam":
            self._learner.use_adam(rate, self.beta_1, self.beta_2, self.epsilon)
        else:
            self._learner.use_sgd(rate, self.momentum, self.nesterovs_momentum)

    def _hold_out(self, X: Any, y: Floats, weights: Floats, draw: Any, weighted: bool) -> Any:
        """What is left to learn from, and a function that scores the rest."""
        classes = y if self._stratifies() else None
        X, X_rest, y, y_rest, weights, w_rest = train_test_split(
            X, y, weights, random_state=draw, test_size=self.validation_fraction, stratify=classes
        )
        if len(y_rest) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        learner = self._learner

        def validation() -> float:
            said = learner.predict(X_rest)
            return self._score_of(y_rest, said, w_rest if weighted else None) if np.isfinite(said).all() else np.nan

        return X, y, weights, validation

    def _said(self, X: Any) -> Floats:
        """What the network says of these rows, (n_samples, n_outputs)."""
        check_is_fitted(self)
        X = validate_data(self, without_times(X, "X"), accept_sparse="csr", reset=False)
        return self._learner.predict(X.astype(self._learner.dtype, copy=False))

    # -- what a subclass says

    def _validated(self, X: Any, y: Any, first: bool, partial: bool) -> tuple[Any, Floats]:
        """X as an array or a sparse matrix of floats, and the truth in the shape of the outputs."""
        raise NotImplementedError

    def _output(self) -> str:
        """The activation of the output."""
        raise NotImplementedError

    def _stratifies(self) -> bool:
        """Whether each class has its share of what is held out."""
        return False

    def _score_of(self, y: Floats, said: Floats, weights: Floats | None) -> float:
        """What `score` computes, from the truth and what the network says."""
        raise NotImplementedError

    # -- what was learnt

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learner")

    @property
    def coefs_(self) -> list[Floats]:
        """The weights of each layer, (inputs, outputs)."""
        check_is_fitted(self)
        return [np.array(layer.weight.raw.T, order="C") for layer in self._learner.layers]

    @property
    def intercepts_(self) -> list[Floats]:
        """The biases of each layer."""
        check_is_fitted(self)
        return [np.array(layer.bias.raw) for layer in self._learner.layers]

    def _simplified(self, learnt: dict[str, Any]) -> dict[str, Any]:
        return {**learnt, "_learner": self._learner.details()}

    def _restored(self, learnt: dict[str, Any]) -> dict[str, Any]:
        learner = Learner.from_details(learnt["_learner"])
        ends = learnt["n_features_in_"], learnt["n_outputs_"]
        if ends != (learner.sizes[0], learner.sizes[-1]):
            raise ValueError(f"its layers have the sizes {learner.sizes}, for {ends[0]} features and {ends[1]} outputs")
        return {**learnt, "_learner": learner}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
