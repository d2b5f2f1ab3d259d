"""From a program to machine code: schedule, generate, run."""
