"""What tests of the command line share, beside the fixture `run`."""

import re


def refused(outcome: tuple[int, str, str], pattern: str, code: int = 1) -> None:
    """Assert that a command was refused in one sentence on standard error that has `pattern`."""
    exit_code, _, error = outcome
    assert exit_code == code
    assert re.search(pattern, error), error
    assert error.startswith("Error: ")
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
