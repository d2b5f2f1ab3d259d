"""What a multilayer perceptron of scikit-learn's kind trains and predicts by: layers of `mg.nn`, an optimiser, compiled steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, optim, random
from ..native.runtime import blas
from ..nn.functional import log_softmax, sigmoid, softmax, softplus
from ..tape import no_grad
from ..tensor import Tensor

Floats = NDArray[np.floating[Any]]
_ROWS_AT_ONCE = 1024

HIDDEN: dict[str, type[nn.Module]] = {"identity": nn.Identity, "logistic": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


@dataclass(frozen=True)
class Output:
    """What the last layer's numbers z say, and the loss of each row from z and the truth y, summed over the outputs."""

    link: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]


def _squared_error(z: Tensor, y: Tensor) -> Tensor:
    return 0.5 * mg.sum((z - y) * (z - y), axis=1)


def _poisson_deviance(z: Tensor, y: Tensor) -> Tensor:
    """Half of it: y log(y / eᶻ) - y + eᶻ, where 0 log 0 = 0."""
    logs = mg.log(mg.where(y > 0, y, mg.ones_like(y)))
    return mg.sum(y * (logs - z) - y + mg.exp(z), axis=1)


def _cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    return -mg.sum(y * log_softmax(z, dim=1), axis=1)


def _binary_cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    return mg.sum(softplus(z) - y * z, axis=1)


OUTPUTS = {
    "identity": Output(lambda z: z, _squared_error),
    "exp": Output(mg.exp, _poisson_deviance),
    "softmax": Output(lambda z: softmax(z, dim=1), _cross_entropy),
    "logistic": Output(sigmoid, _binary_cross_entropy),
}
"""By the name that scikit-learn has for the output's activation."""


class Adam(optim.Adam):
    """Adam with ε as in the algorithm's short form (Kingma and Ba 2015, section 2): it is added to √v before the bias of v is
    corrected, as scikit-learn does, so that it counts 1 / √(1 - β₂ᵗ) times as much as PyTorch's.
    """

    def update(self, xp: Any, p: Any, g: Any, state: Any, group: Any) -> Any:
        correction = (1 - group["betas"][1] ** (state["step"] + 1)) ** 0.5
        return super().update(xp, p, g, state, {**group, "eps": group["eps"] / correction})


_OPTIMIZERS: dict[str, Any] = {"Adam": Adam, "SGD": optim.SGD}


