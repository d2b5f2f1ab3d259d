"""Schedules for the learning rate, with PyTorch's names and settings.

Call `step()` once after each epoch, or after each step of the optimiser if that is what you count in. Schedulers
multiply the learning rate that they find, so several may work on one optimiser (`ChainedScheduler`), and one may follow
another (`SequentialLR`).
"""

from .annealing import CosineAnnealingLR, CosineAnnealingWarmRestarts
from .base import LRScheduler
from .composed import ChainedScheduler, SequentialLR
from .cycles import CyclicLR, OneCycleLR
from .factors import ConstantLR, ExponentialLR, LambdaLR, LinearLR, MultiplicativeLR, MultiStepLR, PolynomialLR, StepLR
from .plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler  # its name before PyTorch 2.0, from which programs derive

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
]
__all__ += ["LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR"]
__all__ += ["ReduceLROnPlateau", "SequentialLR", "StepLR"]
