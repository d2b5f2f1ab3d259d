"""Any CSV file: predict one of its columns, or several, from the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.split import split
from ..data.table import Table, read_table
from ..data.targets import TASKS
from ..errors import ArgumentError
from ..language import translate
from ..tables import LINEAR, NETWORKS, TableLearner, TablePredictor
from ..tables.learner import Effort
from ..tables.metrics import table_metrics
from ..tensor import Tensor
from ..train.options import Options, option
from ..train.recipe import Metric, Recipe, optimizers
from ..train.unsaved import train_unsaved

_BASELINES = {
    "classification": "the most frequent class",
    "regression": "the mean",
    "labels": "the labels that more than half of the rows have",
}
_MOST_SHUFFLED = 100  # columns whose importance is measured
_PLANS = {"all": (*LINEAR, *NETWORKS), "mlp": NETWORKS}


@dataclass(frozen=True, kw_only=True)
class TableOptions(Options):
    """What may be asked of a CSV file beyond what all recipes may be."""

    batch_size: int | None = option(None, "Rows per step.  [default: 16 to 1024, by how many there are]")  # type: ignore[assignment]
    target: str | None = option(None, "The column to predict, or several: a,b.  [default: the last]", metavar="COLUMN")
    task: str | None = option(None, "What is learnt.  [default: as the target looks]", choices=TASKS)
    drop: str | None = option(None, "Columns to leave out: a,b.", metavar="COLUMNS")
    separator: str | None = option(None, "What joins the labels of a target that is a set of them.")
    encoding: str | None = option(None, "The file's encoding.  [default: recognised]")
    sep: str | None = option(None, "What separates the columns.  [default: recognised]")
    valid: float | None = option(None, "Share of the training rows that chooses the epoch.  [default: folds do]")
    weight_decay: float | None = option(None, "Of all networks.  [default: 0.02 and 0.05]")
    class_weight: str | None = option(None, "Each class counts the same, however rare.", choices=("balanced",))
    learning_curve: bool = option(False, "Say how good an eighth, a quarter and half of the rows would have been, too.")


class TableRecipe(Recipe):
    """Linear models and networks, each in a member for every fold of the training rows, learn side by side; the rows that a
    member does not learn from choose strengths, epochs and mixture. The baseline looks at no column: it says the most frequent
    class, or the mean, of the training rows. Defaults were chosen on tables that packages ship (benchmarks/tables.py), on
    other seeds than reported there.

    Run it by `microgradient train table.csv --target price`.
    """

    name: ClassVar[str] = "table"
    field: ClassVar[str] = "tables"
    summary: ClassVar[str] = "any CSV file: predict one column from the others (--target COLUMN, --model all|mlp)"
    defaults: ClassVar[TableOptions] = TableOptions(epochs=100, lr=2e-3, optimizer="adamw", model="all")
    models: ClassVar[tuple[str, ...]] = ("all", "mlp")
    predictor_class: ClassVar[type[TablePredictor]] = TablePredictor
    lr_decay: ClassVar[float] = 0.02
    options: TableOptions

    def __init__(self, options: TableOptions, source: Path | Table, weights: NDArray[np.float32] | None = None) -> None:
        """`source` is a CSV file, or a table that is made already; `weights` are those of its training rows."""
        super().__init__(options)
        self.asked = options
        self.curve: list[tuple[int, float]] = []  # rows to learn from, and the first score
        self.table = table = _read(source, options) if isinstance(source, Path) else source
        self.data = (table.x, table.y)
        self.x, self.y = table.x[table.training], table.y[table.training]
        plans = _PLANS[options.model]
        if options.weight_decay is not None:
            plans = tuple(replace(plan, decay=options.weight_decay) for plan in plans)
        effort = Effort.for_rows(len(self.x))
        effort = replace(effort, batch_size=options.batch_size or effort.batch_size)
        if options.class_weight == "balanced":
            weights = self._balanced()
        self.learner = TableLearner(
            self.x, self.y, table.targets, table.schema.knots(), options.seed, weights, plans, effort, self._valid()
        )
        self.patience, self.train_size = effort.patience, self.learner.train_size
        self.options = replace(options, batch_size=self.learner.batch_size)
        self.model = self.learner.model
        self.predictor = TablePredictor(self.details())
        self.predictor.model = self.model
        self.held_out = table.x[table.held_out]
        self.loss_unit = "nats" if table.classes else "σ²"

    def _valid(self) -> NDArray[np.int64] | None:
        """The training rows that choose, if a share of them was asked for."""
        share, classes = self.options.valid, self.y[:, 0] if self.table.classes else None
        if share is None:
            return None
        if not 0 < share < 1:
            raise ArgumentError("MG188", f"--valid is a share between 0 and 1, not {share:g}.")
        return split(len(self.x), share, self.options.seed, classes)[1]

    def _balanced(self) -> NDArray[np.float32]:
        """Weights of the training rows by which each class counts the same."""
        if [target.task for target in self.table.targets] != ["classification"]:
            raise ArgumentError("MG188", "--class-weight balanced is for one target of classes: leave it out.")
        _, inverse, counts = np.unique(self.y[:, 0], return_inverse=True, return_counts=True)
        return (len(self.y) / (len(counts) * counts))[inverse].astype(np.float32)

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, ...]:
        return self.learner.batch(examples)

    def batch_loss(self, *batch: Tensor) -> Tensor:
        return self.learner.batch_loss(*batch)

    def optimizer(self) -> Any:
        return self.learner.optimizer(optimizers()[self.options.optimizer], self.options.lr)

    def set_learning_rate(self, optimizer: Any, rate: float) -> None:
        self.learner.set_learning_rate(optimizer, rate)

    def validation(self) -> float:
        return self.learner.validation()

    def extra_state(self) -> dict[str, Any]:
        return {"best": np.array([*self.learner.best, self.learner.loss])}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        *best, loss = np.array(state["best"]).tolist()
        self.learner.restore(best, loss)

    def evaluate(self) -> list[Metric]:
        table = self.table
        if not len(table.held_out):
            return []
        truth = table.y[table.held_out]
        first, *others = table_metrics(self.predictor.answer(self.held_out), truth, table.targets)
        return [first, self._baseline(truth), *others]

    def _baseline(self, truth: NDArray[np.float32]) -> Metric:
        target = self.table.targets[0]
        if target.task == "classification":
            most = np.bincount(self.y[:, 0].astype(int)).argmax()
            return Metric("baseline accuracy", float((truth[:, 0] == most).mean()), "%")
        if target.task == "labels":
            constant = np.tile(self.y[:, : target.truths].mean(axis=0), (len(truth), 1))
            return replace(table_metrics(constant, truth, [target])[0], name="baseline micro-F1")
        squared = np.mean(truth[:, 0].astype(np.float64) ** 2)  # the training mean is 0
        return Metric("baseline RMSE", float(squared**0.5) * target.deviation)

    def description(self) -> list[str]:
        features, folds = self.table.x.shape[1], self.learner.folds
        chosen_by = translate(
            f"{len(folds)} folds choose the epoch"
            if self.options.valid is None
            else f"{len(folds[0]):,} of them choose the epoch"
        )
        counts = translate(
            f"{len(self.x):,} rows to learn from, {len(self.held_out):,} held out, {features:,} features; {chosen_by}"
        )
        return [*map(translate, self.table.notes), counts]

    def report(self) -> list[str]:
        score, baseline = self.evaluate()[:2]
        target = self.table.targets[0]
        numbers = target.task == "regression"
        better = (score.value < baseline.value) == numbers and score.value != baseline.value
        always = _BASELINES[target.task]
        line = translate(
            f"better than the baseline, which always says {always}"
            if better
            else f"no better than the baseline, which always says {always}"
        )
        if numbers:
            name = repr(target.name)
            line += translate("; RMSE in days" if target.kind == "date" else f"; RMSE in the units of {name}", name)
        return [line, *self._recalls(), *self._importance(), *self._learning_curve(score)]

    def _recalls(self) -> list[str]:
        """How many of each class are found, where classes are few."""
        target = self.table.targets[0]
        if target.task != "classification" or len(target.classes) > 10:
            return []
        guess = self.predictor.answer(self.held_out)[:, : target.width].argmax(axis=1)
        truth = self.table.y[self.table.held_out, 0].astype(int)
        said = [
            f"{name} {(guess[truth == k] == k).sum()} {translate('of')} {(truth == k).sum()}"
            for k, name in enumerate(target.classes)
        ]
        counts = np.bincount(self.y[:, 0].astype(int), minlength=target.width)
        rare = counts.min() * 10 < counts.max() and self.options.class_weight is None
        told = ", ".join(said)
        hint = translate("; the classes are uneven: --class-weight balanced counts them the same") if rare else ""
        return [translate(f"found of each class: {told}", told) + hint]

    def _importance(self) -> list[str]:
        """How much worse the first score becomes when a column's held-out cells change places."""
        table, draw = self.table, np.random.default_rng(self.options.seed)
        truth, said = table.y[table.held_out], self.predictor.answer(self.held_out)
        before = table_metrics(said, truth, table.targets)[0]
        sign = -1 if table.targets[0].task == "regression" else 1
        order, place, places = draw.permutation(len(truth)), 0, dict[str, list[int]]()
        for encoding in table.schema.encodings:
            places.setdefault(encoding.source, []).extend(range(place, place + encoding.width))
            place += encoding.width
        losses, related = {}, _related(self.held_out, said)
        tried = sorted(places, key=lambda name: -related[places[name]].max())[:_MOST_SHUFFLED]
        for name in (name for name in places if name in tried):
            moved = self.held_out.copy()
            moved[:, places[name]] = moved[order][:, places[name]]
            after = table_metrics(self.predictor.answer(moved), truth, table.targets)[0]
            losses[name] = sign * (before.value - after.value)
        most = sorted((name for name in losses if losses[name] > 0), key=lambda name: -losses[name])[:5]
        unit = 100 if before.unit == "%" else 1
        found = ", ".join(f"{name} {unit * losses[name]:.3g}" for name in most) or translate("none by itself")
        what = translate(before.name.replace("held-out ", ""))
        told = translate(
            f"columns that matter most of the {len(tried)} that correlate most with what is predicted ({what} lost when "
            f"shuffled): {found}"
            if len(tried) < len(places)
            else f"columns that matter most ({what} lost when shuffled): {found}",
            found,
        )
        return [told]

    def _learning_curve(self, score: Metric) -> list[str]:
        """The same score after training on parts of the rows: whether more of them would help."""
        if not self.options.learning_curve:
            return []
        rows = np.random.default_rng(self.options.seed).permutation(self.table.training)
        for parts in (8, 4, 2):
            table = replace(self.table, training=np.sort(rows[: len(rows) // parts]))
            smaller, _ = train_unsaved(partial(TableRecipe, self.asked, table), self.options.seed, verbose=True)
            self.curve.append((len(table.training), smaller.evaluate()[0].value))
        self.curve.append((len(rows), score.value))
        said = ", ".join(
            f"{replace(score, name='', value=value)!s} {translate('from')} {count:,}".strip()
            for count, value in self.curve
        )
        return [translate(f"learning curve, {score.name} by rows: {said}", said)]

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"learning_curve": self._draw_curve} if self.curve else {}

    def _draw_curve(self, figure: Any) -> None:
        counts, values = zip(*self.curve, strict=True)
        axes = figure.subplots()
        axes.plot(counts, values, marker="o")
        axes.set_xscale("log", base=2)
        axes.set_xlabel(translate("rows to learn from"))
        axes.set_ylabel(translate(self.evaluate()[0].name))

    def details(self) -> dict[str, Any]:
        return {
            "targets": [target.details() for target in self.table.targets],
            "columns": self.table.schema.details(),
            "networks": [asdict(plan) for plan in self.model.plans],
            "members": len(self.learner.folds),
            "encoding": self.options.encoding,
            "sep": self.options.sep,
        }


def _related(features: NDArray[np.float32], said: NDArray[np.float32]) -> NDArray[np.float64]:
    """The largest correlation of each feature with any output, in absolute value."""
    x, y = (part.astype(np.float64) - part.mean(axis=0) for part in (features, said))
    scales = np.linalg.norm(x, axis=0)[:, None] * np.linalg.norm(y, axis=0)
    return np.asarray(np.abs(x.T @ y / np.maximum(scales, 1e-300)).max(axis=1))


def _read(path: Path, options: TableOptions) -> Table:
    drop = [name.strip() for name in options.drop.split(",")] if options.drop else []
    return read_table(
        path, options.target, options.seed, task=options.task, drop=drop, label_separator=options.separator,
        encoding=options.encoding, delimiter=options.sep, say=lambda line: print(line, flush=True),
    )  # fmt: skip
