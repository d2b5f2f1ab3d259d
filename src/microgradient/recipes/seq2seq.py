"""From sequence to sequence: an encoder and a decoder with attention, and beam search. For recipes that write tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn
from ..nn.functional import cross_entropy
from ..tensor import Tensor

PAD, BEGIN, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = ["<pad>", "<begin>", "<end>", "<unknown>"]


class Seq2Seq(nn.Module):
    """A Transformer (Vaswani et al. 2017) from tokens (batch, S) to a score of each next token, (batch, T, tokens).

    Norms come before their parts, positions are learnt, and source, target and scores share one embedding.
    """

    def __init__(
        self, tokens: int, longest: int, width: int = 64, heads: int = 4, layers: int = 2, dropout: float = 0.0
    ):
        super().__init__()
        self.tokens, self.places = nn.Embedding(tokens, width), nn.Embedding(longest, width)
        nn.init.normal_(self.tokens.weight, std=width**-0.5)
        nn.init.normal_(self.places.weight, std=0.02)
        encoding = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=True)
        decoding = nn.TransformerDecoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(encoding, layers, nn.LayerNorm(width))
        self.decoder = nn.TransformerDecoder(decoding, layers, nn.LayerNorm(width))
        self.scale = math.sqrt(width)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.decode(self.encode(source), source, target)

    def encode(self, source: Tensor) -> Tensor:
        """What the decoder sees of a source: (batch, S, width)."""
        return self.encoder(self._embedded(source), src_key_padding_mask=source == PAD)

    def decode(self, memory: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Scores of the tokens after each of `target`, which sees what is before it, and all of the source but its padding."""
        length = target.shape[1]
        future = Tensor(np.triu(np.ones((length, length), bool), 1))  # True: may not be looked at
        x = self.decoder(self._embedded(target), memory, tgt_mask=future, memory_key_padding_mask=source == PAD)
        return mg.matmul(x, mg.matrix_transpose(self.tokens.weight))

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.tokens(tokens) * self.scale + self.places(Tensor(np.arange(tokens.shape[1])))


def padded(sequences: Sequence[Sequence[int]], length: int) -> NDArray[np.int64]:
    """Token sequences as rows of one array, PAD after their ends; what is beyond `length` is cut off.

    >>> padded([[5, 6], [7]], 3).tolist()
    [[5, 6, 0], [7, 0, 0]]
    """
    rows = np.full((len(sequences), length), PAD, np.int64)
    for row, sequence in zip(rows, sequences, strict=True):
        part = sequence[:length]
        row[: len(part)] = part
    return rows


def next_token_loss(scores: Tensor, following: Tensor, smoothing: float = 0.0) -> Tensor:
    """The mean surprise at the tokens of `following`, (batch, T), padding left out."""
    flat = mg.reshape(scores, (-1, scores.shape[-1]))
    return cross_entropy(flat, mg.reshape(following, (-1,)), ignore_index=PAD, label_smoothing=smoothing)


def beam_search(
    model: Seq2Seq, source: NDArray[np.int64], longest: int, beam: int = 4, penalty: float = 0.6
) -> list[list[int]]:
    """For each source, (batch, S), the best token sequence found, without BEGIN and END.

    Of all sequences begun, the `beam` of highest log P(y) / ((5 + |y|) / 6)^`penalty` are kept at each step: Wu et al. 2016,
    "Google's neural machine translation system", equation 14.
    """
    batch = len(source)
    memory = np.repeat(model.encode(Tensor(source)).data, beam, axis=0)
    sources = np.repeat(source, beam, axis=0)
    written = np.full((batch, beam, longest + 1), PAD, np.int64)
    written[:, :, 0] = BEGIN
    sums = np.full((batch, beam), -np.inf)
    sums[:, 0] = 0.0  # all beams begin alike: one of them counts
    lengths, ended = np.zeros((batch, beam), np.int64), np.zeros((batch, beam), bool)
    for step in range(longest):
        scores = model.decode(
            Tensor(memory), Tensor(sources), Tensor(written[:, :, : step + 1].reshape(batch * beam, -1))
        )
        logs = _log_softmax(scores.data[:, -1].astype(np.float64)).reshape(batch, beam, -1)
        logs[:, :, [PAD, BEGIN]] = -np.inf
        logs[ended] = -np.inf
        logs[ended, PAD] = 0.0  # what has ended stays as it is
        tokens = logs.shape[-1]
        new_sums, new_lengths = sums[:, :, None] + logs, (lengths + ~ended)[:, :, None]
        ranked = (new_sums / ((5 + new_lengths) / 6) ** penalty).reshape(batch, -1)
        best = np.argsort(-ranked, axis=1, kind="stable")[:, :beam]
        rows, parents, chosen = np.arange(batch)[:, None], best // tokens, best % tokens
        written, sums = written[rows, parents], new_sums.reshape(batch, -1)[rows, best]
        written[:, :, step + 1] = chosen
        lengths = new_lengths[rows, parents, 0]
        ended = ended[rows, parents] | (chosen == END)
        if ended.all():
            break
    order = (sums / ((5 + lengths) / 6) ** penalty).argmax(axis=1)
    return [[int(t) for t in row[1:] if t not in (PAD, END)] for row in written[np.arange(batch), order]]


def _log_softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
