"""Where in the user's code an instruction comes from: line, module, and in a backward pass the operation differentiated."""

from __future__ import annotations

import sys
import weakref
from bisect import bisect_left
from typing import Any, NamedTuple

from ..errors import LIBRARY, format_location
from ..tape import backward, next_seq


class Origin(NamedTuple):
    """A line of the user's, the innermost and the outermost module whose `forward` runs there (weak references), and in a
    backward pass the origin of the operation whose derivative is computed."""

    filename: str
    line: int
    inner: weakref.ref[Any] | None = None
    outer: weakref.ref[Any] | None = None
    forward: Origin | None = None

    def __str__(self) -> str:
        return format_location((self.filename, self.line)) if self.filename else "a line of microgradient"

    @property
    def module(self) -> str:
        """The path of the innermost module, such as `layers.0`; its class if it is the outermost one, "" outside of modules."""
        if self.inner is None or self.outer is None or (outer := self.outer()) is None:
            return ""
        inner = self.inner()
        path = next((path for path, module in outer.named_modules() if module is inner), "")
        return path or type(inner).__name__


class Origins:
    """Looks up where a trace is in the user's code."""

    def __init__(self) -> None:
        self._numbers: list[int] = []  # of nodes that may follow an operation, and where it is written
        self._origins: list[Origin] = []

    def here(self) -> Origin:
        """The origin of the operation that is being traced."""
        frame: Any = sys._getframe(1)
        location: tuple[str, int] | None = None
        node = inner = outer = None
        while frame is not None and frame.f_code.co_name != "trace_function":
            code = frame.f_code
            if location is None and not code.co_filename.startswith(LIBRARY):
                location = code.co_filename, frame.f_lineno
            if code.co_name == "forward":
                module = frame.f_locals.get("self")
                if hasattr(type(module), "named_modules"):  # asking the module itself, the trace would note the reading
                    inner, outer = inner or weakref.ref(module), weakref.ref(module)
            elif code is backward.__code__ and node is None:
                node = frame.f_locals.get("node")
            frame = frame.f_back
        k = 0 if node is None else bisect_left(self._numbers, node.seq)
        origin = Origin(*(location or ("", 0)), inner, outer, self._origins[k - 1] if k else None)
        # the node of an operation is made right after its instructions, so this is where the next node comes from
        self._numbers.append(next_seq())
        self._origins.append(origin)
        return origin
