"""Networks for images."""

from __future__ import annotations

from typing import Any

from ..definitions import images as d
from .network import Network, supervised
from .text import block


def cnn(library: Any) -> Network:
    """W4: two convolutions, each with ReLU and pooling, and a linear layer."""
    nn = library.nn
    module = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    )  # fmt: skip
    return supervised(module, library.F.cross_entropy)


def resnet(library: Any) -> Network:
    """As for CIFAR in He et al. 2015 ("Deep residual learning"), with convolutions where the size changes."""
    nn, F = library.nn, library.F

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Sequential()
            if stride > 1:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x: Any) -> Any:
            y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
            return F.relu(y + self.shortcut(x))

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, d.STAGES[0], 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(d.STAGES[0])
            self.blocks = nn.Sequential(*(Block(*sizes) for _, *sizes in d.residual_blocks()))
            self.head = nn.Linear(d.STAGES[-1], d.CLASSES)

        def forward(self, x: Any) -> Any:
            x = self.blocks(F.relu(self.norm(self.stem(x))))
            return self.head(x.mean((2, 3)))

    return supervised(ResNet(), F.cross_entropy)


def depthwise(library: Any) -> Network:
    """Convolutions of each channel by itself, then of each pixel by itself, as in Howard et al. 2017 ("MobileNets")."""
    nn, F, width = library.nn, library.F, d.DEPTHWISE_WIDTH

    def block() -> Any:
        return nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width), nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU()
        )

    class Depthwise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, width, 3, padding=1)
            self.blocks = nn.Sequential(*(block() for _ in range(d.DEPTHWISE_BLOCKS)))
            self.head = nn.Linear(width, d.CLASSES)

        def forward(self, x: Any) -> Any:
            x = self.blocks(F.relu(self.stem(x)))
            return self.head(x.mean((2, 3)))

    return supervised(Depthwise(), F.cross_entropy)


def vit(library: Any) -> Network:
    """Dosovitskiy et al. 2020 ("An image is worth 16x16 words"), with a mean over patches in the place of the class token."""
    nn = library.nn

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, d.WIDTH, d.PATCH, d.PATCH)
            self.positions = nn.Parameter(library.zeros((1, d.PATCHES, d.WIDTH)))
            self.blocks = nn.Sequential(*(block(library, d.WIDTH, d.HEADS, causal=False) for _ in range(d.LAYERS)))
            self.norm = nn.LayerNorm(d.WIDTH)
            self.head = nn.Linear(d.WIDTH, d.CLASSES)

        def forward(self, x: Any) -> Any:
            x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
            return self.head(self.norm(self.blocks(x)).mean(1))

    return supervised(ViT(), library.F.cross_entropy)
