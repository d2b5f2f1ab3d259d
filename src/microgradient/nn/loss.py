"""Losses as modules: the functions of `nn.functional` with their settings kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, field

from ..tensor import Tensor
from . import functional
from .function_module import FunctionModule
from .functional.arguments import former_reduction


class _Loss(FunctionModule):
    reduction: str = field(default="mean", kw_only=True)

    def extra_repr(self) -> str:
        return ""


class _FormerLoss(_Loss):
    """A loss that takes PyTorch's former `size_average` and `reduce` instead of `reduction`, too."""

    size_average: InitVar[bool | None] = field(default=None, kw_only=True)
    reduce: InitVar[bool | None] = field(default=None, kw_only=True)

    def __post_init__(self, size_average: bool | None, reduce: bool | None) -> None:
        if size_average is not None or reduce is not None:
            self.reduction = former_reduction(size_average, reduce)


class _WeightedLoss(_FormerLoss):
    """A loss with a weight for each class or element; the weight is a buffer."""

    weight: Tensor | None = None

    def __post_init__(self, size_average: bool | None, reduce: bool | None) -> None:
        super().__post_init__(size_average, reduce)
        self.register_buffer("weight", self.weight)


class MSELoss(_FormerLoss):
    """(x - y)²: `microgradient.nn.functional.mse_loss`.

    >>> import microgradient as mg
    >>> MSELoss()(mg.tensor([1.0, 3.0]), mg.tensor([1.0, 1.0])).item()
    2.0
    """

    function = staticmethod(functional.mse_loss)


class L1Loss(_FormerLoss):
    """abs(x - y): `microgradient.nn.functional.l1_loss`.

    >>> import microgradient as mg
    >>> mg.nn.L1Loss()(mg.tensor([1.0, 2.0]), mg.tensor([2.0, 4.0]))
    tensor(1.5)
    """

    function = staticmethod(functional.l1_loss)


class SmoothL1Loss(_FormerLoss):
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


class KLDivLoss(_FormerLoss):
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

    def __post_init__(self, size_average: bool | None, reduce: bool | None) -> None:
        super().__post_init__(size_average, reduce)
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


class GaussianNLLLoss(_Loss):
    """-log of a normal density, with predicted variances: `microgradient.nn.functional.gaussian_nll_loss`.

    >>> import microgradient as mg
    >>> mg.nn.GaussianNLLLoss()(mg.tensor([1.0]), mg.tensor([3.0]), mg.tensor([1.0]))
    tensor(2.)
    """

    function = staticmethod(functional.gaussian_nll_loss)
    full: bool = field(default=False, kw_only=True)
    eps: float = field(default=1e-6, kw_only=True)


class PoissonNLLLoss(_FormerLoss):
    """-log of a Poisson probability: `microgradient.nn.functional.poisson_nll_loss`.

    >>> import microgradient as mg
    >>> mg.nn.PoissonNLLLoss()(mg.tensor([0.0]), mg.tensor([2.0]))
    tensor(1.)
    """

    function = staticmethod(functional.poisson_nll_loss)
    log_input: bool = True
    full: bool = False
    eps: float = field(default=1e-8, kw_only=True)


class CTCLoss(FunctionModule):
    """-log of the probability of all alignments: `microgradient.nn.functional.ctc_loss`.

    >>> import microgradient as mg
    >>> round(CTCLoss()(mg.log(mg.full((2, 1, 2), 0.5)), mg.tensor([[1]]), [2], [1]).item(), 4)
    0.2877
    """

    function = staticmethod(functional.ctc_loss)
    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False


class MarginRankingLoss(_FormerLoss):
    """Which of two scores should be larger: `microgradient.nn.functional.margin_ranking_loss`.

    >>> import microgradient as mg
    >>> mg.nn.MarginRankingLoss()(mg.tensor([1.0]), mg.tensor([3.0]), mg.tensor([1.0]))
    tensor(2.)
    """

    function = staticmethod(functional.margin_ranking_loss)
    margin: float = 0.0


