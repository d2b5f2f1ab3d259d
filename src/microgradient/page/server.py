"""A page for one person on one machine: HTTP on 127.0.0.1 alone, behind a token.

Whoever does not know the token, which is part of the address, sees nothing; and as a page of another site could be made to
reach 127.0.0.1 under a name of its own (DNS rebinding), `Host` has to be this server's, and `Origin` too where one is sent.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..language import speaking, translate
from .answering import Answer, answer, known, spoken, told
from .bundle import CONTENT_TYPES, asset

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LONGEST = 1 << 20  # bytes of a request's body


class Server:
    """Serves the page and `answers`: by name, a function of the question's words that gives JSON data.

    `url` is where; it starts at once, in a thread of its own, and ends with `close` or with the program.
    """

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.token = secrets.token_urlsafe(24)
        self.answers = answers
        self.http = _Quiet(("127.0.0.1", 0), _handler(self))
        self.host = f"127.0.0.1:{self.http.server_address[1]}"
        self.url = f"http://{self.host}/{self.token}/"
        self.thread = threading.Thread(target=self.http.serve_forever, name="microgradient page", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop. The address is gone then."""
        self.http.shutdown()
        self.http.server_close()

    def reply(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """(status, content type, content) of what is sent back, in the language of who asks."""
        split = urlsplit(target)
        words = _words(split.query if method == "GET" else body)
        with speaking(spoken(words) or spoken(_words(split.query))):
            return self._reply(method, split.path, headers, words)

    def refuse_length(self, target: str) -> tuple[int, str, bytes]:
        """What is sent back where the body is too long to be read."""
        with speaking(spoken(_words(urlsplit(target).query))):
            return _refused(413, f"A question may have {_LONGEST:,} bytes.")

    def _reply(self, method: str, path: str, headers: Mapping[str, str], words: Any) -> tuple[int, str, bytes]:
        token, _, name = path.removeprefix("/").partition("/")
        origin = headers.get("Origin")
        if headers.get("Host") != self.host or origin not in (None, f"http://{self.host}"):
            return _refused(403, "This server answers on its own address alone.")
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return _refused(404, "Nothing is here. The address has to be the whole one that was printed.")
        if name.startswith("api/") and known(self.answers, name.removeprefix("api/")):
            if isinstance(words, Exception):
                return _refused(400, f"The question is not understood: {words}")
            return _as_json(*answer(self.answers, name.removeprefix("api/"), words))
        found = asset(name or "index.html") if method == "GET" else None
        if found is None:
            return _refused(404, f"There is no {name or method}.", name or method)
        return 200, CONTENT_TYPES[(name or "index.html").rpartition(".")[2]], found


def _words(said: str | bytes) -> Any:
    """What an address asks after its `?`, or a body as JSON; the error where it is none."""
    try:
        return dict(parse_qsl(said)) if isinstance(said, str) else json.loads(said)
    except (ValueError, RecursionError) as error:
        return error


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is nobody's fault; all else is a traceback on standard error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _refused(status: int, text: str, *names: str) -> tuple[int, str, bytes]:
    return _as_json(*told(status, translate(text, *names)))


def _as_json(status: int, text: str) -> tuple[int, str, bytes]:
    return status, "application/json", text.encode()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            self._send(b"")

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isascii() or not length.isdigit() or int(length) > _LONGEST:
                self.close_connection = True
                self._send(b"", refused=server.refuse_length(self.path))
                return
            self._send(self.rfile.read(int(length)))

        def _send(self, body: bytes, refused: tuple[int, str, bytes] | None = None) -> None:
            status, kind, content = refused or server.reply(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", _POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing is printed into the user's program."""

    return Handler
