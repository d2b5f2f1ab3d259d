"""Products of matrices and what is made of them."""

from __future__ import annotations

from typing import Any

import microgradient as mg

from ..errors import DTypeError, ShapeError
from ..tensor import Tensor as Base
from . import memory
from .axes import dims, one_dim
from .function import FUNCTIONS, function
from .promotion import together
from .tensor import Tensor, adopt


def _check(name: str, input: Any, mat2: Any, ndims: tuple[int, int]) -> None:
    for x, wanted, which in ((input, ndims[0], "self"), (mat2, ndims[1], "mat2")):
        if x.raw.ndim != wanted:
            kind = {1: "vector", 2: "matrix", 3: "stack of matrices"}[wanted]
            raise ShapeError(
                "MG136", f"{name}: {which} must be a {kind}, but it has shape {tuple(x.shape)}. Write `x @ y`."
            )


def _product(input: Any, other: Any) -> Any:
    if input.raw.dtype != other.raw.dtype:
        raise DTypeError(
            "MG144", f"expected both tensors of a product to have the same dtype, but got torch.{input.raw.dtype} and "
            f"torch.{other.raw.dtype}. Write `x.to(y.dtype) @ y`.",
        )  # fmt: skip
    try:
        return mg.matmul(input, other)
    except ShapeError as error:
        raise ShapeError("MG130", f"mat1 and mat2 shapes cannot be multiplied: {error.message}") from None


@function
def matmul(input: Any, other: Any) -> Any:
    """The product of matrices, stacks of them, vectors."""
    return _product(input, other)


Tensor.__matmul__ = lambda self, other: matmul(self, other) if isinstance(other, Base) else NotImplemented  # type: ignore
Tensor.__rmatmul__ = lambda self, other: matmul(other, self) if isinstance(other, Base) else NotImplemented  # type: ignore


def _typed(name: str, ndims: tuple[int, int], doc: str) -> None:
    def call(input: Any, mat2: Any) -> Any:
        _check(name, input, mat2, ndims)
        return _product(input, mat2)

    call.__name__, call.__doc__ = name, doc
    function(call)


_typed("mm", (2, 2), "The product of two matrices.")
FUNCTIONS |= dict.fromkeys(("spmm", "dsmm"), FUNCTIONS["mm"])
_typed("bmm", (3, 3), "The products of two stacks of matrices.")
_typed("mv", (2, 1), "The product of a matrix and a vector.")


@function
def dot(input: Any, tensor: Any) -> Any:
    """Σ input · tensor, of vectors."""
    _check("dot", input, tensor, (1, 1))
    if input.shape != tensor.shape:
        raise ShapeError("MG130", f"dot: vectors of one length are needed, not {input.shape[0]} and {tensor.shape[0]}.")
    return _product(input, tensor)


@function
def vdot(input: Any, other: Any) -> Any:
    """Σ conj(input) · other, of vectors."""
    _check("vdot", input, other, (1, 1))
    return mg.sum(mg.conj(input) * other)


@function
def inner(input: Any, other: Any) -> Any:
    """Σ over the last axes of both."""
    if not input.raw.ndim or not other.raw.ndim:
        return input * other
    return mg.tensordot(input, other, axes=((-1,), (-1,)))


@function(names="ger")
def outer(input: Any, vec2: Any) -> Any:
    """All products of an entry of one vector and one of the other."""
    _check("outer", input, vec2, (1, 1))
    return input[:, None] * vec2[None, :]


