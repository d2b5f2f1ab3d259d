"""Tables of trained vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from . import functional, init
from .linear import empty_parameter
from .module import Module
from .parameter import Parameter


class _Table(Module):
    """What `Embedding` and `EmbeddingBag` share: `weight` (num_embeddings, embedding_dim), whose rows start normal."""

    def _start(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, weight: Tensor | None, dtype: Any, device: object
    ) -> None:  # fmt: skip
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError("MG157", f"padding_idx={padding_idx} is not a row of {num_embeddings}.")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        if weight is None:
            self.weight = empty_parameter((num_embeddings, embedding_dim), dtype, device)
            self.reset_parameters()
        else:
            self.weight = _parameter(weight, (num_embeddings, embedding_dim))

    def reset_parameters(self) -> None:
        """Draw new rows."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            rows = np.array(self.weight.raw)
            rows[self.padding_idx] = 0.0
            self.weight.store(rows)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, default in (
            ("padding_idx", None),
            ("max_norm", None),
            ("norm_type", 2.0),
            ("scale_grad_by_freq", False),
        ):
            value = getattr(self, name)
            text += "" if value == default else f", {name}={value}"
        return text


class Embedding(_Table):
    """Row i of `weight` (num_embeddings, embedding_dim) for each whole number i of the input: (...) → (..., dim).

    Rows start normal with mean 0 and standard deviation 1. The row `padding_idx` starts at zero and is not trained. The
    other settings are those of `microgradient.nn.functional.embedding`.

    >>> import microgradient as mg
    >>> Embedding(10, 3)(mg.tensor([[1, 2], [0, 9]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = (
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
        )
        self._start(num_embeddings, embedding_dim, padding_idx, _weight, dtype, device)
        self.weight.requires_grad = not _freeze

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A table with given rows, not trained if `freeze`."""
        rows, width = _matrix(embeddings).shape
        return cls(rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        return functional.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq
        )


class EmbeddingBag(_Table):
    """The sum, mean or maximum (`mode`) of the rows that each bag names: `microgradient.nn.functional.embedding_bag`.

    >>> import microgradient as mg
    >>> EmbeddingBag(10, 3)(mg.tensor([1, 2, 0, 9]), mg.tensor([0, 3])).shape
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = (
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
        )
        self.mode, self.include_last_offset = mode, include_last_offset
        self._start(num_embeddings, embedding_dim, padding_idx, _weight, dtype, device)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A table with given rows, not trained if `freeze`."""
        rows, width = _matrix(embeddings).shape
        layer = cls(
            rows,
            width,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        layer.weight.requires_grad = not freeze
        return layer

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return functional.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )


def _parameter(weight: Tensor, shape: tuple[int, ...]) -> Parameter:
    if tuple(weight.shape) != shape:
        raise ShapeError("MG160", f"A table of shape {shape} can't have the rows {tuple(weight.shape)}.")
    return weight if isinstance(weight, Parameter) else Parameter(weight)


def _matrix(embeddings: Tensor) -> Tensor:
    if embeddings.ndim != 2:
        raise ShapeError("MG160", f"A table of rows has two axes, got shape {embeddings.shape}.")
    return embeddings
