"""Optimizer: what all optimisers share. A new one is a class with an `__init__` that names its settings, and an
`update`.

`update` is the optimiser's formula and nothing else: given one parameter's value, its gradient and what was remembered
about it, it returns the new value and rebinds what is to be remembered. It never writes into an array, since a tape or
a user may hold it, and uses only operators and functions of `xp`, so that the formula runs in any world.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import trace_hooks
from ..array_world import ARRAY
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, as_given, warn_once
from ..gradients import steps_taken, warn_of_stale
from ..nn.parameter import zero_grad
from ..operators import wrap
from ..tape import TAPE, enable_grad, recording
from ..tensor import Tensor
from ..tensor_hooks import RemovableHandle
from .checks import check_parameter, check_settings, listed
from .complex_parts import joined, joined_state, parts, state_of_parts
from .state import State as State
from .state import check_shape, copied, exported, imported, is_array, replace

Array = np.ndarray[Any, np.dtype[Any]]
Hook = Callable[..., Any]
Group = dict[str, Any]  # "params", and a value for every setting

_ARRAYS = (np.ndarray, np.generic)
_BLOCK = 1 << 16  # bytes of a large parameter updated at once, so that intermediate results stay in the cache
_TELLING = ("betas", "momentum", "rho", "alpha", "etas", "lr_decay", "beta2_decay", "max_iter", "r")
"""Settings by which a saved state is told to be another optimiser's; others come and go with versions."""
_PATIENCE = 10  # steps in which a parameter may wait for its first gradient, as those of a second task or expert do


def _looked_at(name: str) -> Any:
    """An attribute that counts when it is looked at, so that a compiled step need not look whether something in it changed."""

    def get(self: Any) -> Any:
        found = vars(self)[name]
        trace_hooks.looks[0] += 1  # only now: until then, whoever looks holds `found`, which is counted
        return found

    def put(self: Any, value: Any) -> None:
        vars(self)[name] = value
        trace_hooks.looks[0] += 1

    return property(get, put)


