"""`mg.doctor`: why a model does not learn, where, and what to change.

`examine` looks at one forward and backward pass (`probe`, `graph`, `case`) and at a few steps (`trial`), all of which is undone
(`snapshot`). The files with `rules` in their names hold the rules; `diagnosis` is what comes of it.
"""

from __future__ import annotations

from .diagnosis import Diagnosis, Finding, Layer
from .examine import doctor

__all__ = ["Diagnosis", "Finding", "Layer", "doctor"]
