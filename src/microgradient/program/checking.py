"""`check=k`: every k-th call also runs the function eagerly, on copies of what it reads and changes, and compares.

The function is traced anew to learn what that is; then it runs eagerly on copies, and everything is put back: tensors, gradients,
optimiser state, modules, containers behind its names, random generators. Then the program runs as always, and its results and
effects are compared. What differs by more than rounding, even where cancellation or Adam makes much of rounding, is an error
with the first difference and its likely cause.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from .. import tape
from ..errors import CompileError
from ..operators import wrap
from ..random import _default
from ..tape import NO_PARAMS, Node
from ..tensor import Tensor
from ..tree import flatten
from .bindings import Data, Grad, Reference
from .capture import INSIDE, TENSOR, Traced, doppelganger
from .leaks import Leaks, refill
from .names import Names, is_plain, same
from .signature import argument_names
from .trace import Trace

_LIBRARIES = {"microgradient", "numpy", *sys.stdlib_module_names} - {"__main__"}
Numbers = list[tuple[str, Any]]
"""Results and effects by name: arrays, or None for a gradient that isn't there."""


class Check:
    """What a call has to give and to change, by the function itself."""

    def __init__(
        self,
        function: Any,
        leaves: list[Any],
        kinds: list[int],
        rebuild: Any,
        leaks: Leaks,
        traced: Traced,
        trace: Trace,
    ) -> None:
        """`traced` and `trace` are of a trace made for this call, and undone since; `leaks` is from before it."""
        self._function, self._leaves, self._kinds, self._rebuild = function, leaves, kinds, rebuild
        self._leaks, self._traced = leaks, traced
        self._tensors = [x.owner for x in trace.tensors.values() if isinstance(x.binding, Data)]
        self._nodes = [x.owner for x in trace.grads.values() if isinstance(x.binding, Grad)]
        self._optimizers = [x.optimizer for x in trace.optimizers.values()]
        self._modules = [vars(module) for module, _ in trace.modules.values()]
        args, options = rebuild(leaves)
        self._arguments = [f"`{name}`" for name in argument_names(function, args, options)]
        self._labels = _labels(leaks.names, self._tensors)
        self._wanted = self._eagerly()

    def compare(self, result: Any, causes: list[str], program: Any) -> None:
        """Raise CompileError if a program's result, or what it changed, is something else."""
        found = [*_results(result), *self._effects(self._leaves)]
        shifted: Numbers = []
        for n, ((name, wanted), (_, got)) in enumerate(zip(self._wanted, found, strict=False)):
            difference = _difference(wanted, got, _tolerance(wanted))
            if difference:
                shifted = shifted or self._eagerly(shifted=True)
                if not _difference(wanted, got, _tolerance(wanted) + 10 * _distance(wanted, shifted, n)):
                    continue  # so much the function makes of the last bits of numbers
                self._raise(f"{name} {difference}", causes, program)
        if len(found) != len(self._wanted):
            self._raise(f"it gives or changes {len(self._wanted)} things and not {len(found)}", causes, program)

    def _raise(self, what: str, causes: list[str], program: Any) -> None:
        if causes:
            cause = f"{'; '.join(causes[:3])}. Pass it as an argument, or put it into the key of `static=`."
        elif str(program) != str(self._traced.program):
            cause = "something outside the names that are looked at: pass it as an argument, or put it into the key of `static=`."
        else:
            cause = "none in the function, whose program is the one that would be traced now. Please report it."
        name = getattr(self._function, "__name__", "the function")
        raise CompileError(
            "MG221", f"Compiled, `{name}` does not do what it does eagerly: {what}. Likely cause: {cause}"
        )

    def _eagerly(self, shifted: bool = False) -> Numbers:
        """Results and effects of the function without a program; `shifted`: on numbers of which the last bits are others."""
        with self._put_back():
            known: dict[int, Any] = {}
            leaves = [_stand_in(x, kind, known) for x, kind in zip(self._leaves, self._kinds, strict=True)]
            for t in [*self._tensors, *known.values()] if shifted else ():
                if t.raw.dtype.kind == "f":
                    bits = 8 * np.finfo(t.raw.dtype).eps * np.cos(np.arange(t.raw.size) * 1e3).reshape(t.raw.shape)
                    t.raw = np.asarray(t.raw * (1 + bits), t.raw.dtype)
            args, options = self._rebuild(leaves)
            try:
                return [*_results(self._function(*args, **options)), *self._effects(leaves)]
            except Exception as error:  # which the program has to raise, too
                return [
                    (f"`{getattr(self._function, '__name__', 'it')}` raises {error!r:.200} eagerly; the result", None)
                ]

    def _effects(self, leaves: list[Any]) -> Numbers:
        """All that the function may have changed."""
        found: Numbers = []
        for name, x, kind in zip(self._arguments, leaves, self._kinds, strict=True):
            if kind in (TENSOR, INSIDE):
                found.append((f"the argument {name}", np.array(x.raw)))
            if kind == TENSOR and x.node is not None:
                found.append((f"the gradient of {name}", _number(x.node.grad)))
        found += [(self._labels[id(t)], np.array(t.raw)) for t in self._tensors]
        found += [(f"the gradient of {self._labels.get(id(n), 'a tensor')}", _number(n.grad)) for n in self._nodes]
        for optimizer in self._optimizers:
            for p, state in optimizer.state.items():
                label = self._labels.get(id(p), "a parameter")
                found += [(f"`{key}` of {label} in the optimiser", _number(x)) for key, x in sorted(state.items())]
        return found

    @contextmanager
    def _put_back(self) -> Iterator[None]:
        """Inside, what the function reads and changes are copies; then everything is as it was."""
        tensors = [(t, t.raw, t.node) for t in self._tensors]
        grads = [(n, n.grad) for n in self._nodes]
        spaces: list[tuple[Any, Any]] = [(space, dict(space)) for space in self._modules]
        for optimizer in self._optimizers:
            dicts = [vars(optimizer), optimizer.state, *optimizer.state.values(), *optimizer.param_groups]
            spaces += [(space, dict(space)) for space in dicts]
            for state in optimizer.state.values():
                state.update({key: _copied(x) for key, x in state.items()})
        arrays = [(x.array, x.array.copy()) for x in self._traced.sources if isinstance(x, Reference)]
        generators = [(g, g.get_state()) for g in {_default, *self._traced.program.generators()}]
        contents = self._leaks.contents()
        root = tape._last_root[:]
        for t, data, _ in tensors:
            t.raw = data.copy()
        for n, grad in grads:
            n.grad = _copied(grad)
        try:
            yield
        finally:
            for t, data, node in tensors:
                t.raw, t.node = data, node
            for n, grad in grads:
                n.grad = grad
            for space, before in spaces:
                space.clear()
                space.update(before)
            for array, content in arrays:
                if array.flags.writeable:
                    array[...] = content
            for generator, state in generators:
                generator.set_state(state)
            tape._last_root[:] = root
            self._leaks.put_back()
            for space, held in contents:  # what the trace of the program itself has put there stays
                refill(space, held)


