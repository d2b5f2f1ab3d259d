"""In a notebook: HTML that stands alone, is well formed, says in text what it shows, and stays small."""

import base64
import html
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import microgradient as mg
import microgradient.torch
from microgradient import nn
from microgradient.explain.render import largest, number
from microgradient.scalar import MLP, Value

VOID = {"img", "br"}
ATTRIBUTES = {"data-term", "style", "title", "alt", "src", "scope", "open", "aria-hidden", "display", "xmlns"}


class Page(HTMLParser):
    """Checks that tags close in order and that nothing comes from elsewhere; collects the text and the pictures."""

    def __init__(self, page):
        super().__init__()
        self.open, self.parts, self.pictures, self.tags = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.parts).split())

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "style", "link", "iframe")
        self.tags.append(tag)
        attributes = dict(attrs)
        assert attributes.keys() <= ATTRIBUTES
        assert "url(" not in (attributes.get("style") or "")
        if tag == "img":
            kind, _, data = attributes["src"].partition(",")
            assert kind == "data:image/png;base64"
            self.pictures.append((attributes["alt"], base64.b64decode(data)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.parts.append(data)
        self.parts.append(" " if self.open[-1] in ("td", "th", "div") else "")


def page(thing):
    bundle = thing._repr_mimebundle_()
    assert bundle["text/plain"] == repr(thing)
    assert len(bundle["text/html"]) < 300_000
    return Page(bundle["text/html"])


def pixels(found, number=0):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(found.pictures[number][1])))


# --------------------------------------------------------------------------------------------------------------- Values


def test_a_value_shows_how_it_was_computed_and_its_gradient():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    L = a * b
    assert page(a).text == "a = 2.0 gradient: no gradient has arrived yet"
    L.backward()
    assert page(a).text == "a = 2.0 gradient: −3.0"
    assert page(L).text == "value = a * b = −6.0 gradient: 1.0"
    assert L._repr_mimebundle_()["text/latex"] == r"$\displaystyle \mathrm{value} = -6,\quad \mathrm{grad} = 1$"
    assert page(a**2).text.startswith("value = a**2 = 4.0")
    assert page(Value(float("nan"))).text.startswith("value = nan")


def test_names_are_text_whatever_they_are():
    a = Value(1.0, label="<script>alert(1)</script>")
    L = a * a
    L.backward()
    for thing in (a, mg.why(a), mg.paths(a)):
        assert "<script" not in thing._repr_mimebundle_()["text/html"]
        assert "<script>alert(1)</script>" in page(thing).text


# -------------------------------------------------------------------------------------------------------------- tensors


def test_a_small_tensor_is_a_table_of_numbers():
    x = mg.tensor([[1.0, -2.0, 0.0], [0.5, float("nan"), float("inf")]], requires_grad=True)
    found = page(x)
    assert found.pictures == []
    assert found.text.startswith(
        "tensor 2 × 3 float32 · 6 entries · requires a gradient 1.0 −2.0 0.0 0.5 nan inf values"
    )
    assert "−2.0 to 1.0, mean −0.125, norm 2.29129, 1 NaN, 1 infinite" in found.text
    assert "gradient: not computed yet" in found.text
    assert x._repr_mimebundle_()["text/html"].count("repeating-linear-gradient") == 2  # hatched
    mg.sum(x * x).backward()
    assert "gradient 0" not in found.text
    assert "2.0 −4.0 0.0 1.0 nan inf gradient" in page(x).text


def test_a_large_tensor_is_a_heatmap_that_says_what_was_done():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((1000, 700))
    a[3, 4] = 50.0
    a[999, 0] = -40.0
    found = page(mg.tensor(a))
    assert "1,000 × 700 drawn as 91 × 88: of each 11 × 8 the entry of the largest magnitude" in found.text
    (alt, _), image = found.pictures[0], pixels(found)
    assert alt.startswith("heatmap of 91 rows and 88 columns, −40.0 to 50.0, mean ")
    assert image.shape == (91, 88, 4)
    assert image[0, 0].tolist() == [217, 95, 2, 255]  # the largest, in orange
    assert image[90, 0, :3].tolist() == [117, 80, 200]
    assert 230 < image[90, 0, 3] < 255
    assert page(mg.tensor(np.zeros((30, 30)))).pictures[0][0].endswith("0.0 to 0.0, mean 0.0, norm 0.0")
    assert pixels(page(mg.tensor(np.zeros((30, 30)))))[..., 3].max() == 0  # the ground shows through


def test_what_is_not_finite_is_hatched():
    a = np.ones((20, 30))
    a[5, 7], a[6, 8] = np.nan, -np.inf
    found = page(mg.tensor(a))
    image = pixels(found)
    assert image.shape == (80, 120, 4)
    grey = (image == (128, 128, 128, 255)).all(axis=-1)
    assert grey.sum() == 2 * 8
    assert grey[20:24, 28:32].sum() == 8
    assert grey[24:28, 32:36].sum() == 8
    assert "hatched: not finite" in found.text
    assert "1 NaN, 1 infinite" in found.text
    page(mg.tensor(np.full((20, 30), np.nan)))


