"""A program as machine code, on four floors: lower → plan → codegen → runtime.

In comes a `program.Program`; `runtime.executable.Executable` runs it. A floor imports only from those before it; of the plan,
code generation knows the descriptions of kernels alone (`plan/kernel.py`). `tests/test_structure.py` checks it.
"""
