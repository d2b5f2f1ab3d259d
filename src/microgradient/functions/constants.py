"""The constants of the standard, as Python floats."""

import math

__all__ = ["e", "inf", "nan", "newaxis", "pi"]

e = math.e
inf = math.inf
nan = math.nan
pi = math.pi
newaxis = None
"""In an index: a new axis of length 1."""
