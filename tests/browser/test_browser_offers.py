"""What a recipe offers on the page of its run, by keyboard: what it writes, and an episode that is played and paused."""

from __future__ import annotations

import pytest
from looking import page_of, text, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


@pytest.fixture
def run(request, browser, tmp_path):
    words = ["train", *request.param, "--view", "--out", str(tmp_path / "run")]
    with page_of(browser, *words) as process:
        yield process


def press(browser, name, key=Keys.SPACE):
    """A button, by the keyboard alone."""
    until(browser, lambda: browser.find_elements(By.XPATH, f"//button[text()='{name}']"))
    browser.find_element(By.XPATH, f"//button[text()='{name}']").send_keys(key)


def motion(browser, wish):
    features = [{"name": "prefers-reduced-motion", "value": wish}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("run", [("gridworld", "--epochs", "100000")], indirect=True)
def test_a_sample_is_there_and_is_renewed(browser, run):
    until(browser, lambda: "after step" in text(browser, ".sample caption"))
    first = text(browser, ".sample caption")
    assert "G" in text(browser, ".sample td")
    until(browser, lambda: text(browser, ".sample caption") != first)  # an epoch later
    press(browser, "Pause")
    until(browser, lambda: text(browser, "#run-told").startswith("paused"))
    step = text(browser, "#run-told").split("step ")[1].split(" ")[0].replace(",", "")
    press(browser, "Write maze", Keys.ENTER)
    until(browser, lambda: text(browser, ".sample caption") == f"maze after step {step}")
    until(browser, lambda: text(browser, "#announcement") == "written anew")  # the caption may have said it before
    press(browser, "Open the next step")
    until(browser, lambda: "∂loss/∂loss" in text(browser, "#why h2"))


@pytest.mark.parametrize("run", [("cartpole", "--epochs", "1000", "--no-compile")], indirect=True)
def test_an_episode_is_played(browser, run):
    motion(browser, "reduce")
    try:
        press(browser, "Pause")
        press(browser, "Play episode", Keys.ENTER)
        until(browser, lambda: "episode 1 of those scored: return" in text(browser, "#offers figcaption"))
        assert text(browser, ".film output").startswith("step 0 of ")  # a still picture
        bar = browser.find_element(By.CSS_SELECTOR, ".film input")
        bar.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        assert text(browser, ".film output").startswith("step 4 of ")
        drawn = "return document.querySelector('.film canvas').toDataURL()"
        still = browser.execute_script(drawn)
        bar.send_keys(Keys.END)
        assert browser.execute_script(drawn) != still
        press(browser, "Play")
        until(browser, lambda: not text(browser, ".film output").startswith("step 0 of "))
        motion(browser, "no-preference")
        press(browser, "Play episode", Keys.ENTER)
        until(browser, lambda: "episode 2 of those scored" in text(browser, "#offers figcaption"))
        until(browser, lambda: not text(browser, ".film output").startswith("step 0 of "))  # by itself
        press(browser, "Open the next step")
        until(browser, lambda: "∂loss/∂loss" in text(browser, "#why h2"))
        press(browser, "Run")
        assert "the graph is of the first of 20 minibatches" in text(browser, "#run-told")
    finally:
        motion(browser, "no-preference")
