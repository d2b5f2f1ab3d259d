"""Draw the picture in each README: `python docs/pictures.py` writes docs/why.svg and docs/why.zh-CN.svg."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

import microgradient as mg
from microgradient import nn
from microgradient.language import speaking
from microgradient.scalar import Value


def main() -> None:
    """The picture in both languages."""
    for language, name, title in (
        ("en", "why.svg", "mg.why: where a gradient comes from"),
        ("zh_CN", "why.zh-CN.svg", "mg.why：一个梯度从何而来"),
    ):
        with speaking(language):
            Path(__file__).with_name(name).write_text(picture(title), encoding="utf-8")


def picture(title: str) -> str:
    """A gradient of a single number, and one of a weight in a network."""
    console = Console(record=True, width=118, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    a, b = Value(4.0, label="a"), Value(1.0, label="b")
    c = a * b
    c.label = "c"
    loss = c * b - b.exp()
    loss.label = "L"
    loss.backward()
    console.print(mg.why(b))
    console.print()

    mg.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x, y = mg.randn(8, 3), mg.randint(0, 2, (8,))
    with mg.trace():
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
    console.print(mg.why(model[0].weight, (1, 2)))
    svg = console.export_svg(title=title)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # they would be fetched from the net
    svg = re.sub(r' textLength="[^"]*"', "", svg)  # some viewers squeeze the spaces to reach it
    return (
        re.sub(r"\n\s*\n+", "\n", svg)
        .replace("<svg ", '<svg xml:space="preserve" ', 1)
        .replace("Fira Code", "ui-monospace, Menlo, DejaVu Sans Mono")
    )


if __name__ == "__main__":
    main()
