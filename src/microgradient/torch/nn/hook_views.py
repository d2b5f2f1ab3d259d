"""`module._forward_hooks` and its like: the hooks of a module, of one kind, as the dictionary that PyTorch keeps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from ...errors import ArgumentError
from ...nn.hooks import Hook
from ...nn.utils.prune import methods_of

KINDS = {
    "_forward_hooks": "forward",
    "_forward_pre_hooks": "forward_pre",
    "_backward_hooks": "backward",
    "_backward_pre_hooks": "backward_pre",
}
"""The attributes, and which hooks they hold."""


class HookView(MutableMapping[int, Callable[..., Any]]):
    """The functions by numbers of their own. What is deleted is called no more.

    Pruning methods are among those before `forward`, as in PyTorch, though a pruned parameter is computed when it is read.
    """

    def __init__(self, module: Any, kind: str) -> None:
        self._module, self._kind = module, kind

    def _found(self) -> dict[int, Hook]:
        return {id(hook): hook for hook in self._module._hooks_of(self._kind)}

    def _pruning(self) -> dict[int, Any]:
        return {id(m): m for m in methods_of(self._module)} if self._kind == "forward_pre" else {}

    def __getitem__(self, number: int) -> Callable[..., Any]:
        methods = self._pruning()
        return methods[number] if number in methods else self._found()[number].function

    def __setitem__(self, number: int, function: Callable[..., Any]) -> None:
        self.pop(number, None)
        self._module._add_hook(Hook(self._kind, function), False)

    def __delitem__(self, number: int) -> None:
        if number in self._pruning():
            raise ArgumentError("MG154", "This is no hook but a pruning method. Write `prune.remove(module, name)`.")
        hook = self._found()[number]
        self._module._hooks = tuple(h for h in self._module._hooks if h is not hook)

    def popitem(self) -> tuple[int, Callable[..., Any]]:
        """Take the last one out."""
        for number in reversed([*self]):
            return number, self.pop(number)
        raise KeyError("The module has no such hooks.")

    def __iter__(self) -> Iterator[int]:
        return iter([*self._pruning(), *self._found()])

    def __len__(self) -> int:
        return len(self._pruning()) + len(self._found())

    def __repr__(self) -> str:
        return repr(OrderedDict(self))


def replace_hooks(module: Any, functions: Mapping[int, Callable[..., Any]], kind: str) -> None:
    """Give a module these hooks in the place of those that it has: `module._forward_hooks = OrderedDict()`."""
    given = dict(functions)  # which may be the view itself
    view = HookView(module, kind)
    view.clear()
    view.update(given)
