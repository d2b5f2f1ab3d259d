"""Take the pictures of docs/ from the real page: python tools/page_pictures.py. Needs Debian's Chromium and selenium."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

import microgradient as mg
from microgradient import nn
from microgradient.learn.page import LessonPage
from microgradient.page.view import serve

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Four screens, 1280 × 760."""
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--window-size=1280,900"):
        options.add_argument(word)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        graph(browser)
        flow(browser)
        run(browser)
        lesson(browser)
    finally:
        browser.quit()


def graph(browser: webdriver.Chrome) -> None:
    """The expression of the page, with the card of a."""
    a, b = mg.Value(2.0, label="a"), mg.Value(-3.0, label="b")
    c = a * b
    L = (c + a) ** 2 + c
    L.backward()
    page = mg.view(L, open_browser=False)
    browser.get(page.url)
    press(browser, "List")
    press(browser, "a")
    until(lambda: "∂L/∂a" in browser.find_element(By.ID, "card").text)
    press(browser, "Graph")
    taken(browser, "page-graph")
    page.close()


def flow(browser: webdriver.Chrome) -> None:
    """The gradient through three residual blocks, with the account of the last layer."""

    class Block(nn.Module):
        """x + f(norm(x))"""

        def __init__(self) -> None:
            super().__init__()
            self.norm, self.inner, self.out = nn.LayerNorm(16), nn.Linear(16, 32), nn.Linear(32, 16)

        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return x + self.out(mg.tanh(self.inner(self.norm(x))))

    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), *(Block() for _ in range(3)), nn.Linear(16, 3))
    with mg.trace():
        loss = nn.functional.cross_entropy(model(mg.randn(32, 8)), mg.randint(0, 3, (32,)))
        loss.backward()
    page = mg.view(loss, open_browser=False)
    browser.get(page.url)
    press(browser, "Flow")
    last = "#flow .station[aria-label^='model.4 ']"
    until(lambda: bool(browser.find_elements(By.CSS_SELECTOR, last)))
    browser.find_element(By.CSS_SELECTOR, last).send_keys("\n")
    taken(browser, "page-flow")
    page.close()


def run(browser: webdriver.Chrome) -> None:
    """A hundred steps of moons, with the boundary that they led to."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", "moons", "--view", "--epochs", "1000", "--out", f"{folder}/run"]
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "microgradient", *words], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        browser.get(next(line.strip() for line in process.stdout if line.startswith("http://")))
        until(lambda: steps_done(browser) >= 100)
        press(browser, "Pause")
        press(browser, "Draw boundary")
        until(lambda: bool(browser.find_elements(By.CSS_SELECTOR, "#run img")))
        taken(browser, "page-run")
        process.terminate()
        process.communicate()


def lesson(browser: webdriver.Chrome) -> None:
    """Lesson 4, where a question has been answered with the wrong sign."""
    page = serve(LessonPage("4"), open_browser=False)
    browser.get(page.url)
    until(lambda: bool(browser.find_elements(By.CSS_SELECTOR, "#learn input")))
    browser.find_element(By.CSS_SELECTOR, "#learn input").send_keys("3\n")
    until(lambda: bool(browser.find_elements(By.CSS_SELECTOR, "#learn .wrong")))
    taken(browser, "page-learn")
    page.close()


def steps_done(browser: webdriver.Chrome) -> int:
    """How far the run is, as the page tells it."""
    told = [element.text for element in browser.find_elements(By.ID, "run-told")]
    return int(told[0].split("step ")[1].split(" ")[0].replace(",", "")) if told and "step " in told[0] else 0


def press(browser: webdriver.Chrome, name: str) -> None:
    """Click the button of that name, once it is there."""
    until(lambda: bool(browser.find_elements(By.XPATH, f"//button[text()='{name}']")))
    browser.find_element(By.XPATH, f"//button[text()='{name}']").click()


def until(condition: Callable[[], bool]) -> None:
    """Wait, at most a minute."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("The page does not show it.")
        time.sleep(0.1)


def taken(browser: webdriver.Chrome, name: str) -> None:
    """A picture of the page, once what moves has come to rest."""
    time.sleep(1)
    browser.save_screenshot(str(DOCS / f"{name}.png"))


if __name__ == "__main__":
    main()
