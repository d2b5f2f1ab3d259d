"""`outputs`: two inputs, one trunk, three heads. Two pictures of digits to a class, a number and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn
from ..data.datasets import load_digits
from ..data.pictures import read_labelled, read_pictures
from ..data.split import split
from ..errors import DataError
from ..explain import trace, why
from ..language import translate
from ..nn.functional import cross_entropy, mse_loss
from ..tensor import Tensor
from ..train.inputs import as_numbers
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe

HEADS = {"class": 10, "number": 1, "picture": 64}
_WEIGHTS = {"class": 3.0, "number": 5.0, "picture": 200.0}  # what makes the three losses of one order
_MEAN, _DEVIATION = 20.25, 18.0  # of the product of two digits
_TEST_PAIRS = 2000


class Pairs(nn.Module):
    """Both pictures through one eye, what it sees of each into a trunk, and from there into the heads."""

    def __init__(self, heads: Sequence[str]) -> None:
        super().__init__()
        self.eye = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.trunk = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(128, HEADS[name]) for name in heads})

    def shared(self, first: Tensor, second: Tensor) -> Tensor:
        """What the trunk makes of two pictures, (pairs, 128)."""
        return self.trunk(mg.concat([self.eye(first), self.eye(second)], axis=1))

    def forward(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        shared = self.shared(first, second)
        return {name: head(shared) for name, head in self.heads.items()}


class Twins(nn.Module):
    """The network with three heads, and for comparison three of the same size with one head each."""

    def __init__(self) -> None:
        super().__init__()
        self.together = Pairs([*HEADS])
        self.alone = nn.ModuleDict({name: Pairs([name]) for name in HEADS})


def head_losses(outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weighted loss of each head: cross-entropy of the class, squared errors of number and picture."""
    losses = {"class": cross_entropy, "number": mse_loss, "picture": mse_loss}
    return {name: losses[name](output, targets[name]) * _WEIGHTS[name] for name, output in outputs.items()}


