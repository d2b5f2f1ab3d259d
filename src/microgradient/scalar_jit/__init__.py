"""Compiled functions of `Value`s: traced into a program of numbers that a small machine runs.

Loaded only when a function that `mg.compile` traces meets a Value. In: a function of Values. Out: a `ValueSpecialization`.
"""

from __future__ import annotations

from .specialization import ValueSpecialization
from .trace import trace_values

__all__ = ["ValueSpecialization", "trace_values"]
