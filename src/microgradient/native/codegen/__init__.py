"""LLVM IR, as text, for one kernel.

In: the description of a kernel (`plan/kernel.py`) and the width of this machine's vectors. Out: an `ir.Function`.
"""
