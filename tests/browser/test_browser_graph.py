"""The graph, the steps and the cards in a browser: what the page shows is what Python says."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphs import of_a_model, of_values
from looking import no_errors, opened, press, text, titles, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions as EC  # noqa: N812
from selenium.webdriver.support.ui import Select

import microgradient as mg
from microgradient.explain.mistakes import MISTAKES
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session
from microgradient.page.snapshot import save_html
from microgradient.page.view import View


@pytest.fixture(params=["served", "saved"])
def values(request, browser, tmp_path):
    session = of_values()
    if request.param == "saved":
        save_html(session, tmp_path / "page.html")
        opened(browser, (tmp_path / "page.html").as_uri())
        yield session
    else:
        page = View(session)
        opened(browser, page.url)
        yield session
        page.close()
    no_errors(browser)


def test_a_card_by_keyboard_alone(browser, values):
    graph = browser.find_element(By.ID, "graph")
    graph.send_keys(Keys.ARROW_LEFT, Keys.ENTER)
    name = values.graph["nodes"][values.graph["uses"][0]["from"]]["name"]
    until(browser, lambda: text(browser, "#card h2").startswith(f"∂L/∂{name}"))
    graph.send_keys(Keys.ESCAPE)
    until(browser, lambda: text(browser, "#card h2").startswith("∂L/∂L"))


def test_the_open_card_stays_in_another_language(browser):
    session = of_values()
    page = View(session)
    try:
        opened(browser, page.url)
        press(browser, "List")
        press(browser, "a")
        until(browser, lambda: text(browser, "#card h2").startswith("∂L/∂a"))
        before = browser.find_element(By.ID, "card")
        Select(browser.find_element(By.CSS_SELECTOR, "#rail select")).select_by_value("zh_CN")
        until(browser, lambda: EC.staleness_of(before)(browser))
        until(browser, lambda: text(browser, "#card h2").startswith("∂L/∂a"))
        assert browser.execute_script("return document.documentElement.lang") == "zh-CN"
        no_errors(browser)
    finally:
        page.close()


def test_the_card_shows_each_contribution_and_their_sum(browser, values):
    nodes = values.graph["nodes"]
    press(browser, "List")
    press(browser, "a")
    until(browser, lambda: text(browser, "#card h2").startswith("∂L/∂a"))
    card = values.why({"node": next(k for k, n in enumerate(nodes) if n["name"] == "a")})
    assert titles(browser, "#card td.number") == [*(edge["contribution"] for edge in card["edges"]), card["gradient"]]


def test_steps_forward_and_back_return_to_the_same_page(browser, values):
    count = len(values.graph["nodes"]) + len(values.graph["uses"])
    press(browser, "List")
    seen = []
    body = browser.find_element(By.TAG_NAME, "body")
    for _ in range(count):
        seen.append((text(browser, "#told"), text(browser, "#list")))
        body.send_keys(",")
    assert text(browser, "#told") == "before the first operation"
    for state in reversed(seen):
        body.send_keys(".")
        assert (text(browser, "#told"), text(browser, "#list")) == state


def test_an_entry_of_a_weight_is_opened_from_its_picture(browser):
    session = of_a_model()
    page = View(session)
    opened(browser, page.url)
    press(browser, "List")
    press(browser, "model.0.weight")
    picture = until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#card figure canvas"))[0]
    picture.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ENTER)
    until(browser, lambda: "model.0.weight[1, 1]" in text(browser, "#card h2"))
    card = session.why({"node": 0, "index": "1,1"})
    assert titles(browser, "#card tr.sum td.number") == [card["sum"]]
    page.close()
    no_errors(browser)


def test_another_number_in_a_leaf(browser):
    """Each gradient that the page shows then is what Python computes from the new number; Reset brings the old ones back."""
    session = of_values()
    page = View(session)
    opened(browser, page.url)
    press(browser, "List")
    before = text(browser, "#list")
    press(browser, "a")
    until(browser, lambda: text(browser, "#why h2").startswith("∂L/∂a"))
    field = browser.find_element(By.CSS_SELECTOR, "#card input[type=number]")
    browser.execute_script("arguments[0].value = '0.5'; arguments[0].dispatchEvent(new Event('input'))", field)
    a, b = mg.Value(0.5), mg.Value(-3.0)
    L = (a * b + a) ** 2 + a * b
    L.backward()
    until(browser, lambda: titles(browser, "#card tr.sum td.number") == [a.grad])
    until(browser, lambda: text(browser, "#list") != before)
    press(browser, "Reset all")
    until(browser, lambda: text(browser, "#list") == before)
    page.close()
    no_errors(browser)


def test_the_sweep_done_wrong(browser, values):
    press(browser, "List")
    right = text(browser, "#list")
    choice = Select(browser.find_element(By.CSS_SELECTOR, "#timeline select"))
    for kind, said in MISTAKES.items():
        choice.select_by_visible_text(f"wrong: {kind}")
        until(browser, lambda said=said: said in text(browser, "#mistake"))
        assert "✗" in text(browser, "#list")
    choice.select_by_visible_text("done right")
    until(browser, lambda: text(browser, "#list") == right)


def test_paths(browser, values):
    press(browser, "List")
    press(browser, "a")
    until(browser, lambda: text(browser, "#why h2").startswith("∂L/∂a"))
    press(browser, "Paths")
    found = values.paths({"node": next(k for k, node in enumerate(values.graph["nodes"]) if node["name"] == "a")})
    until(
        browser, lambda: titles(browser, "#paths summary .number") == [path["contribution"] for path in found["paths"]]
    )
    assert titles(browser, "#paths h2 .accent") == [found["total"]]
    browser.find_element(By.CSS_SELECTOR, "#paths summary").click()
    for button in browser.find_elements(By.XPATH, "//div[@id='paths']//button[text()='mute']")[
        :1
    ]:  # a saved page has none
        edge = found["paths"][0]["edges"][0]["use"]
        button.click()
        without = values.paths({"node": 0, "muted": str(edge)})
        until(browser, lambda total=without["total"]: titles(browser, "#paths h2 .accent") == [total])


AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.parametrize("view", ["Graph", "Flow", "Paths", "List"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, view, scheme):
    """Deque's axe-core: names, roles, contrast, order of headings."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    page = View(of_a_model())
    opened(browser, page.url)
    press(browser, view)
    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script("axe.run().then((found) => arguments[arguments.length - 1](found))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    page.close()
    assert [(v["id"], [node["html"] for node in v["nodes"]][:3]) for v in found["violations"]] == []


def test_what_is_chosen_elsewhere_is_in_sight_in_the_graph(browser):
    """The node that a card is of lies within the drawing when one comes back to it: a click there opens the same card."""
    page = View(of_values())
    opened(browser, page.url)
    press(browser, "List")
    press(browser, "a")
    until(browser, lambda: text(browser, "#why h2").startswith("∂L/∂a"))
    press(browser, "Graph")
    colours = """
        const canvas = document.getElementById("graph"), pen = canvas.getContext("2d");
        return new Set(new Uint32Array(pen.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size
    """
    until(browser, lambda: browser.execute_script(colours) > 50)  # text has many shades
    page.close()
    no_errors(browser)


def test_the_flow_by_keyboard(browser, values):
    """Each band and station is a door: what it tells is what Python says; the table has the same."""
    browser.find_element(By.XPATH, "//button[text()='Flow']").click()
    found = values.flow({})
    until(browser, lambda: titles(browser, "#flow h2 .accent") == [found["total"]])
    numbers = lambda part: [part["up"], part["down"], part["net"]]
    kept = [each["kept"] for each in reversed(found["stations"]) if each["ends"]]
    everything = [x for part in [*(band["part"] for band in found["bands"]), *kept] for x in numbers(part)]
    assert titles(browser, "#flow > table td.number") == everything
    doors = browser.find_elements(By.CSS_SELECTOR, "#flow svg [role=button]")
    assert len(doors) == len(found["bands"]) + len(kept) + len(found["stations"])
    doors[0].send_keys(Keys.ENTER)
    band = found["bands"][0]
    told = [x for part in [*(edge["part"] for edge in band["edges"]), band["part"]] for x in numbers(part)]
    assert titles(browser, "#flow-told td.number") == told
    browser.find_element(By.CSS_SELECTOR, "#flow-told button.door").click()
    until(browser, lambda: text(browser, "#why h2").startswith(f"∂L/∂{band['edges'][0]['to']}"))
    browser.find_elements(By.CSS_SELECTOR, "#flow .choice button")[1].click()
    of_one = values.flow({"node": band["edges"][0]["node"]})
    until(browser, lambda: titles(browser, "#flow h2 .accent") == [of_one["total"]])
    assert titles(browser, "#flow > table td.number")[:3] == numbers(of_one["bands"][0]["part"])


def test_a_layer_is_looked_into(browser):
    session = of_a_model()
    page = View(session)
    opened(browser, page.url)
    browser.find_element(By.XPATH, "//button[text()='Flow']").click()
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#flow svg .station"))
    before = text(browser, "#flow > table")
    browser.find_element(By.CSS_SELECTOR, "#flow svg .station[aria-label^='model.0 ']").send_keys(" ")
    browser.find_element(By.XPATH, "//button[text()='look inside']").click()
    until(browser, lambda: "model.0.weight keeps it" in text(browser, "#flow > table"))
    browser.find_element(By.XPATH, "//button[text()='close model.0']").click()
    until(browser, lambda: text(browser, "#flow > table") == before)
    page.close()
    no_errors(browser)


def test_playing_stops_at_a_node(browser, values):
    press(browser, "List")
    press(browser, "c")
    until(browser, lambda: text(browser, "#why h2").startswith("∂L/∂c"))
    press(browser, "Stop here")
    browser.find_element(By.CSS_SELECTOR, "[aria-label='First step']").click()
    browser.find_element(By.CSS_SELECTOR, "[aria-label='Play']").click()
    until(browser, lambda: "c = " in text(browser, "#told"))
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "[aria-label='Play']"))
    assert "evaluation, step 3 of" in text(browser, "#told")
    assert text(browser, "#why h2").startswith("∂L/∂c")


