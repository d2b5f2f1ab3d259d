"""What fitting an estimator costs beside scikit-learn's, on its handwritten digits.

    python benchmarks/estimators.py [--turns 3]

Each row: the same estimator, parameters and random state in both libraries, in turns in one process; seconds of wall time and of
processor time, the least of the turns. The first of ours pays for the compilation, which is told apart. A ratio is our time over
scikit-learn's: less than 1 is faster. One thread each, unless OPENBLAS_NUM_THREADS and MICROGRADIENT_NUM_THREADS say otherwise.
"""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

# before NumPy and the compiler are loaded, which read them then
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MICROGRADIENT_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import click  # noqa: E402
import numpy as np  # noqa: E402
from sklearn import neural_network as theirs  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

from microgradient import sklearn as ours  # noqa: E402

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("adam, 30 epochs", "MLPClassifier", {"max_iter": 30}),
    ("adam, float32", "MLPClassifier", {"max_iter": 30}),
    ("adam, early stopping", "MLPClassifier", {"early_stopping": True}),
    ("sgd, 30 epochs", "MLPClassifier", {"max_iter": 30, "solver": "sgd"}),
    ("L-BFGS, 30 iterations", "MLPClassifier", {"max_iter": 30, "solver": "lbfgs"}),
    ("adam, two layers", "MLPRegressor", {"max_iter": 30, "hidden_layer_sizes": (100, 50)}),
]


@click.command()
@click.option("--turns", default=3, show_default=True, help="How often each is fitted.")
def main(turns: int) -> None:
    """Time the fits and print a table."""
    X, y = load_digits(return_X_y=True)
    warnings.simplefilter("ignore")
    click.echo(
        f"{'':<24}{'scikit-learn':>14}{'microgradient':>15}{'first fit':>11}{'ratio':>8}{'CPU ratio':>11}{'loss differs by':>17}"
    )
    for name, kind, given in CASES:
        data = (X / 16).astype(np.float32 if "float32" in name else np.float64)
        found = [
            [timed(getattr(library, kind)(random_state=0, **given), data, y) for library in (theirs, ours)]
            for _ in range(turns)
        ]
        walls, cpus = (np.array([[fit[k] for fit in turn] for turn in found]) for k in (0, 1))
        (their_wall, our_wall), (their_cpu, our_cpu) = walls.min(axis=0), cpus.min(axis=0)
        loss, own = (fit[2] for fit in found[-1])
        click.echo(f"{name:<24}{their_wall:>12.2f} s{our_wall:>13.2f} s{walls[0, 1]:>9.2f} s{our_wall / their_wall:>8.2f}"
                   f"{our_cpu / their_cpu:>11.2f}{abs(own - loss) / loss:>17.1e}")  # fmt: skip


def timed(model: Any, X: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Seconds of wall time and of all cores, and the loss after the last epoch."""
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X, y)
    return time.perf_counter() - wall, time.process_time() - cpu, model.loss_


if __name__ == "__main__":
    main()
