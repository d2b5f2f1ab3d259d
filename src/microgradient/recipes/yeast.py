"""`yeast`: several labels at once. Which of 14 functions a gene has, from 103 measurements of how active it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..data.numeric_csv import read_numbers
from ..data.split import split
from ..data.yeast import load_yeast
from ..language import translate
from ..nn.functional import binary_cross_entropy_with_logits
from ..tables.metrics import micro_f1
from ..tensor import Tensor
from ..train.inputs import as_numbers
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe

_THRESHOLDS = np.linspace(0.1, 0.7, 61)


def best_threshold(truth: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Above which probability a label is best said to be there, for the highest `micro_f1`."""
    scores = [micro_f1(truth, probabilities > threshold) for threshold in _THRESHOLDS]
    return float(_THRESHOLDS[int(np.argmax(scores))])


class LabelModel(nn.Module):
    """Measurements → 256 → 256 → one logit a label. How to standardise, and the threshold, are kept with the weights."""

    def __init__(self, measurements: int, labels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(measurements, 256), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(256, labels),
        )  # fmt: skip
        self.mean = nn.Buffer(Tensor(np.zeros(measurements, np.float32)))
        self.deviation = nn.Buffer(Tensor(np.ones(measurements, np.float32)))
        self.threshold = nn.Buffer(Tensor(np.float32(0.5)))

    def forward(self, measured: Tensor) -> Tensor:
        return self.layers((measured - self.mean) / self.deviation)


class YeastPredictor(Predictor):
    """Rows of measurements to rows of labels, 0 or 1."""

    takes: ClassVar[str] = "a CSV file"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.measurements, self.labels = list(details["measurements"]), list(details["labels"])
        self.model = LabelModel(len(self.measurements), len(self.labels))

    def probabilities(self, measured: Any) -> NDArray[np.float32]:
        """The chance of each label (rows, labels)."""
        measured = as_numbers(measured, ("rows", len(self.measurements)))
        with self.inference():
            return 1 / (1 + np.exp(-self.model(Tensor(measured)).data))

    def predict(self, inputs: Any) -> NDArray[np.int64]:
        return (self.probabilities(inputs) > self.model.threshold.data).astype(np.int64)

    def read(self, names: Sequence[str]) -> NDArray[np.float64]:
        return np.concatenate([read_numbers(name, self.measurements) for name in names])

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return self.labels, np.asarray(predicted).tolist()

    def evaluate(self, path: str) -> list[Metric]:
        return self.scores(read_numbers(path, self.measurements), read_numbers(path, self.labels) > 0.5)

    def scores(self, measured: Any, truth: NDArray[Any]) -> list[Metric]:
        """How good the predictions for these rows are."""
        predicted = self.predict(measured)
        return [
            Metric("micro-F1", micro_f1(truth, predicted)),
            Metric("Hamming loss", float((truth != predicted).mean())),
        ]


class Yeast(Recipe):
    """A fifth of the genes is held out, and a fifth of the others chooses the epoch and the threshold above which a
    label is said to be there. The baseline is scikit-learn's `ClassifierChain` of logistic regressions, which also learns
    from the genes that choose here; the second baseline is that chain with its threshold chosen in the same way. Sizes and
    rates were chosen on validation parts of other seeds.

    Run it by `microgradient train yeast`.
    """

    name: ClassVar[str] = "yeast"
    field: ClassVar[str] = "tables"
    needs: ClassVar[tuple[str, ...]] = ("sklearn",)
    summary: ClassVar[str] = "which of 14 functions a gene has: several labels at once"
    defaults: ClassVar[Options] = Options(epochs=60, batch_size=64, lr=1e-3, optimizer="adamw", model="mlp")
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    predictor_class: ClassVar[type[Predictor]] = YeastPredictor
    worked_examples: ClassVar[int] = 4
    patience: int = 10

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.x, self.y, self.measurements, self.labels = load_yeast()
        self.data = (self.x, self.y)
        learning, self.test = split(len(self.x), 0.2, options.seed)
        training, validation = split(len(learning), 0.2, options.seed)
        self.training, self.validating = learning[training], learning[validation]
        self.train_size = len(training)
        self.predictor = YeastPredictor(self.details())
        self.model = self.predictor.model
        self.model.mean.data = self.x[self.training].mean(axis=0)
        self.model.deviation.data = self.x[self.training].std(axis=0)

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        rows = self.training[examples]
        return Tensor(self.x[rows]), Tensor(self.y[rows].astype(np.float32))

    def batch_loss(self, measured: Tensor, labels: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(self.model(measured), labels)

    def validation(self) -> float:
        chances, truth = self._choose_threshold(), self.y[self.validating]
        return float(-np.log(np.where(truth == 1, chances, 1 - chances)).mean())

    def evaluate(self) -> list[Metric]:
        self._choose_threshold()
        f1, hamming = self.predictor.scores(self.x[self.test], self.y[self.test])
        chain, tuned = self.baselines
        return [f1, Metric("baseline micro-F1", chain), Metric("tuned baseline micro-F1", tuned), hamming]

    def _choose_threshold(self) -> NDArray[np.float32]:
        """Set the threshold that suits the validation rows best; gives the probabilities there."""
        chances = self.predictor.probabilities(self.x[self.validating])
        self.model.threshold.data = np.asarray(best_threshold(self.y[self.validating], chances), np.float32)
        return chances

    @cached_property
    def baselines(self) -> tuple[float, float]:
        """Micro-F1 of chained logistic regressions: as they are, and with the threshold chosen on the validation rows."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.multioutput import ClassifierChain

        x = (self.x - self.model.mean.data) / self.model.deviation.data

        def chain(rows: NDArray[np.int64]) -> Any:
            return ClassifierChain(LogisticRegression(solver="newton-cholesky", max_iter=1000)).fit(
                x[rows], self.y[rows]
            )

        chosen = chain(self.training).predict_proba(x[self.validating])
        threshold = best_threshold(self.y[self.validating], chosen)
        whole, truth = chain(np.concatenate([self.training, self.validating])), self.y[self.test]
        tuned = whole.predict_proba(x[self.test]) > threshold
        return micro_f1(truth, whole.predict(x[self.test]).astype(np.int64)), micro_f1(truth, tuned)

    def details(self) -> dict[str, Any]:
        return {"measurements": self.measurements, "labels": self.labels}

    def description(self) -> list[str]:
        return [
            translate(
                f"{self.train_size:,} genes to learn from, {len(self.validating)} to choose the epoch and the threshold, "
                f"{len(self.test)} held out; {len(self.measurements)} measurements, {self.y.sum(axis=1).mean():.1f} of "
                f"{len(self.labels)} labels a gene"
            )
        ]

    def report(self) -> list[str]:
        """Precision and recall of the most frequent labels."""
        truth, predicted = self.y[self.test], self.predictor.predict(self.x[self.test])
        found, said, there = (truth * predicted).sum(axis=0), predicted.sum(axis=0), truth.sum(axis=0)
        return [
            translate(
                f"{self.labels[k]}: {there[k]} of {len(truth)} genes have it; {found[k]} of {said[k]} said rightly"
            )
            for k in np.argsort(-there)[:5]
        ]
