"""`depth`: fifty layers, with and without what keeps their gradients from vanishing or exploding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import nn, optim
from ..data.datasets import load_digits
from ..data.split import split
from ..language import listed, translate
from ..nn.functional import cross_entropy, relu, sigmoid, tanh
from ..tape import enable_grad
from ..tensor import Tensor
from ..train.options import Options, option
from ..train.recipe import Metric, Recipe


class Remedy(NamedTuple):
    """What one variant of the network has. `gain` scales normal weights: their deviation is gain / √inputs; None: PyTorch's."""

    activation: Callable[[Tensor], Tensor] = relu
    gain: float | None = None
    norm: type[nn.BatchNorm1d] | type[nn.LayerNorm] | None = None
    residual: bool = False
    optimizer: Callable[..., Any] = optim.SGD
    lr: float = 0.01
    clip: float | None = None


_XAVIER, _HE = Remedy(activation=tanh, gain=1.0), Remedy(gain=2**0.5)
_RESIDUAL = Remedy(residual=True, lr=0.1)
REMEDIES = {
    "none": Remedy(),
    "sigmoid": Remedy(activation=sigmoid),
    "large": Remedy(gain=2.0),
    "large+clip": Remedy(gain=2.0, clip=1.0),
    "adam": Remedy(optimizer=optim.Adam, lr=1e-3),
    "xavier": _XAVIER,
    "xavier+adam": _XAVIER._replace(optimizer=optim.Adam, lr=3e-4),
    "he": _HE,
    "he+adam": _HE._replace(optimizer=optim.Adam, lr=3e-4),
    "he+adafactor": _HE._replace(optimizer=optim.Adafactor, lr=1e-3),
    "batchnorm": Remedy(norm=nn.BatchNorm1d),
    "layernorm": Remedy(norm=nn.LayerNorm, lr=1e-3),
    "residual": _RESIDUAL,
    "residual+clip": _RESIDUAL._replace(clip=1.0),
    "residual+adam": _RESIDUAL._replace(optimizer=optim.Adam, lr=3e-3),
    "residual+layernorm": _RESIDUAL._replace(norm=nn.LayerNorm),
}
"""By name: without a remedy (ReLU and PyTorch's first weights, the sigmoid, weights that are too large), then with one or two.
Each has the best of a few learning rates, by the loss on the training part."""


@dataclass(frozen=True, kw_only=True)
class DepthOptions(Options):
    """What the recipe `depth` may be asked beyond what all are."""

    lr: float | None = option(None, "Learning rate.  [default: the remedy's]")  # type: ignore[assignment]
    optimizer: str = option("own", "The remedy's own.")
    layers: int = option(50, "Hidden layers.", least=1)
    width: int = option(64, "Units of each.", least=1)


