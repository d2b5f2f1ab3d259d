"""Reading an estimator that was saved."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..train import safetensors
from .classifier import MLPClassifier
from .regressor import MLPRegressor
from .saving import Saved, restored
from .tables import TableClassifier, TableRegressor

_KINDS: dict[str, type[Saved]] = {
    kind.__name__: kind for kind in (MLPClassifier, MLPRegressor, TableClassifier, TableRegressor)
}


def load(path: str | os.PathLike[str]) -> Any:
    """The estimator in a file that `save` wrote. Nothing in it is executed.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from microgradient.sklearn import MLPRegressor
    >>> file = os.path.join(tempfile.mkdtemp(), "line.safetensors")
    >>> X = np.linspace(0, 1, 20)[:, None]
    >>> model = MLPRegressor(solver="lbfgs", random_state=0).fit(X, X[:, 0])
    >>> model.save(file)
    >>> bool((load(file).predict(X) == model.predict(X)).all())
    True

    Raises `DataError` (MG185) if the file is missing, damaged or something else.
    """
    arrays, content = safetensors.load(Path(path))
    kind = _KINDS.get(content.get("estimator", ""))
    if kind is None:
        raise DataError("MG185", f"{path} holds no estimator that microgradient.sklearn saved.")
    try:
        parameters, learnt = (restored(json.loads(content[part]), arrays) for part in ("parameters", "learnt"))
        estimator = kind(**parameters)
        estimator._validate_params()
        estimator.__dict__.update(estimator._restored(learnt))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise DataError("MG185", f"{path} is damaged: no {kind.__name__} can be made of it ({error}).") from error
    return estimator
