"""How a table is learnt: folds, linear models solved, networks trained, the best epoch of each kept, their answers mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import optim
from ..data.targets import Target
from ..tape import no_grad
from ..tensor import Tensor
from .linear import solve_path
from .network import Knots, Plan, TableNetwork, answers, bend, dense_truth, loss_of_answers, loss_of_rows

LINEAR = (Plan("linear", bends=False), Plan("additive"))
NETWORKS = (
    Plan("wide", (128, 128), dropout=0.15, rate=1.0, decay=0.02),
    Plan("plain", (64, 64), dropout=0.1, rate=1.0, decay=0.05, bends=False),
)
_ROUNDS, _MUCH_WORSE = 12, 1.3


@dataclass(frozen=True)
class Effort:
    """How much is done for a table of this size: what takes 20 seconds on 10,000 rows would take minutes on a million."""

    folds: int
    batch_size: int
    patience: int

    @classmethod
    def for_rows(cls, rows: int) -> Effort:
        """Fewer members, larger batches and less patience for more rows."""
        folds = 8 if rows <= 1500 else 5 if rows <= 5000 else 4 if rows <= 20_000 else 3
        return cls(
            folds,
            int(np.clip(2 ** round(np.log2(rows / 12)), 16, 256 if rows < 50_000 else 1024)),
            30 if rows <= 4000 else 12,
        )


class TableLearner:
    """Each fold's member of every group learns from the other folds' rows, so the members' answers on their own folds tell, for
    every row, how good a group is on rows that it has not seen; by that the strength of the linear models, the epoch of each
    group of networks, and the mixture are chosen (Breiman 1996; Caruana et al. 2004). With `valid` rows all members learn
    from the others, and these choose.

    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> learner = TableLearner(x, x * x, [Target("y", "regression", "number")], [(0, [-1.0, -0.5, 0.0, 0.5, 1.0])], seed=0)
    >>> learner.validation() < 1
    True
    >>> bool(learner.best[1] < 0.1 * learner.best[0])  # of the models that need no training the one that bends fits x²
    True
    """

    def __init__(
        self, x: NDArray[np.float32], y: NDArray[np.float32], targets: Sequence[Target], knots: Knots, seed: int,
        weights: NDArray[np.float32] | None = None, plans: Sequence[Plan] = (*LINEAR, *NETWORKS),
        effort: Effort | None = None, valid: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        self.effort = effort or Effort.for_rows(len(x))
        if not knots:  # nothing bends: the additive model is the linear one
            plans = [plan for plan in plans if plan.hidden or not plan.bends]
        self.x, self.targets, self.seed = x, list(targets), seed
        self.truth = dense_truth(y, targets)
        self.weights = np.ones(len(x), np.float32) if weights is None else weights.astype(np.float32)
        self.bent = np.asarray(bend(Tensor(x), knots).raw)
        classes = y[:, 0] if targets[0].task == "classification" else None
        count = min(self.effort.folds, len(x))
        self.folds = [valid] * 2 if valid is not None else fold(len(x), count, seed, classes)
        self.model = TableNetwork(plans, len(self.folds), x.shape[1], knots, targets)
        self.best = np.full(len(plans), np.inf)
        self.loss = np.inf
        self.seen = np.unique(np.concatenate(self.folds))  # the rows that choose
        self.said = np.zeros((len(plans), *self.truth.shape))
        self._make_lists()

    def _make_lists(self) -> None:
        """Each member's rows, in an order of its own, repeated to fill the last batch."""
        draw = np.random.default_rng([self.seed, 1])
        lists = [draw.permutation(np.setdiff1d(np.arange(len(self.x)), own)) for own in self.folds]
        longest = max(map(len, lists))
        steps = max(1, round(longest / self.effort.batch_size))
        self.batch_size = -(-longest // steps)
        self.train_size = steps * self.batch_size
        self.lists = np.stack([np.resize(rows, self.train_size) for rows in lists])

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features with and without bends, (members, rows, ·), truth and weights, of these places in the members' lists."""
        rows = self.lists[:, examples]
        return Tensor(self.x[rows]), Tensor(self.bent[rows]), Tensor(self.truth[rows]), Tensor(self.weights[rows])

    def batch_loss(self, x: Tensor, bent: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """The mean over groups, members and rows."""
        total = mg.zeros(())
        for stack, plan in zip(self.model.trained, self._networks(), strict=True):
            rows = loss_of_rows(stack(bent if plan.bends else x), truth, self.targets)
            total = total + mg.sum(rows * weights) / mg.sum(weights)
        return total / len(self.model.trained)

    def optimizer(self, kind: Any = optim.AdamW, lr: float = 2e-3) -> Any:
        """One with a group of parameters for each group of networks, which has its own rate and decay; biases have no decay."""
        groups = []
        for stack, plan in zip(self.model.trained, self._networks(), strict=True):
            weights = [p for name, p in stack.named_parameters() if name.endswith("weight")]
            biases = [p for name, p in stack.named_parameters() if name.endswith("bias")]
            groups += [{"params": weights, "lr": lr * plan.rate, "weight_decay": plan.decay},
                       {"params": biases, "lr": lr * plan.rate, "weight_decay": 0.0}]  # fmt: skip
        return kind(groups, lr=lr)

    def set_learning_rate(self, optimizer: Any, rate: float) -> None:
        """The rate of every group, from that of all."""
        for k, group in enumerate(optimizer.param_groups):
            group["lr"] = rate * self._networks()[k // 2].rate

    def validation(self) -> float:
        """After an epoch: keep the groups that were never better, mix them anew, and return the mixture's loss on unseen rows.
        The first time the linear models are solved.
        """
        changed = not np.isfinite(self.best).any()
        if changed:
            self._solve_linear()
        places = [k for k, plan in enumerate(self.model.plans) if plan.hidden]
        was = self.model.training
        self.model.eval()
        with no_grad():
            for place, stack in zip(places, self.model.trained, strict=True):
                said = self._unseen(place, stack)
                loss = self._loss(said)
                if loss < self.best[place]:
                    self.best[place], self.said[place], changed = loss, said, True
                    self.model.kept[place].load_state_dict(stack.state_dict())
        self.model.train(was)
        if changed:
            self.loss = self._mix()
        return self.loss

    def restore(self, best: Sequence[float], loss: float) -> None:
        """Go on where a learner stood that had these losses, with the weights that `model` has by now."""
        self.best, self.loss = np.array(best), loss
        with no_grad():
            for place in np.flatnonzero(np.isfinite(self.best)):
                self.said[place] = self._unseen(int(place), self.model.kept[int(place)])

    def _networks(self) -> list[Plan]:
        return [plan for plan in self.model.plans if plan.hidden]

    def _unseen(self, place: int, stack: Any) -> NDArray[np.float64]:
        """A group's answers for each row by the members that have not learnt from it."""
        source = self.bent if self.model.plans[place].bends else self.x
        said = np.zeros(self.truth.shape)
        size = max(map(len, self.folds))
        rows = np.stack([np.resize(own, size) for own in self.folds])
        found = np.asarray(answers(stack(Tensor(source[rows])), self.targets).raw, np.float64)
        times = np.zeros(len(said))
        for k, own in enumerate(self.folds):
            said[own] += found[k, : len(own)]
            times[own] += 1
        return said / np.maximum(1, times)[:, None]

    def _loss(self, said: NDArray[np.float64]) -> float:
        seen = self.seen
        rows = loss_of_answers(said[seen], self.truth[seen].astype(np.float64), self.targets)
        return float(np.average(rows, weights=self.weights[seen]))

    def _solve_linear(self) -> None:
        for place, plan in enumerate(self.model.plans):
            if plan.hidden:
                continue
            source = self.bent if plan.bends else self.x
            paths = []
            for own in self.folds:
                rows = np.setdiff1d(np.arange(len(source)), own)
                x, y, w = (array[rows].astype(np.float64) for array in (source, self.truth, self.weights))
                paths.append(solve_path(x, y, w, self.targets))
            layer = self.model.kept[place].layers[0]
            for solved in zip(*paths, strict=True):  # from the strongest to the first that is worse
                before = layer.weight.raw, layer.bias.raw
                layer.weight.data = np.stack([weight for weight, _ in solved]).astype(np.float32)
                layer.bias.data = np.stack([bias[None] for _, bias in solved]).astype(np.float32)
                with no_grad():
                    said = self._unseen(place, self.model.kept[place])
                loss = self._loss(said)
                if not loss < self.best[place]:
                    layer.weight.data, layer.bias.data = before
                    break
                self.best[place], self.said[place] = loss, said

    def _mix(self) -> float:
        """Greedy selection with replacement, from an equal share for each group that is not much worse than the best: the group
        that helps the mixture most is taken again and again.
        """
        counts = (self.best <= _MUCH_WORSE * self.best.min()).astype(np.float64)
        total = np.tensordot(counts, self.said, 1)
        loss = self._loss(total / counts.sum())
        for _ in range(_ROUNDS):
            taken = counts.sum() + 1
            losses = [self._loss((total + said) / taken) if np.isfinite(best) else np.inf
                      for said, best in zip(self.said, self.best, strict=True)]  # fmt: skip
            k = int(np.argmin(losses))
            if losses[k] >= loss:
                break
            counts[k] += 1
            total += self.said[k]
            loss = losses[k]
        self.model.mix = Tensor((counts / counts.sum()).astype(np.float32))
        return loss


def fold(count: int, folds: int, seed: int, classes: NDArray[Any] | None = None) -> list[NDArray[np.int64]]:
    """Rows in `folds` parts of the same size, and, with `classes`, of the same make.

    >>> [len(part) for part in fold(10, 3, 0)]
    [4, 3, 3]
    """
    draw = np.random.default_rng([seed, 0])
    order = draw.permutation(count)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    return [np.sort(order[k::folds]) for k in range(folds)]
