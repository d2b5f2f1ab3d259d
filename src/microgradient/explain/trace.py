"""`mg.trace`: record what was computed, where in the program and under which name, with all the numbers.

A Trace is a `Recorder` in the context variable `tape.recording`: the engine calls its `record` for each operation that
needs a gradient. Without one the engine does nothing for it.
"""

from __future__ import annotations

import json
from os import PathLike
from typing import Any, overload

import numpy as np

from ..errors import ArgumentTypeError, DTypeError, GradientError
from ..gradients import no_gradient_for
from ..operators import wrap
from ..scalar import Value
from ..tape import Node, last_backward
from ..tensor import Tensor
from .evaluation import evaluation_trace
from .export import export
from .names import is_module, node_names, user_variables
from .recording import Recording
from .sweep import Sweep, root_node, sweep_of


class Trace(Recording):
    """What `trace` returns: the steps recorded under it. It keeps their data until the next trace begins.

    Under a trace `backward` releases nothing and stores the gradient of every intermediate tensor in its `grad`.

    >>> import microgradient as mg
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.trace() as t:
    ...     h = x * x
    ...     mg.sum(h).backward()
    >>> t.grad_of(h)
    tensor([1., 1.])
    """

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
        g = Sweep(root_node(of), self).adjoints.get(_node(x, "x"))
        found: Tensor = wrap(np.zeros(x.shape, x.dtype) if g is None else np.array(g), None)
        return found

    def to_json(self, of: Value | Tensor | None = None) -> str:
        """The graph of `of` (what was differentiated last) as JSON text; its structure is described in `explain.export`.

        Raises GradientError (MG118) if that was not computed under this trace.
        """
        if isinstance(of, str | PathLike):
            raise ArgumentTypeError("MG116", "`to_json` gives a text: write `Path(path).write_text(trace.to_json())`.")
        return json.dumps(export(self._sweep(of)), ensure_ascii=False, default=str)

    def save_html(self, path: str | PathLike[str], of: Value | Tensor | None = None) -> None:
        """Write the page of `mg.view` as one file that needs neither Python nor a network: it steps and explains, as far as
        there is room in it. It replaces a file at `path`.

        Shown is `of`, or what was differentiated last. Raises GradientError (MG118) if that was not computed under this trace,
        DataError (MG186) if the file can't be written.
        """
        from ..page.session import Session
        from ..page.snapshot import save_html

        save_html(Session(self._sweep(of)), path)

    def _sweep(self, of: Value | Tensor | None) -> Sweep:
        last = last_backward() if of is None else of
        if not isinstance(last, Value) and root_node(last) not in self.steps:
            which = "What was differentiated last" if of is None else "`of`"
            raise GradientError(
                "MG118",
                f"{which} was not computed under this trace: name a loss that was, `of=loss`, or use its own trace.",
            )
        return sweep_of(of, user_variables())

    def __repr__(self) -> str:
        where = {step.where for step in self.steps.values()}
        return f"<trace of {len(self.steps)} operations at {len(where)} places>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .display import of_trace

        return of_trace(self)


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

    `mg.trace(loss)` prints the evaluation trace of a Value, or of a tensor computed under a trace, and returns None (what
    has `to_json` and `save_html` is the `t` of the `with`): each step's expression and value, then backward each adjoint
    with what it is the sum of (Griewank & Walther, "Evaluating Derivatives", 2008).

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
        print(evaluation_trace(sweep_of(x, user_variables())))
        return None
    known: dict[Node, str] = {}
    if is_module(x):
        variables = user_variables()
        name = next((name for name, value in variables.items() if value is x), "model")
        known = node_names({name: x})
    elif x is not None:
        raise ArgumentTypeError(
            "MG116", f"mg.trace takes nothing, a model, or a Value or Tensor to print, not {type(x).__name__}."
        )
    return Trace(known).name(**names)


def _node(tensor: Any, name: str) -> Node:
    if isinstance(tensor, Tensor) and tensor.dtype.kind not in "fc":
        raise DTypeError("MG142", no_gradient_for(tensor.dtype))
    if not isinstance(tensor, Tensor) or tensor.node is None:
        raise GradientError(
            "MG109", f"`{name}` is not a tensor that requires a gradient, so there is nothing to trace."
        )
    return tensor.node
