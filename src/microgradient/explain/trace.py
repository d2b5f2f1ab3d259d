"""`mg.trace`: record what was computed, where in the program and under which name, with all the numbers.

A Trace is a `Recorder` in the context variable `tape.recording`: the engine calls its `record` for each operation that
needs a gradient. Without one the engine does nothing for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from ..array_world import ARRAY
from ..errors import ArgumentTypeError, GradientError, format_location
from ..operators import wrap
from ..rules import TABLE
from ..scalar import Value
from ..tape import NOT_STORED, PICK, Cut, Node, Recorder, Spent, backward, last_backward, recording, topological
from ..tensor import Tensor
from .names import is_module, name_graph, named_objects, node_names, user_frame, variables_of


class Step:
    """One recorded operation: its node, the raw data of its arguments and of its result, and where it was written.

    `location` is (file, line), `layer` the nn.Module that ran it and `model` the outermost one, if any.

    >>> import microgradient as mg
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.trace() as t:
    ...     y = mg.sum(x * x)
    >>> [step.node.op.name for step in t.steps.values()]
    ['multiply', 'sum']
    """

    __slots__ = ("args", "layer", "location", "model", "node", "saved", "value")

    def __init__(self, node: Node, args: tuple[Any, ...], value: Any) -> None:
        self.node = node
        self.args = args
        self.value = value
        self.saved = node.saved
        self.layer: Any = None
        self.model: Any = None
        self.location = ("", 0)


class Trace(Recorder):
    """What :func:`trace` returns: the steps recorded under it. It keeps their data until the next trace begins.

    Under a trace `backward` releases nothing and stores the gradient of every intermediate tensor in its `grad`.

    >>> import microgradient as mg
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.trace() as t:
    ...     h = x * x
    ...     mg.sum(h).backward()
    >>> t.grad_of(h)
    tensor([1., 1.])
    """

    def __init__(self, names: Mapping[Node, str] | None = None) -> None:
        self.steps: dict[Node, Step] = {}
        self.names: dict[Node, str] = dict(names or {})
        self.constants: dict[int, tuple[str, Any]] = {}  # name and array by the array's id
        self.models: dict[int, str] = {}
        self.cuts: dict[Node, list[Cut]] = {}  # where the value of a node was used as a constant
        self._frames: dict[Any, tuple[int, int]] = {}
        self._outer: Recorder | None = None
        self._token: Any = None

    def __enter__(self) -> Trace:
        self._outer = recording.get()
        if self._outer is not None:  # under no_grad nothing is recorded, by a trace neither
            self._token = recording.set(self)
        _latest[:] = [self]
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            recording.reset(self._token)
            self._token = None
        for frame in [*self._frames, user_frame(sys._getframe(1))]:
            self._learn_names(variables_of(frame), deep=True)
        self._frames.clear()
        self._outer = None

    def record(self, node: Node, args: Sequence[Any], y: Any) -> None:
        """Called by the engine for each operation that goes on the tape."""
        step = self.steps[node] = Step(node, tuple(args), y)
        if node.grad is NOT_STORED and node.shape is not None:
            node.grad = None  # backward stores it, as after keep_grad()
        start = sys._getframe(1)
        at = user_frame(start)
        step.location = (at.f_code.co_filename, at.f_lineno)
        frame: Any = start
        while frame is not None:
            if frame.f_code.co_name == "forward" and is_module(module := frame.f_locals.get("self")):
                step.layer = module if step.layer is None else step.layer
                step.model = module
            frame = frame.f_back
        line, instruction = self._frames.get(at, (0, 0))
        if line != at.f_lineno or at.f_lasti <= instruction:  # another statement, or the same one again in a loop
            self._learn_names(at.f_locals)
        self._frames[at] = (at.f_lineno, at.f_lasti)
        if type(self._outer) is not Recorder and self._outer is not None:
            self._outer.record(node, args, y)

    def note_cut(self, node: Node, cut: Cut) -> None:
        """Called by the engine where the value of `node` is used as a constant."""
        self.cuts.setdefault(node, []).append(cut)

    def name(self, **tensors: Tensor) -> Trace:
        """Give tensors names of your own: `t.name(hidden=h)`. Those of variables are found without it."""
        for name, tensor in tensors.items():
            self.names[_node(tensor, name)] = name
        return self

    def grad_of(self, x: Tensor, of: Tensor | None = None) -> Tensor:
        """∂of/∂x for any tensor in the graph, intermediate ones included. `of`: what was differentiated last.

        Raises GradientError if x needs no gradient, or if `of` is not given and nothing was differentiated.

        >>> import microgradient as mg
        >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> with mg.trace() as t:
        ...     h = x * x
        ...     h.sum().backward()
        >>> t.grad_of(h)
        tensor([1., 1.])
        """
        root = root_node(of)
        sweep = Sweep(root, self)
        node = _node(x, "x")
        g = sweep.adjoints.get(node)
        found: Tensor = wrap(np.zeros(x.shape, x.dtype) if g is None else np.array(g), None)
        return found

    def to_json(self, of: Tensor | None = None) -> str:
        """The graph of `of` (what was differentiated last) as JSON text; its structure is described in `explain.export`."""
        from .export import export

        return json.dumps(export(self, root_node(of)), ensure_ascii=False)

    def __repr__(self) -> str:
        where = {format_location(step.location) for step in self.steps.values()}
        return f"<trace of {len(self.steps)} operations at {len(where)} places>"

    def layer_path(self, node: Node) -> str:
        """The path of the layer that computed `node`, such as `model.layers.0`; "" outside of layers."""
        step = self.steps.get(node)
        if step is None or step.layer is None:
            return ""
        path = next((path for path, module in step.model.named_modules() if module is step.layer), "")
        return ".".join(part for part in (self.models.get(id(step.model), ""), path) if part)

    def _learn_names(self, variables: Mapping[str, Any], deep: bool = False) -> None:
        for name, value, _ in named_objects(variables, deep):
            if isinstance(value, Tensor):
                self.constants.setdefault(id(value.data), (name, value.data))
            elif is_module(value) and name != "self" and id(value) not in self.models:
                self.models[id(value)] = name
        for node, name in node_names(variables, deep).items():
            self.names.setdefault(node, name)


class Sweep:
    """One backward sweep from `root`: the adjoint of every node, and every edge (node, i, upstream, contribution).

    `order` is in order of evaluation, `names` has a name for each node.
    """

    def __init__(self, root: Node, trace: Trace | None, variables: Mapping[str, Any] | None = None) -> None:
        latest_first = topological([root])
        restore(latest_first, trace)
        self.root = root
        self.order = latest_first[::-1]
        seed = np.ones(root.shape, root.dtype)
        self.adjoints: dict[Node, Any] = {root: seed}
        self.edges: list[tuple[Node, int, Any, Any]] = []
        with np.errstate(all="ignore"):
            backward(latest_first, {root: seed}, ARRAY, observe=self._observe)
        known = node_names(variables or {}, deep=True)
        known.update(trace.names if trace is not None else {})
        self.names = name_graph(self.order, root, known)

    def _observe(self, node: Node, i: int, upstream: Any, contribution: Any) -> None:
        parent = node.parents[i]
        assert parent is not None
        self.edges.append((node, i, upstream, contribution))
        before = self.adjoints.get(parent)
        if before is None:
            self.adjoints[parent] = contribution
        elif parent.shape is None:
            pairs = zip(before, contribution, strict=True)
            self.adjoints[parent] = tuple(p if q is None else q if p is None else p + q for p, q in pairs)
        else:
            self.adjoints[parent] = before + contribution


@overload
def trace(x: Value | Tensor, /) -> None: ...
@overload
def trace(x: Any = None, /, **names: Tensor) -> Trace: ...
def trace(x: Any = None, /, **names: Tensor) -> Trace | None:
    """Record a computation, or print one.

    `with mg.trace() as t:` records every operation on tensors under it, with its source line and the names of variables,
    for `mg.why`, `t.grad_of(h)` and `t.to_json()`. `mg.trace(model)` names the parameters of `model`, `mg.trace(w=w)`
    the tensor w; names of the user's variables, and models in them, are found anyway. A trace slows eager code down
    several times; without it nothing is recorded.

    `mg.trace(loss)` prints the evaluation trace of a Value, or of a tensor computed under a trace: each step's expression
    and value, then backward each adjoint with what it is the sum of (Griewank & Walther, "Evaluating Derivatives", 2008).

    >>> import microgradient as mg
    >>> from microgradient.scalar import Value
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> mg.trace(a * b + a)
    forward ↓
      a           =  2.0
      b           = -3.0
      v1 = a * b  = -6.0
      L  = v1 + a = -4.0
    backward ↑
      ∂L/∂L                               =  1.0
      ∂L/∂v1 = L: 1.0 × 1.0               =  1.0
      ∂L/∂b  = v1: 1.0 × 2.0              =  2.0
      ∂L/∂a  = L: 1.0 × 1.0 + v1: 1.0 × -3.0 = -2.0
    """
    if isinstance(x, Tensor) and x.ndim > 1:
        raise ArgumentTypeError(
            "MG116", f"mg.trace prints how one number was computed; this tensor has shape {x.shape}. The sum of a matrix's "
            "diagonal is `mg.linalg.trace(x)`.",
        )  # fmt: skip
    if isinstance(x, Value | Tensor):
        from .evaluation import evaluation_trace

        variables = variables_of(user_frame(sys._getframe(1)))
        print(evaluation_trace(x, variables))
        return None
    known: dict[Node, str] = {}
    if is_module(x):
        known = {p.node: path for path, p in x.named_parameters() if p.node is not None}
    elif x is not None:
        raise ArgumentTypeError(
            "MG116", f"mg.trace takes nothing, a model, or a Value or Tensor to print, not {type(x).__name__}."
        )
    return Trace(known).name(**names)


def trace_of(node: Node) -> Trace | None:
    """The trace that recorded `node`: the one that is running, or the last one."""
    running = recording.get()
    for candidate in (running, *_latest):
        while candidate is not None:
            if isinstance(candidate, Trace) and node in candidate.steps:
                return candidate
            candidate = candidate._outer if isinstance(candidate, Trace) else None
    return None


def restore(order: Sequence[Node], trace: Trace | None) -> None:
    """Give nodes back what a backward pass outside of the trace released: the trace has kept it."""
    for node in order:
        if node.saved.__class__ is not Spent:
            continue
        if node.op is PICK or (node.op is TABLE["positive"]):
            node.saved = (None, None)
        elif trace is not None and node in trace.steps:
            node.saved = trace.steps[node].saved
        else:
            raise GradientError(
                "MG118",
                f"What this graph had saved was released by the backward pass at {format_location(node.saved.location)}. "
                "Run the step under `with mg.trace():`, or write `loss.backward(retain_graph=True)`.",
            )


def root_node(of: Any) -> Node:
    """The node of what is being differentiated: `of`, or what was differentiated last. It has to be one number."""
    root = last_backward() if of is None else of.node if isinstance(of, Tensor) else of
    if root is None and isinstance(of, Tensor):
        raise GradientError("MG102", "`of` is not connected to any tensor that requires a gradient.")
    if not isinstance(root, Node):
        raise GradientError(
            "MG117",
            "Which number's gradient? None was differentiated lately, or it is gone. Call `loss.backward()` and keep `loss`, "
            "or pass `of=loss`.",
        )
    if int(np.prod(root.shape)) != 1:
        raise GradientError(
            "MG101",
            f"What was differentiated has shape {root.shape}; an explanation needs one number: pass `of=loss.mean()`.",
        )
    return root


def _node(tensor: Any, name: str) -> Node:
    if not isinstance(tensor, Tensor) or tensor.node is None:
        raise GradientError(
            "MG109", f"`{name}` is not a tensor that requires a gradient, so there is nothing to trace."
        )
    return tensor.node


_latest: list[Trace] = []
