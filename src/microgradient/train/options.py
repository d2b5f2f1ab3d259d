"""Options: what a run was asked to do. A recipe with options of its own derives a class, and the command line follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


def option(
    default: Any = MISSING, help: str = "", *, choices: Sequence[str] = (), metavar: str = "", least: int | None = None
) -> Any:
    """A field of `Options`: its default, and what `microgradient train NAME --help` says of it.

    With `choices`, nothing else is accepted, and with `least` no number below it. A `metavar` of FILE or FOLDER makes a path of
    it, which is kept absolute.
    """
    metadata = {"help": help, "choices": tuple(choices), "metavar": metavar, "least": least}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every run has. Everything a result depends on is here, in the recipe's code, or in the data.

    >>> Options(epochs=3, batch_size=32, lr=0.01, optimizer="adam", model="mlp").as_dict()["seed"]
    0

    A recipe with more of them:

    >>> @dataclass(frozen=True, kw_only=True)
    ... class CoinOptions(Options):
    ...     bias: float = option(0.5, "How often heads come up.")
    >>> CoinOptions(epochs=3, batch_size=32, lr=0.01, optimizer="adam", model="mlp").bias
    0.5
    """

    epochs: int = option(help="How many times each training example is shown.")
    batch_size: int = option(help="Examples per step.")
    lr: float = option(help="Learning rate.")
    optimizer: str = option(help="sgd, adam, adamw, …")
    model: str = option(help="Which of the recipe's models.")
    clip: str | None = option(
        None,
        "The largest norm of all gradients as one vector: a number, none, or auto for the 90th percentile of the last 100 norms.",
    )
    seed: int = option(0, "Decides all that is random: split, first weights, order.")
    compile: bool = option(True, "Run each step as machine code.")

    def as_dict(self) -> dict[str, Any]:
        """The options as a table that JSON can hold."""
        return asdict(self)


def flag(name: str) -> str:
    """The name of an option on the command line."""
    return "--" + name.replace("_", "-")


def misfit(record: Any) -> str | None:
    """The first field of a dataclass whose value, read from JSON, has not its type; None where all have."""
    hints = get_type_hints(type(record))
    return next((name for name, hint in hints.items() if not fits(getattr(record, name), hint)), None)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value that JSON can hold has a type, the entries of a list or table as well. A whole number may be a float."""
    if isinstance(hint, UnionType):
        return any(fits(value, kind) for kind in get_args(hint))
    kind, entries = get_origin(hint) or hint, get_args(hint)
    if kind in (list, dict) and type(value) is kind:
        return entries[-1:] in ((), (Any,)) or all(
            fits(x, entries[-1]) for x in (value.values() if kind is dict else value)
        )
    return type(value) is kind or (kind is float and is_finite(value))


def is_finite(value: Any) -> bool:
    """Whether this is a number that a float can hold, and neither infinite nor NaN."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False
