"""A trained table, used on other rows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.columns import Cells, shown
from ..data.csv_file import one_file, read_csv
from ..data.features import Schema
from ..data.frames import frame_columns
from ..data.table import take
from ..data.targets import Target, answered, parts
from ..errors import DataError
from ..tensor import Tensor
from ..train.predictor import Predictor
from ..train.recipe import Metric
from .metrics import table_metrics
from .network import Plan, TableNetwork

_ROWS_AT_ONCE = 4096


class TablePredictor(Predictor):
    """Columns in, in any order and with others among them; predictions out, by what was learnt from the training rows alone.

    `microgradient train table.csv` trains one, and `mg.load("runs/table").predict({"age": [31, 47], "city": ["Ulm", "Bonn"]})`
    uses it.
    """

    takes: ClassVar[str] = "a CSV file with the columns of the training data"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.file_notes: list[str] = []  # on how the file was read that comes next
        self.schema = Schema.from_details(details["columns"])
        self.targets = [Target.from_details(target) for target in details["targets"]]
        plans = [Plan(**{**plan, "hidden": tuple(plan["hidden"])}) for plan in details["networks"]]
        self.model = TableNetwork(plans, details["members"], self.schema.width, self.schema.knots(), self.targets)

    def predict(self, inputs: Any) -> dict[str, list[Any]]:
        """For each target its classes, numbers or labels. `inputs` are columns by name: a data frame, or a mapping to lists or
        arrays of numbers, texts and times.
        """
        said = self.probabilities(frame_columns(inputs))
        self.notes += [note for target, place in parts(self.targets) if (note := target.bounded(said[:, place]))]
        return {target.name: target.decode(said[:, place]) for target, place in parts(self.targets)}

    def probabilities(self, inputs: Mapping[str, Cells]) -> NDArray[np.float32]:
        """(rows, outputs): a column for each class or label, and a standardised one for each number."""
        lacking = [name for name in self.schema.columns if name not in inputs]
        if lacking:
            close = difflib.get_close_matches(lacking[0], list(inputs), 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise DataError("MG182", f"The columns {shown([repr(n) for n in lacking])}, which the model was trained on, are "
                                     f"missing: there are {shown(list(inputs))}{hint}.")  # fmt: skip
        lengths = {name: len(inputs[name]) for name in self.schema.columns}
        if len(set(lengths.values())) > 1:
            raise DataError(
                "MG181", f"The columns have different lengths: {shown([f'{k} {n:,}' for k, n in lengths.items()])}."
            )
        features, notes = self.schema.encode(inputs)
        self.notes, self.file_notes = [*self.file_notes, *notes], []
        return self.answer(features)

    def answer(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same from features that are encoded. Computed in float64 and rounded, since the last bit of a product depends on
        where in a matrix a row stands: a row's answer does not depend on those beside it.
        """
        starts = range(0, max(1, len(features)), _ROWS_AT_ONCE)
        with self.inference():
            parts = [self.model(Tensor(features[k : k + _ROWS_AT_ONCE].astype(np.float64))) for k in starts]
            return np.concatenate([np.asarray(part.raw, np.float32) for part in parts])

    def read(self, names: Sequence[str]) -> dict[str, Cells]:
        file = read_csv(Path(one_file(names)), self.details.get("encoding"), self.details.get("sep"))
        self.file_notes = [f"{names[0]}: {note}" for note in file.notes]
        return dict(file.columns)

    def rows(
        self, inputs: Mapping[str, Cells], predicted: Mapping[str, list[Any]]
    ) -> tuple[list[str], list[list[Any]]]:
        columns = dict(predicted)
        said = self.answer(self.schema.encode(inputs)[0])
        for target, place in parts(self.targets):
            if target.task == "classification":
                columns[f"{target.name} probability"] = said[:, place].max(axis=1).tolist()
        return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]

    def evaluate(self, path: str) -> list[Metric]:
        cells = self.read([path])
        for target in self.targets:
            if target.name not in cells:
                raise DataError(
                    "MG182", f"{path} has no column {target.name!r}: without answers there is nothing to score."
                )
            kept = answered(cells[target.name], target.separator)
            cells = {name: take(column, kept) for name, column in cells.items()}
        truth = np.concatenate([target.encode(cells[target.name]) for target in self.targets], axis=1)
        known = np.flatnonzero(~np.isnan(truth).any(axis=1))
        if not len(known):
            raise DataError("MG183", f"{path} has no row with an answer that the model knows.")
        said = self.probabilities({name: take(column, known) for name, column in cells.items()})
        self.notes += self._unknown_classes(cells, len(truth) - len(known))
        return [replace(metric, name=metric.name.replace("held-out ", "")) for metric in
                table_metrics(said, truth[known], self.targets)]  # fmt: skip

    def _unknown_classes(self, cells: Mapping[str, Cells], count: int) -> list[str]:
        """A sentence on the rows that are not scored."""
        classed = [target for target in self.targets if target.task == "classification"]
        words = {text for target in classed for text in target.spell(target.read(cells[target.name]))}
        known = {target.spell(target.read([c]))[0] for target in classed for c in target.classes}
        new = [repr(word) for word in sorted(words - known)]
        unknown = f": the model knows no {shown(new)}, and would be wrong there" if new else ""
        return [f"{count:,} of {len(next(iter(cells.values()))):,} rows are not scored{unknown}"] if count else []