class Optimizer:
    """Updates parameters from their gradients.

    `params` is an iterable of tensors (`model.parameters()`), of (name, tensor) pairs (`model.named_parameters()`;
    warnings then use the names), or of dicts `{"params": …, "lr": …}`, groups with settings of their own. `defaults`
    holds the settings of the groups that have none.

    `param_groups`, `state`, `state_dict()` and `load_state_dict()` are as in PyTorch, so that states move between the
    two.

    >>> import microgradient as mg
    >>> class SignDescent(mg.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr, "maximize": False})
    ...
    ...     def update(self, xp, p, g, state, group):
    ...         return p - group["lr"] * xp.sign(g)
    >>> w = mg.tensor([2.0, -3.0], requires_grad=True)
    >>> optimizer = SignDescent([w], lr=0.5)
    >>> mg.sum(w**2).backward()
    >>> optimizer.step()
    >>> w.tolist()
    [1.5, -2.5]
    """

    elementwise = True
    """Whether `update` computes each entry from that entry alone, so that it may be applied to a part of a parameter."""
    takes_complex = False
    """Whether `update` is right for complex parameters. If it isn't, but is elementwise, it gets their parts, as real numbers."""
    numbers: tuple[str, ...] = ("step",)
    """Which entries of the state are numbers; the others are arrays."""
    inputs: tuple[str, ...] = ("lr",)
    """Which settings change while training: a compiled step reads them at every call."""
    needs_closure = False
    """Whether `step` has to be given a function that computes the loss."""

    param_groups: list[Group] = _looked_at("param_groups")
    state: dict[Tensor, State] = _looked_at("state")

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups, self.state = [], defaultdict(dict)
        self._hooks: tuple[tuple[str, Hook], ...] = ()  # when each is called, and the function
        self._steps = 0
        self._missing: set[tuple[int, int]] | None = (
            None  # (group, position) of the parameters without a gradient so far
        )
        self.made_in = getattr(trace_hooks.current(), "start", None)  # the number of a trace
        groups = listed(params)
        if not groups:
            raise ArgumentError(
                "MG167",
                f"{type(self).__name__} got no parameters. A model finds `nn.Parameter`s and modules in its attributes, and in "
                "lists, tuples and dicts there, but no plain tensors, nor what is in a set or another object. If they come from "
                "a generator such as `model.parameters()`, it may already be used up: write `list(model.parameters())` where it "
                "is made.",
            )
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        """The new value of a parameter with value `p` and gradient `g`. Rebinds the entries of `state`."""
        raise NotImplementedError

    def initial_state(self, p: Any, group: Group) -> State:
        """What is remembered about a parameter before the first `update`. By default nothing; a compiled step begins with it."""
        return {}

    @property
    def _has_formula(self) -> bool:
        """Whether it has an `update`; one with a `step` of its own, as PyTorch's are written, keeps in `state` what it likes."""
        return type(self).update is not Optimizer.update or type(self).step is Optimizer.step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. A `closure` that computes the loss is called first and its value
        returned.

        Warns when there is no gradient at all, and, after ten steps, about parameters that never got one.
        """
        if not self._hooks:
            return self._take_step(closure)
        args: tuple[Any, ...] = () if closure is None else (closure,)
        options: dict[str, Any] = {}
        for hook in self._hooks_of("step_pre"):
            changed = hook(self, args, options)
            args, options = (args, options) if changed is None else changed
        loss = self._take_step(*args, **options)
        for hook in self._hooks_of("step_post"):
            hook(self, args, options)
        return loss

    def _take_step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        updated, missing, stale = 0, set[tuple[int, int]](), (0, 0)
        states, trace = self.state, trace_hooks.current()
        with np.errstate(all="ignore"):
            for number, group in enumerate(self.param_groups):
                for i, p in enumerate(group["params"]):
                    grad = p.grad
                    if grad is None:
                        if self._steps < _PATIENCE and p.requires_grad:
                            missing.add((number, i))
                        continue
                    node = p.node
                    if node is not None and hasattr(node, "summed"):
                        count, used, since = node.summed
                        if used < count:
                            stale = max(stale, (used, count))
                            node.summed = (count, count, since)
                    self._update(p, grad.raw, group, states, trace)
                    updated += 1
        steps_taken[0] += 1
        if stale[0]:
            warn_of_stale(*stale)
        if not updated:
            warn_once(
                "MG168",
                "No parameter has a gradient; nothing changed. Call `loss.backward()` before `step()`, on a loss computed from "
                "these parameters, and `zero_grad()` before it, not in between.",
            )
        else:
            self._missing = missing if self._missing is None else self._missing & missing
            self._steps += 1
            if self._missing and (self._steps == _PATIENCE or trace is not None):
                self._warn_about(sorted(self._missing))
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: make them None, or, with `set_to_none=False`, zeros."""
        zero_grad(self._parameters(), set_to_none)

    def add_param_group(self, group: Group) -> None:
        """Add parameters with settings of their own, such as `{"params": head.parameters(), "lr": 0.01}`."""
        if not isinstance(group, dict) or "params" not in group:
            raise ArgumentTypeError(
                "MG167", f"A parameter group is a dict with an entry 'params', got {as_given(group)}."
            )
        params = [group["params"]] if isinstance(group["params"], Tensor) else listed(group["params"])
        named = bool(params) and isinstance(params[0], tuple)
        if any(isinstance(p, tuple) is not named for p in params):
            raise ArgumentError("MG167", "Either all parameters of a group have a name or none.")
        if self.param_groups and params and named is not ("param_names" in self.param_groups[0]):
            raise ArgumentError("MG167", "Either the parameters of all groups have names or none.")
        names = [name for name, _ in params] if named else [""] * len(params)
        params = [p for _, p in params] if named else params
        known = {id(p): "" for p in self._parameters()}
        for i, (name, p) in enumerate(zip(names, params, strict=True)):
            self._check_dtype(p)
            check_parameter(p, f"`{name}`" if name else f"parameter {i} of group {len(self.param_groups)}", known)
        new = {"params": params, **({"param_names": names} if named else {})}
        new |= {k: group.get(k, default) for k, default in self.defaults.items()}
        new |= {k: v for k, v in group.items() if k not in new}
        check_settings(new)
        if new.get("differentiable"):
            warn_once(
                "MG168",
                f"A step of {type(self).__name__} is not recorded, also with differentiable=True. To differentiate through "
                "steps, compute the new parameters with `mg.grad` and functions of `mg`.",
            )
        self.param_groups.append(new)

    # ---------------------------------------------------------------------------------------------------- saving, loading

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that is remembered: `{"state": {0: {…}, …}, "param_groups": [{…, "params": [0, …]}, …]}`.

        Parameters are numbered through all groups. Arrays become tensors, the number of steps too, as in PyTorch.
        """
        for hook in self._hooks_of("state_dict_pre"):
            hook(self)
        indices = {p: i for i, p in enumerate(self._parameters())}
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [indices[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {
            indices[p]: {name: exported(value, name) if self._has_formula else value for name, value in entry.items()}
            for p, entry in sorted(self.state.items(), key=lambda item: indices[item[0]])
        }
        saved = {"state": state, "param_groups": groups}
        for hook in self._hooks_of("state_dict_post"):
            saved = hook(self, saved) or saved
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`, ours or PyTorch's. Raises ArgumentError unless it has the same groups of parameters."""
        for hook in self._hooks_of("load_state_dict_pre"):
            state_dict = hook(self, state_dict) or state_dict
        try:
            groups, entries = list(state_dict["param_groups"]), dict(state_dict["state"])
        except (KeyError, TypeError):
            raise ArgumentError(
                "MG167", "The state of an optimiser has the entries 'state' and 'param_groups'."
            ) from None
        saved, ours = [len(g["params"]) for g in groups], [len(g["params"]) for g in self.param_groups]
        if saved != ours:
            raise ArgumentError(
                "MG167",
                f"The saved state has groups of {saved} parameters, this optimiser of {ours}. Make the model and the optimiser "
                "as they were when it was saved.",
            )
        for kind in _TELLING:
            if [kind in group for group in groups] != [kind in group for group in self.param_groups]:
                raise ArgumentError(
                    "MG167",
                    f"The saved state is not of {type(self).__name__}, which {'lacks' if kind in groups[0] else 'has'} "
                    f"`{kind}`. Make the optimiser as it was when it was saved.",
                )
        numbers = [i for group in groups for i in group["params"]]
        new_groups = [
            {**self.defaults, **group, "params": old["params"]}
            for group, old in zip(groups, self.param_groups, strict=True)
        ]
        new_state = {
            p: self._imported(entries[i], i, p, group)
            for i, (p, group) in zip(numbers, ((p, g) for g in new_groups for p in g["params"]), strict=True)
            if entries.get(i)
        }
        for group in new_groups:
            check_settings(group)
        for p in [p for p in self.state if p not in new_state]:
            del self.state[p]
        for p, entry in new_state.items():
            replace(self.state.setdefault(p, {}), entry)
        for old, group in zip(self.param_groups, new_groups, strict=True):
            replace(old, group)
        for hook in self._hooks_of("load_state_dict_post"):
            hook(self)

    def _imported(self, entry: State, index: Any, p: Tensor, group: Group) -> State:
        """What a saved state says about one parameter. Raises if an array doesn't have the shape that it begins with."""
        if not self._has_formula:
            return {name: copied(value, None if name == "step" else p.raw.dtype) for name, value in entry.items()}
        state, first = {}, self.first_state(p, group)
        for name, value in entry.items():
            new = imported(value, name in self.numbers or (p.ndim > 0 and not getattr(value, "shape", ())), p.dtype)
            check_shape(new, getattr(first.get(name, p), "shape", p.shape), name, index)
            state[name] = new
        return state

    # --------------------------------------------------------------------------------------------------------------- hooks

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each `step`; it may return others to call it with.

        >>> import microgradient as mg
        >>> w = mg.tensor([1.0], requires_grad=True)
        >>> optimizer = mg.optim.SGD([w], lr=1.0)
        >>> handle = optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: print("a step"))
        >>> w.grad = mg.tensor([1.0])
        >>> optimizer.step()
        a step
        >>> handle.remove()
        """
        return self._add_hook("step_pre", hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each `step`."""
        return self._add_hook("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before each `state_dict`."""
        return self._add_hook("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after each `state_dict`; it may return another."""
        return self._add_hook("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before each `load_state_dict`; it may return another."""
        return self._add_hook("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after each `load_state_dict`."""
        return self._add_hook("load_state_dict_post", hook, prepend)

    def _add_hook(self, when: str, hook: Hook, first: bool = False) -> RemovableHandle:
        entry = (when, hook)
        self._hooks = (entry, *self._hooks) if first else (*self._hooks, entry)

        def remove() -> None:
            self._hooks = tuple(other for other in self._hooks if other is not entry)

        return RemovableHandle(remove)

    def _hooks_of(self, when: str) -> list[Hook]:
        return [hook for moment, hook in self._hooks if moment == when]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            shown = [f"    {k}: {group[k]}" for k in sorted(group) if k not in ("params", "param_names")]
            lines += ["" for _ in range(number > 0)] + [f"Parameter Group {number}", *shown]
        return "\n".join([*lines, ")"])

    # ------------------------------------------------------------------------------------------------------ one parameter

    def _check_dtype(self, p: Any) -> None:
        if isinstance(p, Tensor) and p.dtype.kind == "c" and not (self.takes_complex or self.elementwise):
            raise DTypeError(
                "MG142", f"{type(self).__name__} takes real parameters, not {p.dtype} of shape {p.shape}. Train the parts, "
                "`p = mg.view_as_real(z)`, and compute with `mg.view_as_complex(p)`; or use Adam.",
            )  # fmt: skip

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _update(self, p: Tensor, g: Array, group: Group, states: dict[Tensor, State], trace: Any) -> None:
        data = p.raw
        if g.shape != data.shape:
            raise ShapeError(
                "MG167", f"A parameter of shape {data.shape} has a gradient of shape {g.shape}: was it replaced?"
            )
        if group.get("maximize"):
            g = -g
        if trace is not None:
            trace.optimizer(self).update(p, g, group)
            return
        state = states.get(p) or self.first_state(p, group)
        for name in self.numbers:
            if isinstance(state.get(name), _ARRAYS):  # a compiled step keeps it so
                state[name] = float(state[name])
        if (observer := recording.get()) is not TAPE and observer is not None:
            observer.note_update(self, p, state, group)
        if data.dtype.kind == "c":
            new = self.updated(ARRAY, data, g, state, group)
        elif data.nbytes <= _BLOCK or not self.elementwise:
            new = self.update(ARRAY, data, g, state, group)
        else:
            new = self._update_in_blocks(data, g, state, group)
        p.store(np.asarray(new, data.dtype))
        if state:
            states[p] = state

    def first_state(self, p: Tensor, group: Group) -> State:
        """`initial_state`; of a complex parameter, that of its parts."""
        if p.dtype.kind != "c" or self.takes_complex:
            return self.initial_state(p, group)
        return joined_state(ARRAY, self.initial_state(wrap(parts(ARRAY, p.raw), None), group), p.shape)

    def updated(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        """`update`; of a complex parameter, that of its parts."""
        if p.dtype.kind != "c" or self.takes_complex:
            return self.update(xp, p, g, state, group)
        real = state_of_parts(xp, state)
        new = self.update(xp, parts(xp, p), parts(xp, g), real, group)
        state.update(joined_state(xp, real, p.shape))
        return joined(xp, new)

    def _update_in_blocks(self, p: Array, g: Array, state: State, group: Group) -> Array:
        """What `update` does, block by block. Writes into the arrays of `state`, which are the optimiser's own."""
        new, flat_p, flat_g = np.empty(p.shape, p.dtype), p.reshape(-1), g.reshape(-1)
        flat_new = new.reshape(-1)
        arrays = {k: v.reshape(-1) for k, v in state.items() if is_array(v)}
        numbers = {k: v for k, v in state.items() if k not in arrays}
        written = dict(arrays)
        entries = _BLOCK // p.itemsize
        for start in range(0, p.size, entries):
            block = slice(start, start + entries)
            part = {k: v[block] for k, v in arrays.items()} | numbers
            flat_new[block] = self.update(ARRAY, flat_p[block], flat_g[block], part, group)
            for k, v in part.items():
                if not is_array(v):
                    state[k] = v
                    continue
                if k not in written:
                    state[k] = np.empty(p.shape, v.dtype)
                    written[k] = state[k].reshape(-1)
                written[k][block] = v
        return new

    def _warn_about(self, missing: list[tuple[int, int]]) -> None:
        """Name the parameters, given as (group, position), that got no gradient in the first steps."""
        from ..explain import names, source

        known = names.node_names(names.variables_of(source.caller()))
        descriptions, unnamed = [], False
        for number, i in missing[:5]:
            group = self.param_groups[number]
            p = group["params"][i]
            name = group["param_names"][i] if "param_names" in group else known.get(p.node, "")
            unnamed |= not name
            descriptions.append(f"{f'`{name}`' if name else f'parameter {i} of group {number}'} {p.shape}")
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        hint = " Pass `model.named_parameters()` to see their names here." if unnamed else ""
        when = f"in the first {self._steps} steps" if self._steps > 1 else "in this step"
        warn_once(
            "MG169",
            f"{len(missing)} of {len(self._parameters())} parameters got no gradient {when} and did not change: "
            f"{', '.join(descriptions)}{more}. Does the loss depend on them? To keep them as they are, write "
            f"`p.requires_grad = False`.{hint}",
        )


def settings(arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings among the `locals()` of an optimiser's `__init__`: all but the parameters."""
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "__class__")}


def larger(a: Any, b: Any) -> Any:
    """The larger of two numbers, which may be known only when the program runs."""
    return a * (a >= b) + b * (a < b)


def smaller(a: Any, b: Any) -> Any:
    """The smaller of two numbers, which may be known only when the program runs."""
    return a * (a <= b) + b * (a > b)
