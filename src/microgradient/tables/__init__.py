"""Learning from tables: linear models and networks side by side, folds that choose, and what is used afterwards."""

from .learner import LINEAR, NETWORKS, TableLearner
from .network import Plan, TableNetwork
from .predictor import TablePredictor

__all__ = ["LINEAR", "NETWORKS", "Plan", "TableLearner", "TableNetwork", "TablePredictor"]
