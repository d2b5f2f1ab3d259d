"""`mg.compile`: a function of tensors, traced once per signature and run as a program."""

from __future__ import annotations

import functools
import importlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import trace_hooks
from ..errors import ArgumentError, ArgumentTypeError, type_name
from ..operators import wrap
from ..tape import TAPE, recording
from ..trace_hooks import collection_paused
from ..tree import flatten
from .amortization import Amortization
from .buckets import PaddedSpecialization
from .capture import STATIC
from .checking import Check
from .compiler import Compiler
from .lengths import FixedLengthError
from .meeting_values import ValuesMetError
from .profile import Profile, launch_times, timing
from .reentry import give_lock, importing, interrupt, interruptions, running
from .retracing import Retracing
from .signature import QuickCheck, quick_check, signature
from .specialization import native_order

if TYPE_CHECKING:
    from .specialization import AnySpecialization

_KEPT = 64  # signatures that a compiled function remembers
_A_MOMENT = 0.05  # seconds of native code after which `repeat` looks up


def compile(
    fn: Callable[..., Any] | None = None,
    *,
    static: Callable[[], Any] | None = None,
    check: int | None = None,
    debug: bool = False,
    dynamic: bool = True,
) -> Any:
    """`fn` as a function that runs as one program: traced when it is called with a new signature, and fast from then on.

    Whatever it does with tensors becomes part of the program: forward, `backward()`, clipping of gradients, the optimiser's
    step, running statistics, random draws. Arguments may be arrays, tensors, numbers and nested containers; modules and
    optimisers are closed over. Shapes, dtypes, integers, booleans and strings belong to the signature; Python floats may change
    freely.

    It runs again with the tensors, module attributes and optimiser settings that it used, wherever they are; plain values
    (numbers, strings, booleans, None, tensors, arrays) behind the names of the function itself, its closure, globals and
    defaults, are looked at in each call; everything else in Python is a constant of the program. `program/names.py` says which
    names these are. `static` is for the rest: a function without arguments, called in each call, whose hashable result belongs
    to the signature.

    `check=k` finds what is missing there: every k-th call runs the function eagerly, too, on copies of all that it reads and
    changes, and raises CompileError if results or effects differ (not for functions of Values, nor inside of `repeat`). 0 turns
    it off; by default it is the number in the variable MICROGRADIENT_CHECK.

    From the third length of an axis on, lengths share a program, for which arguments are padded (`program/buckets.py`).
    Other shapes and integers of which there are ever new ones run eagerly from the third on, until they have come often enough
    to pay for a program (`program/amortization.py` has the rule; `stats()["eager_calls"]` the counts): the results are the
    same to rounding. With `dynamic=False` each gets a program at once.

    `debug` runs the program step by step and stops at the first NaN or infinity. Raises TraceError where a program
    would need the value of a tensor: in `if`, `float(…)`, `.item()`. A function of `Value`s compiles as well, see
    `scalar_jit`; Values and tensors can't be mixed.

    >>> import microgradient as mg
    >>> settings = {"scale": 2.0}
    >>> @mg.compile(static=lambda: settings["scale"])
    ... def f(x):
    ...     return mg.tanh(x) * settings["scale"]
    >>> f(mg.tensor([0.0, 1.0]))
    tensor([0.       , 1.5231884])
    >>> settings["scale"] = 1.0
    >>> f(mg.tensor([0.0, 1.0]))
    tensor([0.       , 0.7615942])
    """
    if fn is None:
        return functools.partial(compile, static=static, check=check, debug=debug, dynamic=dynamic)
    if not callable(fn):
        raise ArgumentTypeError("MG205", f"mg.compile takes a function, not {type_name(fn)}.")
    if static is not None and not callable(static):
        raise ArgumentTypeError(
            "MG205", f"`static` is a function of no arguments, not {type_name(static)}: lambda: key."
        )
    given = os.environ.get("MICROGRADIENT_CHECK", "").strip() or "0" if check is None else check
    if isinstance(given, bool) or not str(given).isdecimal():
        raise ArgumentError("MG209", f"check={given!r}: `check=k` checks every k-th call: a whole number, 0 for none.")
    return Compiled(fn, static, int(given), debug, dynamic)


