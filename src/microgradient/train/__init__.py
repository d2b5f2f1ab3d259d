"""Training: the loop, the run folder it writes, the file format of the weights, the progress it shows."""

from .options import Options, option
from .predictor import Predictor
from .recipe import Metric, Recipe

__all__ = ["Metric", "Options", "Predictor", "Recipe", "option"]
