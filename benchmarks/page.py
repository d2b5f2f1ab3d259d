"""How long seeing takes: explanations of large models, the page's layout, and the page itself in Chromium.

    python benchmarks/page.py [NAME ...]

Needs `pip install 'microgradient[browser]'` and Debian's chromium and chromium-driver for the last four rows. Each row is the
median of several runs; the limits are those of two cores with AVX2 that do nothing else.
"""

from __future__ import annotations

import cProfile
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

import microgradient as mg
from microgradient import nn
from microgradient.explain.layers import grouped
from microgradient.explain.sweep import sweep_of
from microgradient.page.document import document
from microgradient.page.layout import layout
from microgradient.page.session import Session
from microgradient.page.view import View

REPEATS = 5


def median_seconds(act: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The median time of one call."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def traced_step(widths: list[int], examples: int) -> tuple[Any, Any]:
    """A model of linear layers and relu, and a loss of it that was differentiated under a trace."""
    mg.manual_seed(0)
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
    model = nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())][:-1])
    x, y = mg.randn(examples, widths[0]), mg.randint(0, widths[-1], (examples,))
    with mg.trace():
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
    return model, loss


def why_of_ten_million() -> tuple[float, str]:
    """`mg.why` of one entry of a model of 10⁷ parameters."""
    model, loss = traced_step([1000, 2800, 2500, 10], 32)
    count = sum(p.size for p in model.parameters())
    weight = model[0].weight
    entries = iter([(3, 17), (400, 9), (11, 500), (2000, 999), (1, 1)])
    return median_seconds(lambda: mg.why(weight, next(entries), of=loss)), f"{count / 1e6:.1f} million parameters"


def scalar_graph(nodes: int) -> Any:
    """A network of Values with about so many nodes."""
    from microgradient.scalar import MLP

    width = max(4, round((nodes / 6) ** 0.5))
    mg.manual_seed(0)
    model = MLP(width, [width, width, 1])
    loss = model([0.1 * k for k in range(width)]) ** 2
    loss.backward()
    return loss


def layout_of_many() -> tuple[float, str]:
    """The places of a graph of about 56,000 nodes."""
    sweep = sweep_of(scalar_graph(56_000), {})
    return median_seconds(lambda: layout(grouped(sweep)), 3), f"{len(sweep.order):,} nodes"


def document_of_many() -> tuple[float, str]:
    """All that the page is sent of such a graph."""
    sweep = sweep_of(scalar_graph(56_000), {})
    return median_seconds(lambda: document(sweep), 3), f"{len(sweep.order):,} nodes"


def drag() -> tuple[float, str]:
    """Another number in a weight of a model of 10⁴ parameters, forward and backward again, as data for the page."""
    model, loss = traced_step([64, 128, 10], 32)
    count = sum(p.size for p in model.parameters())
    session = Session(sweep_of(loss, {"model": model, "loss": loss}))
    node = next(k for k, node in enumerate(session.graph["nodes"]) if node["name"] == "model.0.weight")
    values = iter(np.linspace(-1, 1, 50))

    def act() -> Any:
        return session.change({"node": node, "index": "3,17", "value": next(values)})

    act()
    return median_seconds(act, 20), f"{count:,} parameters"


def untraced() -> tuple[float, str]:
    """Calls of functions in an eager step after a trace, over those in a process that has not traced."""
    mg.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)), mg.randn(8, 16)

    def step() -> None:
        mg.mean(model(x) ** 2).backward()
        model.zero_grad()

    def measured() -> tuple[int, float]:
        profile = cProfile.Profile()
        profile.runcall(step)
        calls = sum(entry.callcount for entry in profile.getstats())
        return calls, min(timeit.repeat(step, number=100, repeat=20))

    step()
    before, seconds_before = measured()
    with mg.trace():
        step()
    after, seconds_after = measured()
    return after / before, f"time of the step: × {seconds_after / seconds_before:.2f}"


# --------------------------------------------------------------------------------------------------------- in Chromium


