"""The optimiser's step, opened: `why_update` runs an optimiser's own `update` on numbers that remember how they were computed.

`quantity` has those numbers, `terms` multiplies the update out into a sum, `formula` writes it, `update` is what is shown.
"""

from __future__ import annotations

from .update import Term, Update
from .why_update import why_update

__all__ = ["Term", "Update", "why_update"]
