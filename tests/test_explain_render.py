"""How explanations look: on a terminal, piped, in a notebook; that the LaTeX is well formed; that numbers are readable."""

import re
import sys

import numpy as np
import pytest

import microgradient as mg
from microgradient.explain.notation import LATEX, latex_name, latex_number, operand
from microgradient.explain.render import base, columns, number, short
from microgradient.explain.sentences import _SENTENCES, sentence
from microgradient.primitives import TABLE
from microgradient.scalar import Value


@pytest.fixture
def explained():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c, d = a + b, a * b
    L = c * d
    L.backward()
    return mg.why(b)


@pytest.fixture
def terminal(monkeypatch):
    """The standard output is a colour terminal."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def test_piped_it_is_plain_text(explained):
    assert "\x1b" not in repr(explained)
    assert repr(explained).splitlines() == [
        "∂L/∂b = -8.0     b = -3.0     b used 2× → 2 paths, added",
        "  via c  ∂L/∂c -6.0 × ∂c/∂b 1.0 = -6.0  ▼",
        "  via d  ∂L/∂d -1.0 × ∂d/∂b 2.0 = -2.0  ▼",
        "  rule    + passes what arrives to both inputs",
        "  rule    × sends each input the other input, times what arrives",
        "  check   (f(b+h)-f(b-h))/2h = -8.000000 ✓",
    ]


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_it_is_coloured(explained):
    coloured = repr(explained)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).replace(" \n", "\n").split() == explained.text().split()


@pytest.mark.usefixtures("terminal")
def test_no_color_is_respected(explained, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", repr(explained))


def test_rich_prints_it_in_colour_wherever_it_prints(explained):
    from rich.console import Console

    console = Console(force_terminal=True, color_system="standard", width=200)
    with console.capture() as capture:
        console.print(explained)
    assert "\x1b[" in capture.get()
    assert explained.__rich__().plain.split() == explained.text().split()


def test_a_notebook_gets_text_and_latex(explained):
    bundle = explained._repr_mimebundle_()
    assert bundle["text/plain"] == explained.text()
    assert bundle["text/latex"] == f"$\\displaystyle {explained.latex()}$"


def well_formed(latex):
    """Braces balance, environments close, commands are known, and every row of `aligned` has one alignment mark."""
    depth = 0
    for character in re.sub(r"\\[{}_%&#$\\]", "", latex):
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    begun, ended = re.findall(r"\\begin\{(\w+)\}", latex), re.findall(r"\\end\{(\w+)\}", latex)
    assert begun == ended == ["aligned"]
    assert latex.count(r"\left") - latex.count(r"\leftarrow") == latex.count(r"\right")
    known = "begin end frac partial cdot cdots left right top odot mathrm lVert rVert infty"
    assert set(re.findall(r"\\([A-Za-z]+)", latex)) <= set(known.split())
    body = latex.removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}")
    for row in body.split("\\\\\n"):
        assert len(re.findall(r"(?<!\\)&", row)) == 1
    assert not re.search(r"(?<!\\)[%#$]", latex)
    assert latex.isascii()
    return body.split("\\\\\n")


def test_latex_of_a_value(explained):
    symbols, numbers, result = well_formed(explained.latex())
    assert symbols.strip() == (
        r"\frac{\partial L}{\partial b} &= \frac{\partial L}{\partial c} \cdot \frac{\partial c}{\partial b} "
        r"+ \frac{\partial L}{\partial d} \cdot \frac{\partial d}{\partial b}"
    )
    assert numbers.strip() == r"&= \left(-6\right) \cdot 1 + \left(-1\right) \cdot 2"
    assert result.strip() == "&= -8"


def test_latex_of_tensors_and_odd_names():
    my_weight = mg.tensor(np.full((2, 3), 1e-9), requires_grad=True)
    with mg.trace(**{"odd%name_1": my_weight}):
        loss = mg.sum(mg.exp(my_weight) @ np.ones((3, 5))) * 1e8
        loss.backward()
    well_formed(mg.why(my_weight).latex())
    well_formed(mg.why(my_weight, (0, 1)).latex())
    well_formed(mg.why(my_weight, (0, 1), top=0).latex())
    with mg.trace():
        h = my_weight + 0.0
        L = mg.sum(h @ np.ones((3, 20)))
        L.backward()
    well_formed(mg.why(h, (0, 1)).latex())
    well_formed(mg.why(h).latex())
    well_formed(mg.why(L).latex())
    assert r"\cdots" in mg.why(h, (0, 1)).latex()


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (0, "0.0"),
        (-2, "-2.0"),
        (1 / 3, "0.333333"),
        (1e-12, "1e-12"),
        (1e20, "1e+20"),
        (float("nan"), "nan"),
        (-np.inf, "-inf"),
    ],
)
def test_numbers(x, told):
    assert number(x) == told
    assert number(np.float32(x)).startswith(told[:4])


def test_arrays_in_short():
    assert short(np.zeros((0, 3))) == "(0, 3) empty"
    assert short(np.arange(5.0)) == "(5,) mean 2.0 norm 5.47723"
    assert short((np.array(1.0), None)) == "1.0, 0.0"


def test_columns_align():
    assert columns([["a", "1"], ["bb", "10"]], right=(1,)) == [["a ", " 1"], ["bb", "10"]]
    assert columns([]) == []


def test_names_in_formulas():
    assert base("0.weight[1, 2]") == "w"
    assert base("layers.0") == "layers.0"
    assert operand(LATEX, -1.5e-9) == r"\left(-1.5 \cdot 10^{-9}\right)"
    assert latex_number(np.inf) == r"\infty"
    assert latex_name("a&b") == r"\mathrm{a\&b}"


def test_every_differentiable_primitive_has_a_sentence():
    for op in TABLE.values():
        if op.kind == "pointwise" and all(rule is None for rule in op.maps):
            continue
        assert sentence(op), op
    assert set(_SENTENCES) - set(TABLE) == {"checkpoint"}
    assert sentence(None) == ""
    assert sentence(TABLE["atan"]) == "atan sends a what arrives × (1/(a**2 + 1))"


def test_every_primitive_has_its_rule_in_a_sentence():
    """None sends the reader to the source."""
    assert [name for name, op in TABLE.items() if "see its rule" in sentence(op)] == []
