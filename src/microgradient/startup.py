"""Ctrl-C while the command starts, and NumPy loads, ends it as it does later: with one line and exit code 130.

A KeyboardInterrupt would come out of the middle of an import, or of C code that makes something else of it. The training loop
has a handler of its own, so there is nothing here that would have to be tidied up.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of: it is there at once, `signal` imports more
import os
import sys


def _stop(*_: object) -> None:
    try:
        sys.stdout.flush()
    except Exception:  # it is just being written to
        pass
    os.write(2, b"Error: Stopped.\n")
    os._exit(130)


# `-m` is Python's word while it loads the package of `python -m`. A program that imports the library keeps its Ctrl-C.
_program = sys.argv[0] if sys.argv else ""
_is_ours = os.path.basename(_program) == "microgradient" or (_program == "-m" and "microgradient" in sys.orig_argv)
if _is_ours and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _stop)
