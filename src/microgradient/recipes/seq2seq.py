"""From sequence to sequence: an encoder and a decoder with attention, and beam search. For recipes that write tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, softmax
from ..nn.functional import cross_entropy
from ..tensor import Tensor

PAD, BEGIN, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = ["<pad>", "<begin>", "<end>", "<unknown>"]


class Seq2Seq(nn.Module):
    """A Transformer (Vaswani et al. 2017) from tokens (batch, S) to a score of each next token, (batch, T, tokens).

    Norms come before their parts, positions are learnt, and source, target and scores share one embedding. Each token is seen
    with the one before it, so that to go on as a text did before is easily learnt (So et al. 2021, "Primer"). A source may have
    several `parts` of equal length, each with positions from 0 on. With `copies`, a share of the probability goes to the
    tokens of the source, by an attention of its own (See, Liu and Manning, "Get to the point", 2017):
    log(g · softmax(scores) + (1 - g) · sum of the attention at each token). If it also `continues`, places behind the token
    that was written last have more of that attention, and those behind the last two more still: Gu et al., "Incorporating
    copying mechanism in sequence-to-sequence learning" (2016), whose read of what was written is selective in that way.
    """

    def __init__(
        self, tokens: int, longest: int, width: int = 64, heads: int = 4, layers: int = 2, dropout: float = 0.0,
        parts: int = 1, copies: bool = False, continues: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.tokens, self.places = nn.Embedding(tokens, width), nn.Embedding(longest, width)
        self.parts = nn.Embedding(parts, width) if parts > 1 else None
        self.previous = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.tokens.weight, std=width**-0.5)
        nn.init.normal_(self.places.weight, std=0.02)
        encoding = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=True)
        decoding = nn.TransformerDecoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(encoding, layers, nn.LayerNorm(width))
        self.decoder = nn.TransformerDecoder(decoding, layers, nn.LayerNorm(width))
        self.dropout = nn.Dropout(dropout)
        self.pointer = nn.Linear(width, width) if copies else None
        self.gate = nn.Linear(2 * width, 1) if copies else None
        self.continuing = nn.Parameter(np.full(2, 3.0, np.float32)) if continues else None
        if continues and self.gate is not None and self.gate.bias is not None:
            nn.init.constant_(self.gate.bias, -1.0)  # copies at first
        self.scale = math.sqrt(width)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.decode(self.encode(source), source, target)

    def encode(self, source: Tensor) -> Tensor:
        """What the decoder sees of a source: (batch, S, width)."""
        return self.encoder(self._embedded(source, self.parts), src_key_padding_mask=source == PAD)

    def decode(self, memory: Tensor, source: Tensor, target: Tensor, last: bool = False) -> Tensor:
        """Scores of the tokens after each of `target`, which sees what is before it, and all of the source but its padding;
        with `last`, after the last one alone."""
        x = self._decoded(memory, source, target)
        x = x[:, -1:] if last else x
        scores = mg.matmul(self.dropout(x), mg.matrix_transpose(self.tokens.weight))
        if self.pointer is None or self.gate is None:
            return scores
        attention = self._pointed(x, memory, source, target)
        written = mg.sigmoid(self.gate(mg.concat([x, mg.matmul(attention, memory)], axis=2)))
        which = mg.astype(mg.expand_dims(source, axis=2) == mg.arange(scores.shape[-1]), np.float32)
        copied = mg.matmul(attention, which)
        return mg.log(written * softmax(scores, axis=-1) + (1 - written) * copied + 1e-9)

    def copied_from(self, source: Tensor, target: Tensor) -> Tensor:
        """The share of each place of the source in what is copied after each of `target`, (batch, T, S)."""
        memory = self.encode(source)
        return self._pointed(self._decoded(memory, source, target), memory, source, target)

    def _decoded(self, memory: Tensor, source: Tensor, target: Tensor) -> Tensor:
        length = target.shape[1]
        future = Tensor(np.triu(np.ones((length, length), bool), 1))  # True: may not be looked at
        return self.decoder(self._embedded(target), memory, tgt_mask=future, memory_key_padding_mask=source == PAD)

    def _pointed(self, x: Tensor, memory: Tensor, source: Tensor, target: Tensor) -> Tensor:
        assert self.pointer is not None
        fit = mg.matmul(self.pointer(x), mg.matrix_transpose(memory)) / self.scale
        if self.continuing is not None:
            last, earlier = self._continued(source, target)
            bias = self.continuing[0] * last + self.continuing[1] * last * earlier
            fit = fit + bias[:, -x.shape[1] :]
        return softmax(mg.where(source[:, None] == PAD, -1e9, fit), axis=-1)

    def _continued(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """1 where what stands before a place of the source is what was written last, and before that: (batch, T, S) each."""
        count = 1 if self.parts is None else self.parts.weight.shape[0]
        rows = mg.reshape(source, (-1, source.shape[1] // count))
        start, first = mg.full((rows.shape[0], 1), BEGIN), mg.full((target.shape[0], 1), BEGIN)
        found = []
        for _ in range(2):
            rows = mg.concat([start, rows[:, :-1]], axis=1)
            before = mg.reshape(rows, source.shape)
            found.append(mg.astype(mg.expand_dims(target, axis=2) == mg.expand_dims(before, axis=1), np.float32))
            target = mg.concat([first, target[:, :-1]], axis=1)
        return found[0], found[1]

    def _embedded(self, tokens: Tensor, parts: nn.Embedding | None = None) -> Tensor:
        batch, length = tokens.shape
        count = 1 if parts is None else parts.weight.shape[0]
        each = length // count
        x = self.tokens(mg.reshape(tokens, (batch * count, each))) * self.scale
        earlier = mg.concat([mg.zeros((batch * count, 1, x.shape[2])), x[:, :-1]], axis=1)
        x = x + self.previous(earlier) + self.places(Tensor(np.arange(each)))
        x = mg.reshape(x, (batch, length, x.shape[2]))
        return self.dropout(x if parts is None else x + parts(Tensor(np.repeat(np.arange(count), each))))


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
    memory = model.encode(Tensor(source)).data
    written = np.full((batch, beam, longest + 1), PAD, np.int64)
    written[:, :, 0] = BEGIN
    sums = np.full((batch, beam), -np.inf)
    sums[:, 0] = 0.0  # all beams begin alike: one of them counts
    lengths, ended = np.zeros((batch, beam), np.int64), np.zeros((batch, beam), bool)
    for step in range(longest):
        going = np.flatnonzero(~ended.all(axis=1))
        if not len(going):
            break
        seen, read = (Tensor(np.repeat(each[going], beam, axis=0)) for each in (memory, source))
        before = Tensor(written[going, :, : step + 1].reshape(len(going) * beam, -1))
        logs = np.full((batch, beam, model.tokens.weight.shape[0]), -np.inf)
        scores = model.decode(seen, read, before, last=True).data[:, -1].astype(np.float64)
        logs[going] = mg.log_softmax(Tensor(scores), axis=-1).data.reshape(len(going), beam, -1)
        logs[:, :, [PAD, BEGIN]] = -np.inf
        logs[ended] = -np.inf
        logs[ended, PAD] = 0.0  # what has ended stays as it is
        tokens = logs.shape[-1]
        new_sums, new_lengths = sums[:, :, None] + logs, (lengths + ~ended)[:, :, None]
        ranked = (new_sums / ((5 + new_lengths) / 6) ** penalty).reshape(batch, -1)
        rows, best = np.arange(batch)[:, None], np.argpartition(-ranked, beam, axis=1)[:, :beam]
        parents, chosen = best // tokens, best % tokens
        written, sums = written[rows, parents], new_sums.reshape(batch, -1)[rows, best]
        written[:, :, step + 1] = chosen
        lengths = new_lengths[rows, parents, 0]
        ended = ended[rows, parents] | (chosen == END)
    order = (sums / ((5 + lengths) / 6) ** penalty).argmax(axis=1)
    return [[int(t) for t in row[1:] if t not in (PAD, END)] for row in written[np.arange(batch), order]]
