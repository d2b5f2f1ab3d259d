"""What a trace records while a program runs: every operation, where it was written, the names of variables, the cuts."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from ..array_world import ARRAY
from ..errors import format_location, user_frame
from ..primitives import Primitive
from ..scalar import Value
from ..tape import NOT_STORED, Cut, Node, Recorder, recording
from ..tensor import Tensor
from .composites import Composite, composite_of
from .names import is_module, named_objects, node_names, variables_of


class Step:
    """One recorded operation: its node, the raw data of its arguments and of its result, and where it was written.

    `location` is (file, line), `layer` the nn.Module that ran it, `model` the outermost one and `input` the data that this was
    called with. What is not known is None. `composites` are the calls, in that layer or in the user's code, of functions that
    are made of primitives, the outermost first.

    >>> import microgradient as mg
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.trace() as t:
    ...     y = mg.sum(x * x)
    >>> [step.node.op.name for step in t.steps.values()]
    ['multiply', 'sum']
    """

    __slots__ = ("args", "composites", "input", "layer", "location", "model", "node", "saved", "value")

    def __init__(self, node: Node, args: tuple[Any, ...], value: Any) -> None:
        self.node = node
        self.args = args
        self.value = value
        self.saved = node.saved
        self.composites: tuple[Composite, ...] = ()
        self.layer: Any = None
        self.model: Any = None
        self.input: Any = None
        self.location: tuple[str, int] | None = None

    @property
    def where(self) -> str:
        """The location as `train.py:14`, or ""."""
        return format_location(self.location) if self.location else ""


class Made(NamedTuple):
    """An operation on constants, or its result: kept as long as the trace, so that the ids of its arrays are its own."""

    op: Primitive
    args: tuple[Any, ...]
    params: dict[str, Any]
    value: Any


class Taken(NamedTuple):
    """One parameter's part of an optimiser's step: value, gradient, what was remembered about it, and the settings, before."""

    optimizer: Any
    p: Any
    g: Any
    state: dict[str, Any]
    group: dict[str, Any]


class Clipped(NamedTuple):
    """A gradient that was scaled because of the norm of all: before, by what, the norm, and after."""

    before: Any
    scale: float
    norm: float
    after: Any


class Recording(Recorder):
    """The steps recorded under a trace, their names and cuts. It keeps their data until the next one begins."""

    world: Any = ARRAY  # in which the sweep runs

    def __init__(self, names: Mapping[Node, str] | None = None) -> None:
        self.steps: dict[Node, Step] = {}
        self.names: dict[Node, str] = dict(names or {})
        self.nodes: dict[Value, Node] = {}
        self.values: dict[Node, Value] = {}
        self.known: dict[int, tuple[str, Any]] = {}  # name and object by its id: models, and the arrays of tensors
        self.cuts: dict[Node, list[Cut]] = {}  # where the value of a node was used as a constant
        self.constants: dict[Node, list[Cut]] = {}  # where a constant that came by a cut was used
        self.made: list[Made] = []  # what was computed of constants, in order
        self.gone = ""  # why it has no steps, if a trace had recorded them
        self.targets: list[Any] = []  # what losses were given as `target`
        self.updates: dict[Node, Taken] = {}  # the last one of each parameter
        self.clips: dict[Node, Clipped] = {}
        self.sweeps: dict[Node, Any] = {}  # by root: what an explanation has swept already
        self._frames: dict[Any, tuple[int, int]] = {}
        self._inputs: dict[Any, Any] = {}  # of the calls of models, by their frames
        self._composites: dict[Any, Composite] = {}  # by their frames
        self._outer: Recorder | None = None
        self._token: Any = None

    def __enter__(self) -> Self:
        self._outer = recording.get()
        if self._outer is not None:  # under no_grad nothing is recorded, by a trace neither
            self._token = recording.set(self)
        _latest[:] = [self]
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            recording.reset(self._token)
            self._token = None
        for frame in [user_frame(sys._getframe(1)), *self._frames]:  # a model's own name before that of its attribute
            self._learn_names(variables_of(frame), deep=True)
        self._frames.clear()
        self._inputs.clear()
        self._composites.clear()
        self._outer = None

    def record(self, node: Node, args: Sequence[Any], y: Any) -> None:
        """Called by the engine for each operation that goes on the tape."""
        step = self.steps[node] = Step(node, tuple(args), y)
        _recorded.add(node)
        if node.grad is NOT_STORED and node.shape is not None:
            node.grad = None  # backward stores it, as after keep_grad()
        start = sys._getframe(1)
        at = user_frame(start)
        step.location = (at.f_code.co_filename, at.f_lineno)
        frame: Any = start
        call = None
        user = False
        while frame is not None:
            code = frame.f_code  # whatever the method calls its first argument
            user = user or frame is at
            if not user and step.layer is None:
                composite = composite_of(frame, self._composites)
                if composite is not None:
                    composite.operations += 1
                    step.composites = (composite, *step.composites)
            if (
                code.co_name == "forward"
                and code.co_argcount
                and is_module(module := frame.f_locals.get(code.co_varnames[0]))
            ):
                step.layer = module if step.layer is None else step.layer
                step.model, call = module, frame
            elif code.co_filename.startswith(_LOSSES) and "target" in code.co_varnames[: code.co_argcount]:
                self._learn_target(frame.f_locals["target"])
            frame = frame.f_back
        if call is not None:
            if call not in self._inputs:  # before the variable is given another value
                self._inputs[call] = _first_argument(call)
            step.input = self._inputs[call]
        line, instruction = self._frames.get(at, (0, 0))
        if line != at.f_lineno or at.f_lasti <= instruction:  # another statement, or the same one again in a loop
            self._learn_names(_local_variables(at))
        self._frames[at] = (at.f_lineno, at.f_lasti)
        if self._outer is not None:
            self._outer.record(node, args, y)

    def record_constant(self, op: Primitive, args: Sequence[Any], params: dict[str, Any], y: Any) -> None:
        """Called by the engine for each operation that needs no gradient."""
        self.made.append(Made(op, tuple(args), params, y))
        if self._outer is not None:
            self._outer.record_constant(op, args, params, y)

    def note_cut(self, node: Node, cut: Cut) -> None:
        """Called by the engine where the value of `node` is used as a constant."""
        self.cuts.setdefault(node, []).append(cut)
        if self._outer is not None:
            self._outer.note_cut(node, cut)

    def note_constant(self, node: Node, cut: Cut) -> None:
        """Called by the engine where `node` has an argument that became a constant by `cut`."""
        self.constants.setdefault(node, []).append(cut)
        if self._outer is not None:
            self._outer.note_constant(node, cut)

    def note_update(self, optimizer: Any, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Called before an optimiser updates the tensor `p`."""
        if p.node is not None:
            kept = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in state.items()}
            settings = {key: value for key, value in group.items() if key not in ("params", "param_names")}
            self.updates[p.node] = Taken(optimizer, p.raw, p.grad.raw, kept, settings)
        if self._outer is not None:
            self._outer.note_update(optimizer, p, state, group)

    def note_clip(self, p: Any, grad: Any, scale: Any, norm: Any) -> None:
        """Called where the gradient of the tensor `p` has become `scale` times `grad`."""
        if p.node is not None:
            self.clips[p.node] = Clipped(grad.raw, float(scale.raw), float(getattr(norm, "raw", norm)), p.grad.raw)
        if self._outer is not None:
            self._outer.note_clip(p, grad, scale, norm)

    def layer_path(self, node: Node) -> str:
        """The path of the layer that computed `node`, such as `model.layers.0`; "" outside of layers."""
        step = self.steps.get(node)
        if step is None or step.layer is None:
            return ""
        path = next((path for path, module in step.model.named_modules() if module is step.layer), "")
        return ".".join(part for part in (self.known.get(id(step.model), ("", None))[0], path) if part)

    def _learn_target(self, target: Any) -> None:
        raw = target.raw if isinstance(target, Tensor) else None
        if isinstance(raw, np.ndarray) and all(raw is not known for known in self.targets):
            self.targets.append(raw)

    def _learn_names(self, variables: Mapping[str, Any], deep: bool = False) -> None:
        for name, value, _ in named_objects(variables, deep):
            known = value.raw if isinstance(value, Tensor) else value
            if name != "self" and not isinstance(value, Value):
                self.known.setdefault(id(known), (name, known))
        for node, name in node_names(variables, deep).items():
            self.names.setdefault(node, name)