class HingeEmbeddingLoss(_FormerLoss):
    """Distances that should be small or large: `microgradient.nn.functional.hinge_embedding_loss`.

    >>> import microgradient as mg
    >>> mg.nn.HingeEmbeddingLoss()(mg.tensor([0.25]), mg.tensor([-1]))
    tensor(0.75)
    """

    function = staticmethod(functional.hinge_embedding_loss)
    margin: float = 1.0


class CosineEmbeddingLoss(_FormerLoss):
    """Vectors that should point the same way or not: `microgradient.nn.functional.cosine_embedding_loss`.

    >>> import microgradient as mg
    >>> mg.nn.CosineEmbeddingLoss()(mg.tensor([[2.0, 0.0]]), mg.tensor([[0.0, 1.0]]), mg.tensor([1]))
    tensor(1.)
    """

    function = staticmethod(functional.cosine_embedding_loss)
    margin: float = 0.0


class SoftMarginLoss(_FormerLoss):
    """log(1 + exp(-y · x)): `microgradient.nn.functional.soft_margin_loss`.

    >>> import microgradient as mg
    >>> round(mg.nn.SoftMarginLoss()(mg.tensor([0.0]), mg.tensor([1.0])).item(), 4)
    0.6931
    """

    function = staticmethod(functional.soft_margin_loss)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """A logistic loss for each class: `microgradient.nn.functional.multilabel_soft_margin_loss`.

    >>> import microgradient as mg
    >>> round(mg.nn.MultiLabelSoftMarginLoss()(mg.tensor([[0.0, 0.0]]), mg.tensor([[1.0, 0.0]])).item(), 4)
    0.6931
    """

    function = staticmethod(functional.multilabel_soft_margin_loss)


class MultiLabelMarginLoss(_FormerLoss):
    """A margin between labels and other classes: `microgradient.nn.functional.multilabel_margin_loss`.

    >>> import microgradient as mg
    >>> round(mg.nn.MultiLabelMarginLoss()(mg.tensor([[0.1, 0.2, 0.4, 0.8]]), mg.tensor([[3, 0, -1, 1]])).item(), 2)
    0.85
    """

    function = staticmethod(functional.multilabel_margin_loss)


class MultiMarginLoss(_FormerLoss):
    """A margin between the label and other classes: `microgradient.nn.functional.multi_margin_loss`.

    >>> import microgradient as mg
    >>> mg.nn.MultiMarginLoss()(mg.tensor([[0.0, 1.0]]), mg.tensor([0]))
    tensor(1.)
    """

    function = staticmethod(functional.multi_margin_loss)
    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = None

    def __post_init__(self, size_average: bool | None, reduce: bool | None) -> None:
        super().__post_init__(size_average, reduce)
        self.register_buffer("weight", self.weight)


class TripletMarginLoss(_FormerLoss):
    """A margin between two distances: `microgradient.nn.functional.triplet_margin_loss`.

    >>> import microgradient as mg
    >>> mg.nn.TripletMarginLoss()(mg.tensor([[0.0]]), mg.tensor([[1.0]]), mg.tensor([[1.0]]))
    tensor(1.)
    """

    function = staticmethod(functional.triplet_margin_loss)
    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with any distance: `microgradient.nn.functional.triplet_margin_with_distance_loss`.

    >>> import microgradient as mg
    >>> mg.nn.TripletMarginWithDistanceLoss()(mg.tensor([[0.0]]), mg.tensor([[1.0]]), mg.tensor([[1.0]]))
    tensor(1.)
    """

    function = staticmethod(functional.triplet_margin_with_distance_loss)
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = field(default=None, kw_only=True)
    margin: float = field(default=1.0, kw_only=True)
    swap: bool = field(default=False, kw_only=True)
