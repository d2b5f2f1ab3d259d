"""Any CSV file: predict one of its columns from the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..data.table import read_table
from ..nn.functional import cross_entropy, mse_loss
from ..tensor import Tensor
from ..train.options import Options, option
from ..train.recipe import Metric, Recipe


@dataclass(frozen=True, kw_only=True)
class TableOptions(Options):
    """What may be asked of a CSV file beyond what all recipes may be."""

    target: str | None = option(None, "The column to predict.  [default: the last]", metavar="COLUMN")


class TableRecipe(Recipe):
    """Classification by cross-entropy or regression by squared error, beside a baseline that looks at no column: the
    most frequent class, or the mean, of the training rows.

    Run it by `microgradient train table.csv --target price`.
    """

    name: ClassVar[str] = "table"
    field: ClassVar[str] = "tables"
    summary: ClassVar[str] = "any CSV file: predict one column from the others (--target COLUMN, --model mlp|linear)"
    defaults: ClassVar[TableOptions] = TableOptions(epochs=40, batch_size=32, lr=5e-3, optimizer="adamw", model="mlp")
    models: ClassVar[tuple[str, ...]] = ("mlp", "linear")
    worked_examples: ClassVar[int] = 4
    lr_decay: ClassVar[float] = 0.1

    def __init__(self, options: TableOptions, path: Path) -> None:
        super().__init__(options)
        self.table = table = read_table(path, options.target, options.seed)
        self.train_size = len(table.training)
        self.data = (table.x, table.y)
        self.x = table.x[table.training]
        self.y = table.y[table.training]
        outputs = len(table.classes) or 1
        features = table.x.shape[1]
        if options.model == "linear":
            self.model = nn.Sequential(nn.Linear(features, outputs))
        else:
            self.model = nn.Sequential(
                nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs)
            )
        self.loss_unit = "nats" if table.is_classification else "σ²"

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return Tensor(self.x[examples]), Tensor(self.y[examples])

    def batch_loss(self, features: Tensor, target: Tensor) -> Tensor:
        predicted = self.model(features)
        if self.table.is_classification:
            return cross_entropy(predicted, target)
        return mse_loss(predicted, target.reshape((-1, 1)))

    def evaluate(self) -> list[Metric]:
        table = self.table
        truth = table.y[table.held_out]
        predicted = self.model(Tensor(table.x[table.held_out])).data
        if table.is_classification:
            return [
                Metric("held-out accuracy", float((predicted.argmax(axis=1) == truth).mean()), "%"),
                Metric("baseline accuracy", float((truth == np.bincount(self.y).argmax()).mean()), "%"),
            ]
        squared = float(np.mean((predicted[:, 0] - truth) ** 2, dtype=np.float64))
        baseline = float(np.mean(truth**2, dtype=np.float64))  # the training mean is 0
        return [
            Metric("held-out RMSE", squared**0.5 * table.target_deviation),
            Metric("baseline RMSE", baseline**0.5 * table.target_deviation),
            Metric("held-out R²", 1 - squared / float(np.var(truth, dtype=np.float64)) if np.ptp(truth) else 0.0),
        ]

    def description(self) -> list[str]:
        features = self.table.x.shape[1]
        return [
            *self.table.notes,
            f"{self.train_size:,} rows to learn from, {len(self.table.held_out):,} held out, {features:,} features",
        ]

    def report(self) -> list[str]:
        score, baseline = self.evaluate()[:2]
        if self.table.is_classification:
            how = "better" if score.value > baseline.value else "no better"
            return [f"{how} than the baseline, which always says the most frequent class"]
        how = "better" if score.value < baseline.value else "no better"
        return [f"{how} than the baseline, which always says the mean; RMSE in the units of {self.table.target!r}"]

    def details(self) -> dict[str, Any]:
        table = self.table
        return {
            "target": table.target,
            "classes": table.classes,
            "target_mean": table.target_mean,
            "target_deviation": table.target_deviation,
            "columns": table.encodings,
        }
