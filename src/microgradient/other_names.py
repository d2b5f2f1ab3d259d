"""What PyTorch and NumPy call otherwise, and the error for a name that isn't here, which says ours."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable

from .errors import MissingNameError

_THEIRS = {  # by ours, of which those that begin with mg. are tested to exist
    "mg.abs": "absolute fabs", "mg.acos": "arccos", "mg.acosh": "arccosh", "mg.asin": "arcsin", "mg.asinh": "arcsinh",
    "mg.atan": "arctan", "mg.atan2": "arctan2", "mg.atanh": "arctanh", "mg.pow": "power", "mg.subtract": "sub",
    "mg.multiply": "mul", "mg.divide": "div true_divide", "mg.negative": "neg", "mg.sign": "sgn", "mg.equal": "eq",
    "mg.not_equal": "ne", "mg.less": "lt", "mg.less_equal": "le", "mg.greater": "gt", "mg.greater_equal": "ge",
    "mg.remainder": "mod", "mg.conj": "conjugate", "mg.bitwise_invert": "bitwise_not invert", "mg.clip": "clamp",
    "mg.max": "amax", "mg.min": "amin", "mg.cumulative_sum": "cumsum", "mg.cumulative_prod": "cumprod",
    "mg.matmul": "mm bmm mv dot", "mg.vecdot": "vdot", "mg.outer": "ger", "mg.concat": "cat concatenate",
    "mg.split": "chunk tensor_split", "mg.unstack": "unbind", "mg.expand_dims": "unsqueeze",
    "mg.permute_dims": "permute", "mg.moveaxis": "movedim", "mg.reshape": "view ravel",
    "mg.broadcast_to": "expand", "mg.take_along_axis": "gather", "mg.take": "index_select",
    "mg.unique_values": "unique", "mg.repeat": "repeat_interleave", "mg.tensor": "array FloatTensor LongTensor Variable",
    "mg.asarray": "as_tensor from_numpy", "mg.bool": "bool_", "mg.int64": "long int", "mg.float64": "double",
    "mg.float32": "float", "mg.manual_seed": "seed", "mg.compile": "jit", "mg.no_grad": "inference_mode set_grad_enabled",
    "mg.check_gradients": "gradcheck", "mg.grad": "autograd", "mg.linalg.vector_norm": "norm", "mg.linalg.inv": "inverse",
    "mg.random.normal": "randn_like", "mg.nn.Parameter": "parameter", "x[mask]": "masked_select", "x[i] = v": "put",
    "x.T": "t", "x.mT": "adjoint", "x.size": "numel nelement", "x.to_device('cpu')": "cuda cpu",
    "x - y * mg.trunc(x / y)": "fmod", "x.swapaxes(i, j)": "swapaxes",
    "x.ndim": "dim", "x.copy()": "clone", "x.transpose": "transpose", "mg.jacobian": "jacrev jacfwd",
    "mg.scatter": "scatter_add scatter_reduce", "mg.cumulative_max": "cummax", "mg.cumulative_min": "cummin",
    "mg.cumulative_logsumexp": "logcumsumexp", "mg.cartesian_product": "cartesian_prod",
    "mg.tensordot(x, y, axes=((-1,), (-1,)))": "inner",
    "mg.concat(arrays, axis=1 if arrays[0].ndim > 1 else 0)": "hstack",
    "mg.concat([a if a.ndim > 1 else a[None] for a in arrays], axis=0)": "vstack row_stack",
    "mg.concat([a if a.ndim > 1 else a[:, None] for a in arrays], axis=1)": "column_stack",
    "mg.stack([a if a.ndim > 1 else a[None] for a in arrays], axis=-1)": "dstack",
}  # fmt: skip
_OURS = {name: ours for ours, names in _THEIRS.items() for name in names.split()}
_NAMESPACES = {
    "mg": "", "mg.nn": ".nn", "mg.nn.functional": ".nn.functional", "mg.nn.init": ".nn.init", "mg.optim": ".optim",
    "mg.optim.swa_utils": ".optim.swa_utils", "mg.distributions": ".distributions",
    "mg.optim.lr_scheduler": ".optim.lr_scheduler", "mg.linalg": ".functions.linalg",
    "mg.fft": ".fft", "mg.special": ".special", "mg.sparse": ".sparse", "mg.random": ".random",
}  # fmt: skip


def missing(owner: str, name: str, names: Iterable[str]) -> AttributeError:
    """The error for `owner`, which has `names`, having no `name`: with what that is called here, or the nearest of `names`."""
    if name.startswith("__"):  # Python asks for such; nobody reads the answer
        return AttributeError(f"{owner} has no attribute {name!r}")
    known = [n for n in names if not n.startswith("_")]
    ours = _OURS.get(name) or _elsewhere(name)
    if ours is not None:
        hint = f" `{name}` is `{ours}` here; `microgradient.torch` has PyTorch's names."
    elif name.endswith("_") and name[:-1] in known:
        hint = f" Tensors don't change in place: write `x = x.{name[:-1]}(…)`."
    else:
        close = difflib.get_close_matches(name, known, 1, 0.7)
        hint = f" Did you mean `{close[0]}`?" if close else ""
    return MissingNameError("MG139", f"{owner} has no `{name}`.{hint}")


def answer_for(module: str) -> None:
    """Let a module answer so, by its `__all__` if any, which `dir` lists then.

    Put in here: type checkers take a `__getattr__` for all names.
    """
    namespace = vars(sys.modules[module])

    def __getattr__(name: str) -> None:  # noqa: N807
        raise missing(module.replace(".functions", ""), name, namespace.get("__all__", namespace))

    namespace["__getattr__"] = __getattr__
    if "__all__" in namespace:
        namespace["__dir__"] = lambda: sorted(namespace["__all__"])


def _elsewhere(name: str) -> str | None:
    for namespace, module in _NAMESPACES.items():
        found = importlib.import_module("microgradient" + module)
        if getattr(vars(found).get(name), "__module__", "").startswith("microgradient"):
            return f"{namespace}.{name}"
    return None


class OtherName:
    """An attribute of Tensor that isn't there, by the name that it has elsewhere: `hasattr` is False, and the error says ours.

    A `__getattr__` would do for all names, and makes reading every attribute of every tensor several times slower.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, x: object, cls: type) -> None:
        known = (n for c in cls.__mro__ for n, value in vars(c).items() if not isinstance(value, OtherName))
        raise missing("A tensor", self.name, known)


def attach(cls: type) -> None:
    """Let a class of tensors answer to PyTorch's and NumPy's names, and to those of changes in place."""
    methods = [name for name in dir(cls) if not name.startswith("_")]
    names = {*_OURS, *(f"{method}_" for method in methods), "zero_", "fill_", "copy_"}
    for name in names - set(dir(cls)):  # `hasattr` would ask an OtherName, which loads all modules to find an answer
        setattr(cls, name, OtherName(name))
