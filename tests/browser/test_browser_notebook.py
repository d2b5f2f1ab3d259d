"""What a notebook shows, in the browser: pictures are there, text can be read on any ground, the tree opens by keyboard."""

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import microgradient as mg
from microgradient import nn

GROUNDS = {"light": ("#fff", "#000"), "dark": ("#111", "#fff")}
READ = """
const contrast = [];
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const luminance = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const numbers = text => text.match(/[\\d.]+/g).map(Number);
const over = (above, below, alpha) => above.slice(0, 3).map((c, k) => c * alpha + below[k] * (1 - alpha));
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || element.closest("[aria-hidden=true]") || element.textContent.trim() === "■") continue;
  let ground = numbers(getComputedStyle(document.body).backgroundColor), opacity = 1;
  const above = [];
  for (let e = element; e !== document.body; e = e.parentElement) above.unshift(e);
  for (const e of above) {
    const style = getComputedStyle(e), c = numbers(style.backgroundColor);
    opacity *= Number(style.opacity);
    ground = over(c, ground, c.length > 3 ? c[3] : 1);
  }
  const text = over(numbers(getComputedStyle(element).color), ground, opacity);
  const [a, b] = [luminance(text), luminance(ground)];
  contrast.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.slice(0, 60)]);
}
return contrast;
"""


@pytest.fixture(scope="module")
def shown():
    rng = np.random.default_rng(0)
    a = mg.Value(2.0, label="a")
    y = a * a + 3.0
    y.backward()
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 3))
    with mg.trace() as t:
        h = model(mg.tensor(rng.standard_normal((5, 1, 28, 28)).astype(np.float32)))
        loss = nn.functional.cross_entropy(h, mg.tensor([0, 1, 2, 1, 0]))
        loss.backward()
    broken = rng.standard_normal((40, 200))
    broken[3:9, 50:90] = np.nan
    weight = model[0].weight
    things = [a, mg.why(a, of=y), mg.paths(a, of=y), mg.tensor([[1.0, -2.0], [3.0, np.nan]]), mg.tensor(broken),
              model[3].weight, weight, mg.why(weight, (3, 0, 1, 1)), mg.why(weight), mg.paths(weight, (3, 0, 1, 1)), t,
              nn.TransformerEncoder(layer, 12)]  # fmt: skip
    return "".join(f"<section>{thing._repr_mimebundle_()['text/html']}</section>" for thing in things)


def page(tmp_path, shown, ground, name):
    file = tmp_path / f"{name}.html"
    background, colour = ground
    head = f"<meta charset=utf-8><title>{name}</title><style>body{{background:{background};color:{colour}}}</style>"
    file.write_text(f"<!doctype html><html lang=en>{head}<body>{shown}</body></html>", encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("name", GROUNDS)
def test_it_is_seen_and_read(browser, tmp_path, shown, name):
    browser.get(page(tmp_path, shown, GROUNDS[name], name))
    loaded = browser.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt])")
    assert len(loaded) == 3
    assert all(complete and width > 0 and alt.startswith("heatmap of ") for complete, width, alt in loaded)
    contrast = browser.execute_script(READ)
    assert len(contrast) > 200
    assert [(round(ratio, 2), text) for ratio, text in contrast if ratio < 7] == []
    assert browser.get_log("browser") == []


def test_the_tree_opens_by_keyboard(browser, tmp_path, shown):
    browser.get(page(tmp_path, shown, GROUNDS["light"], "tree"))
    trees = browser.find_elements(By.CSS_SELECTOR, "details")
    closed = next(tree for tree in trees if tree.get_attribute("open") is None)
    summary = closed.find_element(By.CSS_SELECTOR, "summary")
    assert "0–11 ×12 TransformerEncoderLayer" in summary.text
    summary.send_keys(Keys.ENTER)
    assert closed.get_attribute("open") is not None
    assert "self_attn" in closed.text


def test_nothing_is_wider_than_the_page_at_twice_the_size(browser, tmp_path, shown):
    browser.get(page(tmp_path, shown, GROUNDS["light"], "zoom"))
    browser.execute_script("document.body.style.zoom = 2")
    assert browser.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
