"""The page in a cell of a notebook: questions are messages, and have the answers that they have over HTTP."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

import pytest
from graphs import of_a_model, of_values
from jupyter_client.manager import start_new_kernel

import microgradient as mg
from microgradient.errors import DataError
from microgradient.page.notebook import Cell
from microgradient.page.view import View

QUESTIONS = [
    ("language", {}),
    ("graph", {}),
    ("why", {"node": "0", "index": "0,1"}),
    ("why", {"node": "999"}),
    ("examples", {"node": "0", "index": ""}),
    ("array", {"node": "0", "lead": ""}),
    ("sweep", {"mistake": ""}),
    ("paths", {"node": "1", "index": "", "muted": ""}),
    ("run", {}),
    ("why", {"lang": "zh_CN", "node": "999"}),
    ("nothing", {}),
]


def asked(cell, monkeypatch, name, words):
    """What the kernel sends when a message comes from the page."""
    sent = []
    monkeypatch.setattr(cell, "send", lambda content, buffers=None: sent.append(content))
    cell._handle_custom_msg({"id": "page 1", "name": name, "words": words}, [])
    (answer,) = sent
    assert answer["id"] == "page 1"
    return answer["status"], json.loads(answer["text"])


@pytest.fixture(scope="module")
def page():
    found = View(of_a_model())
    yield found
    found.close()


@pytest.mark.parametrize(("name", "words"), QUESTIONS)
def test_answers_are_those_of_the_server(page, monkeypatch, name, words):
    request = urllib.request.Request(f"{page.url}api/{name}", json.dumps(words).encode())
    try:
        with urllib.request.urlopen(request) as answer:
            expected = answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        expected = error.code, json.loads(error.read())
    status, said = asked(Cell(page.session), monkeypatch, name, words)
    assert status == expected[0]
    assert name == "nothing" or said == expected[1]


def test_a_number_that_is_changed_stays_changed(monkeypatch):
    cell = Cell(of_values())
    names = [node["name"] for node in cell.session.graph["nodes"]]
    _, numbers = asked(cell, monkeypatch, "change", {"node": names.index("a"), "value": 1.0})
    assert numbers["nodes"][names.index("L")]["value"] == (1 * -3 + 1) ** 2 - 3
    _, card = asked(cell, monkeypatch, "why", {"node": names.index("b")})
    assert card["gradient"] == 2 * (1 * -3 + 1) * 1 + 1


@pytest.mark.parametrize("message", ["graph", None, {}, {"name": ["graph"]}, {"name": "why", "words": [1]}])
def test_messages_that_are_no_questions_do_no_harm(monkeypatch, message):
    cell = Cell(of_values())
    sent = []
    monkeypatch.setattr(cell, "send", lambda content, buffers=None: sent.append(content))
    cell._handle_custom_msg(message, [])
    assert all(answer["status"] in (400, 404) and json.loads(answer["text"])["error"] for answer in sent)


def test_view_makes_one():
    a = mg.Value(2.0, label="a")
    y = a * a
    y.backward()
    cell = mg.view(y, notebook=True)
    assert isinstance(cell, Cell)
    assert cell.session.graph["of"] == "y"
    assert "application/vnd.jupyter.widget-view+json" in cell._repr_mimebundle_()[0]
    assert len(cell.page) < 300_000  # of a cell's output


PROGRAM = """
import microgradient as mg
a = mg.Value(2.0, label="a")
y = a * a
y.backward()
mg.view(y, notebook=True)
"""


@pytest.mark.slow
def test_a_kernel_answers():
    """What a notebook's front end does, by the protocol of Jupyter's messages."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute(PROGRAM)
        seen = iter(lambda: client.get_iopub_msg(timeout=60), None)
        shown = next(m["content"]["data"] for m in seen if m["msg_type"] == "execute_result")
        number = shown["application/vnd.jupyter.widget-view+json"]["model_id"]
        question = {"method": "custom", "content": {"id": "page 7", "name": "why", "words": {"node": "0"}}}
        client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": number, "data": question}))
        answer = next(m["content"]["data"]["content"] for m in seen if m["msg_type"] == "comm_msg")
        assert (answer["id"], answer["status"]) == ("page 7", 200)
        card = json.loads(answer["text"])
        assert (card["name"], card["of"], card["gradient"]) == ("a", "y", 4.0)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_without_anywidget_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    y = mg.Value(2.0) * 3.0
    y.backward()
    with pytest.raises(DataError, match=r"pip install 'microgradient\[notebook\]'"):
        mg.view(y, notebook=True)
