"""`torch.sparse`: functions of sparse tensors, which `torch.sparse_coo_tensor` makes."""

from __future__ import annotations

from typing import Any

import microgradient as mg

from ..errors import ArgumentError, MissingNameError
from . import types
from .conversions import LEGACY
from .creation import as_tensor, tensor
from .sparse_tensor import SparseTensor, addmm, made_sparse

__all__ = ["addmm", "log_softmax", "mm", "softmax", "sparse_coo_tensor", "sparse_csr_tensor", "sum"]


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """The matrix of `size` with `values` (n,) at the rows `indices[0]` and columns `indices[1]`; repeated places add up.

    Without a size it is as large as the indices need.

    >>> import microgradient.torch as torch
    >>> torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0], (2, 2)).to_dense()
    tensor([[0., 2.],
            [3., 0.]])
    """
    types.check_device(device)
    if values is None:  # sparse_coo_tensor(size)
        size = indices if size is None else size
        indices, values = mg.zeros((len(size), 0), dtype="int64"), tensor([])
    indices, values = as_tensor(indices), as_tensor(values, dtype)
    if indices.raw.ndim != 2 or indices.raw.shape[1:] != values.raw.shape[:1]:
        raise ArgumentError(
            "MG134", f"indices have the shape (2, n) and values (n,): indices and values must have same nnz, but the shapes are "
            f"{tuple(indices.shape)} and {tuple(values.shape)}.",
        )  # fmt: skip
    if size is None:
        size = [int(row.max()) + 1 if row.size else 0 for row in indices.raw]
    return made_sparse([*indices.raw], values, size, False, requires_grad, bool(is_coalesced))


def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> SparseTensor:
    """The matrix whose row i has the entries number crow_indices[i] to crow_indices[i + 1], with these columns and values."""
    types.check_device(device)
    starts, columns = as_tensor(crow_indices), as_tensor(col_indices)
    if size is None:
        size = (starts.raw.size - 1, int(columns.raw.max()) + 1 if columns.raw.size else 0)
    return made_sparse([columns.raw, starts.raw], as_tensor(values, dtype), size, True, requires_grad)


def mm(mat1: Any, mat2: Any) -> Any:
    """The product of two matrices, one of them sparse."""
    return mat1 @ mat2


def sum(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of all entries; with `dim`, of rows or columns, as a dense tensor."""
    return input.sum(dim, dtype=dtype)


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> SparseTensor:
    """log softmax over the entries that are stored of each row (`dim` 1) or column (0)."""
    x = input.to(dtype or input.dtype).coalesce()
    places = (x._matrix.rows, x._matrix.columns)[0 if dim % 2 else 1].raw
    n = x.shape[0 if dim % 2 else 1]
    shifted = x._matrix.values - mg.segment_max(x._matrix.values.detach(), places, num_segments=n)[places]
    return x._like(shifted - mg.log(mg.segment_sum(mg.exp(shifted), places, num_segments=n)[places]))


def softmax(input: Any, dim: int, *, dtype: Any = None) -> SparseTensor:
    """Softmax over the entries that are stored of each row (`dim` 1) or column (0)."""
    x = log_softmax(input, dim, dtype=dtype)
    return x._like(x._matrix.values.exp())


def __getattr__(name: str) -> Any:
    kind = next((kind for kind, legacy in LEGACY.items() if legacy == name), None)
    if kind is None:
        raise MissingNameError("MG139", f"There is no `torch.sparse.{name}` here. Write `x.to_dense()`.")

    def make(*args: Any) -> SparseTensor:
        return sparse_coo_tensor(*args, dtype=types.DTYPES[kind])

    return make
