"""`mg.compile`: a function of tensors, traced once per signature and run as a program."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import trace_hooks
from ..errors import ArgumentTypeError, warn_once
from ..interop import DEFAULT_FLOAT
from ..scalar_jit.compiled import CompiledValues
from ..scalar_jit.program import ScalarProgram
from ..scalar_jit.trace import ValuesMetError, meeting_values
from ..tape import NOT_STORED, TAPE, recording
from ..tensor import Tensor
from ..trace_hooks import collection_paused
from ..tree import flatten
from .capture import ARRAY, FLOAT, INSIDE, STATIC, TENSOR, Traced, trace_function
from .counters import warn_of_counters
from .globals_guard import NameGuard
from .guards import Guards
from .interpret import Interpreter
from .program import Program
from .specialization import MISMATCH, Variant, kept_values, native_order, restore

_KEPT = 64  # programs that a compiled function remembers
_A_MOMENT = 0.05  # seconds of native code after which `repeat` looks up
_PATIENCE = 8  # programs after which it says what keeps changing


def compile(fn: Callable[..., Any] | None = None, *, debug: bool = False) -> Any:
    """`fn` as a function that runs as one program: traced when it is called with a new signature, and fast from then on.

    Whatever it does with tensors becomes part of the program: forward, `backward()`, clipping of gradients, the optimiser's
    step, running statistics, random draws. Arguments may be arrays, tensors, numbers and nested containers; modules and
    optimisers are closed over. Shapes, dtypes, integers, booleans and strings belong to the signature; Python floats may change
    freely. `debug` runs the program step by step and stops at the first NaN or infinity. Raises TraceError where a program
    would need the value of a tensor: in `if`, `float(…)`, `.item()`. A function of `Value`s compiles as well, see
    `CompiledValues`; Values and tensors can't be mixed.

    >>> import microgradient as mg
    >>> @mg.compile
    ... def f(x):
    ...     return mg.tanh(x) * 2
    >>> f(mg.tensor([0.0, 1.0]))
    tensor([0.       , 1.5231884])
    """
    if fn is None:
        return functools.partial(compile, debug=debug)
    if not callable(fn):
        raise ArgumentTypeError("MG205", f"mg.compile takes a function, not a {type(fn).__name__}.")
    return Compiled(fn, debug)


class Compiled:
    """What :func:`compile` returns: call it as the function that it was made of."""

    def __init__(self, function: Callable[..., Any], debug: bool = False) -> None:
        self._function = function
        self._debug = debug
        self._lock = threading.RLock()
        self._variants: OrderedDict[Any, list[Variant]] = OrderedDict()
        self._latest: Variant | None = None
        self._fast: Callable[[tuple[Any, ...]], bool] | None = None
        self._traced = self._hits = 0
        self._signatures: list[Any] = []
        self._outside: set[int] = set()  # the ids of the tensors that it closes over
        self._renamed: list[str] = []  # names in its code that stood for something else at the last tracing
        self._values: CompiledValues | None = None  # what runs it, once it turned out to be a function of Values
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **options: Any) -> Any:
        recorder = recording.get()
        if (trace_hooks.traces and trace_hooks.current() is not None) or not (recorder is TAPE or recorder is None):
            return self._function(*args, **options)  # a part of the program being traced, or looked at by `mg.trace`
        if self._values is not None:
            return self._values(*args, **options)
        with self._lock:
            if self._fast is not None and not options and self._fast(args):
                latest = self._latest
                result = latest.call(args)  # type: ignore[union-attr]
                if result is not MISMATCH:
                    self._hits += 1
                    return result
            return self._slow(args, options, 1)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._function, name)  # a compiled module still has its parameters()

    def __reduce__(self) -> Any:
        return Compiled, (self._function, self._debug)  # a copy compiles for itself

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else Method(self, instance)

    def repeat(self, n: int, *args: Any, **options: Any) -> Any:
        """Call it `n` times with the same arguments, and return the last result: a training loop without Python's part."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            shown = f"{n}" if isinstance(n, int | float) else f"a {type(n).__name__}"
            raise ArgumentTypeError(
                "MG205", f"repeat(n, …) takes a whole number of calls from 1 on, then the arguments; it got {shown}."
            )
        result = self(*args, **options)
        if self._values is not None:
            return self._values.repeat(n - 1, *args, **options) if n > 1 else result
        if n > 1:
            result = self(*args, **options)  # the state that the first call began is now the second's
        if n > 2 and not self._last().loops:
            for _ in range(n - 2):
                result = self(*args, **options)
        elif n > 2:
            result = self._repeated(n - 2, args, options)
        return result

    def _repeated(self, left: int, args: Any, options: Any) -> Any:
        """`left` runs in native code, some at a time, so that Ctrl-C is heard within a moment."""
        at_once = 1
        while True:
            started = time.perf_counter()
            with self._lock:
                result = self._slow(args, options, min(at_once, left))
            left -= min(at_once, left)
            if not left:
                return result
            if time.perf_counter() - started < _A_MOMENT:
                at_once *= 2

    @property
    def program(self) -> Program | ScalarProgram:
        """The program that ran last; `print(f.program)` shows it."""
        return self._last().program if self._values is None else self._values.program

    @property
    def kernels(self) -> str:
        """The machine-code kernels of the program that ran last, as text. Empty for Values, and on NumPy."""
        if self._values is not None:
            return ""
        return str(getattr(self._last().executable, "listing", str)())

    def stats(self) -> dict[str, Any]:
        """What the program that ran last consists of, and how often functions were traced and found again.

        `instructions` of the program; `launches` of `kernels` different ones; `flops`; `bytes_moved` to and from memory;
        `arena_bytes` for what lies between; `host_calls` of NumPy by name; `compile_seconds`; `cache_hit`: whether the machine
        code came from disk; `programs` made, how many are `cached`, and how many `calls` found one.
        """
        if self._values is not None:
            return self._values.stats()
        last = self._last()
        backend: dict[str, Any] = (
            getattr(last.executable, "stats", dict)() if not isinstance(last.executable, Interpreter) else {}
        )
        counts = {"programs": self._traced, "cached": sum(map(len, self._variants.values())), "calls": self._hits}
        return {"instructions": len(last.program.instructions), **backend, **counts}

    def _last(self) -> Variant:
        if self._latest is None:
            raise ArgumentTypeError("MG205", "There is no program yet: call the compiled function first.")
        return self._latest

    # ------------------------------------------------------------------------------------------------------ the long way

    def _slow(self, args: tuple[Any, ...], options: dict[str, Any], repeat: int) -> Any:
        """Find the program for these arguments, or make it."""
        leaves, rebuild = flatten((args, options))
        leaves = [native_order(x) if isinstance(x, np.ndarray) else x for x in leaves]
        kinds, key = _signature(leaves, (args, options), self._outside)
        variants = self._variants.get(key)
        if variants is None:
            variants = self._variants[key] = []
            while len(self._variants) > _KEPT:
                self._variants.popitem(last=False)
        else:
            self._variants.move_to_end(key)
        for variant in variants:
            result = self._run(variant, leaves, args, options, repeat)
            if result is not MISMATCH:
                self._hits += 1
                return result
        self._renamed = [name for variant in variants[-1:] for name in variant.guards.names.changed()]
        try:
            with collection_paused():
                made = self._made(leaves, kinds, rebuild)
        except ValuesMetError:
            self._values = CompiledValues(self._function, self._debug)
            return self._values(*args, **options)
        if made is None:
            return self._slow(args, options, repeat)
        self._traced += 1
        self._signatures = [*self._signatures[-_PATIENCE:], [_shown(leaf) for leaf in leaves]]
        if self._traced == _PATIENCE + 1:
            self._warn_of_retracing(args, options)
        del variants[:-3]
        variants.append(made)
        self._outside = {x for several in self._variants.values() for v in several for x in v.guards.outside}
        made.statics = [x for x, kind in zip(leaves, kinds, strict=True) if kind == STATIC]  # known by their id
        made.guards.skip()
        result = self._run(made, leaves, args, options, repeat)
        if result is MISMATCH:  # another thread has changed meanwhile what it reads
            result = [self._function(*args, **options) for _ in range(repeat)][-1]
        return result

    def _made(self, leaves: list[Any], kinds: list[int], rebuild: Callable[[list[Any]], Any]) -> Variant | None:
        """A program for these arguments. None if one turned out to be closed over as well: its signature is another one, then."""
        objects = [x for x, kind in zip(leaves, kinds, strict=True) if kind == STATIC]
        before = NameGuard(self._function, objects)
        with meeting_values():
            traced, trace = trace_function(self._function, leaves, kinds, rebuild, before)
        warn_of_counters(before.changes(), trace.modules, before.codes)
        guards = Guards(trace, traced.sources, self._function, objects, before)
        if any(kind == TENSOR and id(x) in guards.outside for x, kind in zip(leaves, kinds, strict=True)):
            self._outside |= guards.outside
            return None
        return Variant(traced, kinds, self._backend, self._again(traced, rebuild), guards)

    def _again(self, traced: Traced, rebuild: Callable[[list[Any]], Any]) -> Callable[..., Any]:
        """The function run eagerly, for derivatives of derivatives: on what a call read, without what else it changes."""

        def run(leaves: list[Any], before: Any) -> list[Any]:
            read, states = before
            now = [(generator, generator.get_state()) for generator, _ in states]
            kept = kept_values([*(e.place for e in traced.effects), *(place for place, _ in read)], leaves)
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

    def _run(self, variant: Variant, leaves: list[Any], args: Any, options: Any, repeat: int) -> Any:
        result = variant.call(leaves, repeat)
        if result is not MISMATCH:
            if self._latest is not None and self._latest is not variant:
                self._latest.release()
            self._latest = variant
            flat = not options and len(leaves) == len(args) and all(a is b for a, b in zip(args, leaves, strict=True))
            self._fast = _fast_check(leaves, variant) if flat else None
        return result

    def _backend(self, program: Program) -> Any:
        if self._debug:
            return Interpreter(program, check=True)
        return native(program)

    def _warn_of_retracing(self, args: Any, options: Any) -> None:
        changing = []
        for n, name in enumerate(_argument_names(self._function, args, options)):
            shown = dict.fromkeys(leaves[n] for leaves in self._signatures if n < len(leaves))
            if len(shown) > 1:
                changing.append(f"`{name}` ({', '.join([*shown][-3:])})")
        changing += [f"`{name}`, which is read from outside: pass it as an argument" for name in self._renamed]
        what = "Modules, optimisers or gradients keep changing."
        if changing:
            what = f"What keeps changing: {', '.join(changing)}."
        warn_once(
            "MG206",
            f"`{getattr(self._function, '__name__', 'the function')}` has been traced and compiled {self._traced} times. {what} "
            "Every new shape, integer or string makes a new program: pad batches to one size, and pass numbers that change as "
            "floats or tensors.",
        )


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


