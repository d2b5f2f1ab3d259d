"""Which instructions share a kernel, in what order kernels run, and where their arrays lie.

In: lowered instructions. Out: a `Schedule`: launches of kernels (`kernel.py` describes each kind) and the size of one arena.
"""