class Witness:
    """The plain values that Python functions could read while a trace ran: variables of their files, and attributes."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str], tuple[str, Any, Any]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, the functions that this thread calls are looked at."""
        before = sys.getprofile()
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(before)

    def changes(self) -> list[str]:
        """What of it is something else now."""
        told = []
        for (_, name), (label, space, then) in self._seen.items():
            now = space.get(name)
            if not same(now, then):
                told.append(f"{label} was {then!r} when it was traced and is {now!r} now")
        return told

    def _called(self, frame: Any, event: str, _: Any) -> None:
        if event != "call" or frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES:
            return
        names = set(frame.f_code.co_names)
        self._note(frame.f_globals, names, "the global `{}`")
        mentioned = [*frame.f_locals.values(), *(frame.f_globals.get(name) for name in names)]
        for x in mentioned:
            if isinstance(x, dict):
                self._note(x, {k for k in [*x][:64] if isinstance(k, str)}, "the entry `{}` of a dict")
            elif not isinstance(x, ModuleType | FunctionType | Tensor | np.ndarray):
                space = getattr(x, "__dict__", None)
                kind = x.__name__ if isinstance(x, type) else type(x).__name__
                self._note(space or {}, names, f"`{kind}.{{}}`")

    def _note(self, space: Any, names: set[str], form: str) -> None:
        for name in names:
            if name in space and is_plain(space[name]):
                self._seen.setdefault((id(space), name), (form.format(name), space, space[name]))