def test_the_line_of_the_program_is_on_the_card(browser):
    page = View(of_a_model())
    opened(browser, page.url)
    assert "cross_entropy(model(" in text(browser, "#why pre.code")
    assert "graphs.py:" in text(browser, "#why pre.code .where")
    page.close()
    no_errors(browser)


def of_scores():
    """A program in which a call of a function is a box of the graph."""
    x, y = mg.tensor([[1.0, 2.0], [0.5, 0.0]], requires_grad=True), mg.tensor([0, 1])
    with mg.trace():
        loss = mg.nn.functional.cross_entropy(x * 2.0, y)
        loss.backward()
    return Session(sweep_of(loss, {"x": x, "y": y, "loss": loss}))


@pytest.fixture
def scores(browser):
    session = of_scores()
    page = View(session)
    opened(browser, page.url)
    yield session
    page.close()
    no_errors(browser)


def test_a_function_is_one_row_that_opens(browser, scores):
    (doubled,) = [k for k, n in enumerate(scores.graph["nodes"]) if n["op"] == "*"]
    browser.find_element(By.ID, "graph").send_keys(Keys.ARROW_LEFT)
    press(browser, "List")
    press(browser, scores.graph["nodes"][doubled]["name"])
    until(browser, lambda: "cross_entropy" in text(browser, "#card table"))
    card = scores.why({"node": doubled})
    shown = "return [...document.querySelectorAll('#card tr.inside')].filter((row) => row.offsetHeight).length"
    assert browser.execute_script(shown) == 0
    assert "p is the softmax" in text(browser, "#card .reason")
    fold = browser.find_element(By.CSS_SELECTOR, "button.fold")
    fold.send_keys(Keys.ENTER)
    assert fold.get_attribute("aria-expanded") == "true"
    assert browser.execute_script(shown) == len(card["edges"])
    fold.click()
    assert browser.execute_script(shown) == 0


