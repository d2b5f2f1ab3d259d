"""Who may ask: this machine, by the whole address, and no page of another site."""

from __future__ import annotations

import http.client
import json
import re
from urllib.parse import urlsplit

import pytest
from graphs import of_values

from microgradient.page.view import View


@pytest.fixture(scope="module")
def page():
    found = View(of_values())
    yield found
    found.close()


def ask(page, path=None, method="GET", body=None, **headers):
    where = urlsplit(page.url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
    connection.request(method, where.path + "api/graph" if path is None else path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_the_whole_address_is_answered(page):
    answer, content = ask(page)
    assert answer.status == 200
    assert json.loads(content) == json.loads(json.dumps(page.session.graph))
    answer, content = ask(page, urlsplit(page.url).path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/api/graph", "/wrong-token/api/graph", "/../etc/passwd", "/%C3%A9"])
def test_without_the_token_there_is_nothing(page, path):
    assert ask(page, path)[0].status == 404


@pytest.mark.parametrize("name", ["../server.py", "page.py", "..%2fserver.py", "/etc/passwd", "api/", "api/none"])
def test_only_the_page_is_served(page, name):
    assert ask(page, urlsplit(page.url).path + name)[0].status == 404


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "localhost:80"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
    ids=str,
)
def test_another_site_is_refused(page, headers):
    assert ask(page, **headers)[0].status == 403


@pytest.mark.parametrize("query", ["", "node=x", "node=99", "node=0&index=1,2,3", "node=0&index=a", "node=1e9"])
def test_a_question_that_is_wrong_gets_a_sentence(page, query):
    answer, content = ask(page, f"{urlsplit(page.url).path}api/why?{query}")
    assert answer.status == 400
    assert json.loads(content)["error"]


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff"])
def test_a_body_that_is_wrong_gets_a_sentence(page, body):
    answer, content = ask(page, f"{urlsplit(page.url).path}api/why", "POST", body)
    assert answer.status == 400
    assert json.loads(content)["error"]


def test_a_body_that_is_too_long_is_not_read(page):
    assert (
        ask(page, f"{urlsplit(page.url).path}api/why", "POST", b" ", **{"Content-Length": "99999999999"})[0].status
        == 413
    )


@pytest.mark.parametrize(
    ("path", "method", "body", "headers"),
    [
        ("/wrong/api/graph?lang=zh", "GET", None, {}),
        ("api/none?lang=zh", "GET", None, {}),
        ("api/none", "POST", b'{"lang": "zh"}', {}),
        ("none.js?lang=zh", "GET", None, {}),
        ("api/graph?lang=zh", "GET", None, {"Host": "evil.example"}),
        ("api/why?lang=zh", "POST", b"{", {}),
        ("api/why", "POST", b'{"lang": "zh"}', {}),
        ("api/why?lang=zh", "POST", b" ", {"Content-Length": "99999999999"}),
    ],
)
def test_a_refusal_is_in_the_language_of_who_asks(page, path, method, body, headers):
    path = path if path.startswith("/") else urlsplit(page.url).path + path
    for lang, chinese in (("zh", True), ("en", False)):
        said = None if body is None else body.replace(b"zh", lang.encode())
        answer, content = ask(page, path.replace("zh", lang), method, said, **headers)
        assert answer.status >= 400
        assert bool(re.search("[\u4e00-\u9fff]", json.loads(content)["error"])) is chinese


def test_it_listens_on_this_machine_alone(page):
    assert page.server.http.server_address[0] == "127.0.0.1"
