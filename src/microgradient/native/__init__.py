"""A program as machine code, on four floors: lower → plan → codegen → runtime.

In comes a `program.Program`; `runtime.executable.Executable` runs it. A floor imports only from the floors before it, but
for the data that pass between them, which the lower floor defines.
"""