def test_a_contribution_lights_up_in_code_formula_and_numbers(browser, values):
    press(browser, "List")
    press(browser, "a")
    until(browser, lambda: text(browser, "#card h2").startswith("∂L/∂a"))
    found = """
        const same = [...document.querySelectorAll('#card [aria-describedby="term-0"]')];
        const lit = () => same.filter((at) => at.classList.contains('lit')).length;
        const before = lit();
        same[0].querySelector('button').focus();
        const during = lit();
        document.activeElement.blur();
        return [same.map((at) => at.tagName.toLowerCase()), before, during, lit(), document.getElementById('term-0').textContent];
    """
    names, before, during, after, told = browser.execute_script(found)
    assert {"tr", "mrow"} <= set(names)
    assert (before, during, after) == (0, len(names), 0)
    assert told.startswith("via ")


def test_code_lights_up_with_what_it_computed(browser, scores):
    press(browser, "List")
    press(browser, "x")
    until(browser, lambda: text(browser, "#card h2").startswith("∂loss/∂x"))
    found = """
        const line = [...document.querySelectorAll('#card pre.code')].find((at) => at.getAttribute('data-term'));
        line.focus();
        return [line.textContent, [...document.querySelectorAll('#card .lit')].map((at) => at.tagName.toLowerCase())];
    """
    line, lit = browser.execute_script(found)
    assert "x * 2.0" in line
    assert {"pre", "tr", "mrow"} == set(lit)


def test_a_function_in_the_graph_is_one_box_until_it_is_opened(browser, scores):
    graph = browser.find_element(By.ID, "graph")
    said = lambda: browser.execute_script("return document.getElementById('announcement').textContent")
    graph.send_keys("o")
    assert said().startswith("inside cross_entropy(")
    graph.send_keys("f")
    assert said().endswith("is one box")
    graph.send_keys(Keys.ARROW_LEFT)  # past it, to what it was given
    (doubled,) = [n["name"] for n in scores.graph["nodes"] if n["op"] == "*"]
    until(browser, lambda: said().startswith(f"{doubled}: "))
    graph.send_keys(Keys.ARROW_RIGHT, "o", Keys.ARROW_LEFT)  # into it
    until(browser, lambda: "gradient" in said() and not said().startswith((doubled, "loss")))
    graph.send_keys("f")
    until(browser, lambda: said() == "∂loss/∂loss is 1")  # it is hidden: the result is selected
