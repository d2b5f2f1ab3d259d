"""Where in a model an error happened: its path, and for a wrong number of features the layer that they came from.

Nothing is recorded while a model runs. When an error passes through `Module.__call__`, the path is found by looking
at who holds whom, and the origin by walking the tape back from the input that did not fit.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MicrogradientError, ShapeError
from ..tape import Node

if TYPE_CHECKING:
    from .module import Module


class FeatureError(ShapeError):
    """A layer got `given` features or channels and not the `wanted`; `change` is a layer that would take them.

    `node`: what made its input, if that is on the tape.
    """

    def __init__(self, what: str, fix: str, given: int, wanted: int, change: str, node: Node | None) -> None:
        super().__init__("MG159", f"{what}. {fix}")
        self.what = what
        self.given, self.wanted = given, wanted
        self.change = change
        self.node = node


class Origin(NamedTuple):
    """The layer that made an input, its path, and the shape that was flattened on the way, if one was.

    `direct`: nothing between the layer and the flattening changed the shape.
    """

    path: str
    module: Module
    flattened: tuple[int, ...]
    direct: bool


def add_whereabouts(error: MicrogradientError, module: Module) -> None:
    """Tell `error` where it happened. Called for every module that it passes through, innermost first."""
    failed = vars(error).setdefault("failed_module", module)
    path = next((path for path, inside in module.named_modules() if inside is failed), None)
    if path is None:
        return
    name = _variable(module)
    error.module_path = f"{name or 'model'}.{path}" if path else name
    if isinstance(error, FeatureError):
        origin = _taped_origin(error.node, module) or _listed_origin(error, path, module)
        if origin is not None:
            error.message = _explained(error, origin, name or "model")


def describe(module: Module) -> str:
    """A layer in a few characters, as `Linear(784→128)`."""
    kind = type(module).__name__
    for sizes in (("in_features", "out_features"), ("in_channels", "out_channels"), ("input_size", "hidden_size")):
        if all(hasattr(module, size) for size in sizes):
            return f"{kind}({getattr(module, sizes[0])}→{getattr(module, sizes[1])})"
    return kind


def _explained(error: FeatureError, origin: Origin, name: str) -> str:
    module = origin.module
    source = f"`{name}.{origin.path}` {describe(module)}"
    if len(origin.flattened) < 2:
        return f"{error.what} from {source}. Change to {error.change}."
    sizes = "×".join(map(str, origin.flattened))
    text = f"{error.what}: flattening gives {sizes} = {error.given}, after {source}"
    kernel, padding = getattr(module, "kernel_size", None), getattr(module, "padding", None)
    if not origin.direct or kernel is None or isinstance(padding, str) or any(padding or ()):
        return f"{text}. Change to {error.change}."
    before = [n + k - 1 for n, k in zip(origin.flattened[1:], kernel, strict=False)]
    window = "×".join(map(str, kernel))
    unpadded = all(s == 1 for s in getattr(module, "stride", (2,)))
    if not unpadded or math.prod(before) * origin.flattened[0] != error.wanted:
        return f"{text} ({window} kernel, no padding). Change to {error.change}."
    return (
        f"{text} ({window} kernel, no padding: {before[0]}→{origin.flattened[1]}). "
        f"Change to {error.change}, or to padding={kernel[0] // 2} in the convolution."
    )


def _taped_origin(node: Node | None, root: Module) -> Origin | None:
    """Walk back from `node` to the first operation that reads a parameter of a module inside `root`."""
    owners: dict[Node, tuple[str, Module]] = {}
    for path, module in root.named_modules():
        for _, parameter in module.named_parameters(recurse=False):
            if parameter.node is not None:
                owners[parameter.node] = path, module
    flattened: tuple[int, ...] = ()
    while node is not None and node.op is not None:
        for parent in node.parents:
            while parent is not None and parent not in owners and parent.op is not None and parent.op.name in _VIEWS:
                parent = parent.parents[0]
            if parent in owners:
                return Origin(*owners[parent], flattened, flattened == node.shape[1:])
        inner = next((p for p in node.parents if p is not None and p.op is not None), None)
        if node.op.name == "reshape" and inner is not None and not flattened:
            joined = inner.shape[1:]
            flattened = joined if len(joined) > 1 and math.prod(joined) == node.shape[-1] else ()
        node = inner
    return None


_VIEWS = ("permute_dims", "reshape")


def _listed_origin(error: FeatureError, path: str, root: Module) -> Origin | None:
    """Without a tape: the last layer listed before, if it gives as many features as arrived, or square maps of as many pixels."""
    last: tuple[str, Any] | None = None
    for listed, module in root.named_modules():
        if listed == path:
            break
        if hasattr(module, "out_features") or hasattr(module, "out_channels"):
            last = listed, module
    if last is None:
        return None
    before, layer = last
    if error.given in (getattr(layer, "out_features", None), getattr(layer, "out_channels", None)):
        return Origin(before, layer, (), False)
    channels = getattr(layer, "out_channels", 0)
    side = math.isqrt(error.given // channels) if channels and len(layer.kernel_size) == 2 else 0
    square = channels and channels * side**2 == error.given
    return Origin(before, layer, (channels, side, side), False) if square else None


def _variable(module: Module) -> str:
    """The name that the calling code has for `module`, as `net` for `net(x)` or `self.net(x)`; else nothing."""
    frame: Any = sys._getframe(3)  # past add_whereabouts and Module.__call__
    if frame is None:
        return ""
    for scope in (frame.f_locals, getattr(frame.f_locals.get("self"), "__dict__", {}), frame.f_globals):
        for name, value in list(scope.items()):
            if value is module and name != "self":
                return str(name)
    return ""
