"""Lessons in the browser, by keyboard alone; and the page in Chinese."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from graphs import of_values
from looking import last_text, no_errors, press, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from microgradient.language import speaking
from microgradient.learn.page import LessonPage
from microgradient.page.snapshot import save_html
from microgradient.page.view import View

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def write(browser, words):
    """What the keyboard sends to the element that has the focus."""
    browser.switch_to.active_element.send_keys(words)


@pytest.fixture
def lesson(browser, tmp_path):
    page = View(LessonPage("4", tmp_path / "score.json"))
    browser.get(page.url)
    until(browser, lambda: "?" in last_text(browser, "#learn .question"))
    yield page
    no_errors(browser)
    browser.get("about:blank")
    page.close()


def test_a_lesson_by_keyboard_alone(browser, lesson, tmp_path):
    for _ in range(20):  # to the answer, past whatever comes before
        if browser.switch_to.active_element.get_attribute("aria-label") == "Your answer":
            break
        write(browser, Keys.TAB)
    write(browser, "3" + Keys.ENTER)
    until(browser, lambda: "the sign is flipped" in last_text(browser, "#learn .verdict"))
    assert "the sign is flipped" in last_text(browser, "#announcement")
    write(browser, "-3" + Keys.ENTER)
    until(browser, lambda: "1 of 3" in last_text(browser, "#learn .facts"))
    write(browser, "-8" + Keys.ENTER)
    until(browser, lambda: "2 of 3" in last_text(browser, "#learn .facts"))
    assert "∂L/∂a = -3.0" in browser.execute_script("return document.querySelector('#learn').innerText")
    write(browser, Keys.TAB + Keys.TAB + Keys.ENTER)  # check, then show the answer
    until(browser, lambda: "the answer is" in last_text(browser, "#learn .verdict"))
    kept = json.loads((tmp_path / "score.json").read_text())["lessons"]["04_used_twice"]
    assert kept["right"] == 2
    assert kept["questions"][0]["answers"][0]["mistake"].startswith("the sign is flipped")


def test_the_graph_of_a_lesson(browser, lesson):
    press(browser, "Open the graph")
    until(browser, lambda: last_text(browser, "#why h2").startswith("∂L/∂L"))
    press(browser, "Learn")
    assert "4 · Used twice" in last_text(browser, "#learn h1")


def test_another_lesson_and_another_language(browser, lesson):
    Select(browser.find_element(By.CSS_SELECTOR, "#learn select")).select_by_value("1")
    until(browser, lambda: last_text(browser, "#learn h1").startswith("1 · "))
    english = last_text(browser, "#learn h1")
    Select(browser.find_element(By.CSS_SELECTOR, "#rail select")).select_by_value("zh_CN")
    until(browser, lambda: last_text(browser, "#learn h1") not in ("", english))
    assert browser.execute_script("return document.documentElement.lang") == "zh-CN"
    assert last_text(browser, "#learn form button") == "显示答案"
    answer = browser.find_element(By.CSS_SELECTOR, "#learn form input")
    answer.send_keys("1234" + Keys.ENTER)
    until(browser, lambda: "不是 1234" in last_text(browser, "#learn .verdict"))


def english_left(browser):
    """The words of the page that are English sentences: two words of lower-case letters in a row, outside of code."""
    return browser.execute_script(r"""
        const found = [];
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
          const at = walk.currentNode.parentElement;
          if (at.closest("script, style, pre, code, math, option")) continue;
          if (/[a-z]{3,} [a-z]{3,}/.test(walk.currentNode.data)) found.push(walk.currentNode.data);
        }
        for (const each of document.querySelectorAll("[aria-label]"))
          if (/[a-z]{3,} [a-z]{3,}/.test(each.ariaLabel)) found.push(each.ariaLabel);
        return found;
    """)


@pytest.mark.parametrize("saved", [False, True])
def test_the_page_is_chinese_throughout(browser, saved, tmp_path):
    session = of_values()
    with speaking("zh_CN"):
        if saved:
            save_html(session, tmp_path / "page.html")
            url, page = (tmp_path / "page.html").as_uri(), None
        else:
            page = View(session)
            url = f"{page.url}?lang=zh"
    browser.get(url)
    until(browser, lambda: "∂" in last_text(browser, "#why h2"))
    press(browser, "列表")
    until(browser, lambda: "算式" in last_text(browser, "#list thead"))
    press(browser, "a")
    until(browser, lambda: "条路径相加" in last_text(browser, "#why caption"))
    press(browser, "路径")
    until(browser, lambda: last_text(browser, "#paths h2"))
    assert english_left(browser) == []
    assert browser.execute_script("return document.documentElement.lang") == "zh-CN"
    if page is not None:
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_lesson(browser, lesson, scheme):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.find_element(By.CSS_SELECTOR, "#learn form input").send_keys("1" + Keys.ENTER)
    until(browser, lambda: last_text(browser, "#learn .verdict"))
    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script(
        "axe.run().then((r) => arguments[0](r.violations.map((v) => [v.id, v.nodes.map((n) => n.html)])))"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found == []
