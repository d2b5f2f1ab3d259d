"""`torch.optim`: the optimisers of `microgradient.optim`, which already follow PyTorch."""

from __future__ import annotations

import sys

from ... import optim as _optim
from . import swa_utils

globals().update(
    {name: getattr(_optim, name) for name in dir(_optim) if not name.startswith("_")} | {"swa_utils": swa_utils}
)
_FILES = """adadelta adafactor adagrad adam adamax adamw asgd lbfgs muon nadam optimizer radam rmsprop rprop sgd sparse_adam"""
globals().update(dict.fromkeys(_FILES.split(), sys.modules[__name__]))  # each has all names
