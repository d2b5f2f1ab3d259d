"""What autograd has of SciPy, by SciPy's names: `from microgradient.scipy.stats import norm`.

On arrays and numbers these are SciPy's functions; where a tensor takes part they are those of `mg.special` and
`mg.distributions`.
"""

from . import special, stats

__all__ = ["special", "stats"]
