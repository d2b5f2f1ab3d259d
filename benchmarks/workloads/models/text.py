"""Networks for text: what character comes next."""

from __future__ import annotations

from typing import Any

from ..definitions import text as d
from .network import Network, supervised


def next_character(module: Any, library: Any) -> Network:
    """Learns from all places of the text."""
    return supervised(
        module, lambda logits, y: library.F.cross_entropy(logits.reshape(-1, d.VOCABULARY), y.reshape(-1))
    )


def lstm(library: Any) -> Network:
    """W5: from all characters before."""
    nn = library.nn

    class CharacterLSTM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(d.VOCABULARY, d.EMBEDDING)
            self.lstm = nn.LSTM(d.EMBEDDING, d.HIDDEN, batch_first=True)
            self.head = nn.Linear(d.HIDDEN, d.VOCABULARY)

        def forward(self, text: Any) -> Any:
            outputs, _ = self.lstm(self.embedding(text))
            return self.head(outputs)

    return next_character(CharacterLSTM(), library)


def gru(library: Any) -> Network:
    """The same with a GRU."""
    nn = library.nn

    class CharacterGRU(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(d.VOCABULARY, d.EMBEDDING)
            self.gru = nn.GRU(d.EMBEDDING, d.HIDDEN, batch_first=True)
            self.head = nn.Linear(d.HIDDEN, d.VOCABULARY)

        def forward(self, text: Any) -> Any:
            outputs, _ = self.gru(self.embedding(text))
            return self.head(outputs)

    return next_character(CharacterGRU(), library)


def block(library: Any, width: int, heads: int, causal: bool) -> Any:
    """A transformer's block, with its norms in front."""
    nn, F = library.nn, library.F

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(width)
            self.attention = nn.Linear(width, 3 * width)
            self.projection = nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            return x + self.mlp(self.norm2(x))

        def attend(self, x: Any) -> Any:
            batch, time, _ = x.shape
            qkv = self.attention(x).reshape(batch, time, 3, heads, width // heads)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
            return self.projection(y.transpose(1, 2).reshape(batch, time, width))

    return Block()


def gpt(library: Any) -> Network:
    """W6: from the last 64 characters, by attention. Radford et al. 2019 ("GPT-2"), without dropout."""
    nn = library.nn

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.characters = nn.Embedding(d.VOCABULARY, d.WIDTH)
            self.positions = nn.Embedding(d.TIME, d.WIDTH)
            self.blocks = nn.Sequential(*(block(library, d.WIDTH, d.HEADS, causal=True) for _ in range(d.LAYERS)))
            self.norm = nn.LayerNorm(d.WIDTH)
            self.head = nn.Linear(d.WIDTH, d.VOCABULARY)

        def forward(self, text: Any) -> Any:
            x = self.characters(text) + self.positions(library.arange(text.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    return next_character(GPT(), library)
