"""Optimisers, with PyTorch's names, settings and numerics."""

from ..nn.utils import clip_grad_norm_, clip_grad_value_
from ..other_names import answer_for
from . import lr_scheduler, swa_utils
from .adadelta import Adadelta
from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .asgd import ASGD
from .lamb import LAMB
from .lbfgs import LBFGS
from .lion import Lion
from .muon import Muon
from .nadam import NAdam
from .optimizer import Optimizer
from .preconditioned import SOAP, Shampoo
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .schedule_free import AdamWScheduleFree
from .sgd import SGD
from .sparse_adam import SparseAdam

__all__ = ["ASGD", "LAMB", "LBFGS", "SGD", "SOAP", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax"]
__all__ += [
    "AdamWScheduleFree",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "Shampoo",
    "SparseAdam",
]
__all__ += ["clip_grad_norm_", "clip_grad_value_", "lr_scheduler", "swa_utils"]

answer_for(__name__)
answer_for(lr_scheduler.__name__)
answer_for(swa_utils.__name__)
