"""A training run in the browser: its curve grows, it pauses and steps, a step is opened, the doctor is asked."""

from __future__ import annotations

import pytest
from looking import page_of, press, text, until
from selenium.webdriver.common.by import By


@pytest.fixture(params=[("digits",)])
def run(request, browser, tmp_path):
    words = ["train", *request.param, "--epochs", "100000", "--view", "--no-browser", "--out", str(tmp_path / "run")]
    with page_of(browser, *words) as process:
        yield process


def test_a_run(browser, run):
    until(browser, lambda: "loss" in text(browser, "#run-told"))
    press(browser, "Pause")
    until(browser, lambda: text(browser, "#run-told").startswith("paused"))
    before = text(browser, "#run-told")
    press(browser, "One step")
    until(browser, lambda: text(browser, "#run-told") != before)
    assert text(browser, "#run-told").startswith("paused")
    press(browser, "Ask the doctor")
    until(browser, lambda: "Linear" in text(browser, "#diagnosis"))
    press(browser, "Open the next step")
    until(browser, lambda: "∂loss/∂loss" in text(browser, "#why h2"))
    press(browser, "List")
    browser.find_element(By.XPATH, "//div[@id='list']//button[text()='model.1.bias']").click()
    until(browser, lambda: "Adam makes of it, in step" in text(browser, "#update h3"))
    assert "sum = change" in text(browser, "#update")
    press(browser, "Run")
    press(browser, "Resume")
    until(browser, lambda: text(browser, "#run-told").startswith("training"))


@pytest.mark.parametrize("run", [("digits", "--optimizer", "sgd", "--lr", "1e-7")], indirect=True)
def test_what_the_doctor_advises_is_trained_beside_it(browser, run):
    until(browser, lambda: "loss" in text(browser, "#run-told"))
    press(browser, "Pause")
    press(browser, "Ask the doctor")
    until(browser, lambda: "learning rate too small" in text(browser, "#diagnosis"))
    browser.find_element(By.CSS_SELECTOR, "#diagnosis .finding button").click()
    until(browser, lambda: "at step" in text(browser, "#beside"))
    assert text(browser, "#beside").startswith("beside it, with --lr ")
    assert "--lr" in text(browser, ".u-legend")


DEPTH = [("depth", "--layers", "30", "--no-compile", "--model", model) for model in ("none", "large+clip")]


@pytest.mark.parametrize("run", DEPTH, indirect=True)
def test_a_finding_offers_the_option_that_makes_its_change_or_says_that_none_does(browser, run):
    until(browser, lambda: "loss" in text(browser, "#run-told"))
    press(browser, "Pause")
    press(browser, "Ask the doctor")
    until(browser, lambda: "gradient: " in text(browser, "#diagnosis"))
    if "large+clip" in run.args:  # no model of the recipe has smaller weights and clips, too
        assert browser.find_elements(By.CSS_SELECTOR, "#diagnosis button") == []
        assert text(browser, "#diagnosis .finding").endswith(
            "No option of depth makes this change: it is one of the code."
        )
        assert "kaiming_normal_" in text(browser, "#diagnosis pre")
        return
    press(browser, "Train again beside it, with --model he")
    until(browser, lambda: "at step" in text(browser, "#beside"))
    assert text(browser, "#beside").startswith("beside it, with --model he: ")
    assert "--model he" in text(browser, ".u-legend")


WIDTHS = """window.widths = {}; const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  if (this.textAlign === 'right') window.widths[text] = this.measureText(text).width / devicePixelRatio;
  return write.call(this, text, ...rest);
};"""


@pytest.mark.parametrize("run", [("digits", "--optimizer", "sgd", "--lr", "20")], indirect=True)
def test_the_numbers_beside_a_curve_of_large_losses_are_whole(browser, run):
    """The first loss is 2.3, those after it are in the millions."""
    until(browser, lambda: "loss" in text(browser, "#run-told"))
    browser.execute_script(WIDTHS)
    widths = until(
        browser, lambda: {t: w for t, w in browser.execute_script("return window.widths").items() if "×10" in t}
    )
    assert all(width < 65 for width in widths.values())  # of 80 pixels, with the ticks