class Learner:
    """A network of these layer `sizes`, the loss of its `output` with the penalty α/2 ‖W‖² / Σw, and what minimises it.

    >>> draw = np.random.RandomState(0)
    >>> learner = Learner([2, 3, 1], "tanh", "identity", alpha=0.0, draw=draw, dtype=np.dtype(np.float64))
    >>> learner.predict(np.zeros((4, 2))).shape
    (4, 1)
    """

    def __init__(
        self, sizes: Sequence[int], activation: str, output: str, alpha: float, draw: np.random.RandomState, dtype: Any
    ) -> None:
        self.sizes, self.activation, self.output = list(sizes), activation, output
        self.alpha, self.dtype = alpha, np.dtype(dtype)
        before = random.get_state()  # what the layers draw first is not used
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs, dtype=self.dtype), HIDDEN[activation]()]
        random.set_state(before)
        self.network = nn.Sequential(*layers[:-1])
        self.optimizer: Any = None
        self._step: Any = None
        for layer in self.layers:
            _start(layer, 2.0 if activation == "logistic" else 6.0, draw)

    @property
    def layers(self) -> list[Any]:
        """The affine layers."""
        return [layer for layer in self.network if isinstance(layer, nn.Linear)]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_step": None}  # compiled again when it is needed

    def details(self) -> dict[str, Any]:
        """All of it as numbers, texts and arrays."""
        optimizer = self.optimizer and {"name": type(self.optimizer).__name__, "state": self.optimizer.state_dict()}
        return {
            "activation": self.activation, "output": self.output, "alpha": self.alpha,
            "weights": dict(self.network.state_dict()), "optimizer": optimizer,
        }  # fmt: skip

    @classmethod
    def from_details(cls, details: dict[str, Any]) -> Learner:
        """What `details` made."""
        matrices = [array for array in details["weights"].values() if array.ndim == 2]
        sizes = [matrices[0].shape[1], *(len(matrix) for matrix in matrices)]
        draw, dtype = np.random.RandomState(0), matrices[0].dtype
        if details["output"] not in OUTPUTS:
            raise ValueError(f"there is no output {details['output']!r:.80}")
        made = cls(sizes, details["activation"], details["output"], details["alpha"], draw, dtype)
        made.network.load_state_dict(details["weights"])
        if details["optimizer"]:
            made.optimizer = _OPTIMIZERS[details["optimizer"]["name"]](made.network.parameters(), lr=1.0)
            made.optimizer.load_state_dict(details["optimizer"]["state"])
        return made

    def set_alpha(self, alpha: float) -> None:
        """Another penalty. It is a constant of the compiled step."""
        if alpha != self.alpha:
            self.alpha, self._step = alpha, None

    def use_adam(self, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
        """Minimise by Adam from here on."""
        self.optimizer = Adam(self.network.parameters(), lr=rate, betas=(beta_1, beta_2), eps=epsilon)
        self._step = None

    def use_sgd(self, rate: float, momentum: float, nesterov: bool) -> None:
        """Minimise by gradient descent from here on."""
        self.optimizer = optim.SGD(
            self.network.parameters(), lr=rate, momentum=momentum, nesterov=nesterov and momentum > 0
        )
        self._step = None

    @property
    def rate(self) -> float:
        """The learning rate."""
        return float(self.optimizer.param_groups[0]["lr"])

    def set_rate(self, rate: float) -> None:
        """Another learning rate. What the momentum has gathered, it gathered at the old one: a buffer of PyTorch's formula, which
        leaves the rate out, is scaled, so that the next step is that of Sutskever et al. 2013.
        """
        (group,) = self.optimizer.param_groups
        for state in self.optimizer.state.values():
            if "momentum_buffer" in state:
                state["momentum_buffer"] = state["momentum_buffer"] * (group["lr"] / rate)
        group["lr"] = rate

    def step(self, x: Floats, y: Floats, weights: Floats) -> float:
        """One step of the optimiser on a batch, as one compiled program; the loss before it."""
        if self._step is None:
            self._step = mg.compile(self._descent, dynamic=False)
        return float(self._step(Tensor(x), Tensor(y), Tensor(weights)))

    def _descent(self, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        rows, penalty = self._objective(x, y, weights)
        (rows + penalty).backward()
        self.optimizer.step()
        return rows / self._outputs_averaged + penalty

    def slope(self, x: Floats, y: Floats, weights: Floats) -> Callable[[NDArray[np.float64]], tuple[float, Any]]:
        """A function of all weights, then all biases, in one vector, that gives the loss and its gradient as another."""
        data = Tensor(x), Tensor(y), Tensor(weights)

        def objective() -> Tensor:
            self.network.zero_grad()
            rows, penalty = self._objective(*data)
            loss = rows + penalty
            loss.backward()
            return loss

        compiled = mg.compile(objective, dynamic=False)

        def value_and_slope(vector: NDArray[np.float64]) -> tuple[float, Any]:
            self.set_vector(vector)
            loss = float(compiled())
            return loss, np.concatenate([np.ravel(p.grad.raw) for p in self._parameters()]).astype(np.float64)

        return value_and_slope

    def loss(self, x: Floats, y: Floats, weights: Floats) -> float:
        """The loss as scikit-learn reports it: the squared error is the mean over the outputs."""
        with no_grad():
            rows, penalty = self._objective(Tensor(x), Tensor(y), Tensor(weights))
            return float(rows / self._outputs_averaged + penalty)

    def _objective(self, x: Tensor, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        total = mg.sum(weights)
        rows = mg.sum(OUTPUTS[self.output].loss(self.network(x), y) * weights) / total
        penalty = sum((mg.sum(layer.weight * layer.weight) for layer in self.layers), mg.zeros((), dtype=self.dtype))
        return rows, 0.5 * self.alpha * penalty / total

    @property
    def _outputs_averaged(self) -> int:
        return self.sizes[-1] if self.output == "identity" else 1

    def predict(self, x: Any) -> Floats:
        """What the network says, (rows, outputs). Matrix products run on one thread, as in training: the same bits each time.
        Rows of a sparse matrix are made dense some at a time.
        """
        if hasattr(x, "toarray"):
            starts = range(0, x.shape[0], _ROWS_AT_ONCE)
            return np.concatenate([self.predict(x[start : start + _ROWS_AT_ONCE].toarray()) for start in starts])
        with no_grad(), blas.one_thread(), np.errstate(all="ignore"):
            return np.asarray(OUTPUTS[self.output].link(self.network(Tensor(x))).raw)

    def _parameters(self) -> list[Any]:
        return [layer.weight for layer in self.layers] + [layer.bias for layer in self.layers]

    def vector(self) -> NDArray[np.float64]:
        """All weights, then all biases."""
        return np.concatenate([np.ravel(p.raw) for p in self._parameters()]).astype(np.float64)

    def set_vector(self, vector: NDArray[np.float64]) -> None:
        """The weights and biases that `vector` gave."""
        start = 0
        for p in self._parameters():
            size = p.raw.size
            p.raw = vector[start : start + size].reshape(p.raw.shape).astype(self.dtype)
            start += size


def _start(layer: Any, factor: float, draw: np.random.RandomState) -> None:
    """Weights and biases uniform within ± √(factor / (inputs + outputs)) (Glorot and Bengio 2010), in scikit-learn's order."""
    bound = (factor / (layer.in_features + layer.out_features)) ** 0.5
    weight = draw.uniform(-bound, bound, (layer.in_features, layer.out_features))
    dtype = layer.weight.raw.dtype
    layer.weight.raw = np.ascontiguousarray(weight.T, dtype)
    layer.bias.raw = draw.uniform(-bound, bound, layer.out_features).astype(dtype)
