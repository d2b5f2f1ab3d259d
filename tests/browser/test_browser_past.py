"""The time machine in the browser: a step of a run folder is chosen and opened, and a weight is followed up to it."""

from __future__ import annotations

import pytest
from looking import page_of, press, text, until
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from microgradient.cli import main


@pytest.fixture
def page(browser, tmp_path):
    assert main(["train", "two-layer", "--epochs", "60", "--out", str(tmp_path / "run")]) == 0
    words = ["view", "--no-browser", str(tmp_path / "run")]
    with page_of(browser, *words, view="#Graph") as process:
        yield process


def choose(browser, step):
    slide = "const bar = document.querySelector('#past input'); bar.value = arguments[0]; bar.dispatchEvent(new Event('input'))"
    browser.execute_script(slide, step)
    assert f"step {step} of 60" in text(browser, "#past")
    before = browser.find_element(By.ID, "past")
    browser.find_element(By.CSS_SELECTOR, "#past button").click()
    WebDriverWait(browser, 60).until(lambda _: _is_gone(before))  # the page is loaded again
    until(browser, lambda: f"step {step} of 60" in text(browser, "#past"))


def _is_gone(element):
    try:
        element.is_displayed()
    except Exception:
        return True
    return False


def test_the_time_machine(browser, page):
    until(browser, lambda: "after the last, 60" in text(browser, "#past"))
    choose(browser, 12)
    press(browser, "List")
    browser.find_element(By.XPATH, "//div[@id='list']//button[text()='model.2.bias']").click()
    until(browser, lambda: "Adam makes of it, in step 12" in text(browser, "#update h3"))
    choose(browser, 40)  # the card stays open
    until(browser, lambda: "Adam makes of it, in step 40" in text(browser, "#update h3"))
    browser.find_element(By.CSS_SELECTOR, "#history button").click()
    until(browser, lambda: "at step 39" in text(browser, "#history"))
    shown = [figure.text.partition(":")[0] for figure in browser.find_elements(By.CSS_SELECTOR, "#history figcaption")]
    assert shown == ["value", "change", "gradient", "m", "v"]
