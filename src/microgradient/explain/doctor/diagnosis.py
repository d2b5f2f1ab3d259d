"""What `mg.doctor` returns: findings, and a table of the layers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...language import listed, translate
from ..render import Line, Shown, columns, plain, width

HEADINGS = ("layer", "kind", "signal", "gain", "gradient", "gain", "share", "dead", "saturated", "update")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: which rule says so, of what part of the model, and what to do.

    `evidence` is a sentence with the `numbers`, which are also there by name; `cause` and `change` are a sentence each, `code`
    is what to paste. `options` say the same change in options of `microgradient train`: `lr`, `clip`, and how weights and
    activation functions are chosen, as `initialisation` and `activation`; none where the change is one of the code alone. Two
    findings are equal if rule and subject are.

    >>> Finding("softmax twice", "model", "…", "…", "…", "") == Finding("softmax twice", "model", "other numbers", "", "", "")
    True
    """

    rule: str
    subject: str
    evidence: str = field(compare=False)
    cause: str = field(compare=False)
    change: str = field(compare=False)
    code: str = field(compare=False)
    numbers: dict[str, float] = field(default_factory=dict, compare=False)
    options: dict[str, float | str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Layer:
    """One layer, in order of evaluation, as it was in one forward and backward pass.

    `signal` is the root mean square of what it computes (before the activation function), `gain` how much larger that is than
    in the layer before. `gradient` is the norm of ∂loss/∂(what enters it), None where that is data; `gradient_gain` how much
    larger it is than ∂loss/∂(what enters the next). `share` is its part of the squared norm of all parameters' gradients.
    `dead` is the share of the units of a relu behind it that are on for no example, `saturated` that of the entries of a sigmoid
    or tanh that are flat. `update_ratio` is the root mean square of the optimiser's next step of the weight over that of the
    weight.

    >>> import microgradient as mg
    >>> from microgradient import nn
    >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> layers = mg.doctor(model, lambda model, batch: mg.mean(model(batch) ** 2), mg.randn(16, 3)).layers
    >>> [(layer.name, layer.kind) for layer in layers]
    [('0', 'Linear'), ('2', 'Linear')]
    """

    name: str
    kind: str
    signal: float
    gain: float | None
    gradient: float | None
    gradient_gain: float | None
    share: float
    dead: float | None = None
    saturated: float | None = None
    update_ratio: float | None = None


class Diagnosis(Shown):
    """The findings of `mg.doctor`, most important first, and its table of `layers`. Printing it shows it.

    It is true if there are findings. Two are equal if they find the same of the same: `before == after`. `hidden` are findings
    that another one explains.

    >>> import microgradient as mg
    >>> from microgradient import nn
    >>> mg.manual_seed(0)
    >>> model = nn.Linear(3, 1)
    >>> x, y = mg.randn(16, 3), mg.randn(16, 1)
    >>> mg.doctor(model, lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1]), (x, y)).findings
    ()
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        layers: Sequence[Layer],
        hidden: Sequence[Finding],
        loss: float,
        said: Sequence[str] = (),
    ) -> None:
        self.findings = tuple(findings)
        self.layers = tuple(layers)
        self.hidden = tuple(hidden)
        self.loss = loss
        self._said = tuple(said)  # what is told of a healthy model

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def table(self) -> str:
        """The layers as a table in text."""
        return plain(_table(self.layers))

    def to_json(self) -> str:
        """All of it as JSON: `{"loss": …, "findings": […], "hidden": […], "layers": […]}`; NaN and ∞ as null."""
        found = {
            "version": 1,
            "loss": self.loss,
            "findings": [asdict(finding) for finding in self.findings],
            "hidden": [asdict(finding) for finding in self.hidden],
            "layers": [asdict(layer) for layer in self.layers],
        }
        return json.dumps(_finite(found), ensure_ascii=False)

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Diagnosis) and set(self.findings) == set(other.findings)

    def __hash__(self) -> int:
        return hash(frozenset(self.findings))

    def _lines(self) -> list[Line]:
        if not self.findings:
            return [[(translate("healthy"), "bold green"), (translate(": ") + listed(self._said), "")]]
        found: list[Line] = []
        for finding in self.findings:
            found.append([(translate(finding.rule), "bold red"), (f"  {finding.subject}", "bold")])
            rows = ("evidence", finding.evidence), ("cause", finding.cause), ("change", finding.change)
            told = [(translate(name), translate(text)) for name, text in rows if text]
            found += [[(f"  {name}{' ' * (9 - width(name))}", "dim"), (text, "")] for name, text in told]
            found += [[(f"  {'':<9}", ""), (line, "cyan")] for line in finding.code.splitlines()]
        if self.hidden:
            others = "; ".join(f"{translate(finding.rule)} ({finding.subject})" for finding in self.hidden)
            found.append([("  " + translate("this explains too: "), "dim"), (others, "dim")])
        return found


def _table(layers: Sequence[Layer]) -> list[Line]:
    rows = [[translate(name) for name in HEADINGS]]
    for layer in layers:
        rows.append(
            [
                layer.name,
                layer.kind,
                *(_cell(x) for x in (layer.signal, layer.gain, layer.gradient, layer.gradient_gain)),
                *(_percent(x) for x in (layer.share, layer.dead, layer.saturated)),
                _cell(layer.update_ratio),
            ]
        )
    return [[("  ".join(cells), "bold" if i == 0 else "")] for i, cells in enumerate(columns(rows, right=range(2, 10)))]


def _cell(x: float | None) -> str:
    return "–" if x is None else f"{x:.3g}"


def _percent(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.0f} %"


def _finite(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: _finite(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_finite(value) for value in thing]
    if isinstance(thing, float):
        return thing if thing - thing == 0 else None
    return thing
