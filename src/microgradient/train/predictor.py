"""What a trained model is used by: the model, and how inputs are made for it and results read off it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ArgumentError
from ..native.runtime import blas
from ..tape import no_grad

if TYPE_CHECKING:
    from .recipe import Metric


class Predictor:
    """A model and its preprocessing, made from the `details` in a run's `run.json` alone: no training data is needed.

    A recipe evaluates through its predictor, so what a run folder predicts afterwards is, bit for bit, what was scored. Arrays
    that JSON should not hold are buffers of the model.

    >>> from microgradient import nn, ones
    >>> class Scale(Predictor):
    ...     takes = "numbers"
    ...
    ...     def __init__(self, details):
    ...         super().__init__(details)
    ...         self.model = nn.Linear(details["inputs"], 1)
    ...
    ...     def predict(self, inputs):
    ...         with self.inference():
    ...             return self.model(inputs).data
    >>> Scale({"inputs": 3}).predict(ones((2, 3))).shape
    (2, 1)
    """

    takes: ClassVar[str]
    """What inputs are, for help and errors: `text`, `a CSV file`, `pictures (PNG or .npy)`."""

    model: Any

    def __init__(self, details: Mapping[str, Any]) -> None:
        self.details = details
        self.notes: list[str] = []  # what was odd about the latest inputs
        self.names: list[str] = []  # of the latest inputs that were read, where each has one

    def predict(self, inputs: Any) -> Any:
        """What the model says of the inputs, computed under `inference()`."""
        raise NotImplementedError

    @contextmanager
    def inference(self) -> Iterator[None]:
        """The model in `eval()`, nothing recorded, matrix products on one thread as in training: the same bits each time."""
        training = getattr(self.model, "training", False)
        self.model.eval()
        try:
            with no_grad(), blas.one_thread(), np.errstate(all="ignore"):
                yield
        finally:
            self.model.train(training)

    def read(self, names: Sequence[str]) -> Any:
        """The inputs that the words behind `microgradient predict RUN` name, mostly files. Raises `DataError`."""
        raise NotImplementedError

    def name_of(self, k: int) -> str | int:
        """The name of the `k`-th of the latest inputs that were read, or, where it has none, its number from 1."""
        return self.names[k] if k < len(self.names) else k + 1

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        """Header and rows of the table that `microgradient predict` writes."""
        raise NotImplementedError

    def evaluate(self, path: str) -> list[Metric]:
        """Scores on other data, of the form of the training data. Raises `DataError`."""
        raise ArgumentError("MG188", f"{type(self).__name__} has no way to be scored on other data than its own.")
