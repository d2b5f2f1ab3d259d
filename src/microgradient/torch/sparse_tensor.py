"""Sparse tensors: `mg.sparse`'s matrices under PyTorch's names. What isn't here is an error that names it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ArgumentTypeError, MissingNameError, ShapeError
from ..sparse.matrix import COO, CSR, from_dense
from ..tape import next_seq
from ..tensor import Tensor as Base
from . import types
from .graph import note_called
from .printing import shown_sparse
from .tensor import adopt

Function = Callable[..., Any]


def _shown_as(name: str) -> Callable[[Function], Function]:
    """The result shows `name` as its `grad_fn`."""

    def wrap(forward: Function) -> Function:
        @functools.wraps(forward)
        def method(*args: Any, **options: Any) -> Any:
            first = next_seq()
            y = forward(*args, **options)
            note_called(y._matrix.values if isinstance(y, SparseTensor) else y, name, False, first)
            return y

        return method

    return wrap


class SparseTensor(types.Sparse):
    """A matrix of few entries that are not 0, by their places and values (`torch.sparse_coo`, `torch.sparse_csr`).

    Derivatives are in the values. It is no `Tensor`: what it has no method for is asked of `x.to_dense()`.

    >>> import microgradient.torch as torch
    >>> torch.eye(2).to_sparse() @ torch.tensor([1.0, 2.0])
    tensor([1., 2.])
    """

    def __init__(self, matrix: COO | CSR, coalesced: bool = False) -> None:
        self._matrix, self._coalesced = matrix, coalesced

    # ----------------------------------------------------------------------------------------------------- what it is

    is_cuda = is_quantized = is_meta = is_mps = is_nested = False
    is_cpu = True
    ndim = property(lambda self: 2)
    shape = property(lambda self: types.Size(self._matrix.shape))
    dtype = property(lambda self: types.of(self._matrix.values.raw.dtype))
    device = property(lambda self: types.CPU)
    is_sparse = property(lambda self: isinstance(self._matrix, COO))
    is_sparse_csr = property(lambda self: isinstance(self._matrix, CSR))
    layout = property(lambda self: types.sparse_coo if self.is_sparse else types.sparse_csr)
    T = property(lambda self: self.t())
    grad_fn = property(lambda self: self._matrix.values.grad_fn)
    is_leaf = property(lambda self: self._matrix.values.is_leaf)

    @property
    def requires_grad(self) -> bool:
        """Whether operations on the values are recorded."""
        return bool(self._matrix.values.requires_grad)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._matrix.values.requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Record operations on the values from now on, or no more."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> SparseTensor | None:
        """The gradient of the values, at their places."""
        found = self._matrix.values.grad
        return None if found is None else self._like(found)

    @grad.setter
    def grad(self, value: SparseTensor | None) -> None:
        self._matrix.values.grad = None if value is None else value._matrix.values

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one axis."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """2: a matrix."""
        return 2

    sparse_dim = dim

    def dense_dim(self) -> int:
        """0: each value is a number."""
        return 0

    def numel(self) -> int:
        """The number of entries, zeros included."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return int(self.shape[0])

    def is_floating_point(self) -> bool:
        """Whether the values are real floating-point numbers."""
        return bool(self._matrix.values.is_floating_point())

    def __repr__(self) -> str:
        return shown_sparse(self, self._parts())

    def __bool__(self) -> bool:
        raise ArgumentError("MG123", "Boolean value of Tensor with more than one value is ambiguous.")

    # ------------------------------------------------------------------------------------------------------ its parts

    def _nnz(self) -> int:
        return self._matrix.nnz

    def _values(self) -> Any:
        return self._matrix.values.detach()

    def _indices(self) -> Any:
        self._only(COO, "indices")
        return adopt(mg.stack([self._matrix.rows, self._matrix.columns]))

    def values(self) -> Any:
        """The values of the entries."""
        return (self if self.is_sparse_csr else self._of_coalesced("values"))._matrix.values

    def indices(self) -> Any:
        """The rows and the columns of the entries, of shape (2, n)."""
        return self._of_coalesced("indices")._indices()

    def crow_indices(self) -> Any:
        """Where the entries of each row start, and the last ones end."""
        return adopt(self._only(CSR, "crow_indices").starts)

    def col_indices(self) -> Any:
        """The column of each entry."""
        return adopt(self._only(CSR, "col_indices").columns)

    def is_coalesced(self) -> bool:
        """Whether each place is there once, in order, as after `coalesce`."""
        self._only(COO, "is_coalesced")
        return self._coalesced

    @_shown_as("coalesce")
    def coalesce(self) -> SparseTensor:
        """With one entry for each place, in order: the values of repeated places added up."""
        return self if self._coalesced else SparseTensor(_adopted(self._only(COO, "coalesce").coalesce()), True)

    # ----------------------------------------------------------------------------------------------- other forms of it

    @_shown_as("to_dense")
    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
        """As a tensor of all entries."""
        return adopt(self._matrix.to_dense()).to(dtype or self.dtype)

    def to_sparse(self, *, layout: Any = None) -> SparseTensor:
        """In another layout, `torch.sparse_coo` or `torch.sparse_csr`."""
        if layout in (None, types.sparse_coo):
            return self if self.is_sparse else SparseTensor(_adopted(self._matrix.to_coo()), True)
        if layout != types.sparse_csr:
            raise ArgumentError(
                "MG124", f"Sparse tensors have the layouts sparse_coo and sparse_csr here, not {layout!r}."
            )
        return self if self.is_sparse_csr else SparseTensor(_adopted(self.coalesce()._matrix.to_csr()))

    def to_sparse_coo(self) -> SparseTensor:
        """By rows and columns."""
        return self.to_sparse()

    def to_sparse_csr(self) -> SparseTensor:
        """By where rows start, and columns."""
        return self.to_sparse(layout=types.sparse_csr)

    def picked_from(self, dense: Any) -> SparseTensor:
        """The entries of a dense matrix at the places of this one."""
        x = self.coalesce() if self.is_sparse else self
        return x._like(adopt(x._matrix._there(dense)))

    def t(self) -> SparseTensor:
        """The transpose."""
        return SparseTensor(_adopted(self._matrix.T))

    def transpose(self, dim0: int, dim1: int) -> SparseTensor:
        """The transpose."""
        return self.t() if (dim0 - dim1) % 2 else self

    def clone(self, *, memory_format: Any = None) -> SparseTensor:
        """A copy."""
        return self._like(self._matrix.values.clone())

    def detach(self) -> SparseTensor:
        """The same values without a gradient."""
        return self._like(self._matrix.values.detach())

    data = property(detach)

    def to(self, *args: Any, **options: Any) -> SparseTensor:
        """In another dtype, or on another device, of which there is one."""
        values = self._matrix.values.to(*args, **options)
        return self if values is self._matrix.values else self._like(values)

    def cpu(self) -> SparseTensor:
        """Itself: it is there."""
        return self

    def cuda(self, device: Any = None, non_blocking: bool = False) -> SparseTensor:
        """Raises: there is no such device."""
        return self._like(self._matrix.values.cuda(device))

    # ------------------------------------------------------------------------------------------------------ arithmetic

    @_shown_as("matmul")
    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, SparseTensor):
            return _refused("@", "two sparse tensors")
        return _product(self._matrix, other)

    mm = matmul = mv = __matmul__

    def __rmatmul__(self, other: Any) -> Any:
        return _product(other, self._matrix)

    def __mul__(self, other: Any) -> SparseTensor:
        if isinstance(other, SparseTensor):
            return _refused("*", "two sparse tensors")
        return self._like(adopt((self._matrix * other).values))

    __rmul__ = mul = multiply = __mul__

    def __truediv__(self, other: Any) -> SparseTensor:
        return self._like(adopt((self._matrix / _dense(other, "/")).values))

    div = divide = __truediv__

    def __neg__(self) -> SparseTensor:
        return self._like(-self._matrix.values)

    neg = negative = __neg__

    @_shown_as("add")
    def __add__(self, other: Any) -> SparseTensor:
        if not isinstance(other, SparseTensor) or self.shape != other.shape:
            raise ArgumentTypeError("MG125", "add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        a, b = self._matrix.to_coo(), other._matrix.to_coo()
        values, rows, columns = (
            adopt(mg.concat([p, q])) for p, q in ((a.values, b.values), (a.rows, b.rows), (a.columns, b.columns))
        )
        both = SparseTensor(COO(values, rows, columns, a.shape)).coalesce()
        return both.to_sparse(layout=self.layout)

    add = __add__

    def __radd__(self, other: Any) -> Any:
        return other + self.to_dense() if isinstance(other, Base) else NotImplemented

    def __sub__(self, other: Any) -> SparseTensor:
        return self + -other

    sub = subtract = __sub__

    def __rsub__(self, other: Any) -> Any:
        return other - self.to_dense() if isinstance(other, Base) else NotImplemented

    def __pow__(self, exponent: float) -> SparseTensor:
        return self._entrywise(lambda values: values**exponent)

    pow = __pow__

    @_shown_as("sum")
    def sum(self, dim: Any = None, dtype: Any = None) -> Any:
        """The sum of all entries; with `dim`, of rows or columns, as a dense tensor."""
        if isinstance(dim, list | tuple):
            dim = dim[0] if len(dim) == 1 else None
        return adopt(self._matrix.sum(dim)).to(dtype or self.dtype)

    def __eq__(self, other: object) -> NoReturn:
        _refused("==", "sparse tensors")

    def __getitem__(self, key: Any) -> NoReturn:
        _refused("x[…]", "sparse tensors")

    def __imul__(self, other: Any) -> SparseTensor:
        return _refused("x *= …", "sparse tensors")

    __iadd__ = __isub__ = __itruediv__ = __imul__
    __hash__ = object.__hash__

    def called(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What the method `name` of the first argument does, or an error."""
        if name in _FUNCTIONS:
            return _FUNCTIONS[name](*args, **options)
        first, *rest = args or [options.pop("input", None)]
        method = getattr(SparseTensor, name, None)
        if not isinstance(first, SparseTensor) or method is None:
            return _refused(f"torch.{name}", "sparse tensors")
        return method(first, *rest, **options)

    # --------------------------------------------------------------------------------------------------------- helpers

    def _like(self, values: Any) -> SparseTensor:
        m = self._matrix
        matrix = (
            COO(values, m.rows, m.columns, m.shape) if isinstance(m, COO) else CSR(values, m.columns, m.starts, m.shape)
        )
        return SparseTensor(matrix, self._coalesced)

    def _entrywise(self, f: Function) -> SparseTensor:
        """`f`, which leaves 0 as it is, of every entry."""
        x = self.coalesce() if self.is_sparse else self
        return x._like(f(x._matrix.values))

    def _only(self, kind: type, name: str) -> Any:
        if not isinstance(self._matrix, kind):
            wanted = "sparse_coo()" if kind is COO else "sparse_csr()"
            raise ArgumentError("MG125", f"{name} needs another layout than {self.layout!r}. Write `x.to_{wanted}`.")
        return self._matrix

    def _of_coalesced(self, what: str) -> SparseTensor:
        if not self.is_coalesced():
            raise ArgumentError("MG124", f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first.")
        return self

    def _parts(self) -> dict[str, Any]:
        if self.is_sparse:
            return {"indices": self._indices(), "values": self._matrix.values}
        return {"crow_indices": self.crow_indices(), "col_indices": self.col_indices(), "values": self._matrix.values}

    __array_ufunc__ = None  # products with arrays are this class's

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise MissingNameError("MG139", "A sparse tensor is no array of all entries. Write `x.to_dense()`.")

    def __getattr__(self, name: str) -> NoReturn:
        if name == "raw" or name.startswith("__"):
            raise AttributeError(f"a sparse tensor has no `{name}`", name=name, obj=self)
        raise MissingNameError("MG139", f"A sparse tensor has no `{name}` here. Write `x.to_dense().{name}`.")


_KEEPING_ZERO = (
    "abs", "asin", "asinh", "atan", "atanh", "ceil", "deg2rad", "erf", "erfinv", "expm1", "floor", "isinf", "isnan", "log1p",
    "rad2deg", "relu", "round", "sgn", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip


def _of_values(name: str) -> Function:
    def method(self: SparseTensor) -> SparseTensor:
        return self._entrywise(operator.methodcaller(name))

    method.__name__, method.__doc__ = name, f"`{name}` of every entry."
    return method


def _cast(name: str) -> Function:
    def method(self: SparseTensor) -> SparseTensor:
        return self.to(types.DTYPES[name])

    method.__name__, method.__doc__ = name, f"`x.to(torch.{name})`."
    return method


for _name in _KEEPING_ZERO:
    setattr(SparseTensor, _name, _of_values(_name))
for _name in ("float", "double", "half", "int", "long", "bool"):
    setattr(SparseTensor, _name, _cast(_name))


@_shown_as("addmm")
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta · input + alpha · mat1 @ mat2, of which one is sparse."""
    return beta * input + alpha * (mat1 @ mat2)


_FUNCTIONS: dict[str, Function] = {
    "mm": operator.matmul, "matmul": operator.matmul, "mv": operator.matmul, "addmm": addmm, "mul": operator.mul,
    "add": lambda a, b, alpha=1: a + (b if alpha == 1 else alpha * b),
    "sub": lambda a, b, alpha=1: a - (b if alpha == 1 else alpha * b),
}  # fmt: skip


def _product(a: Any, b: Any) -> Any:
    try:
        return adopt(a @ b)
    except ShapeError as error:
        raise ShapeError("MG130", f"mat1 and mat2 shapes cannot be multiplied: {error.message}") from None


def _dense(x: Any, what: str) -> Any:
    return _refused(what, "two sparse tensors") if isinstance(x, SparseTensor) else x


def _refused(what: str, of: str) -> NoReturn:
    raise MissingNameError("MG139", f"There is no `{what}` of {of} here. Write `x.to_dense()`.")


def _adopted(matrix: Any) -> Any:
    """The matrix with tensors of this module as its values."""
    matrix.values = adopt(matrix.values)
    return matrix


# -------------------------------------------------------------------------------------------------------------- making them


def made_sparse(
    indices: Any, values: Any, shape: Any, csr: bool, requires_grad: bool, coalesced: bool = False
) -> SparseTensor:
    """The sparse tensor of these places, (rows, columns) or (columns, starts of rows), and values."""
    if len(shape) != 2 or values.raw.ndim != 1:
        raise ShapeError(
            "MG136", f"Sparse tensors are matrices of numbers here; the size is {tuple(shape)}, the values have the shape "
            f"{tuple(values.shape)}.",
        )  # fmt: skip
    first = next_seq()
    values = values.clone()
    note_called(values, "sparse_coo_tensor_with_dims_and_tensors", True, first)
    make = mg.sparse.csr if csr else mg.sparse.coo
    matrix = make(np.zeros(values.raw.size), *indices, shape=(int(shape[0]), int(shape[1])))  # checks the places
    matrix.values = values
    found = SparseTensor(matrix, coalesced)
    return found.requires_grad_() if requires_grad and not found.requires_grad else found


def sparse_of(x: Any, layout: Any) -> SparseTensor:
    """The entries that are not 0 of a matrix."""
    return SparseTensor(_adopted(from_dense(x)), True).to_sparse(layout=layout)