class Compiled:
    """What :func:`compile` returns: call it as the function that it was made of."""

    def __init__(
        self,
        function: Callable[..., Any],
        static: Callable[[], Any] | None = None,
        check: int = 0,
        debug: bool = False,
        dynamic: bool = True,
    ) -> None:
        self._function, self._static, self._check, self._debug = function, static, check, debug
        self._compiler = Compiler(function, bool(check), debug, functools.partial(Compiled, debug=debug))
        self._dynamic = dynamic  # whether a new shape may run eagerly
        self._calls = 0  # counted only if some are checked
        give_lock(self)
        self._found: OrderedDict[Any, list[AnySpecialization]] = OrderedDict()
        self._latest: AnySpecialization | None = None
        self._quick: tuple[QuickCheck, AnySpecialization] | None = None
        self._key: Any = None  # the static one of the latest
        self._hits = 0
        self._retracing = Retracing(function)
        self._amortization = Amortization()
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **options: Any) -> Any:
        recorder = recording.get()
        if (trace_hooks.hook is not None and trace_hooks.current() is not None) or not (
            recorder is TAPE or recorder is None
        ):
            return self._function(*args, **options)  # a part of the program being traced, or looked at by `mg.trace`
        me = get_ident()
        if me in running:
            return self._called(args, options, 1)
        try:  # as `_called` does, in the way of almost all calls
            running[me] = False
            with self._lock:
                before, quick = interruptions[0], self._quick
                leaves = None if quick is None else quick[0](args, options, recorder)
                if quick is not None and leaves is not None and quick[1].prepare(leaves):
                    running[me] = True
                    if interruptions[0] == before:
                        self._hits += 1
                        return quick[1].run(leaves)
        finally:
            running.pop(me, None)
        return self._called(args, options, 1)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._function, name)  # a compiled module still has its parameters()

    def __reduce__(self) -> Any:
        return Compiled, (
            self._function,
            self._static,
            self._check,
            self._debug,
            self._dynamic,
        )  # a copy compiles for itself

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else Method(self, instance)

    def repeat(self, n: int, *args: Any, **options: Any) -> Any:
        """Call it `n` times with the same arguments, and return the last result: a training loop without Python's part."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            shown = f"{n}" if isinstance(n, int | float) else type_name(n)
            raise ArgumentTypeError(
                "MG205", f"repeat(n, …) takes a whole number of calls from 1 on, then the arguments; it got {shown}."
            )
        result = self(*args, **options)
        if n > 1:
            result = self(*args, **options)  # the state that the first call began is now the second's
        left = n - 2
        at_once = 1  # runs in native code, some at a time, so that Ctrl-C is heard within a moment
        while left > 0:
            if self._latest is None or not self._latest.loops:
                at_once = 1
            started = time.perf_counter()
            result = self._called(args, options, min(at_once, left))
            left -= min(at_once, left)
            if time.perf_counter() - started < _A_MOMENT:
                at_once *= 2
        return result

    def profile(self, *args: Any, **options: Any) -> Profile:
        """Call it once with a clock around each launch: `rows` of their times, costs and lines; printed, a table.

        The launches run one by one, on the threads as always, and compute what they do in an ordinary call, once: parameters,
        optimiser states and generators move on by one step, and `result` is what the call returned.

        >>> import microgradient as mg
        >>> step = mg.compile(lambda x: (x @ x).sum())
        >>> max(row.flops for row in step.profile(mg.ones((8, 8))).rows)  # 2 · 8 · 8 · 8
        1024
        """
        with launch_times() as times:
            result = self(*args, **options)
        if self._compiler.scalar_jit is not None:
            raise ArgumentTypeError(
                "MG205", "A function of Values is one loop of machine code: it has no launches to time."
            )
        return Profile(times, result)

    @property
    def program(self) -> Any:
        """The program that ran last; `print(f.program)` shows it."""
        return self._last().traced.program

    @property
    def kernels(self) -> str:
        """The machine-code kernels of the program that ran last, as text. Empty for Values, and on NumPy."""
        return str(getattr(self._last().executable, "listing", str)())

    def stats(self) -> dict[str, Any]:
        """What the program that ran last consists of, and how often functions were traced and found again.

        `instructions` of the program; `launches` of `kernels` different ones; `flops`; `bytes_moved` to and from memory;
        `arena_bytes` for what lies between; `host_calls` of NumPy by name; `compile_seconds`; `cache_hit`: whether the machine
        code came from disk; `plan_from_disk`: whether the plan of its kernels and memory did; `programs` made, how many are
        `cached`, and how many `calls` found one; `eager_calls`: how often shapes and integers that had not come often enough
        to pay for a program ran eagerly; `fixed_lengths`: why lengths that vary share no program.
        """
        last = self._last()
        backend: dict[str, Any] = getattr(last.executable, "stats", dict)()
        counts = {
            "programs": self._retracing.programs, "cached": sum(map(len, self._found.values())), "calls": self._hits,
            "eager_calls": self._amortization.counts(), "fixed_lengths": self._amortization.reasons(),
        }  # fmt: skip
        return {"instructions": last.program.size, **backend, **counts}

    def _last(self) -> Any:
        if self._latest is None:
            raise ArgumentTypeError("MG205", "There is no program yet: call the compiled function first.")
        return self._latest

    # ------------------------------------------------------------------------------------------------------------ one call

    def _called(self, args: tuple[Any, ...], options: dict[str, Any], repeat: int) -> Any:
        me = get_ident()
        if me in running:
            interrupt(getattr(self, "__name__", "a compiled function"))
            return self._eagerly(args, options, repeat)
        try:
            running[me] = False
            with self._lock:
                result = self._compiled(args, options, repeat)
        finally:
            running.pop(me, None)
        return self._eagerly(args, options, repeat) if result is EAGERLY else result

    def _compiled(self, args: tuple[Any, ...], options: dict[str, Any], repeat: int) -> Any:
        """What a program gives, or EAGERLY where none is to run."""
        static = None if self._static is None else self._static_key()
        if self._compiler.scalar_jit is None:
            try:
                return (self._checked if self._check else self._slowly)(args, options, repeat, static)
            except ValuesMetError:
                with importing:
                    self._compiler.scalar_jit = importlib.import_module("..scalar_jit", __package__)
        return self._slowly(args, options, repeat, static) if self._compiler.scalar_jit.available() else EAGERLY

    def _run(self, found: AnySpecialization, leaves: Any, repeat: int) -> Any:
        """What a program gives for these arguments; MISMATCH if it isn't what the function would do now."""
        me = get_ident()
        while True:
            before = interruptions[0]
            if not found.prepare(leaves):
                return MISMATCH
            running[me] = True
            try:
                if interruptions[0] == before:
                    return found.run(leaves, repeat)
            finally:
                running[me] = False

    def _checked(self, args: tuple[Any, ...], options: dict[str, Any], repeat: int, static: Any) -> Any:
        """A call that may be one of those that are compared with an eager one."""
        self._calls += 1
        if self._calls % self._check or repeat > 1:
            return self._slowly(args, options, repeat, static)
        leaves, rebuild, kinds, _ = self._signed(args, options, static)
        traced, trace, leaks = self._compiler.tried(leaves, kinds, rebuild)
        check = Check(self._function, leaves, kinds, rebuild, leaks, traced, trace)
        result = self._slowly(args, options, repeat, static)
        if self._latest is not None and result is not EAGERLY:
            check.compare(result, self._latest.witness.changes(), self._latest.program)
        return result

    def _eagerly(self, args: tuple[Any, ...], options: dict[str, Any], times: int) -> Any:
        """What the function gives without a program: arrays among its arguments are tensors of their own, as in a trace."""
        if self._compiler.scalar_jit is None:
            leaves, rebuild = flatten((args, options))
            if any(map(_is_array, leaves)):
                args, options = rebuild([wrap(native_order(x).copy(), None) if _is_array(x) else x for x in leaves])
        return [self._function(*args, **options) for _ in range(times)][-1]

    def _slowly(self, args: tuple[Any, ...], options: dict[str, Any], repeat: int, static: Any) -> Any:
        """Find the program for these arguments, or make it."""
        leaves, rebuild, kinds, key = self._signed(args, options, static)
        note = functools.partial(self._retracing.note, leaves, args, options, [])
        bucket, slot = None, key
        if key not in self._found and self._is_dynamic():
            bucket = self._amortization.bucket(key)
            slot = key if bucket is None else bucket.key
            if slot not in self._found and not self._check and self._amortization.eagerly(key, bucket, note, repeat):
                self.release()  # the function may change what the program's arrays are for
                return EAGERLY
        several = self._found.setdefault(slot, [])
        self._found.move_to_end(slot)
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        try:
            for found in several:
                if bucket and isinstance(found, PaddedSpecialization) and not found.knows(bucket.length):
                    shown = self._retracing.described(leaves, args, options)
                    if not self._check and self._amortization.untraced(key, shown, repeat):
                        self.release()
                        return EAGERLY
                    found.learn(bucket.length, self._compiler.tried(leaves, kinds, rebuild)[0])
                result = self._run(found, leaves, repeat)
                if result is not MISMATCH:
                    self._hits += 1
                    self._remember(found, leaves, args, options, static)
                    return result
            changed = several[-1].guards.names.changed() if several else []
            before = interruptions[0]
            with collection_paused():
                made = self._compiler.made(leaves, kinds, rebuild, bucket)
        except FixedLengthError as reason:
            self._amortization.fixed(key, str(reason))
            self._found.pop(slot, None)  # no call comes there any more
            made = None
        if made is None:
            return self._slowly(args, options, repeat, static)
        self._retracing.programs += 1
        self._retracing.note(leaves, args, options, changed)
        self._amortization.compiled(key, bucket, getattr(made.executable, "stats", dict)())
        del several[:-3]
        several.append(made)
        self._compiler.outside = {x for some in self._found.values() for found in some for x in found.guards.outside}
        made.statics = [x for x, kind in zip(leaves, kinds, strict=True) if kind == STATIC]  # known by their id
        if interruptions[0] == before:
            made.guards.skip()
        result = self._run(made, leaves, repeat)
        if result is MISMATCH:  # it was changed meanwhile what it reads
            return EAGERLY
        self._remember(made, leaves, args, options, static)
        return result

    def _is_dynamic(self) -> bool:
        """Whether lengths may share a program, or run eagerly: nobody wants to stop at a NaN, or to time launches. Where calls
        are checked, none runs eagerly."""
        return self._dynamic and not self._debug and timing.get() is None

    def _signed(self, args: Any, options: Any, static: Any) -> tuple[list[Any], Any, list[int], Any]:
        """The leaves of the arguments, how to put them together again, their kinds, and the key of their signature."""
        leaves, rebuild = flatten((args, options))
        leaves = [native_order(x) if isinstance(x, np.ndarray) else x for x in leaves]
        outside, of_values = self._compiler.outside, self._compiler.scalar_jit is not None
        return leaves, rebuild, *signature(leaves, (args, options), outside, static, of_values)

    def _remember(self, found: AnySpecialization, leaves: list[Any], args: Any, options: Any, static: Any) -> None:
        """It ran last: the next call looks whether it is like this one before it does anything else."""
        if self._latest is not None and self._latest is not found:
            self._latest.release()
        self._latest, self._key = found, static
        check = None if self._check else quick_check(args, options, leaves, found, self._static_check())
        self._quick = None if check is None else (check, found)

    def _static_check(self) -> Callable[[], bool] | None:
        return None if self._static is None else lambda: self._static_key() == self._key

    def _static_key(self) -> Any:
        key = self._static()  # type: ignore[misc]
        try:
            hash(key)
        except TypeError:
            raise ArgumentTypeError(
                "MG205", f"`static` gave {type_name(key)}, which is not hashable. Make a tuple of what it holds."
            ) from None
        return type(key), key

    def release(self) -> None:
        """Let go of the arrays of the program that ran last."""
        if self._latest is not None:
            self._latest.release()


class Method(functools.partial[Any]):
    """A compiled method of one object: `model.step(x)`, and `model.step.repeat(10, x)`, `model.step.program`."""

    func: Compiled

    def repeat(self, n: int, *args: Any, **options: Any) -> Any:
        """Call it `n` times, as :meth:`Compiled.repeat` does."""
        return self.func.repeat(n, *self.args, *args, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name != "__name__":
            raise AttributeError(name)
        return getattr(self.func, name)


MISMATCH: Any = object()
EAGERLY: Any = object()


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "biufc"
