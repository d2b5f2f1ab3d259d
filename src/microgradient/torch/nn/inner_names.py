"""Names that PyTorch keeps inside the modules of `torch.nn.modules`, and that programs take from there."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from ...nn import conv, dropout, norm, transformer
from ...nn.functional.arguments import former_reduction
from .modules import Module, inner, layers

_BatchNorm, _InstanceNorm, _NormBase = norm._BatchNorm, norm._InstanceNorm, norm._Tracking
_ConvNd, _DropoutNd = conv._Convolution, dropout._Dropout
NonDynamicallyQuantizableLinear = inner["NonDynamicallyQuantizableLinear"]
_get_activation_fn = transformer._activation


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else tuple(itertools.repeat(x, n))

    parse.__name__ = name
    return parse


_single, _pair, _triple, _quadruple = (
    _ntuple(n + 1, f"_{s}") for n, s in enumerate(["single", "pair", "triple", "quadruple"])
)


class _Loss(Module):
    """What losses derive from: `reduction`."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        former = size_average is not None or reduce is not None
        self.reduction = former_reduction(size_average, reduce) if former else reduction


class _WeightedLoss(_Loss):
    """A loss with a weight for each class, a buffer."""

    def __init__(
        self, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


def _get_clones(module: Module, N: int) -> Any:
    return layers["ModuleList"]([copy.deepcopy(module) for _ in range(N)])


NAMES = {
    name: value
    for name, value in vars().items()
    if name.startswith(("_", "Non")) and not name.startswith("__") and callable(value)
}
FILES = [
    "activation", "adaptive", "batchnorm", "channelshuffle", "container", "conv", "distance", "dropout", "flatten",
    "fold", "instancenorm", "lazy", "linear", "loss", "module", "normalization", "padding", "pixelshuffle", "pooling",
    "rnn", "sparse", "transformer", "upsampling", "utils",
]  # fmt: skip
"""The modules of `torch.nn.modules`, each of which has all names."""
