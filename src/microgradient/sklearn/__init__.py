"""Estimators that follow scikit-learn's rules: in pipelines, grid searches and wherever one of its own may stand.

`MLPClassifier` and `MLPRegressor` take the parameters of scikit-learn's, with the same defaults, and compute the same numbers to
rounding. `TableClassifier` and `TableRegressor` learn from data frames as `microgradient train table.csv` learns from files.
Each is saved by `save` without pickle, and read by `load`.

scikit-learn is needed: `pip install 'microgradient[sklearn]'`.
"""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ModuleNotFoundError(
        "microgradient.sklearn needs scikit-learn, which is missing: pip install 'microgradient[sklearn]'. [MG184]",
        name="sklearn",
    )

from .classifier import MLPClassifier
from .loading import load
from .regressor import MLPRegressor
from .tables import TableClassifier, TableRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "TableClassifier", "TableRegressor", "load"]
