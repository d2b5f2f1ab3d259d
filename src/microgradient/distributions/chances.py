"""Parameters that are probabilities, given as such (`probs`) or by their logits, and kept as they were given."""

from __future__ import annotations

from typing import Any

import microgradient as mg

from ..errors import ArgumentError
from .distribution import Distribution, broadcast


class WithChances(Distribution):
    """A distribution with `probs` or `logits`: log p of categories along the last axis, or log(p / (1 - p)) of one event."""

    several = False
    _probs: Any = None
    _logits: Any = None

    def _take_chances(self, probs: Any, logits: Any, **others: Any) -> Any:
        """Keep what was given of `probs` and `logits`, and tensors of its shape; probabilities of categories add up to 1 then."""
        if (probs is None) == (logits is None):
            raise ArgumentError("MG157", f"{type(self).__name__} takes either `probs` or `logits`.")
        chances, *rest = broadcast(probs if logits is None else logits, *others.values())
        vars(self).update(zip(others, rest, strict=True))
        if self.several and not chances.shape:
            raise ArgumentError(
                "MG157", f"{type(self).__name__} needs the probabilities of its categories along an axis."
            )
        if logits is None:
            self._probs = chances / mg.sum(chances, axis=-1, keepdims=True) if self.several else chances
        else:
            self._logits = chances - mg.logsumexp(chances, axis=-1, keepdims=True) if self.several else chances
        return chances

    @property
    def probs(self) -> Any:
        """Probabilities."""
        if self._probs is not None:
            return self._probs
        return mg.softmax(self._logits, axis=-1) if self.several else mg.sigmoid(self._logits)

    @property
    def logits(self) -> Any:
        """Logarithms of probabilities, or of odds."""
        if self._logits is not None:
            return self._logits
        eps = float(mg.finfo(self._probs.dtype).eps)
        probs = mg.clip(self._probs, eps, 1 - eps)
        return mg.log(probs) if self.several else mg.log(probs) - mg.log1p(-probs)
