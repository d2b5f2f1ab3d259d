"""What `x.grad_fn` shows of the tape: PyTorch's names of the operations, and what these were computed from.

A function of `torch` may be several operations on the tape. `called` on the node of its result says which function it was,
whether it had more arguments than a tensor, and a number that is below those of the nodes made by it (`seq`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..errors import MissingNameError
from ..operators import wrap
from ..primitives import TABLE
from ..rules import INDEX
from ..tape import PICK, Node
from ..taped_world import TAPED
from ..tensor import Tensor as Base
from ..tensor_hooks import AFTER_ACCUMULATION, ON_CONTRIBUTIONS, ON_COTANGENT, RemovableHandle, add_hook

_NAMES = {
    "AdaptiveAvgPool2D": "adaptive_avg_pool2d",
    "AdaptiveMaxPool2D": "adaptive_max_pool2d",
    "AvgPool2D": "avg_pool2d",
    "Add": "bilinear",
    "Cat": "concat concatenate",
    "Clamp1": "clip clamp",
    "Clone": "positive contiguous",
    "ConstantPadNd": "pad",
    "Convolution": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "Div": "divide true_divide normalize",
    "Expand": "broadcast_to expand_as",
    "GridSampler2D": "grid_sample",
    "Hardtanh": "relu6",
    "LinalgCholeskyEx": "cholesky",
    "LinalgCross": "cross",
    "LinalgDet": "det",
    "LinalgEigh": "eigh",
    "LinalgInvEx": "inv inverse",
    "LinalgMatrixExp": "matrix_exp",
    "LinalgQr": "qr",
    "LinalgSolveEx": "solve",
    "LinalgSvd": "svd",
    "LinalgVectorNorm": "norm vector_norm",
    "Log1P": "log1p",
    "LogSigmoid": "logsigmoid",
    "MaxPool2DWithIndices": "max_pool2d",
    "Mean": "l1_loss kl_div triplet_margin_loss poisson_nll_loss gaussian_nll_loss margin_ranking_loss cosine_embedding_loss",
    "Mul": "multiply dropout outer rdiv rms_norm",
    "NativeBatchNorm": "batch_norm",
    "NativeGroupNorm": "group_norm",
    "NativeLayerNorm": "layer_norm",
    "Neg": "negative",
    "NllLoss": "cross_entropy",
    "Permute": "permute_dims movedim moveaxis T",
    "Pow": "square power",
    "PreluKernel": "prelu",
    "Rsub1": "rsub",
    "ScaledDotProductFlashAttentionForCpu": "scaled_dot_product_attention",
    "Slice": "narrow",
    "SmoothL1Loss": "smooth_l1_loss",
    "Softmax": "softmin gumbel_softmax",
    "Split": "chunk",
    "Squeeze1": "max_pool1d avg_pool1d",
    "Sub": "subtract",
    "Sum1": "cosine_similarity",
    "ToCopy": "astype to type type_as float double half",
    "Transpose": "swapaxes swapdims mT",
    "View": "reshape flatten unflatten view_as reshape_as ravel einsum instance_norm",
}
ADD, RESHAPE = TABLE["add"], TABLE["reshape"]
_PYTORCHS = {ours: theirs for theirs, names in _NAMES.items() for ours in names.split()}
_WITH_DIM = {"sum": 1, "mean": 1, "prod": 1, "squeeze": 1, "median": 1, "nanmedian": 1, "max": 0, "min": 0}
"""Functions with two derivatives, and the number of that with `dim`; the other is that of all entries."""
_PRODUCTS = {0: "Dot", 1: "Mv", 2: "Mm"}


def _name(node: Node) -> str:
    if node.op is None:
        return "torch::autograd::AccumulateGrad"
    called = getattr(node, "called", None)
    name, more, _ = called or (node.op.name, node.params.get("keepdims") is not None, 0)
    if name.endswith("Backward"):  # of a Function of the user's
        return name
    if name == "index_set":
        return "torch::autograd::CopySlices"
    if name in _WITH_DIM:
        theirs = f"{name.capitalize()}{_WITH_DIM[name] if more else 1 - _WITH_DIM[name]}"
    elif name == "index":
        theirs = _index_name(node.params["key"])
    elif name == "pow":
        base, *exponent = node.parents
        theirs = "Pow2" if base is None else "Pow1" if any(exponent) else "Pow0"
    elif name in ("matmul", "linear"):
        theirs = _product_name(node)
    elif name in ("cross_entropy", "nll_loss") and max(len(p.shape) for p in _inputs(node) if p is not None) > 2:
        theirs = "NllLoss2D"
    else:
        theirs = _PYTORCHS.get(name) or "".join(part.capitalize() for part in name.split("_"))
    return f"{theirs[:-1]}Backward{theirs[-1]}" if theirs[-1] in "012" else f"{theirs}Backward0"


def _product_name(node: Node) -> str:
    last = node if node.op is not RESHAPE or node.parents[0] is None else node.parents[0]
    if last.op is ADD:
        return "Addmm" if node.ndim == 2 else "View"
    return _PRODUCTS.get(node.ndim, "UnsafeView")


def _index_name(key: Any) -> str:
    """PyTorch's name of the last step of `x[key]`, which takes one after another."""
    if INDEX in [k for k in key if isinstance(k, str)]:
        return "Index"
    steps = [k for k in key if k is not Ellipsis and k != slice(None)]
    if not steps:
        return "Slice" if slice(None) in key else "Alias"
    return "Unsqueeze" if steps[-1] is None else "Slice" if isinstance(steps[-1], slice) else "Select"


