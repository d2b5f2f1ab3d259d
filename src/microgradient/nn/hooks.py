"""Hooks of modules: functions that are called before and after a forward or backward pass, or around saving and loading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import microgradient as mg

from ..errors import GradientError, ShapeError
from ..operators import wrap
from ..primitives import Primitive, World
from ..tape import NO_PARAMS, Node, picked, recording
from ..taped_world import TAPED
from ..tensor import Tensor
from ..tensor_hooks import RemovableHandle

if TYPE_CHECKING:
    from .module import Module

Function = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Hook:
    """A hook of a module: when it is called (`kind`), and how."""

    kind: str
    function: Function
    with_kwargs: bool = False
    always_call: bool = False


class Hooked:
    """The part of `Module` that registers hooks. Those of one kind are called in the order of their registration."""

    _hooks: tuple[Hook, ...] = ()

    def register_forward_pre_hook(
        self, hook: Function, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns, unless None, are the arguments.

        `with_kwargs`: it is `hook(module, args, kwargs)`, and returns None or a pair.
        """
        return self._add_hook(Hook("forward_pre", hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Function, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; what it returns, unless None, is the output.

        `with_kwargs`: it is `hook(module, args, kwargs, output)`. `always_call`: also if `forward` raises, with the output None.
        """
        return self._add_hook(Hook("forward", hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Function, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the outputs are there; it may return others."""
        return self._add_hook(Hook("backward_pre", hook), prepend)

    def register_full_backward_hook(self, hook: Function, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are there; it may return others.

        Both are tuples, with None for what is no tensor with a gradient. If no input has one, it is called with the gradients
        of the outputs.
        """
        return self._add_hook(Hook("backward", hook), prepend)

    register_backward_hook = register_full_backward_hook

    def register_state_dict_pre_hook(self, hook: Function) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before a `state_dict` that holds the module is made."""
        return self._add_hook(Hook("state_dict_pre", hook), False)

    def register_state_dict_post_hook(self, hook: Function) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after it is made, to change it in place."""
        return self._add_hook(Hook("state_dict", hook), False)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook: Function) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, metadata, strict, missing_keys, unexpected_keys, error_msgs)` before loading.

        It may change the dictionary (a copy), and add messages to the last list, with which loading is refused.
        """
        return self._add_hook(Hook("load_state_dict_pre", hook), False)

    def register_load_state_dict_post_hook(self, hook: Function) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` before keys that don't fit are refused; it may change both lists."""
        return self._add_hook(Hook("load_state_dict", hook), False)

    def _add_hook(self, hook: Hook, prepend: bool) -> RemovableHandle:
        self._hooks = (hook, *self._hooks) if prepend else (*self._hooks, hook)  # set anew: compiled functions see that

        def remove() -> None:
            self._hooks = tuple(h for h in self._hooks if h is not hook)

        return RemovableHandle(remove)

    def _hooks_of(self, kind: str) -> list[Hook]:
        return [hook for hook in self._hooks if hook.kind == kind]


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward(*args, **kwargs)` and what is to be called around it."""
    for hook in module._hooks_of("forward_pre"):
        if hook.with_kwargs:
            if (given := hook.function(module, args, kwargs)) is not None:
                args, kwargs = given
        elif (given := hook.function(module, args)) is not None:
            args = given if isinstance(given, tuple) else (given,)
    before, after = module._hooks_of("backward_pre"), module._hooks_of("backward")
    outgoing: list[Any] = []
    cut = after and not any(isinstance(x, Tensor) and x.node is not None for x in args)  # no gradient of an input comes
    if after and not cut:
        args = _watched(args, lambda grads: _changed(after, module, grads, tuple(outgoing)))
    waiting = module._hooks_of("forward")
    try:
        output = module.forward(*args, **kwargs)
        while waiting:
            hook = waiting.pop(0)
            given = (
                hook.function(module, args, kwargs, output) if hook.with_kwargs else hook.function(module, args, output)
            )
            output = output if given is None else given
    except Exception:
        for hook in waiting:
            if hook.always_call:
                hook.function(module, args, *((kwargs,) if hook.with_kwargs else ()), None)
        raise
    if not before and not after:
        return output

    def on_outputs(grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grads = _changed(before, module, grads)
        outgoing[:] = grads
        if cut and any(g is not None for g in _changed(after, module, (None,) * len(args), grads)):
            raise GradientError(
                "MG109", "A backward hook returned a gradient, but no input of the module requires one."
            )
        return grads

    watched = _watched(output if isinstance(output, tuple) else (output,), on_outputs)
    return watched if isinstance(output, tuple) else watched[0]


def _changed(hooks: list[Hook], module: Module, grads: tuple[Any, ...], *more: Any) -> tuple[Any, ...]:
    for hook in hooks:
        given = hook.function(module, grads, *more)
        if given is not None:
            grads = given if isinstance(given, tuple) else (given,)
    return grads


def _watched(values: tuple[Any, ...], on_gradients: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> tuple[Any, ...]:
    """The same values, behind one node of the tape that calls `on_gradients` with the gradients of all of them."""
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.node is not None]
    if not places or recording.get() is None:
        return values

    def run_vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        grads: list[Any] = [None] * len(values)
        for i, g in zip(places, t, strict=True):
            grads[i] = None if g is None else _gradient(g, values[i].result_class)
        passed = on_gradients(tuple(grads))
        if len(passed) != len(values):
            raise GradientError(
                "MG109", f"A backward hook returned {len(passed)} gradients in the place of {len(values)}."
            )
        for i in places:
            if passed[i] is not None and passed[i].shape != values[i].shape:
                raise ShapeError("MG122", f"A backward hook returned shape {passed[i].shape} for {values[i].shape}.")
        chosen = [None if passed[i] is None else _gradient(passed[i], Tensor) for i in places]
        return [g if g is None or xp is TAPED else g.raw for g in chosen]

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        moved = zip(tangents, places, strict=True)
        return tuple(xp.zeros(values[i].shape, values[i].dtype) if t is None else t for t, i in moved)

    op = Primitive("module_hook", "special", (run_vjp,), run_vjp, run_jvp, lambda wanted: (False,) * (len(wanted) + 1))
    parents = tuple(values[i].node for i in places)
    node = Node(op, parents, (None,) * (len(places) + 1), NO_PARAMS, None, None)
    behind = list(values)
    for k, i in enumerate(places):
        x = values[i]
        behind[i] = wrap(x.raw, picked(node, k, x.raw, len(places)), None, x.result_class)
    return tuple(behind)


def _gradient(t: Any, cls: type[Tensor]) -> Tensor:
    """The gradient, which is the conjugate of what a sweep carries, and back again, as a tensor of the class `cls`."""
    tensor = wrap(t.raw, t.node, t.cut, cls) if isinstance(t, Tensor) else wrap(t, None, None, cls)
    return mg.conj(tensor) if tensor.raw.dtype.kind == "c" else tensor
