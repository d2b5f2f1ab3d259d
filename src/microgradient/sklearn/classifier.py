"""`MLPClassifier`: two classes, many, or several labels at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from .learner import Floats
from .multilayer import MultilayerPerceptron, without_times


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """A multilayer perceptron that tells classes apart: scikit-learn's `MLPClassifier`, its parameters, defaults and numbers (to
    rounding, with the same `random_state`), trained by compiled steps.

    Minimises the mean cross-entropy plus α/2 ‖W‖² / n. y has a class for each row, or a row of zeros and ones for several labels.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((8,), solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> model.predict(X[:1]), model.predict_proba(X).shape, bool(model.score(X, y) > 0.95)
    (array([0]), (150, 3), True)
    """

    hidden_layer_sizes: Any = (100,)
    activation: str = "relu"

    @available_if(MultilayerPerceptron._is_stochastic)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on these rows. `classes` has all that there will be, and is needed in the first call."""
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._learn_classes(y if type_of_target(y).startswith("multilabel") else classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"classes={classes!r} is not what it was in the first call of partial_fit, {self.classes_}."
            )
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row; of several labels those more probable than not."""
        said = self._said(X)
        return self._binarizer.inverse_transform(said[:, 0] if self.n_outputs_ == 1 else said)

    def predict_proba(self, X: Any) -> Floats:
        """The probability of each class, (n_samples, n_classes), in the order of `classes_`."""
        said = self._said(X)
        return np.concatenate([1 - said, said], axis=1) if self.n_outputs_ == 1 else said

    def predict_log_proba(self, X: Any) -> Floats:
        """Its logarithm."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _validated(self, X: Any, y: Any, first: bool, partial: bool) -> tuple[Any, Floats]:
        X, y = validate_data(
            self,
            without_times(X, "X"),
            y,
            accept_sparse="csr",
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=first,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if first and not partial:
            self._learn_classes(y)
        else:
            before, found = set(self.classes_), set(unique_labels(y))
            if not (found <= before if partial else found == before):
                raise ValueError(
                    f"The classes were {self.classes_}, and y has {unique_labels(y)}: training can't go on."
                )
        return X, self._binarizer.transform(y).astype(X.dtype)

    def _learn_classes(self, y: Any) -> None:
        self._binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._binarizer.classes_

    def _output(self) -> str:
        return "softmax" if self._binarizer.y_type_ == "multiclass" else "logistic"

    def _stratifies(self) -> bool:
        return bool(self.n_outputs_ == 1)

    def _score_of(self, y: Floats, said: Floats, weights: Floats | None) -> float:
        several = self.out_activation_ == "softmax"
        right = said.argmax(axis=1) == y.argmax(axis=1) if several else ((said > 0.5) == (y > 0.5)).all(axis=1)
        return float(np.average(right, weights=weights))

    def _simplified(self, learnt: dict[str, Any]) -> dict[str, Any]:
        labels = self._binarizer.y_type_.startswith("multilabel")
        binarizer = {"several": labels, "sparse": self._binarizer.sparse_input_}
        return {**super()._simplified(learnt), "_binarizer": binarizer}

    def _restored(self, learnt: dict[str, Any]) -> dict[str, Any]:
        classes, kept = learnt["classes_"], learnt["_binarizer"]
        binarizer = LabelBinarizer().fit(np.eye(len(classes), dtype=int) if kept["several"] else classes)
        binarizer.sparse_input_ = kept["sparse"]
        return {**super()._restored(learnt), "_binarizer": binarizer}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
