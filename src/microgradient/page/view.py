"""`mg.view`: a graph in the browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from importlib.util import find_spec
from typing import Any, Literal, overload

from ..errors import ArgumentTypeError, DataError, GradientError
from ..explain.names import user_variables
from ..explain.recording import Recording
from ..explain.sweep import sweep_of
from ..scalar import Value
from ..tensor import Tensor
from .answering import Answering
from .server import Server
from .session import Session

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


class View:
    """A page that is being served at `url`, on this machine alone. `close()` ends it; so does the end of the program.

    >>> import microgradient as mg
    >>> y = mg.Value(2.0) * 3.0
    >>> y.backward()
    >>> page = mg.view(y, open_browser=False)
    http://127.0.0.1:.../.../
    >>> page.url.startswith("http://127.0.0.1:")
    True
    >>> page.close()
    """

    def __init__(self, session: Answering) -> None:
        self.session = session
        self.server = Server(session.answers)
        self.url = self.server.url

    def close(self) -> None:
        """Stop serving."""
        self.server.close()

    def wait(self) -> None:
        """Serve until Ctrl-C."""
        try:
            self.server.thread.join()
        except KeyboardInterrupt:
            self.close()

    def __repr__(self) -> str:
        return f"<page at {self.url}>"


@overload
def view(
    x: Value | Tensor | Any = None,
    *,
    batch: Any = None,
    axis: int | None = None,
    open_browser: bool = True,
    notebook: Literal[False] = False,
) -> View: ...
@overload
def view(
    x: Value | Tensor | Any = None,
    *,
    batch: Any = None,
    axis: int | None = None,
    open_browser: bool = True,
    notebook: Literal[True],
) -> Any: ...
def view(
    x: Value | Tensor | Any = None,
    *,
    batch: Any = None,
    axis: int | None = None,
    open_browser: bool = True,
    notebook: bool = False,
) -> Any:
    """Show the graph of `x` in the browser: a Value, a Tensor computed under `mg.trace()`, or the trace itself.

    `x` is what was differentiated last, if not given, or if it is a trace. The page is served on 127.0.0.1, at a random port and
    behind a token in the address; it asks no other machine for anything. In a program that runs from a file this waits for
    Ctrl-C; in a session it returns at once, and the page stays until `close()`.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0, label="a")
    >>> y = a * a
    >>> y.backward()
    >>> page = mg.view(y, open_browser=False)
    http://127.0.0.1:.../.../
    >>> page.close()

    `batch` is a tensor that entered the computation, or several in a tuple, such as inputs and targets, and `axis` the one of
    theirs that counts the examples (0 if none); see `Why.examples`. What an nn.Module was called with is known.

    With `notebook` it is a widget, the same page in the cell of a notebook; nothing is served, the kernel answers. This needs
    anywidget: `pip install 'microgradient[notebook]'`.

    Raises GradientError if there is nothing to show (MG117), also in the trace that is given, and where the numbers on the way
    are no longer known or nothing reads what is named as `batch` (MG118); DataError (MG184) where anywidget is missing.
    """
    if notebook and find_spec("anywidget") is None:
        raise DataError(
            "MG184", "A page in a cell needs anywidget, which is missing: pip install 'microgradient[notebook]'."
        )
    if not (x is None or isinstance(x, Value | Tensor | Recording)):
        raise ArgumentTypeError("MG116", f"mg.view shows Values, Tensors and traces, not {type(x).__name__}.")
    sweep = sweep_of(None if isinstance(x, Recording) else x, user_variables())
    if isinstance(x, Recording) and sweep.root not in x.steps:
        raise GradientError(
            "MG117", "This trace did not record what was differentiated last: name that, `mg.view(loss)`."
        )
    if batch is None and axis is not None:
        raise ArgumentTypeError(
            "MG116", "`axis` is that of `batch`: name the batch, too, `mg.view(loss, batch=x, axis=1)`."
        )
    if batch is not None:
        sweep = sweep.of_batch(batch, 0 if axis is None else axis)
        if sweep.batch.reason:
            raise GradientError("MG118", sweep.batch.reason)
    if notebook:
        from .notebook import Cell

        return Cell(Session(sweep))
    found = serve(Session(sweep), open_browser)
    if open_browser and not (hasattr(sys, "ps1") or sys.flags.interactive or "ipykernel" in sys.modules):
        found.wait()
    return found


def serve(session: Answering, open_browser: bool, lang: str = "") -> View:
    """Serve a page, print its address, and open it in the browser if that is wanted and there is a screen."""
    found = View(session)
    found.url += f"?lang={lang}" if lang else ""
    print(found.url, flush=True)
    if open_browser and any(name in os.environ for name in _SCREENS):  # else a browser of text would take the terminal
        webbrowser.open(found.url)
    return found
