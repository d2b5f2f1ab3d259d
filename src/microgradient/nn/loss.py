"""Losses as modules: the functions of `nn.functional` with their settings kept."""

from __future__ import annotations

from dataclasses import field

from ..tensor import Tensor
from . import functional
from .function_module import FunctionModule


class _Loss(FunctionModule):
    reduction: str = field(default="mean", kw_only=True)

    def extra_repr(self) -> str:
        return ""


class _WeightedLoss(_Loss):
    """A loss with a weight for each class or element; the weight is a buffer."""

    weight: Tensor | None = None

    def __post_init__(self) -> None:
        self.register_buffer("weight", self.weight)


class MSELoss(_Loss):
    """(x - y)²: `microgradient.nn.functional.mse_loss`.

    >>> import microgradient as mg
    >>> MSELoss()(mg.tensor([1.0, 3.0]), mg.tensor([1.0, 1.0])).item()
    2.0
    """

    function = staticmethod(functional.mse_loss)


class L1Loss(_Loss):
    """abs(x - y): `microgradient.nn.functional.l1_loss`.

    >>> import microgradient as mg
    >>> mg.nn.L1Loss()(mg.tensor([1.0, 2.0]), mg.tensor([2.0, 4.0]))
    tensor(1.5)
    """

    function = staticmethod(functional.l1_loss)


class SmoothL1Loss(_Loss):
    """Squared near zero, else absolute: `microgradient.nn.functional.smooth_l1_loss`.

    >>> import microgradient as mg
    >>> mg.nn.SmoothL1Loss()(mg.tensor([0.0, 3.0]), mg.tensor([1.0, 0.0]))  # 1/2 and 3 - 1/2
    tensor(1.5)
    """

    function = staticmethod(functional.smooth_l1_loss)
    beta: float = field(default=1.0, kw_only=True)


class HuberLoss(_Loss):
    """Squared near zero, else absolute: `microgradient.nn.functional.huber_loss`.

    >>> import microgradient as mg
    >>> mg.nn.HuberLoss()(mg.tensor([0.0, 3.0]), mg.tensor([1.0, 0.0]))  # 1/2 and 3 - 1/2
    tensor(1.5)
    """

    function = staticmethod(functional.huber_loss)
    reduction: str = "mean"
    delta: float = 1.0


class KLDivLoss(_Loss):
    """y · (log y - x): `microgradient.nn.functional.kl_div`.

    >>> import microgradient as mg
    >>> scores = mg.log(mg.tensor([0.5, 0.5]))
    >>> round(mg.nn.KLDivLoss(reduction="sum")(scores, mg.tensor([1.0, 0.0])).item(), 4)
    0.6931
    """

    function = staticmethod(functional.kl_div)
    log_target: bool = field(default=False, kw_only=True)


class BCELoss(_WeightedLoss):
    """Cross-entropy of probabilities: `microgradient.nn.functional.binary_cross_entropy`.

    >>> import microgradient as mg
    >>> round(mg.nn.BCELoss()(mg.tensor([0.5, 0.5]), mg.tensor([1.0, 0.0])).item(), 4)
    0.6931
    """

    function = staticmethod(functional.binary_cross_entropy)


class BCEWithLogitsLoss(_WeightedLoss):
    """Cross-entropy of scores: `microgradient.nn.functional.binary_cross_entropy_with_logits`.

    >>> import microgradient as mg
    >>> round(mg.nn.BCEWithLogitsLoss()(mg.tensor([0.0, 0.0]), mg.tensor([1.0, 0.0])).item(), 4)
    0.6931
    """

    function = staticmethod(functional.binary_cross_entropy_with_logits)
    pos_weight: Tensor | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.register_buffer("pos_weight", self.pos_weight)


class NLLLoss(_WeightedLoss):
    """-x[y] for log-probabilities: `microgradient.nn.functional.nll_loss`.

    >>> import microgradient as mg
    >>> mg.nn.NLLLoss()(mg.tensor([[-1.0, -2.0]]), mg.tensor([1]))
    tensor(2.)
    """

    function = staticmethod(functional.nll_loss)
    ignore_index: int = field(default=-100, kw_only=True)


class CrossEntropyLoss(_WeightedLoss):
    """-log softmax(x)[y] for scores: `microgradient.nn.functional.cross_entropy`.

    >>> import microgradient as mg
    >>> round(CrossEntropyLoss()(mg.tensor([[0.0, 0.0]]), mg.tensor([1])).item(), 4)
    0.6931
    """

    function = staticmethod(functional.cross_entropy)
    ignore_index: int = field(default=-100, kw_only=True)
    label_smoothing: float = field(default=0.0, kw_only=True)
