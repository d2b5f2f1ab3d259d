"""The batch in a browser: which examples push a weight up and which down, and the card of one alone."""

from __future__ import annotations

from graphs import of_pictures
from looking import no_errors, opened, press, text, titles, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from microgradient.page.snapshot import save_html
from microgradient.page.view import View


def test_the_examples_of_an_entry_and_one_alone(browser):
    session, _ = of_pictures()
    page = View(session)
    opened(browser, page.url)
    press(browser, "List")
    press(browser, "model.2.bias")
    node = next(k for k, n in enumerate(session.graph["nodes"]) if n["name"] == "model.2.bias")
    picture = until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#card figure canvas"))[0]
    picture.send_keys(Keys.ARROW_RIGHT, Keys.ENTER)
    found = session.examples({"node": node, "index": "1"})
    shown = [each["contribution"] for each in found["examples"]] + [found["more"]["sum"], found["gradient"]]
    until(browser, lambda: titles(browser, "#examples td.number") == shown)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#examples canvas")) == 10
    first = found["examples"][0]
    assert f"example {first['number']} · label {first['label']}" in text(browser, "#examples")
    browser.find_element(By.CSS_SELECTOR, "#examples button").click()
    until(browser, lambda: f"example {first['number']} alone" in text(browser, "#why"))
    assert titles(browser, "#why h2 .accent") == [first["contribution"]]
    assert titles(browser, "#why table.paths td.number") == [first["contribution"]] * 2  # its one path, and the sum
    until(browser, lambda: titles(browser, "#examples td.number") == shown)
    press(browser, "all examples")
    until(browser, lambda: "alone" not in text(browser, "#why"))
    page.close()
    no_errors(browser)


def test_a_saved_page_has_the_examples_of_whole_weights(browser, tmp_path):
    session, _ = of_pictures()
    save_html(session, tmp_path / "page.html")
    opened(browser, (tmp_path / "page.html").as_uri())
    press(browser, "List")
    press(browser, "model.0.weight")
    until(browser, lambda: "by no example" in text(browser, "#examples"))
    assert browser.find_elements(By.CSS_SELECTOR, "#examples button") == []
    no_errors(browser)
