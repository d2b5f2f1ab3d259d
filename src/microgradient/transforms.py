"""Transforms: functions that take a function and return its derivative, as in JAX.

They work on functions of tensors or of nested tuples, lists and dicts of them, and nest to any order. Each runs the
function once on fresh inputs and sweeps the tape this left: backward for `vjp` and `grad`, forward for `jvp`. The sweep is
itself taped when anything it reads may still be differentiated: when an outer transform or a tensor that requires a gradient
is involved.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import ArgumentError, ArgumentTypeError, DTypeError, GradientError, ShapeError, warn_once
from .operators import FLAT, world, wrap
from .primitives import TABLE
from .tape import (
    DEPARTED,
    NO_PARAMS,
    TAPE,
    Cut,
    Node,
    backward,
    forward,
    next_seq,
    recording,
    topological,
    transforming,
)
from .taped_world import TAPED
from .tensor import Tensor
from .trace_hooks import as_datum, detached
from .tree import flatten, leaves_like

Function = Callable[..., Any]


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False) -> Function:
    """The gradient of a function with one real number as result: `grad(f)(*args)` is ∂f/∂args[argnums].

    The gradient has the structure of the argument; several `argnums` give a tuple. With `has_aux`, f returns (value, aux) and
    the result is (gradient, aux). Raises GradientError if the result is not one number, DTypeError for integer arguments.

    As in JAX, the gradient in a complex argument u + iv is ∂f/∂u - i ∂f/∂v: the conjugate of what `backward` leaves in
    `.grad`, and of the direction in which f grows. If f is `holomorphic`, its result may be complex, and the gradient is f'.

    >>> import microgradient as mg
    >>> mg.grad(lambda x: x ** 3)(2.0)
    tensor(12.)
    >>> mg.grad(mg.grad(lambda x: x ** 3))(2.0)
    tensor(12.)
    """
    both = value_and_grad(f, argnums, has_aux, holomorphic)

    @functools.wraps(f)
    def gradient(*args: Any, **options: Any) -> Any:
        value, g = both(*args, **options)
        return (g, value[1]) if has_aux else g

    return gradient


def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """`value_and_grad(f)(*args)` is (f(*args), its gradient), from one run. See :func:`grad`.

    >>> import microgradient as mg
    >>> mg.value_and_grad(lambda p: (p["w"] * 2).sum())({"w": mg.tensor([1.0, 2.0])})
    (tensor(6.), {'w': tensor([2., 2.])})
    """

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **options: Any) -> Any:
        run = _Run(*_in_chosen(f, args, options, argnums), has_aux)
        if len(run.outputs) != 1 or run.outputs[0].raw.size != 1:
            shapes = ", ".join(str(y.shape) for y in run.outputs) or "None"
            name = getattr(f, "__name__", "f")
            raise GradientError(
                "MG101", f"grad needs a function with one number as result; the result of `{name}` has shape {shapes}. Write "
                "`.mean()` or `.sum()` at its end, or use mg.jacobian or mg.vjp.",
            )  # fmt: skip
        y = run.outputs[0]
        if y.dtype.kind != ("c" if holomorphic else "f"):
            raise DTypeError(
                "MG142", f"grad needs a real floating result, not {y.dtype}; the derivative of a complex one exists for "
                "holomorphic functions: `mg.grad(f, holomorphic=True)`.",
            )  # fmt: skip
        (gradient,) = run.pull([wrap(np.ones(y.shape, y.dtype), None)])
        return run.result(), gradient

    return value_and_gradient


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """(f(*primals), pullback): `pullback(cotangent)` is the tuple of cotangents of the primals, vᵀJ.

    The pullback may be called any number of times. With `has_aux`: (value, pullback, aux).

    >>> import microgradient as mg
    >>> y, pullback = mg.vjp(lambda a, b: a * b, 2.0, 3.0)
    >>> y, pullback(1.0)
    (tensor(6.), (tensor(3.), tensor(2.)))
    """
    run = _Run(f, list(primals), has_aux)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        return tuple(run.pull(_matching(cotangent, run.value, run.outputs, "cotangent")))

    value = run.result()
    return (value[0], pullback, value[1]) if has_aux else (value, pullback)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """(f(*primals), Jv): how the result moves when the primals move along `tangents`.

    Runs the function and then sweeps its tape forwards, so it needs the memory of a backward pass.

    >>> import microgradient as mg
    >>> mg.jvp(lambda x: x * x, (3.0,), (1.0,))
    (tensor(9.), tensor(6.))
    """
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise ArgumentTypeError("MG112", "jvp takes its primals and its tangents as tuples: `mg.jvp(f, (x,), (v,))`.")
    run = _Run(f, list(primals), has_aux)
    moved = run.push(_matching(tuple(tangents), tuple(primals), run.inputs, "tangent"))
    value = run.result()
    return (value[0], moved, value[1]) if has_aux else (value, moved)


def hvp(f: Function, primals: Any, tangents: Any) -> Any:
    """The product of the Hessian of f with a vector, at the cost of a few gradients: forward over reverse.

    `hvp(f, (x,), (v,))` or, for one argument, `hvp(f, x, v)`. Pearlmutter 1994, "Fast exact multiplication by the Hessian".

    >>> import microgradient as mg
    >>> mg.hvp(lambda x: (x ** 3).sum(), mg.tensor([1.0, 2.0]), mg.tensor([1.0, 1.0]))
    tensor([ 6., 12.])
    """
    if not isinstance(primals, tuple):
        primals, tangents = (primals,), (tangents,)
    return jvp(grad(f), primals, tangents)[1]


def jacobian(f: Function, argnums: int | Sequence[int] = 0, holomorphic: bool = False) -> Function:
    """All partial derivatives of f: `jacobian(f)(x)` has the shape of f(x) followed by that of x.

    Complex results of complex arguments have one only where f is `holomorphic`: say so, else it is a DTypeError.

    Built from one backward sweep per entry of the result, or one forward sweep per entry of the argument, whichever are fewer.
    A tree of results over a tree of arguments gives a tree of trees.

    >>> import microgradient as mg
    >>> mg.jacobian(lambda x: x * x)(mg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(f)
    def all_partials(*args: Any, **options: Any) -> Any:
        run = _Run(*_in_chosen(f, args, options, argnums))
        complex_in, complex_out = (any(x.dtype.kind == "c" for x in side) for side in (run.inputs, run.outputs))
        if complex_in and complex_out and not holomorphic:
            raise DTypeError(
                "MG142", "A complex function of complex numbers has one derivative only where it is holomorphic. If it is: "
                "`mg.jacobian(f, holomorphic=True)`; else differentiate `mg.real(f(x))` and `mg.imag(f(x))`.",
            )  # fmt: skip
        return run.rebuild_outputs([run.rebuild_inputs(row)[0] for row in _jacobian_blocks(run)])

    return all_partials


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """All second partial derivatives of a function with one number as result: the Jacobian of its gradient.

    >>> import microgradient as mg
    >>> mg.hessian(lambda x: (x ** 3).sum())(mg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacobian(grad(f, argnums), argnums)


# ------------------------------------------------------------------------------------------------- one run of a function


class _Run:
    """One taped run of a function on fresh inputs: what it gave, and sweeps over what it left on the tape."""

    def __init__(self, f: Function, args: list[Any], has_aux: bool = False) -> None:
        outer = recording.get()
        self.since, self.recorded = next_seq(), outer is not None
        leaves, self.rebuild_inputs = flatten(args)
        self.inputs = [_fresh(x) for x in leaves]
        token = recording.set(outer or TAPE)
        transforming[0] += 1
        try:
            value = f(*self.rebuild_inputs(self.inputs))
        finally:
            transforming[0] -= 1
            recording.reset(token)
        self.aux = None
        if has_aux:
            value, self.aux = value
        self.has_aux, self.value = has_aux, value
        outputs, self.rebuild_outputs = flatten(value)
        self.outputs = [y if isinstance(y, Tensor) else Tensor(y, None) for y in outputs]
        reached, leads_outside = self._reached(self.outputs)
        self.order = _on_the_way(reached, {x.node for x in self.inputs})
        if self.inputs and not self.order:
            _warn_if_cut([left for left in DEPARTED if left.seq > self.since and left.what not in FLAT], self.outputs)
        self.taped = leads_outside and outer is not None
        self.aux_taped = outer is not None and self._reached(flatten(self.aux)[0])[1]

    def _reached(self, values: list[Any]) -> tuple[list[Node], bool]:
        """The nodes of this run that `values` were computed from, and whether anything outside of it was used too."""
        roots = [y.node for y in values if isinstance(y, Tensor) and y.node is not None]
        reached = topological([node for node in roots if node.seq > self.since], self.since)
        older = any(p is not None and p.seq <= self.since for node in reached for p in node.parents)
        return reached, older or any(node.seq <= self.since for node in roots)

    def result(self) -> Any:
        """What the function returned; cut off from the inputs of this run unless something outside still needs them."""
        value = self._returned(self.outputs, self.rebuild_outputs, self.taped)
        return (value, self._returned(*flatten(self.aux), self.aux_taped)) if self.has_aux else value

    def _returned(self, leaves: list[Any], rebuild: Function, taped: bool) -> Any:
        """Under `no_grad` a trace has to know what is cut off from everything."""
        cut = as_datum if self.recorded else detached
        parts = (
            x if taped or not isinstance(x, Tensor) else wrap(cut(x.raw), None, None, x.result_class) for x in leaves
        )
        return rebuild(list(parts))

    def pull(self, cotangents: list[Tensor]) -> list[Any]:
        """Cotangents of the arguments, from those of the results."""
        seeds: dict[Node, Any] = {}
        members = set(self.order)
        taped = self._taped(cotangents)
        for y, t in zip(self.outputs, cotangents, strict=True):
            if y.node in members:
                t_ = t if taped else t.raw
                seeds[y.node] = seeds[y.node] + t_ if y.node in seeds else t_
        return self.rebuild_inputs(self._swept(backward, seeds, taped, self.inputs))

    def push(self, tangents: list[Tensor]) -> Any:
        """The tangents of the results, from those of the arguments."""
        taped = self._taped(tangents)
        moving: dict[Any, Any] = {x.node: t if taped else t.raw for x, t in zip(self.inputs, tangents, strict=True)}
        return self.rebuild_outputs(self._swept(forward, moving, taped, self.outputs))

    def _swept(self, sweep: Function, start: dict[Any, Any], taped: bool, ends: list[Tensor]) -> list[Any]:
        """What a sweep of the tape from `start` finds at `ends`."""
        with np.errstate(all="ignore"):
            found = sweep(self.order, start, TAPED, wrap) if taped else sweep(self.order, start, world())
        return [_own(np.zeros(x.shape, x.dtype) if (t := found.get(x.node)) is None else t, x) for x in ends]

    def _taped(self, directions: list[Tensor]) -> bool:
        return self.taped or (recording.get() is not None and any(t.node is not None for t in directions))


def _own(t: Any, like: Tensor) -> Tensor:
    """What a sweep found as a tensor of its own: the sweep may have given the same one to several, or that of the user."""
    cls, copied = like.result_class, t.raw.copy() if isinstance(t, Tensor) else as_datum(t).copy()
    found: Tensor = wrap(copied, t.node if isinstance(t, Tensor) else None, None, cls)
    return found


def _warn_if_cut(departed: list[Cut], outputs: list[Tensor]) -> None:
    """Say so where all derivatives are 0 because the function left the tensors: by `math.sin(x)`, say, or `np.asarray(x)`."""
    copied = [y.cut for y in outputs if y.cut is not None and y.cut.what == "mg.tensor(…)"]
    if trail := "; ".join(map(str, [*departed, *copied])):
        warn_once(
            "MG102",
            "All derivatives are 0, since the result is not connected to the argument. These left the graph: "
            f"{trail}. Use the `mg.` functions on tensors there, as mg.sin(x) instead of math.sin(x).",
        )


def _fresh(x: Any) -> Tensor:
    """A tensor with the value of `x` that starts a graph, continuing that of `x` if it has one."""
    if not isinstance(x, Tensor):
        x = Tensor(float(x) if x.__class__ is int else x, None)
    if x.dtype.kind not in "fc":
        raise DTypeError(
            "MG142",
            f"Derivatives are defined for floating arguments, real or complex, not for {x.dtype} of shape {x.shape}: labels and "
            "indices are counted, not differentiated. Write `x.astype(mg.float32)`, or leave this argument out of `argnums`.",
        )
    node = Node(None, (), (), NO_PARAMS, x.shape, x.dtype)
    if x.node is not None:
        node = Node(TABLE["positive"], (x.node,), (None, None), NO_PARAMS, x.shape, x.dtype)
    tensor: Tensor = wrap(x.raw, node, None, x.result_class)
    return tensor


def _on_the_way(order: list[Node], inputs: set[Node | None]) -> list[Node]:
    """The nodes of `order` that depend on one of `inputs`."""
    needed: set[Node | None] = set(inputs)
    kept = []
    for node in reversed(order):
        if node in needed or not needed.isdisjoint(node.parents):
            needed.add(node)
            kept.append(node)
    return kept[::-1]


def _in_chosen(
    f: Function, args: tuple[Any, ...], options: dict[str, Any], argnums: int | Sequence[int]
) -> tuple[Function, list[Any]]:
    """f as a function of the argument with this number, or of the tuple of those with these, and what that is now."""
    numbers = tuple(argnums) if isinstance(argnums, Sequence) else (argnums,)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise ArgumentTypeError(
                "MG112", f"argnums={n}, but the function was called with {len(args)} positional arguments."
            )
    if len({n % len(args) for n in numbers}) != len(numbers):
        raise ArgumentError("MG112", f"argnums={argnums} names an argument twice: write each once.")

    def of_chosen(chosen: Any) -> Any:
        full = list(args)
        for n, value in zip(numbers, chosen if isinstance(argnums, Sequence) else (chosen,), strict=True):
            full[n] = value
        return f(*full, **options)

    return of_chosen, [tuple(args[n] for n in numbers) if isinstance(argnums, Sequence) else args[argnums]]


def _matching(tree: Any, model: Any, like: list[Tensor], what: str) -> list[Tensor]:
    """The leaves of a tree of cotangents or tangents, in the order of those of `model`, as tensors as in `like`."""
    try:
        leaves = leaves_like(tree, model)
    except ValueError:
        n = len(flatten(tree)[0])
        how = f"there are {n}" if n != len(like) else f"the {n} given are nested or named differently"
        raise ArgumentTypeError(
            "MG112", f"{len(like)} {what}s are needed, one per tensor and nested as these are; {how}."
        ) from None
    out = []
    for leaf, x in zip(leaves, like, strict=True):
        t = leaf if isinstance(leaf, Tensor) else Tensor(leaf, x.dtype)
        if t.shape != x.shape:
            raise ShapeError("MG122", f"A {what} of shape {t.shape} was given for a tensor of shape {x.shape}.")
        out.append(t if t.dtype == x.dtype else TAPED.astype(t, dtype=x.dtype))
    return out


def _jacobian_blocks(run: _Run) -> list[list[Any]]:
    """∂outputs[i]/∂inputs[j], of shape outputs[i].shape + inputs[j].shape, for all i and j."""
    outputs, inputs = run.outputs, run.inputs
    n_out, n_in = sum(y.raw.size for y in outputs), sum(x.raw.size for x in inputs)
    by_columns = n_in < n_out  # backwards a real argument, forwards a real result would see the real part alone
    if any(u.dtype.kind != v.dtype.kind for u in inputs for v in outputs):
        by_columns = any(v.dtype.kind == "c" for v in outputs)
    varied = inputs if by_columns else outputs
    sweeps: list[list[list[Any]]] = []  # for each varied tensor and each of its entries: the leaves on the other side
    for k, v in enumerate(varied):
        results = []
        for entry in range(v.raw.size):
            zeros = [np.zeros(u.shape, u.dtype) for u in varied]
            zeros[k].reshape(-1)[entry] = 1
            seeds = [wrap(z, None) for z in zeros]
            results.append(flatten(run.push(seeds) if by_columns else run.pull(seeds))[0])
        sweeps.append(results)
    blocks = []
    for i, y in enumerate(outputs):
        row = []
        for j, x in enumerate(inputs):
            parts = [each[i] for each in sweeps[j]] if by_columns else [each[j] for each in sweeps[i]]
            row.append(_assembled(parts, y, x, by_columns))
        blocks.append(row)
    return blocks


def _assembled(parts: list[Any], y: Tensor, x: Tensor, by_columns: bool) -> Any:
    """One block of a Jacobian from its rows or its columns."""
    if not parts:
        return wrap(np.zeros((*y.shape, *x.shape), np.result_type(x.dtype, y.dtype)), None)
    inner = y if by_columns else x
    stacked = TAPED.concat(*(TAPED.reshape(p, shape=(1, inner.raw.size)) for p in parts), axis=0)
    if by_columns:
        stacked = TAPED.permute_dims(stacked, axes=(1, 0))
    return TAPED.reshape(stacked, shape=(*y.shape, *x.shape))
