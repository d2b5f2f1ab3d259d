"""Transforms of pictures: tensors or arrays of the shape (..., channels, height, width), as floats between 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...nn import functional
from .base import as_tensor, below, between, happens, pair


@dataclass
class ToTensor:
    """A picture (height, width, channels) or (height, width), an array or what NumPy makes one of, to (channels,
    height, width).

    Whole numbers of 8 bits are divided by 255.

    >>> import numpy as np
    >>> ToTensor()(np.full((2, 3, 1), 255, np.uint8)).tolist()
    [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]
    """

    def __call__(self, picture: Any) -> Any:
        array = np.asarray(picture)
        if array.ndim not in (2, 3):
            raise ShapeError("MG180", f"A picture has 2 or 3 axes, got the shape {array.shape}.")
        array = array[:, :, None] if array.ndim == 2 else array
        array = np.ascontiguousarray(array.transpose(2, 0, 1))
        return mg.asarray(array.astype(np.float32) / 255 if array.dtype == np.uint8 else array)


@dataclass
class Normalize:
    """(x - mean) / std for each channel.

    >>> import microgradient as mg
    >>> Normalize([0.5], [0.25])(mg.ones((1, 1, 1))).item()
    2.0
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        if any(s == 0 for s in self.std):
            raise ArgumentError("MG180", f"`std` must not be 0, got {list(self.std)}.")
        mean, std = (mg.asarray([[[v]] for v in values], dtype=x.dtype) for values in (self.mean, self.std))
        return (x - mean) / std


