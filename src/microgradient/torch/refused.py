"""What PyTorch has and isn't here, though programs import it at their top: an error when it is used, and not before."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NoReturn

from ..errors import MissingNameError

_ONE_PROCESS = "one process computes here, and torch.distributed.is_available() is False"
REASONS = {
    "distributed": _ONE_PROCESS,
    "nn.parallel": _ONE_PROCESS,
    "nn.attention.flex_attention": "write `F.scaled_dot_product_attention(q, k, v, attn_mask=…)`, which takes any mask or bias",
    "fx": "`mg.compile(f).program` is the program of a function",
    "hub": "nothing is fetched from the network",
    "onnx": "there is no export yet",
    "export": "there is no export yet",
    "quantization": "there is no quantised arithmetic",
    "ao": "there is no quantised arithmetic",
}


def refused(name: str) -> ModuleType:
    """The module `torch.name`: all that is asked of it is `absent`, but whether something is available, which isn't.

    >>> refused("distributed").is_available()
    False
    """
    module = _Refused(f"microgradient.torch.{name}")
    sys.modules[module.__name__] = module  # for `from torch.distributed import init_process_group`
    return module


def absent(module: str, name: str) -> type:
    """A class of that name. Programs may derive from it and ask what is an instance; making one, or calling it, is an error.

    >>> absent("nn.parallel", "DistributedDataParallel")()
    Traceback (most recent call last):
    microgradient.errors.MissingNameError: There is no `torch.nn.parallel.DistributedDataParallel`: one process ...
    """
    return _Absent(name, (), {"__module__": f"torch.{module}", "_name": name, "_of": module})


class _Refused(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _false if name.startswith("is_") else absent(self.__name__.removeprefix("microgradient.torch."), name)


class _Absent(type):
    _of: str
    _name: str

    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        raise MissingNameError("MG139", f"There is no `torch.{cls._of}.{cls._name}`: {REASONS[cls._of]}.")

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingNameError("MG139", f"There is no `torch.{cls._of}.{cls._name}.{name}`: {REASONS[cls._of]}.")


def _false() -> bool:
    return False
