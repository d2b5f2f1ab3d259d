"""`microgradient plot`: the numbers of a run, and that they are drawn in the terminal and into files."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from PIL import Image

import microgradient as mg
from commands import refused
from microgradient import nn
from microgradient.explain.render import width
from microgradient.language import speaking, wide_characters
from microgradient.recipes import plots
from microgradient.recipes.two_layer import TwoLayer
from microgradient.recipes.use import trained, trained_recipe
from microgradient.train import safetensors
from microgradient.train.pictures import drawn
from microgradient.train.run_folder import METRICS, MODEL, RUN


@pytest.fixture
def trained_run(run):
    assert run("train", "two-layer", "--epochs", "6", "--out", "r")[0] == 0
    return "r"


def test_the_numbers_are_those_of_the_run(trained_run):
    found = plots.charts(trained_run)
    lines = [json.loads(line) for line in Path(trained_run, METRICS).read_text().splitlines()]
    assert found.panels["loss"]["train loss"] == ([*range(1, 7)], [line["train_loss"] for line in lines])
    assert set(found.panels) == {"loss", "share"}
    recipe = trained_recipe(trained(trained_run))
    loss = recipe.loss(recipe.batches(0)[0])
    loss.backward()
    expected = [(n, np.sqrt(np.mean(p.grad.raw.astype(float) ** 2))) for n, p in recipe.model.named_parameters()]
    assert [name for name, _ in found.gradients] == [name for name, _ in expected]
    assert [g for _, g in found.gradients] == pytest.approx([g for _, g in expected], rel=1e-5)
    assert found.note.endswith("for the trained model and the loss of 4 examples")
    assert {n: a.shape for n, a in found.weights.items()} == {
        name: p.shape for name, p in recipe.model.named_parameters() if p.raw.size > 1
    }


def test_in_the_terminal(run, trained_run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, shown, error = run("plot", trained_run)
    assert (code, error) == (0, "")
    lines = shown.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in shown
    assert any(line.strip() == "loss by epoch" for line in lines)
    assert "▚ train loss" in shown
    assert "• test loss" in shown  # told apart without colour
    for name, _ in plots.charts(trained_run).gradients:
        assert re.search(rf"^  {re.escape(name)} +█+ ", shown, flags=re.M)
    assert shown.count(", σ ") == 3
    coloured = "\n".join(plots.in_terminal(plots.charts(trained_run), 80, colour=True))
    assert "\x1b[" in coloured
    monkeypatch.setenv("COLUMNS", "40")
    assert all(len(line) <= 40 for line in run("plot", trained_run)[1].splitlines())


def test_in_the_terminal_in_chinese(run, trained_run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("MICROGRADIENT_LANG", "zh_CN")
    code, shown, _ = run("plot", trained_run)
    assert code == 0
    assert "▚ 训练损失" in shown
    assert not re.search(r"loss|epoch|accuracy|gradient|weights|examples", shown)
    assert all(width(line) <= 40 for line in shown.splitlines())


@pytest.fixture
def chinese_font(tmp_path):
    """A font that has a square for every character of the Chinese catalogue, and nothing else."""
    with speaking("zh_CN"):
        characters = wide_characters()
    pen = TTGlyphPen(None)
    for step, place in zip((pen.moveTo, pen.lineTo, pen.lineTo), ((0, 0), (0, 900), (900, 900)), strict=True):
        step(place)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "square"])
    font.setupCharacterMap({ord(c): "square" for c in characters})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "squares.ttf")
    return tmp_path / "squares.ttf"


@pytest.mark.parametrize("form", ["png", "svg"])
@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.filterwarnings("error")  # of matplotlib, for a character that no font has
def test_a_picture_is_chinese_where_a_font_is(trained_run, monkeypatch, chinese_font, form, installed):
    known = [font for font in fontManager.ttflist if font.name.startswith("DejaVu")]
    monkeypatch.setattr(fontManager, "ttflist", known)
    if installed:
        fontManager.addfont(chinese_font)
    found, texts = plots.charts(trained_run), []

    def draw(figure):
        plots.draw(figure, found)
        texts.extend(text.get_text() for text in figure.findobj(Text))

    with speaking("zh_CN"):
        assert drawn(draw, form, (6, 6))
    assert ("训练损失" in texts) == installed
    assert ("train loss" in texts) != installed
    with speaking("en"):
        assert drawn(draw, form, (6, 6))
    assert "train loss" in texts


def test_each_picture_of_a_run_folder_speaks_chinese():
    """What the functions of matplotlib that write are given is translated, or comes from the data."""
    package = Path(mg.__file__).parent
    writes = re.compile(r'(set_[xy]label|set_title|suptitle|label|[xy]label)(\(|=)f?"[^"]*[a-z]{3}')
    for path in package.rglob("*.py"):
        source = re.sub(r"\{.*?\}", "", path.read_text(encoding="utf-8"))
        if "figure.subplots" in source:
            assert not writes.search(source), path


def test_into_files(run, trained_run):
    assert run("plot", trained_run, "--out", "a.png")[:2] == (0, "6 charts in a.png\n")
    pixels = np.asarray(Image.open("a.png").convert("RGB"))
    assert pixels.shape[1] == 1440
    for colour in ((31, 119, 180), (255, 127, 14), (148, 103, 189)):  # curves, gradients, weights
        assert np.sum((pixels == colour).all(axis=-1)) > 100
    refused(run("plot", trained_run, "--out", "a.jpg"), r"--out a.jpg has to end in .png or .svg. \[MG188\]")
    refused(run("plot", "nothing"), "There is no run in nothing")


@pytest.mark.slow
def test_numbers_one_by_one_are_told_by_the_tensor(run):
    run("train", "moons", "--epochs", "1", "--out", "m")
    found = plots.charts("m")
    recipe = trained_recipe(trained("m"))
    recipe.loss(recipe.batches(0)[0]).backward()
    last = [p.grad for name, p in recipe.model.named_parameters() if name.startswith("layers.2.weight[")]
    assert len(last) == 16
    assert dict(found.gradients)["layers.2.weight"] == pytest.approx(np.sqrt(np.mean(np.square(last))))


@pytest.mark.slow
def test_into_svg(run, trained_run):
    assert run("plot", trained_run, "--out", "a.svg")[0] == 0
    assert Path("a.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(("package", "words"), [("plotext", []), ("matplotlib", ["--out", "a.png"])])
def test_without_the_extra(run, trained_run, monkeypatch, package, words):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else real(name))
    refused(
        run("plot", trained_run, *words), rf"{package}, which is missing: pip install 'microgradient\[plots\]'.*MG184"
    )


def test_where_there_is_no_gradient_it_is_said_why(run, trained_run, monkeypatch):
    monkeypatch.setattr(TwoLayer, "fingerprint", lambda self: "other")
    found = plots.charts(trained_run)
    assert found.gradients == []
    assert found.note.startswith("can't be computed: The data of two-layer are not those")
    assert "gradient flow: can't be computed" in run("plot", trained_run)[1]


def test_a_foreign_folder_is_plotted_and_not_obeyed(run, trained_run):
    found = json.loads(Path(trained_run, RUN).read_text())
    found["recipe"] = "two\x1b[2J$x_"
    Path(trained_run, RUN).write_text(json.dumps(found))
    odd = [
        {"epoch": 1, "train_loss": x, "\x1b]0;$a_": x, "a\n": 0.5}
        for x in (float("nan"), 1e308, -1e308, 10**400, "x", True)
    ]
    Path(trained_run, METRICS).write_text("\n".join(map(json.dumps, odd)))
    code, shown, _ = run("plot", trained_run)
    assert code == 0
    assert "\x1b" not in shown
    assert "a recipe that isn't here" in " ".join(shown.split())
    Path(trained_run, METRICS).write_text("")
    assert run("plot", trained_run)[0] == 0
    assert run("plot", trained_run, "--out", "a.png")[0] == 0


def test_weights_that_are_not_finite_or_all_the_same(run, trained_run):
    arrays, stamp = safetensors.from_bytes(Path(trained_run, MODEL).read_bytes(), "")
    first, second, *_ = arrays
    arrays[first] = np.full_like(arrays[first], np.nan)
    arrays[second] = np.full_like(arrays[second], 2.0)
    Path(trained_run, MODEL).write_bytes(safetensors.to_bytes(arrays, stamp))
    found = json.loads(Path(trained_run, RUN).read_text())
    found["sha256"] = {}
    Path(trained_run, RUN).write_text(json.dumps(found))
    code, shown, _ = run("plot", trained_run)
    assert code == 0
    assert "2 not finite" in shown
    assert "2 … 2, σ 0" in shown
    assert run("plot", trained_run, "--out", "a.png")[0] == 0


def test_long_lists_are_cut():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(40)))
    weights = {name: p.raw for name, p in model.named_parameters()}
    found = plots.Charts("many", {}, [(name, 1.0) for name in weights], "of nothing", weights)
    text = list(plots.in_terminal(found, 100, colour=False))
    assert text.count("  … 40 more") == 2
    assert len(text) < 100