def _stand_in(x: Any, kind: int, known: dict[int, Any]) -> Any:
    """What the function gets for an argument: a copy, and a tensor in the place of an array."""
    if kind in (TENSOR, INSIDE) and id(x) not in known:
        new = known[id(x)] = doppelganger(x)
        new.raw = x.raw.copy()
        if x.node is not None:
            new.node = Node(None, (), (), NO_PARAMS, x.shape, x.dtype)
            new.node.grad = _copied(x.node.grad)
    if isinstance(x, np.ndarray) and x.dtype.kind in "biufc":
        return wrap(x.copy(), None)
    return known.get(id(x), x)


def _labels(names: Names, tensors: list[Any]) -> dict[int, str]:
    """What tensors, and their nodes, are called in messages."""
    labels: dict[int, str] = {}
    for name, value in [*((x.name, x.value) for x in names.names), *(("", x) for x in names.values)]:
        parts = {name: value}
        if hasattr(type(value), "named_parameters"):
            parts = {f"{name}.{path}": p for path, p in (*value.named_parameters(), *value.named_buffers())}
        for label, t in parts.items():
            if isinstance(t, Tensor):
                labels.setdefault(id(t), f"`{label.strip('.')}`")
    for t in tensors:
        labels.setdefault(id(t), f"a tensor of shape {t.shape}")
        labels.setdefault(id(t.node), labels[id(t)])
    return labels


def _results(result: Any) -> Numbers:
    leaves = flatten(result)[0]
    names = ["the result"] if len(leaves) == 1 else [f"result {n}" for n in range(len(leaves))]
    kinds = Tensor | np.ndarray | np.generic | bool | int | float | complex
    return [(name, _number(x)) for name, x in zip(names, leaves, strict=True) if isinstance(x, kinds)]


def _number(x: Any) -> Any:
    kinds = Tensor | np.ndarray | np.generic | int | float
    return np.array(x.raw if isinstance(x, Tensor) else x) if isinstance(x, kinds) else None


def _distance(wanted: Any, shifted: Numbers, n: int) -> float:
    """How far a result is from itself on shifted numbers."""
    other = shifted[n][1] if n < len(shifted) else None
    if wanted is None or other is None or wanted.shape != other.shape or wanted.dtype.kind not in "biufc":
        return 0.0
    return float(np.nanmax(np.abs(wanted.astype(complex) - other), initial=0.0))


def _copied(x: Any) -> Any:
    return wrap(x.raw.copy(), None) if isinstance(x, Tensor) else x.copy() if isinstance(x, np.ndarray) else x


def _tolerance(wanted: Any) -> Any:
    """How far the entries of an array may be from those of this one: sums are added up in another order."""
    if wanted is None or wanted.dtype.kind not in "fc" or not wanted.size:
        return 0.0
    finite = np.where(np.isfinite(wanted), np.abs(wanted), 0)
    return float(np.finfo(wanted.dtype).eps) ** 0.6 * np.maximum(finite.max(), 1e-3)


def _difference(wanted: Any, got: Any, tolerance: Any) -> str:
    """In words; empty if there is none. NaN is equal to NaN."""
    if wanted is None or got is None:
        return (
            ""
            if wanted is got
            else f"is {'None' if got is None else 'an array'}, not {'None' if wanted is None else 'an array'}"
        )
    if wanted.shape != got.shape:
        return f"has shape {got.shape}, not {wanted.shape}"
    if wanted.dtype.kind not in "biufc":
        return "" if np.array_equal(wanted, got) else f"is {got}, not {wanted}"
    with np.errstate(all="ignore"):
        a, b = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (wanted, got))
        off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
        bad = ~(off <= tolerance)
    if not bad.any():
        return ""
    k = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
    return f"is {got[k]} at {[int(i) for i in k]}, not {wanted[k]}, the largest of {np.count_nonzero(bad)} differences"
