"""The page as one file that needs neither Python nor a network."""

from __future__ import annotations

import base64
import hashlib
import json
from os import PathLike
from pathlib import Path
from typing import Any

from ..explain.mistakes import MISTAKES
from ..train.atomic import write_atomically
from .answering import catalogue
from .bundle import asset
from .session import Session

_MOST = 2_000_000  # bytes of explanations
_SMALL = 200  # nodes: of a larger graph the sweeps that are done wrong are left out


def save_html(session: Session, path: str | PathLike[str]) -> None:
    """Write the page with the graph, and as many explanations as have room: of scalars first, then of whole arrays."""
    write_atomically(Path(path), snapshot(session).encode())


def snapshot(session: Session) -> str:
    """The text of that file."""
    cards: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    examples: dict[str, Any] = {}
    size = 0
    for number, node in sorted(enumerate(session.sweep.order), key=lambda item: len(item[1].shape or ())):
        if node.shape is None or node not in session.sweep.adjoints:
            continue
        cards[str(number)] = session.why({"node": number})
        size += len(json.dumps(cards[str(number)]))
        if node.shape:
            arrays[str(number)] = session.array({"node": number})
            size += len(json.dumps(arrays[str(number)]))
        if cards[str(number)]["examples"]:
            examples[str(number)] = session.examples({"node": number})
            size += len(json.dumps(examples[str(number)]))
        if size > _MOST:
            break
    small = len(session.sweep.order) <= _SMALL
    sweeps = {kind: session.numbers({"mistake": kind}) for kind in ("", *MISTAKES)} if small else {}
    paths = {
        str(k): session.paths({"node": k})
        for k, node in enumerate(session.sweep.order)
        if small and node.shape is not None
    }
    flow = {"": session.flow({})}
    if small:
        shown = [k for k, node in enumerate(session.sweep.order) if node.shape is not None]
        flow |= {str(k): session.flow({"node": k}) for k in shown}
    data = {
        "language": catalogue(),
        "graph": session.graph,
        "why": cards,
        "array": arrays,
        "examples": examples,
        "sweep": sweeps,
        "paths": paths,
        "flow": flow,
    }
    return document_of(data)


def document_of(data: Any) -> str:
    """The page with its data as one document. Without data it asks whoever has put it into a frame."""
    script, style = _text("page.js"), _text("page.css")
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'"
    )
    return (
        _text("index.html")
        .replace("<!-- policy -->", f'<meta http-equiv="Content-Security-Policy" content="{policy}">')
        .replace('<link rel="stylesheet" href="page.css">', f"<style>{style}</style>")
        .replace(
            '<script src="page.js" defer></script>',
            f'<script id="data" type="application/json">{text}</script>',
        )
        .replace("</body>", f"<script>{script}</script></body>")
    )


def _text(name: str) -> str:
    found = asset(name)
    assert found is not None
    return found.decode()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
