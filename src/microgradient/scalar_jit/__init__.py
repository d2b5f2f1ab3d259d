"""Compiled functions of `Value`s: traced into a program of numbers that a small machine runs.

Loaded only when a function that `mg.compile` traces meets a Value. In: a function of Values. Out: a `ValueSpecialization`.
"""

from .machine import available as available
from .specialization import ValueSpecialization as ValueSpecialization
from .trace import trace_values as trace_values
