"""`TableClassifier` and `TableRegressor`: data frames learnt as `microgradient train table.csv` learns files."""

from __future__ import annotations

import numbers
import warnings
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..data.columns import Cells
from ..data.frames import array_columns, column_names, frame_columns, is_frame, is_missing
from ..data.table import FEWEST_ROWS, make_table, take
from ..errors import NonFiniteError, warn_once
from ..recipes import TableRecipe
from ..recipes.table import TableOptions
from ..tables import TablePredictor
from ..train.unsaved import train_unsaved
from .multilayer import without_times
from .saving import Saved

_Real, _Whole = numbers.Real, numbers.Integral


@dataclass(eq=False, repr=False, kw_only=True)
class TableEstimator(Saved):
    """The base of both; what they add is how the truth becomes what a table learns, and predictions come back."""

    model: str = "all"
    max_iter: int = 100
    batch_size: int | None = None
    learning_rate_init: float = 2e-3
    weight_decay: float | None = None
    validation_fraction: float | None = None
    random_state: Any = None
    verbose: Any = False

    task: ClassVar[str]
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [StrOptions(set(TableRecipe.models))],
        "max_iter": [Interval(_Whole, 1, None, closed="left")],
        "batch_size": [None, Interval(_Whole, 1, None, closed="left")],
        "learning_rate_init": [Interval(_Real, 0, None, closed="neither")],
        "weight_decay": [None, Interval(_Real, 0, None, closed="left")],
        "validation_fraction": [None, Interval(_Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from the rows of a data frame of pandas or polars, or of an array: numbers, texts, dates and categories, cells of
        which may be missing. y has a column for each target. What was done to the columns is in `notes_`.

        Rows without weight are left out, and with them classes that no other row has. Raises `ValueError`, or `DataError`
        (MG183), which is one, for what can't be learnt; what was learnt before is kept then.
        """
        before = dict(vars(self))
        try:
            return self._fit(X, y, sample_weight)
        except BaseException as error:
            self.__dict__ = before
            if isinstance(error, NonFiniteError):
                said = error.message.replace("--lr", "learning_rate_init").replace("--weight-decay", "weight_decay")
                raise NonFiniteError(error.code, said) from error
            raise

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        self._validate_params()
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        columns = self._columns(X, first=True)
        check_consistent_length(X, y)
        truth = _target_columns(y)
        weights = np.array(_check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True))
        rows = np.flatnonzero(weights)
        weights[rows] *= self._balance({name: column[rows] for name, column in truth.items()})
        rows = np.flatnonzero(weights)  # a class may have the weight 0
        weights /= 2.0 ** np.floor(
            np.log2(weights.max(initial=0) or 1.0)
        )  # ratios count: what float32 holds, to the bit
        names = [name if name not in columns else f"{name} (target)" for name in truth]
        learnt = self._learn_targets({name: column[rows] for name, column in zip(names, truth.values(), strict=True)})
        cells = {**{name: take(column, rows) for name, column in columns.items()}, **learnt}
        options = self._options()

        def make() -> TableRecipe:
            table = make_table(cells, names, np.arange(len(rows)), options.seed, task=self.task)
            return TableRecipe(options, table, weights[rows].astype(np.float32))

        recipe, run = train_unsaved(make, options.seed, bool(self.verbose))
        if run.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        self._predictor = recipe.predictor
        told = [
            f"{name!r} has " for name in names if self.task == "classification"
        ]  # of the classes' numbers, not their names
        self.notes_ = [note for note in recipe.table.notes if not note.startswith(tuple(told))]
        self.n_iter_ = run.run.position.epoch
        self.loss_curve_ = [line["train_loss"] for line in run.lines]
        self.validation_losses_ = [line["validation"] for line in run.lines]
        self.best_loss_ = run.run.position.best
        self.n_outputs_ = len(names)
        return self

    def _options(self) -> TableOptions:
        """What the command line would be told."""
        seed = self.random_state
        if not isinstance(seed, _Whole):
            seed = check_random_state(seed).randint(2**31 - 1)
        return replace(
            TableRecipe.defaults, model=self.model, epochs=self.max_iter, batch_size=self.batch_size,
            lr=self.learning_rate_init, weight_decay=self.weight_decay, valid=self.validation_fraction, seed=int(seed),
            task=self.task,
        )  # fmt: skip

    def _columns(self, X: Any, first: bool) -> dict[str, Cells]:
        """The columns of the rows. Those of a data frame go by their names, in any order; those without names by their places."""
        if is_frame(X):
            if first and len(X) < FEWEST_ROWS:
                raise ValueError(f"Found a data frame with {len(X)} sample(s), and at least {FEWEST_ROWS} are needed.")
            columns = frame_columns(X)
            if first or not hasattr(self, "feature_names_in_"):
                validate_data(self, X, skip_check_array=True, reset=first)
            named = hasattr(self, "feature_names_in_")
            return columns if named else {f"x{k}": column for k, column in enumerate(columns.values())}
        fewest = FEWEST_ROWS if first else 1
        X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=first, ensure_min_samples=fewest)
        columns = array_columns(X)
        return dict(zip(getattr(self, "feature_names_in_", columns), columns.values(), strict=True))

    def _outputs(self, X: Any) -> list[NDArray[np.float32]]:
        """For each target what the model says of these rows, (rows, width). Warns of cells unlike those learnt from."""
        check_is_fitted(self)
        columns = self._columns(X, first=False)
        said = self._predictor.probabilities(columns)
        if notes := self._predictor.notes:
            warn_once("MG182", "; ".join(notes))
        ends = np.cumsum([target.width for target in self._predictor.targets])[:-1]
        return np.split(said, ends, axis=1)

    # -- what a subclass says

    def _learn_targets(self, truth: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The columns that stand for the truth in the table. Raises `ValueError` if it can't be learnt."""
        raise NotImplementedError

    def _balance(self, truth: dict[str, NDArray[Any]]) -> Any:
        """A factor of each row's weight."""
        return 1.0

    # -- how it is saved

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_predictor")

    def _simplified(self, learnt: dict[str, Any]) -> dict[str, Any]:
        predictor = {"details": self._predictor.details, "weights": dict(self._predictor.model.state_dict())}
        return {**learnt, "_predictor": predictor}

    def _restored(self, learnt: dict[str, Any]) -> dict[str, Any]:
        predictor = TablePredictor(learnt["_predictor"]["details"])
        predictor.model.load_state_dict(learnt["_predictor"]["weights"])
        return {**learnt, "_predictor": predictor}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags


@dataclass(eq=False, repr=False, kw_only=True)
class TableClassifier(ClassifierMixin, TableEstimator):
    """Tells classes apart by columns of any kind: what `microgradient train table.csv` does, for data frames and arrays.

    Linear models and networks learn side by side in a member for each fold of the rows; the rows that a member does not learn
    from choose strengths, epochs and mixture, or with `validation_fraction` that share of the rows does. y has a column of
    classes, or several. The same `random_state` as the command's `--seed` predicts the same bits.

    >>> draw = np.random.default_rng(0)
    >>> size, colour = draw.normal(size=60), draw.choice(["red", "blue"], 60)
    >>> X = np.array([size, colour], dtype=object).T
    >>> model = TableClassifier(max_iter=2, random_state=0).fit(X, np.where((size > 0) & (colour == "red"), "hit", "miss"))
    >>> model.predict([[1.5, "red"], [-1.5, "red"]])
    array(['hit', 'miss'], dtype='<U4')
    """

    class_weight: Any = None

    task: ClassVar[str] = "classification"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TableEstimator._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row, (n_samples,), or of each target, (n_samples, n_outputs)."""
        found = [classes[said.argmax(axis=1)] for said, classes in zip(self._outputs(X), self._classes(), strict=True)]
        return found[0] if self.n_outputs_ == 1 else np.stack(found, axis=1)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (n_samples, n_classes), in the order of `classes_`; of several targets a list."""
        said = [part.astype(np.float64) for part in self._outputs(X)]
        found = [part / part.sum(axis=1, keepdims=True) for part in said]
        return found[0] if self.n_outputs_ == 1 else found

    def predict_log_proba(self, X: Any) -> Any:
        """Its logarithm."""
        said = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(said) if self.n_outputs_ == 1 else [np.log(part) for part in said]

    def _classes(self) -> list[NDArray[Any]]:
        return [self.classes_] if self.n_outputs_ == 1 else self.classes_

    def _learn_targets(self, truth: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The classes' numbers, which have the order of their names."""
        found, numbers = [], {}
        for name, column in truth.items():
            check_classification_targets(column)
            classes, numbers[name] = np.unique(column, return_inverse=True)
            if len(classes) < 2:
                raise ValueError(f"{name} has one class, {classes.tolist()}: there is nothing to learn.")
            found.append(classes)
        self.classes_: Any = found[0] if len(found) == 1 else found
        return numbers

    def _balance(self, truth: dict[str, NDArray[Any]]) -> Any:
        if self.class_weight is None:
            return 1.0
        columns = list(truth.values())
        found = compute_sample_weight(self.class_weight, columns[0] if len(columns) == 1 else np.stack(columns, axis=1))
        if not (np.isfinite(found) & (found >= 0)).all():
            raise ValueError(f"class_weight must have finite numbers of at least 0, got {self.class_weight}.")
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@dataclass(eq=False, repr=False, kw_only=True)
class TableRegressor(RegressorMixin, TableEstimator):
    """Predicts numbers from columns of any kind, as `TableClassifier` does classes. y has a column of numbers, or several.

    >>> draw = np.random.default_rng(0)
    >>> size, colour = draw.normal(size=60), draw.choice(["red", "blue"], 60)
    >>> X = np.array([size, colour], dtype=object).T
    >>> model = TableRegressor(max_iter=2, random_state=0).fit(X, 3 * size + (colour == "red"))
    >>> bool(model.score(X, 3 * size + (colour == "red")) > 0.9)
    True
    """

    task: ClassVar[str] = "regression"

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The number of each row, (n_samples,), or of each target, (n_samples, n_outputs)."""
        said = self._outputs(X)
        found = [target.original(part[:, 0]) for target, part in zip(self._predictor.targets, said, strict=True)]
        return found[0] if self.n_outputs_ == 1 else np.stack(found, axis=1)

    def _learn_targets(self, truth: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {
            name: check_array(without_times(column, "y"), ensure_2d=False, dtype=np.float64, input_name="y")
            for name, column in truth.items()
        }


def _target_columns(y: Any) -> dict[str, NDArray[Any]]:
    """y as columns by name. Raises `ValueError` if a row has no answer."""
    if is_frame(y):
        columns = {str(name): y[name] for name in column_names(y)}
    else:
        array = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        several = array.ndim > 1
        columns = {f"y{k}": c for k, c in enumerate(array.T)} if several else {str(getattr(y, "name", None) or "y"): y}
    for name, column in columns.items():
        array = np.asarray(column)
        if array.dtype.kind == "O" and (missing := [row for row, cell in enumerate(array.ravel()) if is_missing(cell)]):
            raise ValueError(
                f"Input y contains NaN or None: {name} has no answer in row {missing[0]}. Leave out such rows."
            )
    return {name: check_array(column, ensure_2d=False, dtype=None, input_name="y") for name, column in columns.items()}
