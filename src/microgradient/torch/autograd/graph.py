"""What `x.grad_fn` shows of the tape."""

from __future__ import annotations

from typing import Any

from ...tape import Node

_NAMES = {
    "multiply": "Mul", "subtract": "Sub", "divide": "Div", "negative": "Neg", "matmul": "Mm", "permute_dims": "Permute",
    "broadcast_to": "Expand", "astype": "ToCopy", "concat": "Cat", "maximum": "Maximum", "minimum": "Minimum",
    "power": "Pow", "square": "Pow", "clip": "Clamp", "reshape": "View", "index": "Index", "positive": "Clone",
}  # fmt: skip


class BackwardNode:
    """An operation in the graph, with the operations that its arguments came from."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def name(self) -> str:
        """PyTorch's name of the operation."""
        if self._node.op is None:
            return "struct torch::autograd::AccumulateGrad"
        own = self._node.op.name
        return f"{_NAMES.get(own, ''.join(part.capitalize() for part in own.split('_')))}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the arguments, each with the number of its output: always 0."""
        return tuple((None if p is None else BackwardNode(p), 0) for p in self._node.parents)

    @property
    def variable(self) -> Any:
        """The leaf itself is not known to the graph."""
        raise AttributeError("The graph does not keep its leaves: look among your parameters.")

    def __repr__(self) -> str:
        return f"<{'AccumulateGrad' if self._node.op is None else self.name()}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BackwardNode) and other._node is self._node

    def __hash__(self) -> int:
        return hash(self._node)


def backward_node(node: Node) -> BackwardNode:
    """The view of a node of the tape that PyTorch gives."""
    return BackwardNode(node)
