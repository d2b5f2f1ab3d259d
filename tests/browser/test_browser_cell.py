"""The page in the cell of a notebook: its questions go through the widget's model to the kernel, and the answers come back.

In the place of a notebook is a page that gives the widget's script a model, as a notebook does, and carries its messages.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from graphs import of_a_model
from looking import no_errors, press, text, until
from selenium.webdriver.common.by import By

from microgradient.page.notebook import Cell

NOTEBOOK = """<!doctype html><html lang=en><meta charset=utf-8><title>notebook</title><link rel=icon href="data:,"><body>
<div id=first></div><div id=second></div><script type=module>
import widget from "./widget.js";
const heard = new Set();
const { page } = await (await fetch("./state")).json();
const model = {
  get: (name) => ({ page })[name],
  on: (_, hear) => heard.add(hear),
  off: (_, hear) => heard.delete(hear),
  send: async (content) => {
    const answer = await (await fetch("./message", { method: "POST", body: JSON.stringify(content) })).json();
    for (const hear of heard) hear(answer, []);
  },
};
for (const id of ["first", "second"]) window[id] = widget.render({ model, el: document.getElementById(id) });
window.heard = heard;
</script>"""


@pytest.fixture
def notebook(monkeypatch):
    """A cell and the address of a page that shows it twice."""
    cell = Cell(of_a_model())
    sent = []
    monkeypatch.setattr(cell, "send", lambda content, buffers=None: sent.append(content))
    one_at_a_time = threading.Lock()  # as a kernel is

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kinds = {
                "/widget.js": ("text/javascript", cell._esm),
                "/state": ("text/plain", json.dumps({"page": cell.page})),
            }
            self.answer(*kinds.get(self.path, ("text/html", NOTEBOOK)))

        def do_POST(self):
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with one_at_a_time:
                cell._handle_custom_msg(content, [])
                self.answer("text/plain", json.dumps(sent.pop()))

        def answer(self, kind, content):
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write(str(content).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield cell, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_an_entry_that_is_clicked_has_its_card_from_the_kernel(browser, notebook):
    cell, url = notebook
    browser.get(url)
    until(browser, lambda: len(browser.find_elements(By.TAG_NAME, "iframe")) == 2)
    first, second = browser.find_elements(By.TAG_NAME, "iframe")
    browser.switch_to.frame(first)
    until(browser, lambda: "∂loss/∂loss" in text(browser, "#card h2"))
    press(browser, "List")
    browser.find_element(By.XPATH, "//div[@id='list']//button[text()='model.3.bias']").click()
    until(browser, lambda: text(browser, "#why h2").startswith("∂loss/∂model.3.bias"))
    browser.find_element(By.CSS_SELECTOR, "#card figure canvas").click()
    until(browser, lambda: text(browser, "#why h2").startswith("∂loss/∂model.3.bias["))
    number = next(k for k, node in enumerate(cell.session.graph["nodes"]) if node["name"] == "model.3.bias")
    index = text(browser, "#why h2").partition("[")[2].partition("]")[0]
    card = cell.session.why({"node": number, "index": index})
    assert card["check"] in text(browser, "#card")
    assert browser.find_elements(By.CSS_SELECTOR, "#rail select") == []  # it speaks as the kernel does
    browser.switch_to.default_content()
    browser.switch_to.frame(second)  # the other view of the same widget is where it was
    until(browser, lambda: "∂loss/∂loss" in text(browser, "#card h2"))
    browser.switch_to.default_content()
    browser.execute_script("window.first(); window.second()")
    assert browser.execute_script("return window.heard.size") == 0
    no_errors(browser)