@contextmanager
def chromium() -> Iterator[Any]:
    """A window that measures: with a GPU's work done by the processor, as tests do it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--window-size=1280,860", "--enable-precise-memory-info"):
        options.add_argument(word)
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield found
    finally:
        found.quit()


def _wait(browser: Any, condition: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not browser.execute_script(f"return {condition}"):
        if time.monotonic() > end:
            raise TimeoutError(condition)
        time.sleep(0.01)


def opening() -> tuple[float, str]:
    """From the address to the first card: the step of the `digits` MLP on 64 examples."""
    model, loss = traced_step([64, 128, 64, 10], 64)
    with chromium() as browser:
        taken = []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            page = View(Session(sweep_of(loss, {"model": model, "loss": loss})))
            browser.get(page.url)
            _wait(browser, "document.querySelector('#why h2') !== null")
            taken.append(time.perf_counter() - begun)
            page.close()
    return statistics.median(taken), "session, server, page and card"


def frames() -> tuple[float, str]:
    """Frames a second while a graph of 10,000 nodes is zoomed and moved."""
    loss = scalar_graph(10_000)
    page = View(Session(sweep_of(loss, {})))
    with chromium() as browser:
        browser.set_script_timeout(60)
        browser.get(page.url)
        _wait(browser, "document.querySelector('#why h2') !== null")
        rate = browser.execute_async_script("""
            const done = arguments[0], canvas = document.getElementById("graph"), box = canvas.getBoundingClientRect();
            const at = {clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, bubbles: true, cancelable: true};
            let frames = 0, begun = 0;
            const tick = (now) => {
              begun ||= now;
              if (now - begun > 3000) return done(1000 * frames / (now - begun));
              frames += 1;
              canvas.dispatchEvent(new WheelEvent("wheel", {...at, deltaY: Math.sin(frames / 20) * 60}));
              requestAnimationFrame(tick);
            };
            requestAnimationFrame(tick);
        """)
        nodes = browser.execute_script("return fetch('api/graph').then((r) => r.json()).then((g) => g.nodes.length)")
    page.close()
    return float(rate), f"{nodes:,} nodes"


def memory() -> tuple[float, str]:
    """Megabytes that the page's heap grows by between steps 500 and 2,500 of a live run, after collection."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        words = ["train", "digits", "--epochs", "1000", "--view", "--out", f"{folder}/run"]
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "microgradient", *words], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        browser.get(next(line.strip() for line in process.stdout if line.startswith("http://")))
        sizes = [_heap_after(browser, step) for step in (500, 2500)]
        browser.get("about:blank")
        process.terminate()
        process.communicate()
    return (sizes[1] - sizes[0]) / 1e6, f"{sizes[0] / 1e6:.1f} MB at step 500"


def _heap_after(browser: Any, step: int) -> float:
    """The bytes of the page's heap once the run has come to a step."""
    read = "+(document.querySelector('#run-told')?.innerText.match(/step ([\\d,]+)/)?.[1].replace(/,/g, '') ?? 0)"
    _wait(browser, f"{read} >= {step}", 300)
    browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    return float(browser.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"])


# what is measured, in which unit, and the limit, "≤" or "≥"
ROWS: dict[str, tuple[Callable[[], tuple[float, str]], str, float]] = {
    "why": (why_of_ten_million, "≤ s", 0.5),
    "layout": (layout_of_many, "≤ s", 1.0),
    "document": (document_of_many, "s", 0.0),
    "drag": (drag, "≤ s", 0.05),
    "untraced": (untraced, "≤ ×", 1.0),
    "opening": (opening, "≤ s", 1.0),
    "frames": (frames, "≥ /s", 30.0),
    "memory": (memory, "≤ MB", 1.0),
}


@click.command(help=__doc__.splitlines()[0])
@click.argument("names", nargs=-1, type=click.Choice(list(ROWS)))
def main(names: tuple[str, ...]) -> None:
    """Measure the rows, print a table; the exit code says whether all limits are kept."""
    table = Table("row", "what", "measured", "limit", "of")
    kept = True
    for name in names or ROWS:
        act, unit, limit = ROWS[name]
        found, told = act()
        good = {"≤": found <= limit, "≥": found >= limit}.get(unit[0], True)
        kept &= good
        shown = f"{unit[0]} {limit:g} {unit[2:]}" if unit[0] in "≤≥" else ""
        table.add_row(name, (act.__doc__ or "").strip(), f"{found:.3g}", shown + ("" if good else "  not kept"), told)
    Console().print(table)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