@pytest.mark.parametrize("size", [1e-300, 1e300, 5e-324])
def test_colours_are_of_any_magnitude(size):
    a = np.linspace(-1, 1, 400).reshape(20, 20) * size
    image = pixels(page(mg.tensor(a)))
    assert image[..., 3].max() == 255


@pytest.mark.parametrize(
    "x",
    [
        mg.tensor(3.5),
        mg.tensor(7),
        mg.tensor([True, False]),
        mg.tensor([1, 2, 3]),
        mg.tensor([1 + 2j, 3.0]),
        mg.ones((0, 3)),
        mg.ones(300),
        mg.ones((2, 3, 4)),
        mg.ones((8, 1, 3, 3)),
        mg.ones((5, 4, 3, 2, 70)),
        mg.ones((3000, 1)),
        mg.tensor([1.0, 2.0], requires_grad=True) * 2.0,
        microgradient.torch.ones(3, 40, requires_grad=True),
    ],
    ids=lambda x: f"{x.dtype}-{tuple(x.shape)}",
)
def test_tensors_of_any_kind(x):
    assert page(x).text.startswith("tensor ")


def test_axes_beyond_two_are_told():
    assert "8 matrices of the last two axes, 3 in a row" in page(mg.ones((8, 1, 3, 3))).text
    assert "rows are axes 0, 1" in page(mg.ones((2, 3, 4))).text
    assert pixels(page(mg.ones((8, 1, 3, 3)))).shape == (11, 11, 4)


def test_an_intermediate_tensor_tells_that_its_gradient_is_not_stored():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    found = page(x * x)
    assert "computed by multiply" in found.text
    assert "gradient: not stored for what is computed on the way" in found.text


# -------------------------------------------------------------------------------------------------------------- modules


def test_a_module_is_a_tree_with_shapes_and_counts():
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    found = page(model)
    assert "Linear(in_features=3, out_features=8, bias=True) weight 8 × 3, bias 8 32 = 56.1 %" in found.text
    assert "running_mean 8 (buffer)" in found.text
    assert found.text.endswith("57 parameters")
    assert page(nn.ReLU()).text.startswith("ReLU")


def test_equal_neighbours_are_one():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 12)
    found = page(model)
    assert "0–11 ×12 TransformerEncoderLayer" in found.text
    assert found.text.count("self_attn") == 1
    assert found.tags.count("details") > 3


def test_a_huge_module_is_cut():
    model = nn.Sequential(*(nn.Linear(1 + k % 7, 1 + (k + 1) % 7) for k in range(1000)))
    found = page(model)
    assert "601 modules are folded or left out" in found.text


# ---------------------------------------------------------------------------------------------------- gradients, traces


def network():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 3))
    with mg.trace() as t:
        h = model(mg.tensor(rng.standard_normal((5, 1, 28, 28)).astype(np.float32)))
        loss = nn.functional.cross_entropy(h, mg.tensor([0, 1, 2, 1, 0]))
        loss.backward()
    return model, t, loss


def test_why_paths_and_trace_show_their_numbers():
    model, t, loss = network()
    why, paths = mg.why(model[0].weight, (3, 0, 1, 1)), mg.paths(model[0].weight, (3, 0, 1, 1))
    shown = page(why)
    assert shown.text.startswith("∂loss/∂model.0.weight[3, 0, 1, 1] = ")
    for e in why.edges:
        assert f"{e.contribution:.6g}".replace("-", "−") in shown.text
    assert f"and {why.more[0]:,} more" in shown.text
    assert "central difference" in shown.text
    for along, sums in why.groups:
        assert f"by {along}: {largest(sums)}" in shown.text
    assert "gradient; rows are axes 0, 1, 2" in page(mg.why(model[0].weight)).text
    assert page(mg.why(model[3].weight)).pictures[0][0].startswith("heatmap of 3 rows and 94 columns")
    shown = page(paths)
    assert f"{paths.count:,} paths from loss" in shown.text
    for p in paths.paths:
        assert f"{p.contribution:.6g}".replace("-", "−") in shown.text
    shown = page(t)
    assert shown.text.startswith(f"trace of {len(t.steps):,} operations operation value ∂loss/∂ layer where")
    assert "v1 = conv(" in shown.text
    assert "test_explain_display.py:" in shown.text
    del loss
    page(mg.why(model[3].bias, 0))
    with mg.trace() as empty:
        pass
    assert page(empty).text == "trace of 0 operations"


def test_two_uses_in_one_operation_are_told_apart():
    a = Value(2.0, label="a")
    L = a * a
    shown = page(mg.why(a, of=L)).text
    assert "as argument 1" in shown
    assert "as argument 2" in shown


def test_a_few_paths_are_a_formula():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    L = a * b + a
    L.label = "L"
    found = page(mg.why(a, of=L))
    assert found.tags.count("math") == 1
    assert found.tags.count("mfrac") == 5
    x = a
    for _ in range(6):
        x = x + a
    assert "math" not in page(mg.why(a, of=x)).tags


