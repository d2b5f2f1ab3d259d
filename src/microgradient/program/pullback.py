"""Results of a compiled function that can be differentiated from outside: the forward program, and a backward one.

The backward sweep is traced together with the function, from cotangents that are inputs. What depends on these is the
backward program; what it reads of the rest, the residuals, are additional outputs of the forward program. Where a
derivative of this derivative is wanted, or a tangent, the function runs again, eagerly.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, get_ident
from typing import Any, NamedTuple, cast

import numpy as np

from ..custom_rules import arriving
from ..operators import wrap
from ..primitives import Primitive, World
from ..tape import TAPE, Node, backward, forward, next_seq, picked, recording, topological
from ..taped_world import TAPED
from ..tensor import Tensor
from .interpret import Interpreter
from .program import Instruction, Program, is_pure
from .reentry import give_lock
from .sym import Sym
from .traced_world import TRACED

_RECOMPUTED = ("broadcast_to", "reshape", "permute_dims", "constant", "flip", "astype")  # rather than kept


def _recomputed(i: Instruction) -> bool:
    return i.op in _RECOMPUTED


def recomputed_in_a_loop(again: bool) -> Callable[[Instruction], bool]:
    """The same, and slices of most of an array, which is kept whole: each residual is copied to its stack at each step.

    `again`: everything but random numbers.
    """
    return _anything if again else _cheap_in_a_loop


def _anything(i: Instruction) -> bool:
    whole = i.args[0] if i.op == "pick" else i  # of several results, together with the others
    return i.op != "input" and is_pure(whole)


def _cheap_in_a_loop(i: Instruction) -> bool:
    return i.op in _RECOMPUTED or (i.op == "index" and len(i.args) == 1 and 4 * i.size >= i.args[0].size)


class Seed(NamedTuple):
    """The binding of a cotangent: that of connected result number `number`."""

    number: int


class Pullback(NamedTuple):
    """The backward program: `residuals` are (from an input?, number), `leaves` nodes or numbers of arguments."""

    program: Program
    residuals: list[tuple[bool, int]]
    connected: list[int]
    leaves: list[Any]


def traced_cotangents(trace: Any, connected: list[tuple[int, Node]]) -> tuple[list[Any], list[Sym]]:
    """The leaves outside, and what arrives at them when the connected results get cotangents: the sweep, traced."""
    seeds: dict[Node, Any] = {}
    for n, (_, node) in enumerate(connected):
        t = trace.input(Seed(n), node.shape, node.dtype)
        seeds[node] = seeds[node] + t if node in seeds else t
    found = backward(topological(seeds), seeds, TRACED)
    numbers = {node: n for n, node in trace.inside.items()} | trace.argument_nodes
    leaves = [node for node in found if node.seq < trace.start or node in trace.inside.values()]
    return [numbers.get(node, node) for node in leaves], [found[node] for node in leaves]


def split(
    whole: Program, outputs: int, seeds: set[int], recomputed: Callable[[Instruction], bool] = _recomputed
) -> tuple[list[Instruction], Program, list[Instruction]]:
    """The forward instructions, the backward program and its residuals, of a program with cotangents behind `outputs` outputs.

    What is `recomputed` is no residual; it is done again from its operands.
    """
    late = set(seeds)
    for i in whole.instructions:
        if any(id(a) in late for a in i.args if isinstance(a, Instruction)):
            late.add(id(i))
    wanted = {id(o) for o in whole.outputs[outputs:]} | late
    for i in reversed(whole.instructions):
        if id(i) in late or (id(i) in wanted and recomputed(i)):
            wanted.update(id(a) for a in (i, *i.args) if isinstance(a, Instruction))
    new: dict[int, Instruction] = {}
    residuals: list[Instruction] = []
    cotangents: list[Instruction] = []
    made: list[Instruction] = []
    for i in [i for i in (*whole.inputs, *whole.instructions) if id(i) in wanted]:
        if id(i) not in seeds and (id(i) in late or recomputed(i)):
            args = tuple([new[id(a)] if isinstance(a, Instruction) else a for a in i.args])
            new[id(i)] = Instruction(i.op, args, i.params, i.shape, i.dtype, i.weak, i.where, taped=i.taped)
            made.append(new[id(i)])
        else:
            new[id(i)] = Instruction("input", (), {}, i.shape, i.dtype, i.weak, i.where)
            (cotangents if id(i) in seeds else residuals).append(i)
    last = [new[id(o)] for o in whole.outputs[outputs:]]
    inputs = [new[id(i)] for i in (*residuals, *cotangents)]
    early = [i for i in whole.instructions if id(i) not in late]
    return early, Program(inputs, made, last), residuals


class Connection:
    """Gives the connected results of one specialization their node. `executable` runs the backward program."""

    def __init__(self, pullback: Pullback, executable: Any, again: Callable[..., Any], volatile: set[int]) -> None:
        self.pullback = pullback
        self._volatile = volatile  # inputs whose arrays the user, or the next call, may change before the backward pass
        self._executable = executable
        self._lock: Lock
        give_lock(self)  # results of one program may be differentiated by several threads at once
        self._inside: set[int] = set()  # the threads that do, or wait for it
        self._again = again
        self._op = Primitive(
            "compiled", "special", (self._vjp,), self._vjp, self._jvp, lambda wanted: (False,) * (len(wanted) + 1)
        )

    def connect(self, results: list[Any], leaves: Any, inputs: list[Any], outputs: list[Any], before: Any) -> None:
        """Put a node under the connected results; `leaves` are the arguments of the call, `before` is what else it read."""
        pullback = self.pullback
        parents = tuple([leaves[x].node if isinstance(x, int) else x for x in pullback.leaves])
        kept = [
            (inputs[k].copy() if k in self._volatile else inputs[k]) if from_input else outputs[k]
            for from_input, k in pullback.residuals
        ]
        params = {"residuals": kept, "arguments": list(leaves), "before": before}
        node = Node(self._op, parents, (None,) * (len(parents) + 1), params, None, None)
        for n, k in enumerate(pullback.connected):
            results[k].node = picked(node, n, results[k].raw, len(pullback.connected))

    def _vjp(self, xp: World, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        pullback = self.pullback
        if xp is TAPED:
            run = _Again(self._again, params, pullback)
            seeds = arriving(run.outputs, t)
            found = backward(run.order, seeds, TAPED, wrap)
            return [found.get(node) for node in run.leaves]
        given = pullback.program.inputs[len(pullback.residuals) :]
        cotangents = [
            np.zeros(i.shape, i.dtype) if g is None else np.ascontiguousarray(g) for i, g in zip(given, t, strict=True)
        ]
        results = [np.empty(o.shape, o.dtype) for o in pullback.program.outputs]
        me, executable = get_ident(), self._executable
        if me in self._inside:  # a signal handler, or a `__del__`, in the middle of a run
            Interpreter(pullback.program).run([*params["residuals"], *cotangents], results)
            return results
        try:
            self._inside.add(me)
            with self._lock:
                executable.run([*params["residuals"], *cotangents], results)
        finally:
            self._inside.discard(me)
        return results

    def _jvp(self, xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        run = _Again(self._again, params, self.pullback)
        moving = {n: t for n, t in zip(run.leaves, tangents, strict=True) if t is not None}
        found = forward(run.order, moving, xp, wrap if xp is TAPED else None)
        return tuple(found.get(cast("Node", o.node), xp.zeros(o.shape, o.dtype)) for o in run.outputs)


class _Again:
    """The function run once more, eagerly, on the tape, on what the call read."""

    def __init__(self, again: Callable[..., Any], params: Any, pullback: Pullback) -> None:
        since = next_seq()
        arguments: list[Any] = params["arguments"]
        inner = list(arguments)
        for n in [x for x in pullback.leaves if isinstance(x, int)]:
            x = arguments[n]
            inner[n] = TAPED.positive(x) if x.node is not None and x.node.op is not None else x
        token = recording.set(recording.get() or TAPE)
        try:
            results = again(inner, params["before"])
        finally:
            recording.reset(token)
        self.outputs: list[Tensor] = [results[k] for k in pullback.connected]
        self.leaves = [inner[x].node if isinstance(x, int) else x for x in pullback.leaves]
        made = topological([o.node for o in self.outputs if o.node is not None], since)
        known = set(made)
        self.order = [*made, *(n for n in sorted(self.leaves, key=lambda n: -n.seq) if n not in known)]
