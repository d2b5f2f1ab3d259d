"""The constants of the standard, as Python floats."""

import math

e = math.e
inf = math.inf
nan = math.nan
pi = math.pi
newaxis = None
"""In an index: a new axis of length 1."""
