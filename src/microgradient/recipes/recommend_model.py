"""What `recommend` trains: factors of users and items for two heads, and what is read off them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn
from ..data.csv_file import one_file
from ..data.ratings import pair_columns, rating_columns
from ..errors import ArgumentTypeError, DataError, type_name
from ..tensor import Tensor
from ..train.inputs import as_texts
from ..train.predictor import Predictor
from ..train.recipe import Metric

WIDTH, TOP = 32, 10
_FILES = (".csv", ".tsv", ".data", ".dat", ".inter")  # how files of ratings end
_CHUNK = 1024  # users at a time


class Recommender(nn.Module):
    """Two heads, each of factors of users and of items. Place 0 is who, or what, is not known.

    rating(u, i) = μ + b_u + b_i + p_u · q_i + MLP(p_u, q_i, p_u ∘ q_i), and the chance that i is the next item that u rates is
    the softmax over all items of c_i + s_u · t_i. Factors and biases are a row of one's own and rows of what is known of one;
    a user's also the items rated, Σ y_j / √n over all but the item in question (SVD++: Koren 2008; Kabbur et al. 2013).
    """

    def __init__(self, sizes: Sequence[int], known: Sequence[int]) -> None:
        super().__init__()
        users, items = sizes
        self.users, self.items = (nn.Embedding(size, 2 * (WIDTH + 1), padding_idx=0) for size in sizes)
        self.rated = nn.Embedding(items, 2 * WIDTH, padding_idx=0)
        self.of_users, self.of_items = (nn.Linear(max(1, names), 2 * (WIDTH + 1), bias=False) for names in known)
        for table in (self.users, self.items, self.rated, self.of_users, self.of_items):
            nn.init.normal_(table.weight, std=0.02)
        self.mlp = nn.Sequential(nn.Linear(3 * WIDTH, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 1))
        self.dropout = nn.Dropout(0.3)
        self.mean = nn.Buffer(mg.zeros(()))
        self.range = nn.Buffer(mg.zeros(2))
        self.history = nn.Buffer(Tensor(np.zeros((users, items), np.uint8)))  # 1 where a user rated an item
        self.about_users, self.about_items = (
            nn.Buffer(mg.zeros((size, max(1, names)))) for size, names in zip(sizes, known, strict=True)
        )

    def user_factors(self, users: Tensor, items: Tensor) -> Tensor:
        """Factors and bias for both heads, (users, 2, WIDTH + 1), as if the items, one for each user, had not been rated."""
        rated = mg.astype(self.history[users], np.float32)
        this = mg.take_along_axis(rated, items[:, None], axis=1)
        others = mg.matmul(rated, self.rated.weight) - this * self.rated(items)
        others = others / mg.sqrt(mg.maximum(mg.sum(rated, axis=1, keepdims=True) - this, 1.0))
        own = self.users(users) + self.of_users(self.about_users[users])
        others = mg.reshape(others, (-1, 2, WIDTH))
        return mg.reshape(own, (-1, 2, WIDTH + 1)) + mg.concat([others, mg.zeros((users.shape[0], 2, 1))], axis=2)

    def item_factors(self) -> Tensor:
        """Factors and bias of all items for both heads, (items, 2, WIDTH + 1)."""
        return mg.reshape(self.items.weight + self.of_items(self.about_items), (-1, 2, WIDTH + 1))

    def forward(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Ratings, (pairs,), and the scores of all items for each user, (pairs, items)."""
        of_users, of_items = self.user_factors(users, items), self.item_factors()
        mine, its = of_users[:, 0], of_items[:, 0][items]
        p, q = self.dropout(mine[:, :WIDTH]), self.dropout(its[:, :WIDTH])
        more = self.mlp(mg.concat([p, q, p * q], axis=1))[:, 0]
        ratings = self.mean + mine[:, WIDTH] + its[:, WIDTH] + mg.sum(p * q, axis=1) + more
        s, t = self.dropout(of_users[:, 1, :WIDTH]), of_items[:, 1]
        return ratings, mg.matmul(s, t[:, :WIDTH].T) + t[:, WIDTH]


