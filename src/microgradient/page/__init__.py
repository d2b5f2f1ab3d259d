"""The page: a graph, each of its numbers and where they came from, in a browser.

`view` serves it from this machine to this machine; `trace.save_html` writes it as one file. Python computes every number: the
page shows them.
"""

from __future__ import annotations

from .view import View, view

__all__ = ["View", "view"]
