"""`Module`: the base of every layer and model. It finds the parameters, names them, saves and loads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np

from .. import trace_hooks
from ..errors import ArgumentError, ArgumentTypeError, MicrogradientError, type_name
from ..interop import check_device
from ..operators import wrap
from ..tensor import Tensor
from .error_context import add_whereabouts
from .hooks import Hooked, call_with_hooks
from .parameter import Buffer, Parameter, materialize, zero_grad
from .state_dict import LoadResult, StateDictError, as_array, misfit

Part = TypeVar("Part")


class Module(Hooked):
    """A function with parameters. Subclass it, keep layers in attributes, write `forward`.

    Parameters and modules are found wherever an attribute holds them, also inside lists, tuples and dicts, in the order
    in which the attributes were first set; those held twice count once. (To keep one out, hold it behind a function:
    `self.target = lambda: network`.)

    >>> from microgradient import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.layers = [nn.Linear(2, 3), nn.Linear(3, 1)]
    ...     def forward(self, x):
    ...         return self.layers[1](self.layers[0](x).relu())
    >>> list(Net().state_dict())
    ['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
    """

    training: bool = True

    def __init__(self) -> None:
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation. Every subclass writes its own."""
        raise ArgumentTypeError(
            "MG151", f"{type(self).__name__} has no `forward`. Write `def forward(self, x): ...` in the class."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks:
                return call_with_hooks(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except MicrogradientError as error:
            add_whereabouts(error, self)
            raise

    # -- holding parameters, buffers and modules

    def __setattr__(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Parameter) and isinstance(vars(self).get(name), Parameter):
            raise ArgumentTypeError(
                "MG152",
                f"`{name}` of {type(self).__name__} is a parameter; {type_name(value)} in its place would never be "
                f"trained. Write `{name} = nn.Parameter(...)`, or `{name}.data = array` to change its numbers.",
            )
        if isinstance(value, Buffer):
            vars(self).setdefault("_buffer_names", {})[name] = value.persistent
        if not isinstance(value, Tensor | None) and name in vars(self).get("_buffer_names", ()):
            raise ArgumentTypeError(
                "MG152", f"`{name}` of {type(self).__name__} is a buffer, which is a tensor or None; {type_name(value)} "
                f"would not be saved. Write `{name} = mg.tensor(…)`.",
            )  # fmt: skip
        if (trace := trace_hooks.current()) is not None:
            trace.note_write(self, name)
        if isinstance(value, _PARTS) and not isinstance(vars(self).get(name), _PARTS):
            vars(self).pop(name, None)  # a part takes its place when it is first set, not when the name was
        trace_hooks.changes[0] += 1
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if (trace := trace_hooks.current()) is not None:
            trace.note_write(self, name)
        trace_hooks.changes[0] += 1
        object.__delattr__(self, name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Same as `self.name = param`; `None` for a parameter that this module does without."""
        self._check_name(name)
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Keep a tensor that is saved with the module (if `persistent`) and never trained, such as a running mean."""
        self._check_name(name)
        vars(self).setdefault("_buffer_names", {})[name] = persistent
        setattr(self, name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """Same as `self.name = module`, for names made by a program."""
        self._check_name(name)
        setattr(self, name, module)

    register_module = add_module

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ArgumentError(
                "MG153", f"{name!r} can't name a part of a module: use a non-empty string without dots."
            )
        if hasattr(self, name) and name not in vars(self):
            raise ArgumentError(
                "MG153",
                f"{type(self).__name__} already has an attribute `{name}`. Choose another name, such as `{name}_`.",
            )

    # -- finding them

    def _held(self) -> Iterator[tuple[str, Parameter | Module]]:
        """The parameters and modules held directly, those in lists, tuples and dicts included (as `layers.0`)."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter | Module):
                yield name, value
            elif isinstance(value, list | tuple | dict):
                yield from _inside(value, name, ())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules held directly, each once."""
        seen: set[int] = set()
        for name, value in self._held():
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        """The modules held directly."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module and all inside it, depth first. The module itself has the path `prefix`."""
        yield from _named_modules(self, prefix, set() if remove_duplicate else frozenset())

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of every parameter; one that is shared comes once, by its first path."""
        for path, value in self._named_tensors(prefix, recurse, remove_duplicate):
            if isinstance(value, Parameter):
                yield path, value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, once: what an optimiser is given."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) of every buffer."""
        for path, value in self._named_tensors(prefix, recurse, remove_duplicate):
            if not isinstance(value, Parameter):
                yield path, value

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer, once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_tensors(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True, saved_only: bool = False
    ) -> Iterator[tuple[str, Tensor]]:
        """Parameters, then buffers, module by module: the order of a state_dict."""
        seen: set[int] = set()
        modules = self.named_modules(prefix, remove_duplicate) if recurse else iter([(prefix, self)])
        for path, module in modules:
            for name, value in module._own_tensors(saved_only):
                if remove_duplicate and id(value) in seen:
                    continue
                seen.add(id(value))
                yield _join(path, name), value

    def _own_tensors(self, saved_only: bool) -> Iterator[tuple[str, Tensor]]:
        """This module's parameters and buffers. A parameter in a list counts there only if no attribute holds it."""
        held = [(name, value) for name, value in self._held() if isinstance(value, Parameter)]
        if any("." in name for name, _ in held):
            named = {id(value) for module in self.modules() for value in vars(module).values()}
            held = [(name, value) for name, value in held if "." not in name or id(value) not in named]
            held.sort(key=lambda item: "." in item[0])
        yield from held
        for name, persistent in vars(self).get("_buffer_names", {}).items():
            buffer = vars(self).get(name)
            if isinstance(buffer, Tensor) and (persistent or not saved_only):
                yield name, buffer

    def get_submodule(self, target: str) -> Module:
        """The module at a path such as `"encoder.layers.0"`; the empty path is this module."""
        return _at(target, self, "module", self.named_modules)

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path; with `strict` there must be one already."""
        above, _, name = target.rpartition(".")
        parent = self.get_submodule(above)
        if strict:
            self.get_submodule(target)
        if not isinstance(module, Module) or isinstance(vars(parent).get(name), Parameter):
            raise ArgumentTypeError(
                "MG152", f"`{target}` takes a module in the place of a module, got {type_name(module)}."
            )
        parent.add_module(name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as `"encoder.layers.0.weight"`."""
        return _at(target, self, "parameter", self.named_parameters)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path such as `"encoder.norm.running_mean"`."""
        return _at(target, self, "buffer", self.named_buffers)

    # -- saving and loading

    def state_dict(self, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Every parameter and saved buffer by its path, in PyTorch's order, cut off from the graph.

        With `keep_vars` the tensors themselves.
        """
        hooked = [(path, module) for path, module in self.named_modules(prefix.removesuffix(".")) if module._hooks]
        for path, module in hooked:
            for hook in module._hooks_of("state_dict_pre"):
                hook.function(module, _join(path, ""), keep_vars)
        named = self._saved(prefix.removesuffix("."))
        found = {
            p: wrap(x.raw, None, None, x.result_class) if isinstance(x, Tensor) and not keep_vars else x
            for p, x in named.items()
        }
        for path, module in reversed(hooked):
            for hook in module._hooks_of("state_dict"):
                hook.function(module, found, _join(path, ""), {})
        return found

    def _saved(self, prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path, module in self.named_modules(prefix, remove_duplicate=False):
            found.update((_join(path, name), value) for name, value in module._own_tensors(saved_only=True))
            if type(module).get_extra_state is not Module.get_extra_state:
                found[_join(path, _EXTRA)] = module.get_extra_state()
        return found

    def get_extra_state(self) -> Any:
        """What a module has to be saved beside tensors, as `_extra_state`. A class that has any writes this and the next one."""
        raise ArgumentTypeError("MG151", f"{type(self).__name__} has no extra state.")

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` gave."""
        raise ArgumentTypeError("MG151", f"{type(self).__name__} has no extra state.")

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Take over the numbers of `state_dict`: Tensors, ndarrays, or PyTorch tensors, converted to our dtypes.

        Nothing is changed unless all of it fits. Raises `StateDictError` with the keys that are missing,
        unexpected (both only if `strict`) or have another shape.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(
                "MG155",
                f"load_state_dict takes a dict of tensors, got {type(state_dict).__name__}. Write `model.state_dict()`.",
            )
        hooked = [(path, module) for path, module in self.named_modules() if module._hooks]
        messages: list[str] = []
        if hooked:
            state_dict = dict(state_dict)
        for path, module in hooked:
            for hook in module._hooks_of("load_state_dict_pre"):
                hook.function(module, state_dict, _join(path, ""), {}, strict, [], [], messages)
        if messages:
            raise StateDictError("MG155", f"The state_dict does not fit {type(self).__name__}: " + "; ".join(messages))
        own = self._saved()
        extras = {key for key in own if key == _EXTRA or key.endswith("." + _EXTRA)}
        arrays = {key: as_array(value) for key, value in state_dict.items() if key in own and key not in extras}
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
        lazy = {_join(path, name) for path, m in self.named_modules() for name in vars(m).get("_unknown", ())}
        unknown = [key for key in arrays if key in lazy and own[key].shape == (0,)]  # of layers that wait for an input
        misshaped = [key for key, a in arrays.items() if a.shape != own[key].shape and key not in unknown]
        result = LoadResult(missing, unexpected)
        for _, module in reversed(hooked):
            for hook in module._hooks_of("load_state_dict"):
                hook.function(module, result)
        if misshaped or (strict and (missing or unexpected)):
            problems = (missing, unexpected) if strict else ([], [])
            raise StateDictError("MG155", self._misfit(type(self).__name__, own, arrays, misshaped, *problems))
        for key, array in arrays.items():
            if key in unknown:
                materialize(own[key], array.shape)
            own[key].store(np.array(array, dtype=own[key].dtype))
        for key in extras & set(state_dict):
            self.get_submodule(key[: -len(_EXTRA)].removesuffix(".")).set_extra_state(state_dict[key])
        return result

    _misfit = staticmethod(misfit)

    # -- changing all of it

    def train(self, mode: bool = True) -> Self:
        """Training mode: dropout drops, batch norm measures its batch."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Evaluation mode: dropout passes, batch norm uses its running statistics."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (`set_to_none=False`: make them zeros)."""
        zero_grad(self.parameters(), set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train (or freeze) every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call `fn` with every module inside, children first, and with this one last."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args: object, dtype: Any = None, device: object = None) -> Self:
        """Change the dtype of floating parameters and buffers. A device may be named too; the only one is `"cpu"`."""
        for arg in args:
            if str(arg) == "cpu":
                continue
            dtype = arg
        check_device(device)
        if dtype is None:
            return self
        try:
            wanted = np.dtype(dtype)
        except TypeError:
            raise ArgumentError(
                "MG156", f"{dtype!r} is neither a dtype nor the device 'cpu'. Write `model.to(mg.float64)`."
            ) from None
        if wanted.kind != "f":
            raise ArgumentError("MG156", f"Modules compute with floating dtypes; {wanted} isn't one.")
        for _, value in self._named_tensors():
            if value.dtype.kind == "f" and value.dtype != wanted:
                _change_dtype(value, wanted)
        return self

    def float(self) -> Self:
        """`to(float32)`."""
        return self.to(np.float32)

    def double(self) -> Self:
        """`to(float64)`."""
        return self.to(np.float64)

    def half(self) -> Self:
        """`to(float16)`."""
        return self.to(np.float16)

    def type(self, dst_type: Any) -> Self:
        """`to(dst_type)`."""
        return self.to(dtype=dst_type)

    def cpu(self) -> Self:
        """The module itself: it is there."""
        return self

    def share_memory(self) -> Self:
        """The module itself: threads share its memory anyway."""
        return self

    def to_empty(self, *, device: object = None, recurse: bool = True) -> Self:
        """Zeros in the place of all parameters and buffers (of this module alone, without `recurse`)."""
        check_device(device)
        for _, value in self._named_tensors(recurse=recurse):
            value.store(np.zeros(value.shape, value.dtype))
        return self

    # -- showing it

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr."""
        return ""

    def __repr__(self) -> str:
        lines = _repr_lines(self)
        count = sum(parameter.raw.size for parameter in self.parameters())
        if len(lines) > 1 and count:
            lines[-1] += f"  # {count:,} parameters"
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..explain.display import of_module

        return of_module(self)


_EXTRA = "_extra_state"
_PARTS = (Parameter, Module, list, tuple, dict)
trace_hooks.watched.append(Module)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _inside(container: Any, path: str, above: tuple[int, ...]) -> Iterator[tuple[str, Parameter | Module]]:
    """Parameters and modules in a list, tuple or dict, and in those inside it."""
    if id(container) in above:
        return
    for key, value in container.items() if isinstance(container, dict) else enumerate(container):
        if isinstance(value, Parameter | Module):
            yield f"{path}.{key}", value
        elif isinstance(value, list | tuple | dict):
            yield from _inside(value, f"{path}.{key}", (*above, id(container)))


def _named_modules(module: Module, path: str, seen: set[int] | frozenset[int]) -> Iterator[tuple[str, Module]]:
    """A set is shared by all branches, so a module comes once; a frozenset holds only the modules above, so it cuts loops."""
    if id(module) in seen:
        return
    if isinstance(seen, set):
        seen.add(id(module))
    else:
        seen = seen | {id(module)}
    yield path, module
    for name, value in module._held():
        if isinstance(value, Module):
            yield from _named_modules(value, _join(path, name), seen)


def _change_dtype(value: Tensor, dtype: np.dtype[Any]) -> None:
    """In place, gradient included. A leaf's node knows its dtype, so it is made again."""
    trained, grad = value.requires_grad, value.grad if value.requires_grad else None
    value.requires_grad = False
    value.raw = value.raw.astype(dtype)
    value.requires_grad = trained
    if grad is not None:
        value.grad = wrap(grad.raw.astype(dtype), None, None, value.result_class)


def _at(target: str, module: Module, kind: str, named: Callable[..., Iterator[tuple[str, Part]]]) -> Part:
    """What has the path `target` among all that are `named`."""
    found = dict(named(remove_duplicate=False))
    if target in found:
        return found[target]
    import difflib

    close = difflib.get_close_matches(target, [path for path, _ in named()], n=3)
    hint = f" Did you mean {' or '.join(f'`{path}`' for path in close)}?" if close else ""
    raise ArgumentError("MG154", f"{type(module).__name__} has no {kind} `{target}`.{hint}")


def _repr_lines(module: Module) -> list[str]:
    """As PyTorch prints it; equal neighbours in a list are shown once, and layers carry their number of parameters."""
    children = [(name, _repr_lines(child)) for name, child in module.named_children()]
    extra = module.extra_repr()
    if not children:
        count = sum(parameter.raw.size for parameter in module.parameters())
        return [f"{type(module).__name__}({extra})" + (f"  # {count:,} parameters" if count else "")]
    lines = [f"{type(module).__name__}({extra}"]
    start = 0
    while start < len(children):
        name, body = children[start]
        stop = start + 1
        while name[-1].isdigit() and stop < len(children) and children[stop][1] == body:
            stop += 1
        times = ""
        if stop - start > 1:
            name = f"{name}-{children[stop - 1][0].rpartition('.')[2]}"
            times = f"{stop - start} x "
        lines += [f"  ({name}): {times}{body[0]}", *(f"  {line}" for line in body[1:])]
        start = stop
    return [*lines, ")"]
