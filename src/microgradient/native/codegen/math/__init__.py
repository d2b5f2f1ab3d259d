"""Vectorised elementary and special functions, within 2 ulp.

In: registers of numbers. Out: registers of results; no table look-ups, no calls but of what has no formula for vectors.
"""
