"""Optimisers, with PyTorch's names, settings and numerics."""

from ..nn.utils import clip_grad_norm_, clip_grad_value_
from ..other_names import answer_for
from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "clip_grad_norm_", "clip_grad_value_", "lr_scheduler"]

answer_for(__name__)
answer_for(lr_scheduler.__name__)
