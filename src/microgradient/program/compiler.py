"""How a compiled function gets a program: it is traced, what it read becomes guards, and the program machine code."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ..tree import flatten
from .bindings import Reference
from .buckets import Bucket, PaddedSpecialization
from .capture import STATIC, TENSOR, VALUE, Traced, trace_function
from .checking import Witness
from .guards import Guards
from .interpret import Interpreter
from .leaks import Leaks
from .lengths import FixedLengthError, at_another_length, compare
from .meeting_values import meeting_values
from .names import Names
from .program import Program
from .reentry import importing
from .specialization import Specialization, kept_values, restore
from .trace import Trace

if TYPE_CHECKING:
    from .specialization import AnySpecialization


class Compiler:
    """Makes programs of one function. `watched`: calls are checked, so what Python reads while it is traced is noted; `debug`:
    they run step by step; `compile` makes a compiled function of another one."""

    def __init__(self, function: Callable[..., Any], watched: bool, debug: bool, compile: Callable[..., Any]) -> None:
        self._function, self._watched, self._debug, self._compile = function, watched, debug, compile
        self.outside: set[int] = set()  # the ids of the tensors or Values that it closes over
        self.scalar_jit: Any = None  # what traces and runs it, once it turned out to be a function of Values

    def made(
        self, leaves: list[Any], kinds: list[int], rebuild: Callable[[list[Any]], Any], bucket: Bucket | None
    ) -> AnySpecialization | None:
        """A program for these arguments. None if one turned out to be closed over as well: its signature is another one, then.
        Raises FixedLengthError if they can't have one for a bucket."""
        if bucket is not None:
            return self._for_lengths(leaves, kinds, rebuild, bucket)
        witness = Witness()
        traced, trace = self._traced(leaves, kinds, rebuild, self._leaks(leaves, kinds), witness)
        guards = self._guards(traced, trace, leaves, kinds)
        if guards is None:
            return None
        made: AnySpecialization
        if self.scalar_jit is not None:
            made = self.scalar_jit.ValueSpecialization(traced, kinds, guards, self._function, rebuild, self._compile)
        else:
            backend = functools.partial(Interpreter, check=True) if self._debug else native
            made = Specialization(traced, kinds, backend, self._again(traced, rebuild), guards)
        made.witness = witness
        return made

    def _for_lengths(
        self, own: list[Any], kinds: list[int], rebuild: Any, bucket: Bucket
    ) -> PaddedSpecialization | None:
        """A program for all lengths up to the capacity of a bucket. No length but that of the call itself may be seen in what
        Python changes, or raise an error."""
        if self.scalar_jit is not None:
            raise FixedLengthError("it is a function of Values")
        capacity, witness = bucket.capacity, Witness()
        with at_another_length(capacity // 2):
            shorter, shorter_trace, _ = self.tried(bucket.leaves(own, capacity // 2), kinds, rebuild)
        leaves = bucket.leaves(own, capacity)
        leaks = self._leaks(leaves, kinds)
        try:
            with at_another_length(capacity):
                traced, trace = self._traced(leaves, kinds, rebuild, leaks, witness)
            try:
                guards = self._guards(traced, trace, leaves, kinds)
                if guards is None:
                    trace.undo()
                    return None
                lengths = compare(shorter, traced, (capacity // 2, capacity))
                lengths = lengths._replace(asked=shorter_trace.lengths_read != trace.lengths_read)
                again = self._again(traced, rebuild)
                made = PaddedSpecialization(traced, lengths, bucket, kinds, native, again, guards)
                if not made.knows(bucket.length):
                    made.learn(bucket.length, self.tried(own, kinds, rebuild)[0])
            except BaseException:
                trace.undo()
                raise
        finally:
            leaks.put_back()
        trace.put_back_attributes()
        made.witness = witness
        return made

    def _guards(self, traced: Traced, trace: Trace, leaves: list[Any], kinds: list[int]) -> Guards | None:
        """What must be as it was for a program; None if an argument turned out to be closed over as well."""
        names = Names(self._function, [x for x, kind in zip(leaves, kinds, strict=True) if kind == STATIC])
        names.are_inputs(binding.array for binding in traced.sources if isinstance(binding, Reference))
        guards = Guards(trace, traced.sources, names)
        if any(kind in (TENSOR, VALUE) and id(x) in guards.outside for x, kind in zip(leaves, kinds, strict=True)):
            self.outside |= guards.outside
            return None
        return guards

    def _leaks(self, leaves: list[Any], kinds: list[int]) -> Leaks:
        return Leaks(Names(self._function, [x for x, kind in zip(leaves, kinds, strict=True) if kind == STATIC]))

    def _traced(
        self, leaves: list[Any], kinds: list[int], rebuild: Any, leaks: Leaks, witness: Witness | None
    ) -> tuple[Traced, Trace]:
        context = witness.watching() if witness is not None and self._watched else nullcontext()
        if self.scalar_jit is not None:
            traced, trace = self.scalar_jit.trace_values(self._function, leaves, kinds, rebuild, leaks, self._debug)
        else:
            with meeting_values(), context:
                traced, trace = trace_function(self._function, leaves, kinds, rebuild, leaks)
        leaks.warn(self._function, trace.modules)
        return traced, trace

    def tried(self, leaves: list[Any], kinds: list[int], rebuild: Any) -> tuple[Traced, Trace, Leaks]:
        """A trace that leaves everything as it was."""
        leaks = self._leaks(leaves, kinds)
        try:
            traced, trace = self._traced(leaves, kinds, rebuild, leaks, None)
            trace.undo()
        finally:
            leaks.put_back()
        return traced, trace, leaks

    def _again(self, traced: Traced, rebuild: Callable[[list[Any]], Any]) -> Callable[..., Any]:
        """The function run eagerly, for derivatives of derivatives: on what a call read, without what else it changes."""

        def run(leaves: list[Any], before: Any) -> list[Any]:
            read, states = before
            now = [(generator, generator.get_state()) for generator, _ in states]
            kept = kept_values([*(e.binding for e in traced.effects), *(binding for binding, _ in read)], leaves)
            args, options = rebuild(leaves)
            try:
                restore(read, leaves)
                for generator, state in states:
                    generator.set_state(state)
                return flatten(self._function(*args, **options))[0]
            finally:
                restore(kept, leaves)
                for generator, state in now:
                    generator.set_state(state)

        return run


def native(program: Program) -> Any:
    """The program as machine code, or run by NumPy where llvmlite does not load."""
    with importing:  # what is built upon this package
        engine = importlib.import_module("..native.runtime.engine", __package__)
        executable = importlib.import_module("..native.runtime.executable", __package__)
    if engine.available():
        return executable.Executable(program)
    engine.warn_of_numpy()
    return Interpreter(program)