# ------------------------------------------------------------------------------------------------------------- signatures


def _signature(leaves: list[Any], tree: Any, outside: set[int]) -> tuple[list[int], Any]:
    """The kinds of the leaves, and what must be equal for a program to fit.

    A tensor that the function closes over (`outside`) is a constant as an argument: what the function changes through one of
    the two names, it sees through the other.
    """
    kinds, key = [], [_structure(tree), recording.get() is None, DEFAULT_FLOAT[0]]
    tensors: dict[int, int] = {}
    for n, leaf in enumerate(leaves):
        kind, entry = (STATIC, (STATIC, id(leaf))) if id(leaf) in outside else _described(leaf)
        if kind == TENSOR:
            entry = (*entry, tensors.setdefault(id(leaf), n))
        kinds.append(kind)
        key.append(entry)
    return kinds, tuple(key)


def _described(leaf: Any) -> tuple[int, tuple[Any, ...]]:
    if isinstance(leaf, Tensor):
        node = leaf.node
        if node is None or recording.get() is None:
            return TENSOR, (TENSOR, leaf.shape, leaf.dtype, node is None)
        kind = TENSOR if node.op is None and node.grad is not NOT_STORED else INSIDE
        return kind, (kind, leaf.shape, leaf.dtype, False)
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind in "biufc":
            return ARRAY, (ARRAY, leaf.shape, leaf.dtype)
        return STATIC, (STATIC, id(leaf))
    if isinstance(leaf, float | np.float32 | np.float16):
        return FLOAT, (FLOAT,)
    if isinstance(leaf, complex):
        return STATIC, (STATIC, type(leaf), repr(leaf))  # with the signs of its zeros
    if isinstance(leaf, bool | int | str | bytes | complex | np.generic | np.dtype | type | slice):
        return STATIC, (STATIC, type(leaf), str(leaf) if isinstance(leaf, slice) else leaf)
    return STATIC, (STATIC, id(leaf))