def _local_variables(frame: Any) -> Mapping[str, Any]:
    """The variables of a function; in a method of a module, what the module computed and keeps, instead of the module itself.

    Its parameters are named by the variable that has the module, wherever that is: `net.a.weight`.
    """
    code, variables = frame.f_code, frame.f_locals
    own = variables.get(code.co_varnames[0]) if code.co_argcount else None
    if not is_module(own):
        return variables
    kept = {
        k: v for k, v in vars(own).items() if isinstance(v, Tensor) and v.node is not None and v.node.op is not None
    }
    return kept | {k: v for k, v in variables.items() if v is not own}


def latest_recording() -> Recording | None:
    """What is recording now, or recorded last."""
    candidates = (recording.get(), *_latest)
    return next((c for c in candidates if isinstance(c, Recording)), None)


def recording_of(node: Node) -> Recording:
    """What recorded `node`: the trace that is running, or the last one; an empty recording if neither did."""
    candidates = (recording.get(), *_latest)
    found = next((c for c in candidates if isinstance(c, Recording) and node in c.steps), None)
    if found is None:
        found = Recording()
        if node in _recorded:
            found.gone = (
                "A later trace has taken the place of the one that recorded this: what was recorded is kept until the next "
                "one begins. Ask before that, or compute this again under a trace."
            )
    return found


def _first_argument(frame: Any) -> Any:
    """The data of the first argument of a call of `forward`, after `self`; None if that is not a tensor with an axis."""
    names, given = frame.f_code.co_varnames, frame.f_locals
    found = given.get(names[1]) if len(names) > 1 else None
    found = found[0] if isinstance(found, tuple) and found else found
    return found.raw if isinstance(found, Tensor) and isinstance(found.raw, np.ndarray) and found.ndim else None


_LOSSES = str(Path(__file__).parents[1] / "nn" / "functional")
_latest: list[Recording] = []
_recorded: weakref.WeakSet[Node] = weakref.WeakSet()