class RecommendPredictor(Predictor):
    """Users and items, by their ids, to ratings; users alone to the ten items that each would choose next."""

    takes: ClassVar[str] = "CSV files with columns user and item, or user alone; or users"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.users, self.items = list(details["users"]), list(details["items"])
        self.places = [{name: k for k, name in enumerate(ids, 1)} for ids in (self.users, self.items)]
        self.model = Recommender([len(self.users) + 1, len(self.items) + 1], details["known"])

    def predict(self, inputs: Any) -> dict[str, Any]:
        """For a mapping of lists of ids: `rating` of each pair, if it has `item` beside `user`; else `items` of each user."""
        self.notes = []
        if not isinstance(inputs, Mapping) or "user" not in inputs:
            raise ArgumentTypeError("MG147", f"Expected {{'user': [id, …]}}, or with 'item': [id, …] beside it, got "
                                             f"{type_name(inputs)}.")  # fmt: skip
        users = self._found("user", inputs["user"], 0)
        if inputs.get("item") is not None:
            items = self._found("item", inputs["item"], 1)
            if len(items) != len(users):
                raise DataError(
                    "MG182", f"There are {len(users):,} users and {len(items):,} items: a rating is of one of each."
                )
            return {"rating": self.ratings(users, items)}
        scores = np.where(self.model.history.data[users, 1:] > 0, -np.inf, self.choices(users))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        new = zip(best, np.take_along_axis(scores, best, axis=1) > -np.inf, strict=True)
        return {"items": [[self.items[k] for k in row[there]] for row, there in new]}

    def _found(self, what: str, ids: Any, side: int) -> NDArray[np.int64]:
        """The places of ids, which are texts; whole numbers are taken for the digits that a file has."""
        if isinstance(ids, Iterable) and not isinstance(ids, str):
            ids = [str(one) if isinstance(one, Integral) else one for one in ids]
        names = as_texts(ids, f"{what}s", "['id']")
        missing = sorted({name for name in names if name not in self.places[side]})
        if missing:
            self.notes.append(f"{len(missing):,} {what}{'s' * (len(missing) > 1)} not known from training, such as "
                              f"{missing[0]!r}: taken as one of whom nothing is known")  # fmt: skip
        return np.array([self.places[side].get(name, 0) for name in names], np.int64)

    def ratings(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Ratings of pairs, by their places, within the range of those learnt from."""
        low, high = self.model.range.data
        return np.clip(self._forward(users, items)[0], low, high)

    def choices(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """The score of every item for these users, (users, items)."""
        return self._forward(users, np.zeros(len(users), np.int64))[1][:, 1:]

    def _forward(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        with self.inference():
            parts = [
                [out.data for out in self.model(Tensor(users[start : start + _CHUNK]), Tensor(items[start : start + _CHUNK]))]
                for start in range(0, max(1, len(users)), _CHUNK)
            ]  # fmt: skip
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    def read(self, names: Sequence[str]) -> dict[str, Any]:
        if not any(Path(name).suffix in _FILES or Path(name).is_file() for name in names):
            return {"user": list(names), "item": None}
        users, items = pair_columns(one_file(names))
        return {"user": users, "item": items}

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        if "rating" in predicted:
            columns = zip(inputs["user"], inputs["item"], predicted["rating"], strict=True)
            return ["user", "item", "rating"], [[user, item, f"{rating:.3f}"] for user, item, rating in columns]
        lists = zip(inputs["user"], predicted["items"], strict=True)
        return ["user", "rank", "item"], [[u, k, item] for u, items in lists for k, item in enumerate(items, 1)]

    def evaluate(self, path: str) -> list[Metric]:
        users, items, truth = rating_columns(path)
        return [rating_error("", self.predict({"user": users, "item": items})["rating"], truth)]


def rating_error(whose: str, said: NDArray[Any], truth: NDArray[Any]) -> Metric:
    """√ of the mean squared error of ratings."""
    return Metric(f"{whose}RMSE", float(np.sqrt(np.mean((said.astype(np.float64) - truth) ** 2))))
