"""Curves of any numbers are drawn: of a single one, of huge and tiny ones, of constants, of all that a float holds."""

import numpy as np
import pytest
from looking import until
from selenium.webdriver.common.by import By

from microgradient.page.live import Curve, Run
from microgradient.page.view import serve
from microgradient.recipes import RECIPES
from microgradient.train.session import Session

CURVES = {
    "huge": [1e300, 2e300],
    "tiny": [1e-300, 3e-300],
    "wide": [-1.7e308, 1.7e308],
    "constant": [1e20, 1e20],
    "nearly constant": [1e17, np.nextafter(1e17, 2e17)],
    "small": [0.1, np.nextafter(0.1, 1)],
    "zero": [0.0, 0.0],
    "clipped": [1.0, 1 + 2**-52, 1 - 2**-53],
    "ordinary": [0.5, 0.25],
}


@pytest.mark.parametrize("losses", [[1.0], [1.0, 0.5], [1e300, 1e30]])
def test_curves_of_any_numbers_are_drawn(browser, tmp_path, losses):
    made = Session.begin("two-layer", RECIPES["two-layer"], RECIPES["two-layer"], {"epochs": 1}, tmp_path)
    run = Run(made.recipe, made.folder, made.optimizer)
    run.losses = Curve(enumerate(losses, 1))
    run.measured = {name: Curve(enumerate(values, 1)) for name, values in CURVES.items()}
    run.end()
    server = serve(run, open_browser=False)
    try:
        browser.get(server.url)
        until(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "#curves canvas")) == len(CURVES))
        until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#run .u-legend"))
        browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 600))")  # the next look, too
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        browser.get("about:blank")
        server.close()
