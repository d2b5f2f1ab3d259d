"""From a function to a program: tracing, simplifying, and the interpreters over programs."""
