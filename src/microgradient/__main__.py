"""`python -m microgradient` is `microgradient`."""

import sys

from microgradient.cli import main

if __name__ == "__main__":
    sys.exit(main())
