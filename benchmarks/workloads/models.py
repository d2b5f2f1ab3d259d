"""The networks as PyTorch's users write them; the same source serves ours, whose names are PyTorch's.

`library` has `nn`, `F` and `arange`; `adam` and `adamw` are the optimisers of W1, W3, W4, W5 and of W6.
"""

from __future__ import annotations

from typing import Any

from . import definitions as d


def build(name: str, library: Any) -> tuple[Any, Any]:
    """The model of a workload, and its loss as a function of what the model gives and the targets."""
    nn, F = library.nn, library.F
    if name == "W1":
        return nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.Sigmoid()), F.mse_loss
    if name == "W3":
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), F.cross_entropy
    if name == "W4":
        return cnn(nn), F.cross_entropy
    model = lstm(library) if name == "W5" else gpt(library)
    return model, lambda logits, y: F.cross_entropy(logits.reshape(-1, d.VOCABULARY), y.reshape(-1))


def optimizer(name: str, model: Any, optim: Any) -> Any:
    """The optimiser of a workload."""
    if name == "W6":
        return optim.AdamW(model.parameters(), lr=d.RATE, weight_decay=d.DECAY)
    return optim.Adam(model.parameters(), lr=10 * d.RATE if name == "W1" else d.RATE)


def cnn(nn: Any) -> Any:
    """W4: two convolutions, each with ReLU and pooling, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    )  # fmt: skip


def lstm(library: Any) -> Any:
    """W5: what character comes next, from all before."""
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

    return CharacterLSTM()


def gpt(library: Any) -> Any:
    """W6: the same from the last 64 characters, by attention. Radford et al. 2019 ("GPT-2"), without dropout."""
    nn, F = library.nn, library.F

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(d.WIDTH)
            self.attention = nn.Linear(d.WIDTH, 3 * d.WIDTH)
            self.projection = nn.Linear(d.WIDTH, d.WIDTH)
            self.norm2 = nn.LayerNorm(d.WIDTH)
            self.mlp = nn.Sequential(nn.Linear(d.WIDTH, 4 * d.WIDTH), nn.GELU(), nn.Linear(4 * d.WIDTH, d.WIDTH))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            return x + self.mlp(self.norm2(x))

        def attend(self, x: Any) -> Any:
            batch, time, width = x.shape
            qkv = self.attention(x).reshape(batch, time, 3, d.HEADS, width // d.HEADS)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.projection(y.transpose(1, 2).reshape(batch, time, width))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.characters = nn.Embedding(d.VOCABULARY, d.WIDTH)
            self.positions = nn.Embedding(d.TIME, d.WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(d.LAYERS)))
            self.norm = nn.LayerNorm(d.WIDTH)
            self.head = nn.Linear(d.WIDTH, d.VOCABULARY)

        def forward(self, text: Any) -> Any:
            x = self.characters(text) + self.positions(library.arange(text.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    return GPT()
