"""Loops and conditions as functions, with JAX's names and meaning: `scan`, `fori_loop`, `while_loop`, `map`, `cond`.

Eagerly they are Python's own. In `mg.compile` the function given to one is traced once, whatever the number of steps, and becomes
a loop of machine code; in `mg.vmap` all examples take each step together. What the functions close over, parameters too, may
need gradients. They can't change anything outside: what a step computes it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..custom_rules import is_checkpointed
from ..errors import ArgumentError, ArgumentTypeError, ShapeError, type_name
from ..functions.creation import asarray
from ..tensor import Tensor
from ..trace_hooks import Traced, current
from ..tree import flatten, leaves_like
from .conditions import branch
from .repetition import until
from .scan import loop, loop_in_python

Function = Callable[..., Any]


def scan(
    f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int | bool = 1
) -> tuple[Any, Any]:
    """(carry, ys) after `carry, y = f(carry, x)` for each entry x of `xs` along its first axis, beginning with `init`.

    carry, xs and ys are tensors or containers of them; ys has the y of all steps along a new first axis. `f` must return a
    carry of the shapes and dtypes that it was given. `length` is needed where `xs` is None, `reverse` begins at the end (ys stay
    in the order of xs). `unroll`: True, or a number not below the length, has a compiled function hold a copy of every step, and
    no loop; other numbers make no difference. Can be differentiated in both directions, any number of times. With
    `mg.checkpoint(f)` the backward pass keeps what each step started from, and computes the step again.
    Raises ShapeError if the xs differ in length, ArgumentTypeError if the carry changes. As `jax.lax.scan`.

    >>> import microgradient as mg
    >>> mg.scan(lambda total, x: (total + x, total * x), 0.0, mg.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    start, rebuild_carry = flatten(init)
    entries, rebuild_x = flatten(xs)
    entries = [asarray(x) for x in entries]
    n = _length(entries, length)
    rebuild_y: list[Any] = []

    def step(carry: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        result = f(rebuild_carry(carry), rebuild_x(x))
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentTypeError(
                "MG222", f"mg.scan: f has to return a pair, (carry, y), not {type_name(result)}; y may be None."
            )
        ys, rebuild = flatten(result[1])
        rebuild_y[:] = [rebuild]
        return _like(result[0], init, "mg.scan: f"), [asarray(y) for y in ys]

    inline = current() is not None and (unroll is True or int(unroll) >= n > 0)
    given = step, [asarray(x) for x in start], entries, n, reverse, "mg.scan"
    carry, ys = loop_in_python(*given) if inline else loop(*given, again=is_checkpointed(f))
    return rebuild_carry(carry), rebuild_y[0](ys)


def map(f: Function, xs: Any) -> Any:
    """f(x) for each entry x of `xs` along its first axis, one after the other, stacked. As `jax.lax.map`.

    `mg.vmap` does all at once, which is faster and takes the memory for all at once.

    >>> import microgradient as mg
    >>> mg.map(lambda x: x * x, mg.tensor([1.0, 2.0, 3.0]))
    tensor([1., 4., 9.])
    """
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any, *, unroll: int | bool = 1) -> Any:
    """`val = body_fun(i, val)` for i = lower … upper - 1, beginning with `init_val`. As `jax.lax.fori_loop`.

    i is a tensor of one whole number, so that the step is one program. With whole numbers of Python as bounds it can be
    differentiated in both directions; bounds that are tensors, of which a compiled function doesn't know the values, allow only
    forward derivatives, as `while_loop` does.

    >>> import microgradient as mg
    >>> mg.fori_loop(1, 5, lambda i, product: product * i, 1)
    tensor(24)
    """
    if isinstance(lower, Tensor | Traced) or isinstance(upper, Tensor | Traced):
        first, last = asarray(lower, dtype=np.int64), asarray(upper, dtype=np.int64)
        _, end = while_loop(lambda s: s[0] < last, lambda s: (s[0] + 1, body_fun(s[0], s[1])), (first, init_val))
        return end
    numbers = asarray(np.arange(lower, upper, dtype=np.int64))
    return scan(lambda val, i: (body_fun(i, val), None), init_val, numbers, unroll=unroll)[0]


def while_loop(cond_fun: Function, body_fun: Function, init_val: Any) -> Any:
    """`val = body_fun(val)` as long as `cond_fun(val)`, beginning with `init_val`. As `jax.lax.while_loop`.

    `body_fun` must return what it was given, in shapes and dtypes; `cond_fun` returns one boolean. There are forward derivatives
    (`mg.jvp`); backwards it raises GradientError, since the number of steps, and of what would be kept, is not known before.

    >>> import microgradient as mg
    >>> mg.while_loop(lambda x: x < 100.0, lambda x: x * 3.0, 1.0)
    tensor(243.)
    """
    start, rebuild = flatten(init_val)

    def step(state: list[Any]) -> list[Any]:
        return _like(body_fun(rebuild(state)), init_val, "mg.while_loop: body_fun")

    def holds(state: list[Any]) -> Any:
        return asarray(cond_fun(rebuild(state)))

    return rebuild(until(holds, step, [asarray(x) for x in start], "mg.while_loop"))


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """`true_fun(*operands)` if `pred`, one boolean, is true, else `false_fun(*operands)`. As `jax.lax.cond`.

    Only one of them runs, also where a compiled function finds out at each call. Both must return the same containers of tensors
    of the same shapes and dtypes. Under `mg.vmap`, where `pred` may differ between examples, both run.

    >>> import microgradient as mg
    >>> f = mg.compile(lambda x: mg.cond(x > 0, mg.sqrt, lambda x: -x, x))
    >>> f(mg.tensor(4.0)), f(mg.tensor(-3.0))
    (tensor(2.), tensor(3.))
    """
    decides = asarray(pred)
    if decides.shape != ():
        raise ShapeError("MG222", f"mg.cond: pred is one boolean, not of shape {decides.shape}. Write mg.where(…).")
    made: list[tuple[Any, Any]] = []

    def side(function: Function) -> list[Any]:
        value = function(*operands)
        leaves, rebuild = flatten(value)
        if made:
            leaves = _like(value, made[0][0], "mg.cond: false_fun", "true_fun")
        made.append((value, rebuild))
        return [asarray(x) for x in leaves]

    decides = decides if decides.dtype == np.bool_ else decides != 0
    found = branch(decides, lambda: side(true_fun), lambda: side(false_fun), "mg.cond")
    return made[0][1](found)


def _length(xs: list[Any], length: int | None) -> int:
    """How many steps there are."""
    if any(not x.shape for x in xs):
        raise ShapeError("MG222", "mg.scan: the xs need an axis to go along; a number has none. Close over it instead.")
    found = {x.shape[0] for x in xs} | ({int(length)} if length is not None else set())
    if len(found) > 1:
        shapes = ", ".join(str(x.shape) for x in xs)
        said = "" if length is None else f"; length={length}"
        raise ShapeError(
            "MG222", f"mg.scan: the xs, of shapes {shapes}{said}, differ in the length of their first axis."
        )
    if not found:
        raise ArgumentError("MG222", "mg.scan needs xs, or `length=` to say how many steps there are.")
    return found.pop()


def _like(value: Any, model: Any, what: str, other: str = "what it was given") -> list[Any]:
    """The leaves of what a step returned, as tensors. Raises ArgumentTypeError unless it is nested as the model is."""
    try:
        return [asarray(x) for x in leaves_like(value, model)]
    except ValueError:
        raise ArgumentTypeError(
            "MG222", f"{what} returns {type_name(value)}, which is not nested as {other} is, {type_name(model)}."
        ) from None
