"""`torch.autograd.Function`: an operation with a derivative of its own."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ...errors import ArgumentTypeError, GradientError
from ...operators import wrap
from ...primitives import Primitive
from ...tape import NO_PARAMS, Node, no_grad, picked, recording
from ...taped_world import TAPED
from ...tensor import Tensor as Base
from ...trace_hooks import as_datum
from ..tensor import Tensor, adopt


class FunctionCtx:
    """What `forward` leaves for `backward`."""

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self.non_differentiable: tuple[Any, ...] = ()
        self.dirty_tensors: tuple[Any, ...] = ()
        self._outputs: tuple[Any, ...] = ()
        self._node: Any = lambda: None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`, where they are `ctx.saved_tensors`."""
        self._saved = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors kept: results of the function with their derivatives, as arguments have them."""
        return tuple(self._result(x) for x in self._saved)

    def _result(self, x: Any) -> Any:
        node = self._node()
        k = next((k for k, o in enumerate(self._outputs) if o is x), None)
        return x if node is None or k is None else wrap(x.raw, picked(node, k, x.raw, len(self._outputs)), None, Tensor)

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that some results have no gradient."""
        self.non_differentiable = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that some arguments are changed in place."""
        self.dirty_tensors = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a gradient that isn't there comes as zeros (else None)."""
        self.materialize_grads = value


class Function:
    """Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`; call `.apply(*args)`.

    >>> import microgradient.torch as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = torch.tensor(1.0, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor(2.)
    """

    @staticmethod
    def forward(*args: Any, **options: Any) -> Any:
        """The operation."""
        raise ArgumentTypeError("MG113", "A torch.autograd.Function needs a static method `forward(ctx, …)`.")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradient of each argument of `forward`, None for those that have none."""
        raise GradientError(
            "MG113", "This torch.autograd.Function has no `backward(ctx, grad_output)`, which a gradient needs."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """The tangent of the results, from those of the arguments."""
        raise GradientError("MG113", "This torch.autograd.Function has no `jvp`, which a forward sweep needs.")

    @classmethod
    def apply(cls, *args: Any, **options: Any) -> Any:
        """Run it, recorded as one operation."""
        ctx = FunctionCtx()
        places = [i for i, a in enumerate(args) if isinstance(a, Base)]
        recorder = recording.get()
        ctx.needs_input_grad = tuple(isinstance(a, Base) and a.node is not None and recorder is not None for a in args)
        with no_grad():
            if "setup_context" in {name for c in cls.__mro__ if c is not Function for name in vars(c)}:
                y = cls.forward(*args, **options)
                cls.setup_context(ctx, args, y)  # type: ignore[attr-defined]
            else:
                y = cls.forward(ctx, *args, **options)
        if not any(ctx.needs_input_grad):
            return y
        several = isinstance(y, tuple)
        outputs = list(y) if several else [y]
        real = [k for k, o in enumerate(outputs) if _differentiable(o, ctx)]
        node = Node(
            _primitive(cls, ctx, args, places, outputs),
            tuple(args[i].node for i in places),
            (None,) * (len(places) + 1),
            NO_PARAMS,
            None,
            None,
        )
        node.called = (f"{cls.__name__}Backward", False, node.seq - 1)
        ctx._node, ctx._outputs = weakref.ref(node), tuple(o if _differentiable(o, ctx) else None for o in outputs)
        results = list(outputs)
        for k in real:
            results[k] = wrap(outputs[k].raw, picked(node, k, outputs[k].raw, len(outputs)), None, Tensor)
        for k, o in enumerate(outputs):
            if k in real and any(o is d for d in ctx.dirty_tensors):
                o.raw, o.node = results[k].raw, results[k].node
                results[k] = o
        if recorder is not None and hasattr(recorder, "record"):
            recorder.record(node, tuple(args[i].raw for i in places), tuple(getattr(o, "raw", o) for o in outputs))
        return tuple(results) if several else results[0]


def _differentiable(o: Any, ctx: FunctionCtx) -> bool:
    return isinstance(o, Base) and o.raw.dtype.kind in "fc" and not any(o is x for x in ctx.non_differentiable)


def _primitive(cls: Any, ctx: FunctionCtx, args: Any, places: list[int], outputs: list[Any]) -> Primitive:
    def run_vjp(xp: Any, t: Any, y: Any, given: Any, wanted: Any, params: Any) -> list[Any]:
        grads = []
        for o, g in zip(outputs, t, strict=True):
            if g is None and ctx.materialize_grads and isinstance(o, Base):
                g = np.zeros(o.raw.shape, o.raw.dtype)
            grads.append(None if g is None else adopt(g if isinstance(g, Base) else wrap(as_datum(g), None)))
        token = None if xp is TAPED else recording.set(None)
        try:
            got = cls.backward(ctx, *grads) if cls.backward is not Function.backward else cls.vjp(ctx, *grads)
        finally:
            if token is not None:
                recording.reset(token)
        got = list(got) if isinstance(got, tuple | list) else [got]
        if len(got) < len(args):
            raise GradientError(
                "MG113", f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {len(args)}, got "
                f"{len(got)}): one for each argument of forward, None where there is none.",
            )  # fmt: skip
        found = [got[i] for i in places]
        return [None if g is None else g if xp is TAPED else as_datum(g.raw).copy() for g in found]

    def run_jvp(xp: Any, tangents: Any, y: Any, given: Any, params: Any) -> Any:
        filled: list[Any] = [None] * len(args)
        for i, t in zip(places, tangents, strict=True):
            filled[i] = None if t is None else adopt(t if isinstance(t, Base) else wrap(as_datum(t), None))
        moved = cls.jvp(ctx, *filled)
        parts = moved if isinstance(moved, tuple) else (moved,)
        return tuple(p if xp is TAPED else p.raw for p in parts)

    return Primitive(cls.__name__, "special", (run_vjp,), run_vjp, run_jvp, lambda wanted: (False,) * (len(wanted) + 1))


def once_differentiable(function: Any) -> Any:
    """A decorator for `backward`: accepted."""
    return function
