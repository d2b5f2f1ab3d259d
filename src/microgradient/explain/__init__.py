"""Seeing through a computation: where each gradient came from, step by step, in numbers and in symbols.

`trace` records what was computed, where and under which name; `why` opens one gradient, `why_update` one step of the optimiser;
`symbolic` gives the rules as formulas.
"""

from __future__ import annotations

from .examples import Example, Examples
from .explanation import Edge, Why
from .flow import Part
from .gradient_flow import Balance, Band, GradientFlow, gradient_flow
from .largest_paths import Path, Paths, paths
from .recording import Step
from .step import step
from .trace import Trace, trace
from .updates import Term, Update, why_update
from .why import why

__all__ = [
    "Balance", "Band", "Edge", "Example", "Examples", "GradientFlow", "Part", "Path", "Paths", "Step", "Term", "Trace", "Update",
    "Why", "gradient_flow", "paths", "step", "trace", "why", "why_update",
]  # fmt: skip
