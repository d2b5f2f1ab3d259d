"""From a program's primitives to the few forms that kernels have.

In: a `Program`. Out: instructions that are elementwise operations, reductions, contractions, assemblies, gathers, scatters,
scans or calls of NumPy, on operands read through strides (`views.py`) instead of copies.
"""