def _inputs(node: Node) -> tuple[Node | None, ...]:
    """The nodes of the arguments: of the function, where the node is the last of several operations."""
    first = node.called[2] if hasattr(node, "called") else node.seq
    if all(p is None or p.seq <= first for p in node.parents):
        return node.parents
    seen: dict[Node, None] = {}
    todo = [node]
    while todo:
        last = todo.pop()
        if last not in seen:
            seen[last] = None
            todo += [p for p in reversed(last.parents) if p is not None] if last.seq > first else []
    return tuple(p for p in seen if p.seq <= first)


class BackwardNode:
    """An operation in the graph, with the operations that its arguments came from."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def name(self) -> str:
        """PyTorch's name of the operation."""
        return _name(self._node)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the arguments, each with the number of its output: always 0."""
        nodes = _inputs(self._node)
        if self.name() == "AddmmBackward0":
            nodes = (nodes[-1], *nodes[:-1])  # addmm(bias, input, weight.t())
        return tuple((None if p is None else backward_node(p), 0) for p in nodes)

    def register_prehook(self, fn: Callable[[tuple[Any, ...]], Any]) -> RemovableHandle:
        """Call `fn(grad_outputs)` before the derivative is computed; what it returns, unless None, goes in instead."""
        if self._node.op is None:
            raise MissingNameError("MG139", "A leaf's node has no register_prehook here. Write `x.register_hook(…)`.")
        return add_hook(ON_COTANGENT, self._node, self._on_outputs(fn))

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call `fn(grad_inputs, grad_outputs)` after it; what it returns, unless None, goes on as `grad_inputs` instead.

        Of a leaf, after the gradient was added: `fn((), grad_outputs)`. Raises MissingNameError where PyTorch's one operation is
        several here.
        """
        node = self._node
        if node.op is None:
            return self._after_accumulation(fn)
        self._check_one_output()
        if _inputs(node) != node.parents:
            raise MissingNameError(
                "MG139", f"{self.name()} is several operations here, so that it has no register_hook. Write `x.register_hook(…)`."
            )  # fmt: skip

        def on_contributions(t: Any, contributions: Any) -> Any:
            given = tuple(
                None if p is None or g is None else _shown_gradient(g)
                for p, g in zip(node.parents, contributions, strict=True)
            )
            new = fn(given, (_shown_gradient(t),))
            return (
                contributions if new is None else [_carried(g, t) for g in (new if isinstance(new, tuple) else (new,))]
            )

        return add_hook(ON_CONTRIBUTIONS, node, on_contributions)

    def _on_outputs(self, fn: Callable[..., Any]) -> Callable[[Any], Any]:
        self._check_one_output()

        def on_cotangent(t: Any) -> Any:
            new = fn((_shown_gradient(t),))
            return t if new is None else _carried(new[0] if isinstance(new, tuple) else new, t)

        return on_cotangent

    def _check_one_output(self) -> None:
        if self._node.shape is None or self._node.op is PICK:
            raise MissingNameError(
                "MG139", f"{self.name()} has several results: hooks are of one. Write `x.register_hook(…)`."
            )

    def _after_accumulation(self, fn: Callable[..., Any]) -> RemovableHandle:
        last: dict[str, Any] = {}

        def called() -> None:
            if last:
                fn((), last.pop("grad_outputs"))

        handles = [
            add_hook(ON_COTANGENT, self._node, self._on_outputs(lambda g: last.update(grad_outputs=g))),
            add_hook(AFTER_ACCUMULATION, self._node, called),
        ]

        def remove() -> None:
            for handle in handles:
                handle.remove()

        return RemovableHandle(remove)

    @property
    def variable(self) -> Any:
        """The leaf itself is not known to the graph."""
        raise AttributeError("The graph does not keep its leaves: look among your parameters.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BackwardNode) and other._node is self._node

    def __hash__(self) -> int:
        return hash(self._node)


def _shown_gradient(t: Any) -> Any:
    """A cotangent as a tensor; the sweep carries the conjugate of a complex one."""
    from .tensor import Tensor, adopt

    g = adopt(t) if isinstance(t, Base) else wrap(t, None, None, Tensor)
    return adopt(TAPED.conj(g)) if g.raw.dtype.kind == "c" else g


def _carried(g: Any, like: Any) -> Any:
    """A gradient of the user's as what the sweep carries, which is what `like` is: a tensor or an array."""
    if g is None:
        return None
    g = TAPED.conj(g) if g.raw.dtype.kind == "c" else g
    return g if isinstance(like, Base) else g.raw


def note_called(y: Any, function: str, more: bool, first: int) -> None:
    """Remember that the tensor `y` is what `function` made, of nodes with higher numbers than `first`."""
    node = getattr(y, "node", None)
    if node is not None and node.seq > first:
        node.called = (function, more, first)


@functools.cache
def _class(name: str) -> type[BackwardNode]:
    """A class for each operation, as programs print the name of it."""
    own = not name[-1].isdigit() and "::" not in name
    module = "torch.autograd.function" if own else "builtins"
    return type(name.rpartition("::")[2], (BackwardNode,), {"__module__": module, "__repr__": _shown})


def _shown(self: BackwardNode) -> str:
    cls = type(self)
    where = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return f"<{where}{cls.__name__} object at {id(self._node):#x}>"


def backward_node(node: Node) -> BackwardNode:
    """The view of a node of the tape that PyTorch gives."""
    while node.op is PICK and getattr(node, "called", None) is None and node.parents[0] is not None:
        node = node.parents[0]
    return _class(_name(node))(node)
