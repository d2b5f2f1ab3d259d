"""The page in a cell of a notebook: anywidget carries its questions to the kernel, and the answers back."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from .answering import Answering, answer
from .snapshot import document_of

# The page is a document of its own in a frame that may run its script and nothing else
_SCRIPT = """
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "Microgradient";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.setAttribute("allow", "clipboard-write");
  frame.style.cssText = "width: 100%; height: 640px; border: 0";
  frame.srcdoc = model.get("page");
  const ask = (event) => { if (event.source === frame.contentWindow) model.send(event.data); };
  const answer = (message) => frame.contentWindow?.postMessage(message, "*");
  window.addEventListener("message", ask);
  model.on("msg:custom", answer);
  el.append(frame);
  return () => {
    window.removeEventListener("message", ask);
    model.off("msg:custom", answer);
  };
}
export default { render };
"""


class Cell(anywidget.AnyWidget):
    """The page of `session` as a widget. A message from it is {"id", "name", "words"}, the answer {"id", "status", "text"}."""

    _esm = _SCRIPT
    page = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Answering) -> None:
        super().__init__(page=document_of(None))
        self.session = session
        self.on_msg(self._reply)

    def _reply(self, _: object, question: Any, buffers: object) -> None:
        if not isinstance(question, dict):
            return
        status, text = answer(self.session.answers, str(question.get("name")), question.get("words"))
        self.send({"id": question.get("id"), "status": status, "text": text})
