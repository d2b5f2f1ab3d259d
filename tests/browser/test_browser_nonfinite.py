"""NaN in a browser: a button that opens the first, what did it, and what came after it."""

from __future__ import annotations

import warnings

from looking import no_errors, opened, press, text, until
from selenium.webdriver.common.by import By

import microgradient as mg
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session
from microgradient.page.view import View


def session_of(program, *numbers):
    x = mg.tensor(list(numbers), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mg.trace():
            loss = mg.sum(program(x))
            loss.backward()
    return Session(sweep_of(loss, {"x": x, "loss": loss}))


def rows(browser, selector):
    found = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)"
    return browser.execute_script(found, selector)


def test_the_first_nan_is_opened_and_followed_to_its_cause(browser):
    session = session_of(lambda x: mg.exp(x) / mg.sum(mg.exp(x)), 1.0, 1000.0)
    page = View(session)
    opened(browser, page.url)
    press(browser, "first NaN")
    until(browser, lambda: "NaN starts here" in text(browser, "#why section"))
    assert rows(browser, "#why section li") == ["inf / inf = nan"]
    browser.find_element(By.XPATH, "//section/p/button").click()
    until(browser, lambda: rows(browser, "#why section li") == ["exp(1000.0) = inf"])
    browser.find_element(By.CSS_SELECTOR, "#why section li button").click()
    until(browser, lambda: text(browser, "#why h2").startswith("∂loss/∂x[1]"))
    press(browser, "List")
    victims = [session.graph["nodes"][k]["name"] for k in session.graph["nonfinite"]["victims"]]
    assert sorted(row.split()[0] for row in rows(browser, "#list tr.victim th")) == sorted(victims)
    page.close()
    no_errors(browser)


def test_zero_times_infinity_is_named(browser):
    page = View(session_of(lambda x: mg.where(x > 0, mg.log(x), 0.0), 1.0, 0.0))
    opened(browser, page.url)
    browser.find_element(By.ID, "first").click()
    until(browser, lambda: "NaN starts here, on the way back" in text(browser, "#why section"))
    assert "0 × ∞ in" in text(browser, "#why section")
    assert rows(browser, "#why section li") == ["x[1] = 0.0: 0.0 × inf = nan"]
    assert text(browser, "#why h2") == "∂loss/∂x[1] = NaN"
    page.close()
    no_errors(browser)


def test_nan_comes_and_goes_with_the_number_of_a_leaf(browser):
    a = mg.Value(0.5, label="a")
    loss = a.log() * 2.0
    loss.backward()
    page = View(Session(sweep_of(loss, {"a": a, "loss": loss})))
    opened(browser, page.url)
    assert not browser.find_element(By.ID, "first").is_displayed()
    press(browser, "List")
    press(browser, "a")
    until(browser, lambda: text(browser, "#why h2").startswith("∂loss/∂a"))
    field = browser.find_element(By.CSS_SELECTOR, "#card input[type=number]")
    change = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    browser.execute_script(change, field, "-1")
    until(browser, lambda: browser.find_element(By.ID, "first").is_displayed())
    assert browser.find_element(By.ID, "first").text == "first NaN"
    browser.execute_script(change, field, "3")
    until(browser, lambda: not browser.find_element(By.ID, "first").is_displayed())
    page.close()
    no_errors(browser)
