"""What a test looks at on a page, and how it waits for that."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def text(browser, selector):
    """Of the first element, "" for none. In one script: what is found may be replaced before it is asked a second time."""
    found = "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''"
    return browser.execute_script(found, selector)


def last_text(browser, selector):
    """Of the last element, "" for none."""
    found = "return [...document.querySelectorAll(arguments[0])].at(-1)?.innerText ?? ''"
    return browser.execute_script(found, selector)


def titles(browser, selector):
    """The numbers that elements show, with all digits."""
    found = "return [...document.querySelectorAll(arguments[0])].map((each) => each.title)"
    return [float(x) for x in browser.execute_script(found, selector)]


def until(browser, condition):
    """Wait for what a training run on a busy machine may take a while to do."""
    return WebDriverWait(browser, 60).until(lambda _: condition())


def press(browser, name):
    browser.find_element(By.XPATH, f"//button[text()='{name}']").click()


def opened(browser, url):
    """A page with a graph, when it shows its first card."""
    browser.get(url)
    until(browser, lambda: "∂" in text(browser, "#card h2"))


def no_errors(browser):
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@contextmanager
def page_of(browser, *words, view=""):
    """The page that a command serves, until the block ends: nothing may go wrong in its console."""
    process = subprocess.Popen([sys.executable, "-u", "-m", "microgradient", *words], stdout=subprocess.PIPE, text=True)
    browser.get(next(line.strip() for line in process.stdout if line.startswith("http://")) + view)
    yield process
    said = browser.get_log("browser")
    browser.get("about:blank")  # nobody asks a program that has ended
    process.terminate()
    process.communicate(timeout=60)
    assert [entry for entry in said if entry["level"] == "SEVERE"] == []
