"""Which instructions share a kernel, in what order kernels run, and where their arrays lie.

In: a `Program` (`lower` is called first), and a function that says for which primitives machine code exists. Out: a `Schedule`:
launches of kernels, which `kernel.py` describes kind by kind, calls of NumPy, and the size of one arena.
"""
