"""The cuts in a browser: in the drawing with scissors and the line, and as rows of the list."""

from __future__ import annotations

from looking import no_errors, opened, press, text, until
from selenium.webdriver.common.by import By

import microgradient as mg
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session
from microgradient.page.view import View

WRITTEN = """
    const write = CanvasRenderingContext2D.prototype.fillText;
    window.written = [];
    CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
        window.written.push(text);
        write.call(this, text, ...at);
    };
"""


def of_cuts():
    x = mg.tensor([1.0, -2.0, 3.0], requires_grad=True)
    with mg.trace():
        h = x * x
        loss = mg.sum(h.detach() * x) + mg.sum(mg.relu(0.0 - h)) + mg.sum(mg.where(x > 0, x, 0.0))
        loss.backward()
    return Session(sweep_of(loss, {"x": x, "h": h, "loss": loss}))


def test_the_cuts_are_drawn_and_listed(browser):
    session = of_cuts()
    page = View(session)
    opened(browser, page.url)
    labels = {f"✂ {cut['what']} · {__file__.rpartition('/')[2]}:{cut['line']}" for cut in session.graph["cuts"]}
    assert len(labels) == 2
    browser.execute_script(WRITTEN)
    graph = browser.find_element(By.ID, "graph")
    seen = set()
    for key in "0", "+", "+":  # drawn again; the whole, then nearer
        graph.send_keys(key)
        until(browser, lambda: browser.execute_script("return window.written.length"))
        seen |= set(browser.execute_script("return window.written.splice(0)"))
    assert labels <= seen
    assert "✂" in seen  # on the edge that relu shut, and on that of the detached number
    press(browser, "List")
    told = text(browser, "#cuts")
    assert ".detach(); goes into" in told
    assert "greater; goes into" in told
    assert "relu: 3 of 3 entries let nothing through" in told
    browser.find_element(By.CSS_SELECTOR, "#cuts button").click()
    name = session.graph["nodes"][session.graph["cuts"][0]["from"]]["name"]
    until(browser, lambda: text(browser, "#why h2").startswith(f"∂loss/∂{name}"))
    page.close()
    no_errors(browser)
