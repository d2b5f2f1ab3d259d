"""Ratings of items by users, with what is known of both: files in MovieLens' forms, and made ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .columns import MISSING
from .csv_file import CsvFile, read_csv, read_file, refuse_twice
from .numbers import PLAIN, find_number_format
from .numeric_csv import numbers_of
from .text_encoding import decode

_DECILES = 10
_LARGEST = 1e6  # that a rating may be
_RARE = 3  # a value that fewer have is left out


@dataclass
class Side:
    """Users or items: their ids, and which `names` hold for each, (ids, names), as 0 and 1."""

    ids: list[str]
    names: list[str]
    features: NDArray[np.float32]


@dataclass
class Ratings:
    """Who rated what, as places in `users.ids` and `items.ids`, and how."""

    users: Side
    items: Side
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    rating: NDArray[np.float32]
    repeated: int = 0  # ratings that were left out, as a later row has another of the same item by the same user


def read_ratings(path: str, users: str | None = None, items: str | None = None) -> Ratings:
    """The ratings in a file whose columns are a user, an item and a rating, and files on the users and the items, if there are.

    MovieLens' forms are known: tabs without a header (`u.data`), a header (`ratings.csv`), fields between `::`
    (`ratings.dat`), names with a type (`user_id:token`). Of two ratings of one item by one user that of the later row counts.
    Raises `DataError` (MG180 to MG182) for a file without them.
    """
    who, what, given = rating_columns(path)
    for ids, name in ((who, "user"), (what, "item")):
        if "" in ids:
            raise DataError(
                "MG182", f"{path}, row {ids.index('') + 1}: there is no {name}. Fill it in, or leave the row out."
            )
    latest = {pair: row for row, pair in enumerate(zip(who, what, strict=True))}
    rows = np.array(sorted(latest.values()))
    sides = [
        _read_side(users, "user", [who[row] for row in rows]),
        _read_side(items, "item", [what[row] for row in rows]),
    ]
    places = [{name: place for place, name in enumerate(side.ids)} for side in sides]
    return Ratings(
        users=sides[0],
        items=sides[1],
        user=np.array([places[0][who[row]] for row in rows]),
        item=np.array([places[1][what[row]] for row in rows]),
        rating=given[rows],
        repeated=len(given) - len(rows),
    )


def rating_columns(path: str) -> tuple[list[str], list[str], NDArray[np.float32]]:
    """Users, items and ratings of a file, row by row. Raises `DataError`."""
    file = _read_table(path)
    table = file.columns
    chosen = [_column(file, path, "user", 0), _column(file, path, "item", 1), _column(file, path, "rating", 2)]
    if None in chosen or len(set(chosen)) < 3:
        raise DataError("MG181", f"{path} needs the columns user, item (or movie) and rating (score, stars), each alone or with "
                                 f"id behind it; it has {', '.join(table)[:200]}.")  # fmt: skip
    user, item, rating = map(str, chosen)
    numbers = numbers_of(path, rating, table[rating], file.decimal)
    if (beyond := np.flatnonzero(np.abs(numbers) > _LARGEST)).size:
        raise DataError("MG182", f"{path}, row {beyond[0] + 1}: {numbers[beyond[0]]:g} is no rating.")
    return table[user], table[item], numbers.astype(np.float32)


def pair_columns(path: str) -> tuple[list[str], list[str] | None]:
    """Users, and items if there is such a column, of a file. Raises `DataError` (MG180 to MG182)."""
    file = _read_table(path)
    table = file.columns
    user, item = _column(file, path, "user", 0), _column(file, path, "item", 1)
    if user is None:
        raise DataError("MG182", f"{path} lacks a column user: its header names {', '.join(table)[:200]}.")
    return table[user], None if item is None else table[item]


def _read_table(path: str) -> CsvFile:
    """Columns by name, their types (`user_id:token`) taken away."""
    content = read_file(Path(path), "a file of ratings")
    if b"::" in content.split(b"\n", 1)[0]:
        rows = [line.split("::") for line in decode(content, Path(path))[0].splitlines() if line]
        if uneven := next((k for k, row in enumerate(rows, 1) if len(row) != len(rows[0])), None):
            raise DataError("MG181", f"{path}, line {uneven}: it has not {len(rows[0])} fields, as the first line has.")
        return CsvFile({f"column_{k}": list(cells) for k, cells in enumerate(zip(*rows, strict=True), 1)}, "::")
    file = read_csv(Path(path))
    names = Counter(name.split(":")[0] for name in file.columns)
    twice = file.duplicates | {name for name, count in names.items() if count > 1}
    columns = {name.split(":")[0]: cells for name, cells in file.columns.items()}
    return replace(file, columns=columns, duplicates=twice)


def _column(file: CsvFile, path: str, what: str, place: int) -> str | None:
    """The column that is named so, or, where columns have no names, the one that stands there."""
    table = file.columns
    aliases = {"item": ("item", "movie"), "user": ("user",), "rating": ("rating", "score", "stars")}[what]
    named = (name for alias in aliases for name in table if re.sub("[_ -]", "", name.lower()) in (alias, f"{alias}id"))
    if found := next(named, None):
        refuse_twice(file, found, path)
        return found
    names = list(table)
    return names[place] if names[0].startswith("column_") and place < len(names) else None


def _read_side(path: str | None, what: str, rated: Collection[str]) -> Side:
    """The ids in the ratings and in the file, sorted, and what the file says of them. Its ids are the column that is named so, or
    the first.
    """
    file = CsvFile({}, ",") if path is None else _read_table(path)
    columns = dict(file.columns)
    own = path and (_column(file, path, what, 0) or next(iter(columns)))
    names = columns.pop(own) if own else []
    if names and set(names).isdisjoint(rated):
        raise DataError(
            "MG181", f"{path}: none of its {what}s, in the column {own!r}, such as {names[0]!r}, is in the ratings."
        )
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise DataError("MG181", f"{path} has several rows on {twice!r}: keep the one that holds.")
    ids = sorted({*rated, *names}, key=lambda name: (len(name), name))
    place = {name: k for k, name in enumerate(ids)}
    rows = np.array([place[name] for name in names], np.int64)
    found: dict[str, NDArray[np.float32]] = {}
    for header, cells in columns.items():
        for value, there in _values(cells, file.decimal).items():
            found[f"{header} {value}"] = np.zeros(len(ids), np.float32)
            found[f"{header} {value}"][rows] = there
    features = np.stack(list(found.values()), axis=1) if found else np.zeros((len(ids), 0), np.float32)
    return Side(ids, list(found), features)


def _values(cells: list[str], decimal: str) -> dict[str, NDArray[np.bool_]]:
    """Which cells hold each value: tenths of a column of many numbers, else categories, of which a cell may have several
    between bars, or words if as many differ as in a title. What nearly every cell has to itself is left out.
    """
    form = find_number_format(Counter(cell for cell in cells if cell.lower() not in MISSING), decimal) or PLAIN
    numbers = np.array([form.parse(cell) for cell in cells], np.float64)  # None: NaN
    if np.isnan(numbers).mean() < 0.1 and len(set(cells)) > 2 * _DECILES:
        edges = np.nanquantile(numbers, np.arange(1, _DECILES) / _DECILES)
        tenth = np.digitize(numbers, edges)
        return {f"tenth {k + 1}": (tenth == k) & ~np.isnan(numbers) for k in range(_DECILES)}
    several = len(set(cells)) > 30
    sets = [set(cell.split("|") if "|" in cell or not several else cell.split()) for cell in cells]
    counts = Counter(value for values in sets for value in values if value)
    common = sorted(value for value, count in counts.items() if count >= _RARE)
    if len(common) > max(50, len(cells) // 10):
        return {}
    return {value: np.array([value in values for values in sets]) for value in common}


def make_ratings(seed: int, users: int = 1200, items: int = 1500, count: int = 40_000) -> Ratings:
    """Made ratings, 1 to 5. Users are of one of eight jobs and of one of five ages, items of one or two of twelve kinds and
    of one of six decades; tastes, (8,) each, and means come to two thirds from these and to a third from each user or item alone.

    Few items have most of the ratings: that a user chooses an item rises as e^2a, where a is 0.3 times the product of their
    tastes, and falls with the item's rank as 1 / rank^1.1; how many a user rates is log-normal. A rating is 3.4 + 0.35 times
    both means + a + noise of 0.7, rounded. Hundreds of items have fewer than five ratings to learn from.

    >>> made = make_ratings(0, 50, 40, 600)
    >>> made.rating.shape, made.users.features.shape, float(made.rating.min()) >= 1
    ((600,), (50, 13), True)
    """
    draw = np.random.default_rng([seed, 7])
    jobs, ages = draw.integers(0, 8, users), draw.integers(0, 5, users)
    kinds, second, decades = draw.integers(0, 12, items), draw.integers(0, 24, items), draw.integers(0, 6, items)
    known = np.concatenate([np.eye(8)[jobs], np.eye(5)[ages]], axis=1)
    about = np.concatenate([np.minimum(np.eye(12)[kinds] + np.eye(24)[second][:, :12], 1), np.eye(6)[decades]], axis=1)

    def tastes(features: NDArray[np.float64]) -> NDArray[np.float64]:
        shared = features @ draw.normal(size=(features.shape[1], 9)) / np.sqrt(features.sum(axis=1, keepdims=True))
        return np.sqrt(2 / 3) * shared + np.sqrt(1 / 3) * draw.normal(size=(len(features), 9))

    p, q = tastes(known), tastes(about)
    affinity = 0.3 * (p[:, :8] @ q[:, :8].T)
    popular = -1.1 * np.log(draw.permutation(items) + 1.0)
    active = draw.lognormal(sigma=1.1, size=(users, 1))
    # the `count` pairs that come first, where each comes after a time of this rate (Efraimidis and Spirakis 2006)
    keys = draw.exponential(size=(users, items)) / (active * np.exp(popular + 2 * affinity))
    chosen = np.sort(np.argpartition(keys, count, axis=None)[:count])
    user, item = np.unravel_index(chosen, keys.shape)
    means = 0.35 * p[user, 8] + 0.35 * q[item, 8]
    rating = np.clip(np.rint(3.4 + means + affinity[user, item] + draw.normal(scale=0.7, size=count)), 1, 5)
    names = [f"job {k}" for k in range(8)] + [f"age {k}" for k in range(5)]
    kinds_of = [f"kind {k}" for k in range(12)] + [f"decade {k}" for k in range(6)]
    return Ratings(
        users=Side([f"u{k}" for k in range(users)], names, known.astype(np.float32)),
        items=Side([f"i{k}" for k in range(items)], kinds_of, about.astype(np.float32)),
        user=user.astype(np.int64),
        item=item.astype(np.int64),
        rating=rating.astype(np.float32),
    )
