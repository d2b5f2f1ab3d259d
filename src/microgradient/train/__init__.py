"""Training: the loop, the run folder it writes, the file format of the weights, the progress it shows."""

from .recipe import Metric, Options, Recipe

__all__ = ["Metric", "Options", "Recipe"]
