"""From LLVM IR to results: compile, keep on disk, share among threads, run.

In: IR as text, and a schedule. Out: an `Executable` that reads and writes NumPy arrays.
"""
