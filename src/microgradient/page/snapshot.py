"""The page as one file that needs neither Python nor a network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any

from ..explain.mistakes import MISTAKES
from ..train.atomic import write_atomically
from .answering import catalogue
from .bundle import asset
from .session import Session

_ROOM = 600_000  # bytes of each kind of answer, but of heatmaps more: with the graph they are to stay below 5 MB
_ROOM_OF_ARRAYS = 2_000_000
_SMALL = 200  # nodes: of a larger graph the sweeps that are done wrong are left out


def save_html(session: Session, path: str | PathLike[str]) -> None:
    """Write the page with the graph, and as much of each kind of answer as has room: of scalars first, then of whole arrays."""
    write_atomically(path, snapshot(session).encode())


def snapshot(session: Session) -> str:
    """The text of that file."""
    order = session.sweep.order
    numbers = sorted((k for k, n in enumerate(order) if n.shape is not None), key=lambda k: len(order[k].shape or ()))
    explained = [k for k in numbers if order[k] in session.sweep.adjoints]
    small = len(order) <= _SMALL
    cards = _with_room(session.why, _about(explained))
    told = [int(k) for k in cards]
    arrays = _with_room(session.array, _about(k for k in told if order[k].shape), _ROOM_OF_ARRAYS)
    examples = _with_room(session.examples, _about(k for k in told if cards[str(k)]["examples"]))
    sweeps = _with_room(session.numbers, {kind: {"mistake": kind} for kind in ("", *MISTAKES)}) if small else {}
    paths = _with_room(session.paths, _about(numbers)) if small else {}
    flow = _with_room(session.flow, {"": {}, **(_about(numbers) if small else {})})
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


def _about(nodes: Iterable[int]) -> dict[str, dict[str, Any]]:
    return {str(node): {"node": node} for node in nodes}


def _with_room(
    ask: Callable[[Mapping[str, Any]], Any], questions: Mapping[str, Mapping[str, Any]], room: int = _ROOM
) -> dict[str, Any]:
    """The answers to these questions, one after another, until the next would not fit."""
    found: dict[str, Any] = {}
    for name, words in questions.items():
        answer = ask(words)
        room -= len(json.dumps(answer, ensure_ascii=False).encode())
        if room < 0:
            break
        found[name] = answer
    return found


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