class OutputsPredictor(Predictor):
    """Pairs of pictures, (pairs, 2, 8, 8) of 0 … 1, to the larger digit, the product, and a picture of the smaller digit."""

    takes: ClassVar[str] = "pictures of digits (PNG or .npy), two by two"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.means = np.array(details["means"], np.float32).reshape(10, 64)  # a mean picture of each digit
        self.model = Twins()

    def predict(self, inputs: Any) -> dict[str, NDArray[Any]]:
        return self.outputs(inputs, self.model.together)

    def outputs(self, inputs: Any, *models: Pairs) -> dict[str, NDArray[Any]]:
        """What the heads of these models say: `class` (pairs,), `number` (pairs,), `picture` (pairs, 8, 8)."""
        pairs = as_numbers(inputs, ("pairs", 2, 8, 8))
        with self.inference():
            said = {name: x.data for model in models for name, x in model(*_tensors(pairs)).items()}
        return {
            "class": said["class"].argmax(axis=1),
            "number": said["number"][:, 0] * _DEVIATION + _MEAN,
            "picture": said["picture"].reshape(-1, 8, 8),
        }

    def targets(self, digits: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """What is right for pairs of digits, (pairs, 2), as `outputs` says it."""
        smaller = self.means[digits.min(axis=1)].reshape(-1, 8, 8)
        return {"class": digits.max(axis=1), "number": digits.prod(axis=1).astype(np.float32), "picture": smaller}

    def scores(self, said: Mapping[str, NDArray[Any]], digits: NDArray[np.int64], whose: str = "") -> list[Metric]:
        """How good what was said of pairs of digits is, one number a head."""
        right = self.targets(digits)
        errors = {name: float(np.sqrt(np.mean((said[name] - right[name]) ** 2))) for name in ("number", "picture")}
        return [
            Metric(f"{whose}class accuracy", float((said["class"] == right["class"]).mean()), "%"),
            Metric(f"{whose}number RMSE", errors["number"]),
            Metric(f"{whose}picture RMSE", errors["picture"], "of the ink"),
        ]

    def read(self, names: Sequence[str]) -> NDArray[np.float32]:
        self.names, pictures = read_pictures(names, (8, 8), white=16)
        return _paired(pictures)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        nearest = ((predicted["picture"].reshape(-1, 1, 64) - self.means) ** 2).sum(axis=2).argmin(axis=1)
        columns = zip(predicted["class"], predicted["number"], nearest, strict=True)
        header = ["first picture", "second picture", "larger digit", "product", "the picture is most like a"]
        return header, [
            [self.name_of(2 * k), self.name_of(2 * k + 1), int(c), f"{n:.2f}", int(p)]
            for k, (c, n, p) in enumerate(columns)
        ]

    def evaluate(self, path: str) -> list[Metric]:
        pictures, digits = read_labelled(path, (8, 8), HEADS["class"], white=16)
        return self.scores(self.predict(_paired(pictures)), _paired(digits))


class Outputs(Recipe):
    """Each training picture is in one pair; held-out pairs are of held-out pictures. The heads say the larger digit (one of
    ten classes), the product (a number), and how the smaller digit is drawn on average (a picture): each answer helps to
    learn what the digits are. Each head's twin is trained on its answer alone, in the same steps, from the same pairs, with
    a network of the same size. Which answers to ask for, and the weights of the losses, were chosen on other seeds and on
    parts of the training pictures.

    Run it by `microgradient train outputs`.
    """

    name: ClassVar[str] = "outputs"
    field: ClassVar[str] = "pictures"
    summary: ClassVar[str] = "pairs of digits to a class, a number and a picture: two inputs, three heads on one trunk"
    defaults: ClassVar[Options] = Options(epochs=250, batch_size=64, lr=3e-3, optimizer="adamw", model="mlp")
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    predictor_class: ClassVar[type[Predictor]] = OutputsPredictor
    lr_decay: ClassVar[float] = 0.04
    loss_unit: str = "weighted"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.images, self.digits = self.data = load_digits()
        training, self.test = split(len(self.digits), 0.2, options.seed, self.digits)
        draw = np.random.default_rng(options.seed)
        self.pairs = draw.permutation(training)[: len(training) // 2 * 2].reshape(-1, 2)
        self.test_pairs = draw.choice(self.test, (_TEST_PAIRS, 2))
        self.train_size = len(self.pairs)
        labels = self.digits[training]
        self.means = np.stack([self.images[training][labels == digit].mean(axis=0) for digit in range(10)])
        self.predictor = OutputsPredictor(self.details())
        self.model = self.predictor.model

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, ...]:
        pairs = self.pairs[examples]
        right = self.predictor.targets(self.digits[pairs])
        number = (right["number"][:, None] - _MEAN) / _DEVIATION
        targets = right["class"], number.astype(np.float32), right["picture"].reshape(-1, 64)
        return (*_tensors(self.images[pairs]), *map(Tensor, targets))

    def batch_loss(self, first: Tensor, second: Tensor, *targets: Tensor) -> Tensor:
        named = dict(zip(HEADS, targets, strict=True))
        models = (self.model.together, *self.model.alone.values())
        losses = [x for model in models for x in head_losses(model(first, second), named).values()]
        return mg.sum(mg.stack(losses))

    def evaluate(self) -> list[Metric]:
        pictures, digits = self.images[self.test_pairs], self.digits[self.test_pairs]
        said, alone = self.predictor.predict(pictures), self.predictor.outputs(pictures, *self.model.alone.values())
        both = zip(self.predictor.scores(said, digits), self.predictor.scores(alone, digits, "baseline "), strict=True)
        return [metric for pair in both for metric in pair]

    def details(self) -> dict[str, Any]:
        return {"means": self.means.round(4).tolist()}

    def description(self) -> list[str]:
        return [translate(
            f"{self.train_size:,} pairs of pictures to learn from, {_TEST_PAIRS:,} of {len(self.test)} others held out; "
            "the baseline of each head is a network of the same size with that head alone"
        )]  # fmt: skip

    def report(self) -> list[str]:
        shares = self.gradient_shares(np.arange(64))
        said = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
        return [translate(f"of the gradient that reaches the trunk, by head (mg.why): {said}", said)]

    def gradient_shares(self, examples: NDArray[np.int64]) -> dict[str, float]:
        """What each head adds to the gradient of the mean loss by the trunk's output: its part along that gradient, of 1."""
        first, second, *targets = self.batch(examples)
        model, named = self.model.together, dict(zip(HEADS, targets, strict=True))
        with mg.enable_grad(), trace():
            shared = model.shared(first, second)
            outputs = {name: head(shared) for name, head in model.heads.items()}
            loss = mg.sum(mg.stack(list(head_losses(outputs, named).values())))
            loss.backward()
            found = why(shared, of=loss, top=None)
        model.zero_grad()
        whole = np.sum(found.gradient**2)
        shares = [float(np.sum(edge.contribution * found.gradient) / whole) for edge in found.edges]
        return dict(zip(HEADS, shares, strict=True))

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"pairs": self._draw_pairs}

    def _draw_pairs(self, figure: Any) -> None:
        """Eight held-out pairs, the picture made of each, and what was said."""
        pictures = self.images[self.test_pairs[:8]]
        said = self.predictor.predict(pictures)
        axes = figure.subplots(3, 8)
        for k in range(8):
            for row, picture in enumerate((*pictures[k], said["picture"][k])):
                axes[row, k].imshow(picture, cmap="gray_r", vmin=0, vmax=1)
                axes[row, k].set_axis_off()
            axes[2, k].set_title(f"{said['class'][k]}; {said['number'][k]:.1f}", fontsize=8)


def _tensors(pairs: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    return Tensor(np.ascontiguousarray(pairs[:, 0])), Tensor(np.ascontiguousarray(pairs[:, 1]))


def _paired(rows: NDArray[Any]) -> NDArray[Any]:
    if len(rows) % 2:
        raise DataError("MG181", f"Pictures are taken two by two, and there are {len(rows)}: add one or leave one out.")
    return rows.reshape(-1, 2, *rows.shape[1:])