@dataclass
class Resize:
    """To a height and width, or, with one number, the shorter side to that; bilinear, averaging where it gets smaller.

    >>> import microgradient as mg
    >>> Resize(4)(mg.ones((3, 8, 16))).shape
    (3, 4, 8)
    """

    size: int | Sequence[int]
    antialias: bool = True

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        height, width = x.shape[-2:]
        if isinstance(self.size, int):
            short = min(height, width)
            size = (self.size * height // short, self.size * width // short)
        else:
            size = pair(self.size, "size")
        flat = mg.reshape(x, (-1, *x.shape[-3:]))
        resized = functional.interpolate(flat, size, mode="bilinear", align_corners=False, antialias=self.antialias)
        return mg.reshape(resized, (*x.shape[:-2], *size))


@dataclass
class Pad:
    """`padding` more places at the left, top, right and bottom: one number for all, (left and right, top and bottom),
    or four.

    `padding_mode` is "constant" (`fill`), "reflect" or "replicate" ("edge").

    >>> import microgradient as mg
    >>> Pad((1, 0))(mg.ones((1, 1, 1))).tolist()
    [[[0.0, 1.0, 0.0]]]
    """

    padding: int | Sequence[int]
    fill: float = 0.0
    padding_mode: str = "constant"

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        sides = [self.padding] * 4 if isinstance(self.padding, int) else [*self.padding]
        left, top, right, bottom = sides if len(sides) == 4 else [*sides, *sides]
        mode = {"edge": "replicate", "symmetric": "reflect"}.get(self.padding_mode, self.padding_mode)
        value = {"value": self.fill} if mode == "constant" else {}
        flat = mg.reshape(x, (-1, *x.shape[-3:]))
        padded = functional.pad(flat, (left, right, top, bottom), mode=mode, **value)
        return mg.reshape(padded, (*x.shape[:-2], *padded.shape[-2:]))


@dataclass
class CenterCrop:
    """The middle, of a height and width; what lies outside of the picture is 0.

    >>> import microgradient as mg
    >>> CenterCrop(2)(mg.reshape(mg.arange(16.0), (1, 4, 4))).tolist()
    [[[5.0, 6.0], [9.0, 10.0]]]
    """

    size: int | Sequence[int]

    def __call__(self, picture: Any) -> Any:
        x = _at_least(as_tensor(picture, 3, "A picture"), size := pair(self.size, "size"))
        top, left = (round((n - m) / 2) for n, m in zip(x.shape[-2:], size, strict=True))
        return x[..., top : top + size[0], left : left + size[1]]


@dataclass
class RandomCrop:
    """A part of a height and width, anywhere, after a `padding`; a picture that is too small is padded if
    `pad_if_needed`.

    >>> import microgradient as mg
    >>> RandomCrop(4, padding=1)(mg.ones((1, 4, 4))).shape
    (1, 4, 4)
    """

    size: int | Sequence[int]
    padding: int | Sequence[int] | None = None
    pad_if_needed: bool = False
    fill: float = 0.0
    padding_mode: str = "constant"

    def __call__(self, picture: Any) -> Any:
        x, size = as_tensor(picture, 3, "A picture"), pair(self.size, "size")
        if self.padding is not None:
            x = Pad(self.padding, self.fill, self.padding_mode)(x)
        if self.pad_if_needed:
            x = _at_least(x, size)
        if x.shape[-2] < size[0] or x.shape[-1] < size[1]:
            raise ShapeError(
                "MG180", f"A picture of {x.shape[-2]} × {x.shape[-1]} has no part of {size[0]} × {size[1]}. Write "
                "`pad_if_needed=True`.",
            )  # fmt: skip
        top, left = (below(n - m + 1) for n, m in zip(x.shape[-2:], size, strict=True))
        return x[..., top : top + size[0], left : left + size[1]]


@dataclass
class RandomResizedCrop:
    """A random part with a share `scale` of the area and an aspect `ratio` of width to height, resized.

    >>> import microgradient as mg
    >>> RandomResizedCrop(4)(mg.ones((3, 8, 16))).shape
    (3, 4, 4)
    """

    size: int | Sequence[int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        height, width = x.shape[-2:]
        for _ in range(10):
            area = height * width * between(*self.scale)
            ratio = math.exp(between(*map(math.log, self.ratio)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                break
        else:  # the largest in the middle that has the ratio
            ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
            w, h = (width, round(width / ratio)) if width / height < ratio else (round(height * ratio), height)
            return Resize(pair(self.size, "size"))(CenterCrop((max(1, min(h, height)), max(1, min(w, width))))(x))
        top, left = below(height - h + 1), below(width - w + 1)
        return Resize(pair(self.size, "size"))(x[..., top : top + h, left : left + w])


@dataclass
class RandomHorizontalFlip:
    """Left and right exchanged, with the probability `p`.

    >>> import microgradient as mg
    >>> RandomHorizontalFlip(p=1.0)(mg.tensor([[[1.0, 2.0]]])).tolist()
    [[[2.0, 1.0]]]
    """

    p: float = 0.5

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        return mg.flip(x, axis=-1) if happens(self.p) else x


@dataclass
class RandomVerticalFlip:
    """Top and bottom exchanged, with the probability `p`.

    >>> import microgradient as mg
    >>> RandomVerticalFlip(p=1.0)(mg.tensor([[[1.0], [2.0]]])).tolist()
    [[[2.0], [1.0]]]
    """

    p: float = 0.5

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        return mg.flip(x, axis=-2) if happens(self.p) else x


def affine(
    picture: Any, angle: float = 0.0, translate: Sequence[float] = (0.0, 0.0), scale: float = 1.0,
    shear: Sequence[float] = (0.0, 0.0), mode: str = "bilinear",
) -> Any:  # fmt: skip
    """A picture turned around its middle by `angle` degrees counterclockwise, made larger by `scale`, sheared, and
    moved by pixels.

    What comes from outside is 0.

    >>> import microgradient as mg
    >>> affine(mg.tensor([[[1.0, 2.0], [3.0, 4.0]]]), angle=90).numpy().round(3).tolist()
    [[[2.0, 4.0], [1.0, 3.0]]]
    """
    x = as_tensor(picture, 3, "A picture")
    height, width = x.shape[-2:]
    turn, (shear_x, shear_y) = math.radians(angle), (math.tan(math.radians(s)) for s in shear)
    turned = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])  # y points down
    forward = scale * turned @ np.array([[1.0, shear_x], [shear_y, 1.0]])
    backward = np.linalg.inv(forward)  # from a place in the result to one in the picture
    moved = backward @ -np.asarray(translate, np.float64)
    sizes = np.array([width, height]) / 2  # in units of half the picture, as `affine_grid` counts
    theta = np.concatenate([backward * sizes / sizes[:, None], (moved / sizes)[:, None]], axis=1)
    flat = mg.reshape(x, (1, -1, height, width))
    grid = functional.affine_grid(mg.asarray(theta[None], dtype=x.dtype), (1, 1, height, width), align_corners=False)
    return mg.reshape(functional.grid_sample(flat, grid, mode=mode, align_corners=False), tuple(x.shape))


@dataclass
class RandomRotation:
    """Turned by an angle from -degrees to degrees, or between two.

    >>> import microgradient as mg
    >>> RandomRotation(10)(mg.ones((3, 8, 8))).shape
    (3, 8, 8)
    """

    degrees: float | Sequence[float]

    def __call__(self, picture: Any) -> Any:
        return affine(picture, between(*_ends(self.degrees)))


@dataclass
class RandomAffine:
    """Turned as by RandomRotation, moved by up to the shares `translate` of width and height, scaled and sheared at
    random.

    >>> import microgradient as mg
    >>> RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5)(mg.ones((3, 8, 8))).shape
    (3, 8, 8)
    """

    degrees: float | Sequence[float]
    translate: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    shear: float | Sequence[float] | None = None

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        shares = self.translate or (0.0, 0.0)
        move = [between(-s, s) * n for s, n in zip(shares, (x.shape[-1], x.shape[-2]), strict=True)]
        shear = [0.0, 0.0] if self.shear is None else [between(*_ends(self.shear)), 0.0]
        return affine(x, between(*_ends(self.degrees)), move, between(*(self.scale or (1.0, 1.0))), shear)


@dataclass
class Grayscale:
    """One channel, 0.299 of red, 0.587 of green and 0.114 of blue, or the same three times.

    >>> import microgradient as mg
    >>> Grayscale()(mg.ones((3, 2, 2))).shape
    (1, 2, 2)
    """

    num_output_channels: int = 1

    def __call__(self, picture: Any) -> Any:
        gray = _gray(as_tensor(picture, 3, "A picture"))
        return gray if self.num_output_channels == 1 else mg.concat([gray] * self.num_output_channels, axis=-3)


@dataclass
class ColorJitter:
    """Brightness, contrast and saturation times a number from max(0, 1 - v) to 1 + v, in a random order, and the hue
    turned by up to v.

    Each v may also be two ends. A hue of 0.5 is half of the circle.

    >>> import microgradient as mg
    >>> ColorJitter(0.1, 0.1, 0.1, 0.1)(mg.ones((3, 2, 2))).shape
    (3, 2, 2)
    """

    brightness: float | Sequence[float] = 0.0
    contrast: float | Sequence[float] = 0.0
    saturation: float | Sequence[float] = 0.0
    hue: float | Sequence[float] = 0.0

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        steps = [
            lambda x, v: _mixed(x, mg.zeros_like(x), v),
            lambda x, v: _mixed(x, mg.mean(_gray(x), axis=(-3, -2, -1), keepdims=True), v),
            lambda x, v: _mixed(x, _gray(x), v),
            _with_hue,
        ]
        amounts = [self.brightness, self.contrast, self.saturation, self.hue]
        order = sorted(range(4), key=lambda _: between(0.0, 1.0))
        for k in order:
            value = amounts[k]
            middle = 1.0 if k < 3 else 0.0
            low, high = (middle - value, middle + value) if isinstance(value, int | float) else value
            factor = between(max(low, 0.0) if k < 3 else low, high)
            if factor != middle:
                x = steps[k](x, factor)
        return x


@dataclass
class RandomErasing:
    """With the probability `p`, a rectangle with a share `scale` of the area and an aspect `ratio` becomes `value`, or
    noise ("random").

    Zhong et al., "Random erasing data augmentation" (2020).

    >>> import microgradient as mg
    >>> float(mg.sum(RandomErasing(p=1.0)(mg.ones((1, 9, 9)))).item()) < 81
    True
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float | str = 0.0

    def __call__(self, picture: Any) -> Any:
        x = as_tensor(picture, 3, "A picture")
        height, width = x.shape[-2:]
        if not happens(self.p):
            return x
        for _ in range(10):
            area = height * width * between(*self.scale)
            ratio = math.exp(between(*map(math.log, self.ratio)))
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < h < height and 0 < w < width:
                top, left = below(height - h + 1), below(width - w + 1)
                mask = np.zeros((height, width), np.bool_)
                mask[top : top + h, left : left + w] = True
                new = mg.random.normal(tuple(x.shape), dtype=x.dtype) if self.value == "random" else self.value
                return mg.where(mg.asarray(mask), new, x)
        return x


def _ends(value: float | Sequence[float]) -> tuple[float, float]:
    return (-value, value) if isinstance(value, int | float) else (value[0], value[1])


def _at_least(x: Any, size: tuple[int, int]) -> Any:
    """The picture, with zeros around it where it is smaller."""
    down, across = (max(m - n, 0) for n, m in zip(x.shape[-2:], size, strict=True))
    if not (down or across):
        return x
    return Pad((across // 2, down // 2, across - across // 2, down - down // 2))(x)


def _gray(x: Any) -> Any:
    if x.shape[-3] == 1:
        return x
    if x.shape[-3] != 3:
        raise ShapeError("MG180", f"A picture in colour has 3 channels, got {x.shape[-3]}.")
    weights = mg.asarray([[[0.299]], [[0.587]], [[0.114]]], dtype=x.dtype)
    return mg.sum(x * weights, axis=-3, keepdims=True)


def _mixed(x: Any, other: Any, share: float) -> Any:
    return mg.clip(share * x + (1 - share) * other, 0, 1)


def _with_hue(x: Any, turn: float) -> Any:
    """Colours at another place of the circle, as bright and saturated as before: each channel is a wave of the hue (HSV)."""
    if x.shape[-3] == 1:
        return x
    red, green, blue = mg.unstack(x, axis=-3)
    largest, smallest = mg.max(x, axis=-3), mg.min(x, axis=-3)
    spread = largest - smallest
    safe = mg.where(spread > 0, spread, 1.0)
    sector = mg.where(
        largest == red,
        (green - blue) / safe,
        mg.where(largest == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    places = [(n + sector + 6 * turn) % 6 for n in (5, 3, 1)]
    return mg.stack([largest - spread * mg.clip(mg.minimum(k, 4 - k), 0, 1) for k in places], axis=-3)