class Layer(nn.Module):
    """activation(norm(W x + b)), added to x where it is residual."""

    def __init__(self, width: int, remedy: Remedy) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.norm = remedy.norm(width) if remedy.norm is not None else nn.Identity()
        self.remedy = remedy
        if remedy.gain is not None:
            nn.init.normal_(self.linear.weight, std=remedy.gain / width**0.5)
            nn.init.zeros_(self.linear.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        h = self.remedy.activation(self.norm(self.linear(x)))
        return x + h if self.remedy.residual else h


class Depth(Recipe):
    """Digits of 8 × 8 pixels through fifty equal layers. `--model` names the remedy; what one of them does is best seen beside
    `--model none`. docs/stability.md has the table of all.

    Run it by `microgradient train depth --model he+adam`.
    """

    name: ClassVar[str] = "depth"
    summary: ClassVar[str] = (
        f"fifty layers, with or without a remedy for vanishing gradients (--model {'|'.join(REMEDIES)})"
    )
    defaults: ClassVar[DepthOptions] = DepthOptions(epochs=10, batch_size=64, model="residual+layernorm")
    models: ClassVar[tuple[str, ...]] = tuple(REMEDIES)
    optimizers: ClassVar[tuple[str, ...] | None] = ("own",)

    def __init__(self, options: DepthOptions) -> None:
        self.remedy = REMEDIES[options.model]
        name = self.remedy.optimizer.__name__.lower()
        super().__init__(replace(options, lr=options.lr or self.remedy.lr, optimizer=name))
        images, labels = self.data = load_digits()
        self.x, self.y = images.reshape(len(images), -1), labels
        self.training, self.test = split(len(labels), 0.2, options.seed, labels)
        self.train_size = len(self.training)
        layers = [Layer(options.width, self.remedy) for _ in range(options.layers)]
        self.model = nn.Sequential(nn.Linear(64, options.width), *layers, nn.Linear(options.width, 10))
        self.clip_norm = self.remedy.clip
        self.first_norms = self.gradient_norms()

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        rows = self.training[examples]
        return Tensor(self.x[rows]), Tensor(self.y[rows])

    def batch_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(self.model(x), y)

    def as_options(self, change: Mapping[str, Any]) -> Mapping[str, Any]:
        """Another activation or initialisation is the remedy that differs in nothing else, its learning rate aside."""
        if not change.keys() & {"activation", "initialisation"}:
            return change
        known: dict[str, dict[str, Any]] = {
            "relu": {"activation": relu}, "he": {"gain": _HE.gain}, "xavier": {"gain": _XAVIER.gain}
        }  # fmt: skip
        wanted = self.remedy._replace(**{field: x for word in change.values() for field, x in known[word].items()})
        same = [name for name, remedy in REMEDIES.items() if remedy._replace(lr=wanted.lr) == wanted]
        return {"model": same[0]} if same else change

    def optimizer(self) -> Any:
        return self.remedy.optimizer(self.model.parameters(), lr=self.options.lr)

    def evaluate(self) -> list[Metric]:
        logits = self.model(Tensor(self.x[self.test]))
        loss = cross_entropy(logits, Tensor(self.y[self.test]))
        right = float((logits.data.argmax(axis=1) == self.y[self.test]).mean())
        return [Metric("test accuracy", right, "%"), Metric("test loss", float(loss.data), "nats")]

    def gradient_norms(self) -> NDArray[np.float64]:
        """The norm of the gradient of each hidden layer's weights, of the first 64 training examples, the first layer first."""
        self.model.train()
        x, y = Tensor(self.x[self.training[:64]]), Tensor(self.y[self.training[:64]])
        buffers = {name: np.array(buffer.data) for name, buffer in self.model.named_buffers()}
        self.model.zero_grad()
        cross_entropy(self.model(x), y).backward()
        norms = [float(np.linalg.norm(layer.linear.weight.grad.data)) for layer in self.model[1:-1]]
        self.model.zero_grad()
        for name, buffer in self.model.named_buffers():
            buffer.store(buffers[name])
        return np.array(norms)

    def report(self) -> list[str]:
        lines = []
        for when, norms in (("before training", self.first_norms), ("after it", self._norms_now())):
            some = range(0, len(norms), max(1, len(norms) // 5))
            shown = listed(f"layer {i + 1} {norms[i]:.1e}" for i in [*some, len(norms) - 1])
            lines.append(translate(f"norms of the gradients {when}: {shown}"))
        return lines

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"gradients": self._draw_gradients}

    def _norms_now(self) -> NDArray[np.float64]:
        with enable_grad():
            return self.gradient_norms()

    def _draw_gradients(self, figure: Any) -> None:
        axes = figure.subplots()
        layers = np.arange(1, 1 + len(self.first_norms))
        axes.semilogy(layers, np.maximum(self.first_norms, 1e-45), label=translate("before training"))
        axes.semilogy(layers, np.maximum(self._norms_now(), 1e-45), label=translate("after training"))
        axes.set_xlabel(translate("layer"))
        axes.set_ylabel(translate("norm of the gradient of its weights"))
        axes.legend()