def _structure(tree: Any) -> Any:
    """Something hashable that says how a tree is nested."""
    if isinstance(tree, dict):
        keys = tuple([(type(k), k) for k in tree])  # 1 is not True
        return type(tree), keys, tuple([_structure(x) for x in tree.values()])
    if isinstance(tree, list | tuple):
        return type(tree), tuple([_structure(x) for x in tree])
    return tree is None


def _fast_check(leaves: list[Any], variant: Variant) -> Callable[[tuple[Any, ...]], bool] | None:
    """A quick look whether arguments given by position have the signature of these, which `variant` just ran on."""
    kinds = variant.kinds
    if len({id(x) for x, k in zip(leaves, kinds, strict=True) if k == TENSOR}) < kinds.count(TENSOR):
        return None
    if INSIDE in kinds:
        return None
    off, default = recording.get() is None, DEFAULT_FLOAT[0]
    wanted = [(k, type(x), *_fast_entry(x, k)) for x, k in zip(leaves, kinds, strict=True)]
    several = variant.changes_arguments and kinds.count(TENSOR) > 1
    # two names of one tensor that is only read are fine
    outside = variant.guards.outside if variant.traced.effects else ()
    count = len(kinds)
    get = recording.get

    def check(args: tuple[Any, ...]) -> bool:
        if len(args) != count or (get() is None) is not off or DEFAULT_FLOAT[0] is not default:
            return False
        for x, (kind, cls, first, second, node) in zip(args, wanted):  # noqa: B905 (as many, and quicker)
            if x.__class__ is not cls:
                return False
            if kind == TENSOR:
                if x.node is not node or (outside and id(x) in outside):
                    return False
                x = x.data
            if kind <= TENSOR:
                if x.shape != first or (x.dtype is not second and x.dtype != second):
                    return False
            elif kind == STATIC and x is not first and (cls not in (int, str) or x != first):
                return False
        return not several or len({id(x) for x in args if isinstance(x, Tensor)}) == kinds.count(TENSOR)

    return check


def _fast_entry(x: Any, kind: int) -> tuple[Any, Any, Any]:
    if kind == TENSOR:
        return x.shape, x.dtype, x.node
    return (x.shape, x.dtype, None) if kind == ARRAY else (x, None, None)


def _argument_names(function: Callable[..., Any], args: Any, options: Any) -> list[str]:
    """A name for every leaf of the arguments."""
    import inspect

    try:
        bound = inspect.signature(function).bind(*args, **options).arguments
    except (TypeError, ValueError):
        bound = {f"argument {n}": x for n, x in enumerate(args)} | options
    return [name for name, value in bound.items() for _ in flatten(value)[0]]


def _shown(leaf: Any) -> str:
    return f"shape {leaf.shape}" if isinstance(leaf, Tensor | np.ndarray) else f"{leaf!r:.40}"


def native(program: Program) -> Any:
    """The program as machine code, or run by NumPy where llvmlite does not load."""
    engine = importlib.import_module("..native.runtime.engine", __package__)  # which is built upon this package
    if engine.available():
        return importlib.import_module("..native.runtime.executable", __package__).Executable(program)
    engine.warn_of_numpy()
    return Interpreter(program)
