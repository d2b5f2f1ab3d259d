"""What loading a state_dict gives, and what is said where it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError
from ..tensor import Tensor


class LoadResult(NamedTuple):
    """What `Module.load_state_dict` did not use: keys of the model, keys of the dictionary."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"{type(self).__name__}(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class StateDictError(ArgumentError, RuntimeError):
    """A state_dict that doesn't fit a module."""


def as_array(value: Any) -> np.ndarray:
    """A value of a state_dict as an array."""
    if isinstance(value, Tensor):
        return value.raw
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def misfit(
    name: str,
    own: Mapping[str, Tensor],
    arrays: Mapping[str, np.ndarray],
    misshaped: list[str],
    missing: list[str],
    unexpected: list[str],
) -> str:
    """The text for a state_dict that does not fit, with what to do about it."""
    lines = [f"The state_dict does not fit {name}; nothing was loaded."]
    lines += [f"  another shape: {key} is {arrays[key].shape} there and {own[key].shape} here" for key in misshaped]
    lines += [f"  missing there: {key} {own[key].shape}" for key in missing]
    lines += [f"  unexpected: {key}" for key in unexpected]
    if len(lines) > 20:
        lines[20:] = [f"  ... and {len(lines) - 20} more"]
    prefixes = {key[: -len(wanted)] for key in unexpected for wanted in missing if key.endswith("." + wanted)}
    if len(prefixes) == 1 and len(unexpected) >= len(missing):
        prefix = prefixes.pop()
        lines.append(f'Drop the prefix: `{{key.removeprefix("{prefix}"): value for key, value in d.items()}}`.')
    elif misshaped:
        lines.append(
            "Build the model with the sizes it was saved with, or leave those keys out and pass `strict=False`."
        )
    else:
        lines.append("Build the same model, or pass `strict=False` to load only the keys that both have.")
    return "\n".join(lines)