def test_a_trace_before_backward_and_a_long_one():
    with mg.trace() as t:
        x = mg.tensor([1.0, 2.0], requires_grad=True)
        for _ in range(3000):
            x = x * 1.001
    found = page(t)
    assert "… 2,900 more" in found.text
    assert "multiply" not in found.text or "…" in found.text


def test_muting_and_the_beam_are_told():
    a = Value(2.0, label="a")
    L = a * a
    L.label = "L"
    assert "muted: L → a" in page(mg.paths(a, of=L, without=[("L", "a")])).text
    x = y = mg.tensor(np.ones(3), requires_grad=True)
    for _ in range(60):
        y = y * 0.5 + mg.tanh(y) * 0.25
    loss = mg.sum(y)
    assert "larger paths may be among the others" in page(mg.paths(x, 0, of=loss)).text
    assert "more than 10¹⁵ paths from" in page(mg.paths(x, of=loss)).text


def test_a_diagnosis():
    mg.manual_seed(0)
    deep = nn.Sequential(*(layer for _ in range(12) for layer in (nn.Linear(16, 16), nn.Sigmoid())), nn.Linear(16, 1))
    batch = mg.randn(32, 16), mg.randn(32, 1)
    found = mg.doctor(deep, lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1]), batch)
    assert found.findings
    shown = page(found)
    for finding in found.findings:
        for told in (finding.rule, finding.subject, finding.evidence, finding.cause, finding.change, finding.code):
            assert " ".join(told.split()) in shown.text
    for layer in found.layers:
        assert f"{layer.name} {layer.kind} {layer.signal:.3g}" in shown.text
    fine = mg.doctor(nn.Linear(16, 1), lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1]), batch)
    assert page(fine).text.startswith("healthy")


def test_a_flow_and_the_examples_of_a_batch():
    x, w = mg.tensor(np.arange(24.0).reshape(12, 2) - 10), mg.tensor([[1.0], [-2.0]], requires_grad=True)
    with mg.trace():
        loss = mg.sum(mg.tanh(x @ w / 9.0)) + mg.sum(w**2)
        loss.backward()
    for flow in (
        mg.gradient_flow(w, (0, 0)),
        mg.gradient_flow(w),
        mg.gradient_flow(mg.Value(2.0), of=mg.Value(1.0) * 2),
    ):
        shown = page(flow)
        assert flow.symbol in shown.text
        for name, part in flow.told():
            assert name in shown.text
            assert number(part.net).replace("-", "−") in shown.text
    found = mg.why(w, (0, 0), of=loss).examples(batch=x)
    shown = page(found)
    assert found.along in shown.text
    for each in found[:10]:
        assert f"example {each.number} {number(each.contribution).replace('-', '−')}" in shown.text
    assert "and 2 more" in shown.text
    assert "by no example 2.0" in shown.text


def test_a_model_of_values():
    model = MLP(2, [3, 1])
    loss = model([1.0, 2.0]) ** 2
    loss.backward()
    for p in model.parameters():
        page(p)
        page(mg.why(p))


def words(page):
    return set(html.unescape(re.sub("<[^>]*>", " ", page)).split())


NOTEBOOK = """
import numpy as np, microgradient as mg
from microgradient import nn
a = mg.Value(2.0, label="a")
a
---
model = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 1))
model
---
with mg.trace() as t:
    loss = mg.mean(mg.square(model(mg.ones((4, 20)))))
    loss.backward()
model[0].weight
---
mg.why(model[0].weight, (3, 1))
---
mg.paths(model[0].weight, (3, 1))
---
t
"""


@pytest.mark.slow
def test_a_notebook_runs_and_converts_without_a_kernel(monkeypatch):
    nbformat, nbclient, nbconvert = (pytest.importorskip(name) for name in ("nbformat", "nbclient", "nbconvert"))
    pytest.importorskip("ipykernel")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.strip()) for c in NOTEBOOK.split("---")])
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    monkeypatch.setenv("JUPYTER_PATH", str(Path(nbconvert.__file__).parents[4] / "share" / "jupyter"))
    exporter = nbconvert.HTMLExporter()
    converted, _ = exporter.from_notebook_node(book)
    for cell in book.cells:
        (output,) = cell.outputs
        assert len(output.data["text/html"]) < 300_000
        assert words(output.data["text/html"]) <= words(converted)
        Page(output.data["text/html"])
    assert converted.count('src="data:image/png;base64,') == 2  # values and gradient


def test_no_name_is_taken_for_html():
    bad = "<img src=x onerror=alert(1)>"
    net = nn.Sequential()
    net.add_module("<b>", nn.Linear(2, 2))
    found = mg.doctor(net, lambda m, b: mg.mean(m(b) ** 2), mg.ones((4, 2)))
    a, b = mg.Value(2.0, label=bad), mg.Value(3.0, label="<u>c</u>")
    y = a * b + a
    y.backward()
    for shown in (found, mg.gradient_flow(a), mg.gradient_flow(), mg.why(a), mg.paths(a)):
        html = shown._repr_mimebundle_()["text/html"]
        assert bad not in html
        assert "<u>c" not in html
        assert "<b> Linear" not in html
