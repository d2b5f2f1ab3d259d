"""`recommend`: how a user would rate an item, and which items a user would choose, by neural matrix factorisation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.ratings import Ratings, make_ratings, read_ratings
from ..errors import ArgumentError, DataError
from ..language import translate
from ..nn.functional import cross_entropy, mse_loss
from ..tensor import Tensor
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .recommend_baseline import best_factorization, recall_at
from .recommend_model import TOP, RecommendPredictor, rating_error

_LARGEST = 50_000_000  # users × items
_CHOICE = 0.1  # the weight of the second loss


@dataclass(frozen=True, kw_only=True)
class RecommendOptions(Options):
    """Whose ratings."""

    ratings: str | None = option(
        None, "Ratings: user, item and rating in each row, as MovieLens has them.", metavar="FILE"
    )
    users: str | None = option(None, "What is known of the users of --ratings: the id first.", metavar="FILE")
    items: str | None = option(None, "What is known of the items of --ratings: the id first.", metavar="FILE")


class Recommend(Recipe):
    """A tenth of the ratings is held out and a tenth chooses the epoch. The baselines: biased matrix factorisation by
    alternating least squares in NumPy, its penalty chosen on the same validation part, and for the choice of ten items the
    most popular ones; recall is of a user's held-out items among ten that the user has not rated in the training part.
    Without --ratings, the data are made: see `microgradient.data.ratings.make_ratings`. Sizes and rates were chosen on other
    seeds.

    Run it by `microgradient train recommend --ratings ml-100k.inter --users ml-100k.user --items ml-100k.item`.
    """

    name: ClassVar[str] = "recommend"
    field: ClassVar[str] = "recommendation"
    summary: ClassVar[str] = "how a user would rate an item, and what a user would choose: --ratings FILE, or made ones"
    defaults: ClassVar[RecommendOptions] = RecommendOptions(
        epochs=15, batch_size=512, lr=3e-3, optimizer="adamw", model="factors"
    )
    models: ClassVar[tuple[str, ...]] = ("factors",)
    predictor_class: ClassVar[type[Predictor]] = RecommendPredictor
    lr_decay: ClassVar[float] = 0.3
    weight_decay: ClassVar[float | None] = 0.5
    loss_unit: str = ""
    patience: int = 4

    def __init__(self, options: RecommendOptions) -> None:
        super().__init__(options)
        self.given = given = _load(options)
        self.data = (given.user, given.item, given.rating, given.users.features, given.items.features)
        order, tenth = np.random.default_rng(options.seed).permutation(len(given.rating)), len(given.rating) // 10
        self.test, self.validating, self.training = order[:tenth], order[tenth : 2 * tenth], order[2 * tenth :]
        self.train_size = len(self.training)
        self.predictor = RecommendPredictor(self.details())
        self.model = model = self.predictor.model
        rating = given.rating[self.training]
        model.mean.data = rating.mean()
        model.range.data = np.array([rating.min(), rating.max()], np.float32)
        model.history.data[given.user[self.training] + 1, given.item[self.training] + 1] = 1
        for buffer, side in ((model.about_users, given.users), (model.about_items, given.items)):
            buffer.data[1:, : len(side.names)] = side.features

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        rows = self.training[examples]
        return Tensor(self.given.user[rows] + 1), Tensor(self.given.item[rows] + 1), Tensor(self.given.rating[rows])

    def batch_loss(self, users: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
        said, scores = self.model(users, items)
        return mse_loss(said, ratings) + _CHOICE * cross_entropy(scores, items)

    def _score(self, rows: NDArray[np.int64]) -> Metric:
        return rating_error(
            "", self.predictor.ratings(self.given.user[rows] + 1, self.given.item[rows] + 1), self.given.rating[rows]
        )

    def validation(self) -> float:
        return self._score(self.validating).value

    def evaluate(self) -> list[Metric]:
        _, factorized = self.factorized
        known = self.model.history.data[1:, 1:] > 0
        wanted = np.zeros(known.shape, bool)
        wanted[self.given.user[self.test], self.given.item[self.test]] = True
        someone = np.flatnonzero(wanted.any(axis=1))
        popular = np.broadcast_to(known.sum(axis=0), known.shape)[someone]
        recalls = [
            recall_at(TOP, scores, known[someone], wanted[someone])
            for scores in (self.predictor.choices(someone + 1), popular)
        ]
        return [
            self._score(self.test),
            rating_error("baseline ", factorized[self.test], self.given.rating[self.test]),
            Metric(f"recall@{TOP}", recalls[0], "%"),
            Metric(f"popularity recall@{TOP}", recalls[1], "%"),
        ]

    @cached_property
    def factorized(self) -> tuple[float, NDArray[np.float64]]:
        """The penalty of matrix factorisation, and what it says of every rating."""
        return best_factorization(self.given, self.training, self.validating)

    def details(self) -> dict[str, Any]:
        users, items = self.given.users, self.given.items
        return {"users": users.ids, "items": items.ids, "known": [len(users.names), len(items.names)]}

    def description(self) -> list[str]:
        users, items, repeated = self.given.users, self.given.items, self.given.repeated
        left_out = [
            translate(f"{repeated:,} ratings left out: later rows have another of the same item by the same user")
        ]
        return [
            *(left_out if repeated else []),
            translate(
                f"{self.train_size:,} ratings to learn from, {len(self.validating):,} to choose the epoch, {len(self.test):,} "
                f"held out; {len(users.ids):,} users of whom {len(users.names)} things may be known, {len(items.ids):,} items "
                f"({len(items.names)})"
            ),
        ]

    def report(self) -> list[str]:
        """The scores on held-out ratings of items that were rated least."""
        counts = (self.model.history.data[1:, 1:] > 0).sum(axis=0)[self.given.item[self.test]]
        penalty, factorized = self.factorized
        lines = [translate(f"the baseline's penalty is {penalty:g}, of those tried best on the validation part")]
        rare = self.test[counts < 5]
        if len(rare):
            theirs = rating_error("baseline ", factorized[rare], self.given.rating[rare])
            lines.append(
                translate(
                    f"items with fewer than five ratings to learn from: {self._score(rare)}, {theirs} ({len(rare)} ratings)"
                )
            )
        return lines


def _load(options: Any) -> Ratings:
    if options.ratings is None:
        if options.users is not None or options.items is not None:
            raise ArgumentError(
                "MG188", "--users and --items tell of those in a file of ratings: name it with --ratings."
            )
        return make_ratings(options.seed)
    given = read_ratings(options.ratings, options.users, options.items)
    if len(given.users.ids) * len(given.items.ids) > _LARGEST:
        raise DataError("MG181", f"{options.ratings} has {len(given.users.ids):,} users and {len(given.items.ids):,} items; this "
                                 f"recipe is for {_LARGEST:,} pairs at most.")  # fmt: skip
    if len(given.rating) < 50:
        of = f" of different pairs, in {len(given.rating) + given.repeated:,} rows" if given.repeated else ""
        raise DataError("MG181", f"{options.ratings} has {len(given.rating)} ratings{of}; 50 or more are needed.")
    return given
