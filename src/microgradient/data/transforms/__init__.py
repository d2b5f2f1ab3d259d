"""Transforms of pictures and sound, as functions of one example; random ones draw from `mg.random`."""

from ...other_names import answer_for
from .base import Compose, Lambda, RandomApply
from .pictures import (
    CenterCrop,
    ColorJitter,
    Grayscale,
    Normalize,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    ToTensor,
    affine,
)
from .sound import (
    MFCC,
    AmplitudeToDB,
    FrequencyMasking,
    MelSpectrogram,
    Resample,
    Spectrogram,
    TimeMasking,
    mel_filter_bank,
    resample,
)

__all__ = ["MFCC", "AmplitudeToDB", "CenterCrop", "ColorJitter", "Compose", "FrequencyMasking", "Grayscale", "Lambda"]
__all__ += ["MelSpectrogram", "Normalize", "Pad", "RandomAffine", "RandomApply", "RandomCrop", "RandomErasing"]
__all__ += ["RandomHorizontalFlip", "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resample", "Resize"]
__all__ += ["Spectrogram", "TimeMasking", "ToTensor", "affine", "mel_filter_bank", "resample"]

answer_for(__name__)