def _added(name: str, ndims: tuple[int, int], reduce: bool, doc: str) -> None:
    def call(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        _check(name, mat1, mat2, ndims)
        product = mat1[:, None] * mat2[None, :] if ndims == (1, 1) else _product(mat1, mat2)
        product = mg.sum(product, axis=0) if reduce else product
        product = product if alpha == 1 else alpha * product
        total = product if beta == 0 else (input if beta == 1 else beta * input) + product
        if tuple(total.shape) != tuple(product.shape):
            raise ShapeError(
                "MG120", f"{name}: {tuple(input.shape)} does not broadcast to the product, {tuple(product.shape)}."
            )
        return total

    call.__name__, call.__doc__ = name, doc
    function(call, inplace=True)


_added("addmm", (2, 2), False, "beta · input + alpha · mat1 @ mat2.")
_added("addmv", (2, 1), False, "beta · input + alpha · mat @ vec.")
_added("addr", (1, 1), False, "beta · input + alpha · the outer product of two vectors.")
_added("baddbmm", (3, 3), False, "beta · input + alpha · the products of two stacks of matrices.")
_added("addbmm", (3, 3), True, "beta · input + alpha · the sum of the products of two stacks of matrices.")


@function(method=False, view=True)
def einsum(equation: str, *operands: Any) -> Any:
    """Sums of products by Einstein's convention: "ij,jk->ik", or tensors each followed by the numbers of its axes.

    Of one tensor without a sum it is a view.
    """
    if not isinstance(equation, str):
        equation, operands = _written(equation, *operands)
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if len(operands) == 1 and (view := _rearranged(equation, operands[0])) is not None:
        return view
    y = adopt(_contracted(equation, operands))
    memory.apart(y, operands)
    return y


def _contracted(equation: str, operands: Any) -> Any:
    left, arrow, right = equation.replace(" ", "").partition("->")
    if arrow and "..." in left and "..." not in right:  # PyTorch sums over the axes under the dots
        y = mg.einsum(f"{left}->...{right}", *operands)
        return mg.sum(y, axis=tuple(range(y.raw.ndim - len(right))))
    return mg.einsum(equation, *operands)


def _rearranged(equation: str, x: Any) -> Any:
    """The view of one tensor that an equation without a sum describes: diagonals, and axes in another order. Else None."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    free = x.raw.ndim - len(left.replace("...", ""))
    dots = "".join(map(chr, range(0x2460, 0x2460 + free)))  # letters for the axes under the dots
    if free < 0 or (free and "..." not in left):
        return None
    axes = [*left.replace("...", dots)]
    if not arrow:
        right = ("..." if "..." in left else "") + "".join(sorted(k for k in {*left} - {"."} if left.count(k) == 1))
    wanted = [*right.replace("...", dots)]
    if {*wanted} != {*axes} or len({*wanted}) < len(wanted):
        return None
    for letter in dict.fromkeys(axes):
        while axes.count(letter) > 1:
            i = axes.index(letter)
            j = axes.index(letter, i + 1)
            if x.shape[i] != x.shape[j]:
                return None
            x = FUNCTIONS["diagonal"](x, 0, i, j)
            axes = [k for n, k in enumerate(axes) if n not in (i, j)] + [letter]
    return FUNCTIONS["permute"](x, [axes.index(letter) for letter in wanted])


def _written(*parts: Any) -> tuple[str, tuple[Any, ...]]:
    """The equation of tensors and lists of numbers that take turns; the last list, if there is one too many, is the result's."""
    if len(parts) == 2 and isinstance(parts[1], tuple):
        parts = (parts[0], *parts[1])
    if len(parts) == 2 and isinstance(parts[1], list) and parts[1] and isinstance(parts[1][0], Base):
        parts = (parts[0], *parts[1])
    even = len(parts) // 2 * 2
    terms = [_letters(numbers) for numbers in parts[1:even:2]]
    result = f"->{_letters(parts[-1])}" if len(parts) > even else ""
    return ",".join(terms) + result, tuple(parts[:even:2])


def _letters(numbers: Any) -> str:
    return "".join("..." if k is Ellipsis else chr(ord("A") + k if k < 26 else ord("a") + k - 26) for k in numbers)


@function(method=False)
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Σ over the last `dims` axes of a and the first of b, or over pairs of axes."""
    if isinstance(dims, Base):
        dims = dims.tolist()
    if isinstance(dims, int):
        return mg.tensordot(a, b, axes=dims)
    own, others = (tuple(d) if hasattr(d, "__iter__") else (d,) for d in dims)
    for i, j in zip(own, others, strict=True):  # a length of 1 stands for any: sum the other one over it first
        if a.shape[i] != b.shape[j] and 1 in (a.shape[i], b.shape[j]):
            a, b = (mg.sum(a, axis=i, keepdims=True), b) if b.shape[j] == 1 else (a, mg.sum(b, axis=j, keepdims=True))
    return mg.tensordot(a, b, axes=(own, others))


@function
def kron(input: Any, other: Any) -> Any:
    """Every entry of `input` times the whole of `other`."""
    return mg.kron(*together(input, other))


@function
def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The vector product along an axis of length 3: by default the first one."""
    input, other = mg.broadcast_arrays(*together(input, other))
    axis = next(i for i, n in enumerate(input.shape) if n == 3) if dim is None else one_dim(dim, input.raw.ndim)
    return mg.linalg.cross(input, other, axis=axis)


@function(method=False)
def chain_matmul(*matrices: Any) -> Any:
    """The product of matrices, in the order that costs least."""
    return mg.linalg.multi_dot(matrices) if len(matrices) > 1 else matrices[0]


@function(method=False)
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "") -> Any:
    """The norms of order p of all differences of a row of x1 and a row of x2."""
    return mg.cdist(x1, x2, ord=p)


# -------------------------------------------------------------------------------------------------- samples of functions


@function(names="trapz", method=False)
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The integral of y over x by the trapezoidal rule."""
    return mg.trapezoid(y, x, dx=dx, axis=dim)


@function(method=False)
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The integrals up to each point."""
    return mg.cumulative_trapezoid(y, x, dx=dx, axis=dim)


@function
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The n-th differences of neighbours along `dim`."""
    return mg.diff(input, n=n, axis=dim, prepend=prepend, append=append)


@function(method=False)
def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> Any:
    """The derivatives along the axes, by differences of second order (first or second at the edges)."""
    slopes = mg.gradient(
        input, spacing=1 if spacing is None else spacing, axis=dims(dim, input.raw.ndim), edge_order=edge_order
    )
    return slopes if isinstance(slopes, tuple) else (slopes,)
