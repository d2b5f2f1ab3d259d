"""Sparse matrices by the places and the values of their entries, and what can be done with them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..errors import ArgumentError, OutOfRangeError, ShapeError
from ..functions.arguments import ArrayLike, as_tensor, as_tensors, constant_tensor, inexact
from ..functions.indexing import integers
from ..functions.manipulation import reshape
from ..functions.scattering import segment_sum
from ..rules import INDEX
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data, whole_value


class _Sparse:
    """What the two formats share: entry k has the value values[k] and the place (rows[k], columns[k]). Repeated places add up."""

    values: Tensor
    shape: tuple[int, int]

    @property
    def rows(self) -> Tensor:
        """The row of each entry."""
        raise NotImplementedError

    @property
    def columns(self) -> Tensor:
        """The column of each entry."""
        raise NotImplementedError

    def with_values(self, values: ArrayLike) -> Self:
        """The matrix with other values at the same places."""
        raise NotImplementedError

    # ---------------------------------------------------------------------------------------------------- what it is

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """2: a matrix."""
        return 2

    @property
    def nnz(self) -> int:
        """How many entries are stored."""
        return int(self.values.shape[0])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, nnz={self.nnz}, dtype={self.dtype})"

    # ---------------------------------------------------------------------------------------------- to and from others

    def to_dense(self) -> Tensor:
        """The matrix as a tensor, with zeros where nothing is stored."""
        return xp.index_add(self.values, self.rows.raw, self.columns.raw, key=(INDEX, INDEX), shape=self.shape)

    def to_coo(self) -> COO:
        """The matrix by rows and columns."""
        return COO(self.values, self.rows, self.columns, self.shape)

    def to_csr(self) -> CSR:
        """The matrix by rows, the entries of each in the order of their columns."""
        order = constant_tensor(on_data(_sorted, self.rows.raw, self.columns.raw))
        starts = constant_tensor(on_data(_starts, self.rows.raw, n=self.shape[0]))
        columns = xp.index(self.columns, order.raw, key=(INDEX,))
        return CSR(xp.index(self.values, order.raw, key=(INDEX,)), columns, starts, self.shape)

    def to_scipy(self) -> Any:
        """SciPy's array of the same format, without derivatives."""
        import scipy.sparse

        values, rows, columns = (whole_value(t.raw, "to_scipy") for t in (self.values, self.rows, self.columns))
        found = scipy.sparse.coo_array((values, (rows, columns)), shape=self.shape)
        return found.tocsr() if isinstance(self, CSR) else found

    # ------------------------------------------------------------------------------------------------------ arithmetic

    def __matmul__(self, other: ArrayLike) -> Tensor:
        """The product with a dense vector (n,) or matrix (n, k)."""
        values, b = as_tensors((self.values, as_tensor(other)))
        if b.ndim not in (1, 2) or b.shape[0] != self.shape[1]:
            raise ShapeError("MG130", f"A sparse matrix of shape {self.shape} can't be multiplied with {b.shape}.")
        picked = xp.index(b, self.columns.raw, key=(INDEX,))
        weighted = picked * (values if b.ndim == 1 else reshape(values, (-1, 1)))
        return segment_sum(weighted, self.rows, num_segments=self.shape[0])

    def __rmatmul__(self, other: ArrayLike) -> Tensor:
        """The product of a dense vector (m,) or matrix (k, m) with this one."""
        b = as_tensor(other)
        y = self.T @ (b if b.ndim < 2 else xp.permute_dims(b, axes=(1, 0)))
        return y if y.ndim < 2 else xp.permute_dims(y, axes=(1, 0))

    __array_ufunc__ = None  # NumPy leaves products with arrays to this class

    @property
    def T(self) -> Any:
        """The transpose."""
        raise NotImplementedError

    def __mul__(self, other: ArrayLike) -> Self:
        """Each entry times a number, or times the entry there of a dense array that broadcasts to this shape."""
        return self.with_values(self.values * self._there(other))

    __rmul__ = __mul__

    def __truediv__(self, other: ArrayLike) -> Self:
        """Each entry divided by a number, or by the entry there of a dense array."""
        return self.with_values(self.values / self._there(other))

    def __neg__(self) -> Self:
        return self.with_values(-self.values)

    def _there(self, other: ArrayLike) -> Any:
        if isinstance(other, bool | int | float | complex):
            return other
        dense = as_tensor(other)
        if not dense.ndim:
            return dense
        if np.broadcast_shapes(dense.shape, self.shape) != self.shape:
            raise ShapeError("MG120", f"{dense.shape} doesn't broadcast to a sparse matrix of shape {self.shape}.")
        dense = xp.broadcast_to(dense, shape=self.shape)
        return xp.index(dense, self.rows.raw, self.columns.raw, key=(INDEX, INDEX))

    def sum(self, axis: int | None = None) -> Tensor:
        """The sum of all entries, of each column (`axis` 0) or of each row (1)."""
        if axis is None:
            return xp.sum(self.values, axis=(0,), keepdims=False)
        if axis not in (0, 1, -1, -2):
            raise ArgumentError("MG133", f"A sparse matrix has the axes 0 and 1, not {axis!r}.")
        rows = axis in (1, -1)
        return segment_sum(self.values, self.rows if rows else self.columns, num_segments=self.shape[0 if rows else 1])


class COO(_Sparse):
    """A sparse matrix by the value, row and column of each entry. See `coo`.

    >>> import microgradient as mg
    >>> mg.sparse.coo([2.0], [0], [1], shape=(1, 2)).to_dense()
    tensor([[0., 2.]])
    """

    def __init__(self, values: Tensor, rows: Tensor, columns: Tensor, shape: tuple[int, int]) -> None:
        self.values, self._rows, self._columns, self.shape = values, rows, columns, shape

    @property
    def rows(self) -> Tensor:
        """The row of each entry."""
        return self._rows

    @property
    def columns(self) -> Tensor:
        """The column of each entry."""
        return self._columns

    def with_values(self, values: ArrayLike) -> COO:
        """The matrix with other values at the same places."""
        return COO(_as_values(values, self.nnz), self.rows, self.columns, self.shape)

    @property
    def T(self) -> COO:
        """The transpose."""
        return COO(self.values, self.columns, self.rows, self.shape[::-1])

    def coalesce(self) -> COO:
        """The same matrix with one entry for each place, in the order of rows and columns: values of repeated places are added.

        How many entries are left depends on the places, so these must be known: it can't be compiled.

        >>> import microgradient as mg
        >>> mg.sparse.coo([1.0, 2.0, 3.0], [1, 0, 1], [0, 1, 0], shape=(2, 2)).coalesce().values
        tensor([2., 4.])
        """
        rows, columns = (whole_value(t.raw, "coalesce") for t in (self.rows, self.columns))
        places, number = np.unique(rows * self.shape[1] + columns, return_inverse=True)
        values = segment_sum(self.values, constant_tensor(number), num_segments=len(places))
        rows, columns = np.divmod(places, max(self.shape[1], 1))
        return COO(values, constant_tensor(rows), constant_tensor(columns), self.shape)


class CSR(_Sparse):
    """A sparse matrix by rows: those of row i are entries starts[i] to starts[i + 1]. See `csr`.

    >>> import microgradient as mg
    >>> mg.sparse.csr([2.0], [1], [0, 1], shape=(1, 2)).to_dense()
    tensor([[0., 2.]])
    """

    def __init__(self, values: Tensor, columns: Tensor, starts: Tensor, shape: tuple[int, int]) -> None:
        self.values, self._columns, self.starts, self.shape = values, columns, starts, shape
        self._rows = constant_tensor(on_data(_rows_of, starts.raw, columns.raw))

    @property
    def rows(self) -> Tensor:
        """The row of each entry."""
        return self._rows

    @property
    def columns(self) -> Tensor:
        """The column of each entry."""
        return self._columns

    def with_values(self, values: ArrayLike) -> CSR:
        """The matrix with other values at the same places."""
        return CSR(_as_values(values, self.nnz), self.columns, self.starts, self.shape)

    @property
    def T(self) -> CSR:
        """The transpose."""
        return self.to_coo().T.to_csr()


# ------------------------------------------------------------------------------------------------------------ making them


def coo(values: ArrayLike, rows: ArrayLike, columns: ArrayLike, /, *, shape: tuple[int, int]) -> COO:
    """The sparse matrix with `values` (n,) at these rows and columns; repeated places add up.

    Raises ShapeError unless there are as many of each, OutOfRangeError for a place outside of `shape`.

    >>> import microgradient as mg
    >>> mg.sparse.coo([1.0, 2.0], [0, 1], [1, 1], shape=(2, 2)) @ mg.tensor([1.0, 10.0])
    tensor([10., 20.])
    """
    rows, columns = integers(rows), integers(columns)
    values = _as_values(values, rows.shape[0] if rows.ndim else -1)
    if rows.ndim != 1 or rows.shape != columns.shape:
        raise ShapeError(
            "MG134", f"Rows and columns are as many, along one axis; not {rows.shape} and {columns.shape}."
        )
    _check(rows, shape[0], "row")
    _check(columns, shape[1], "column")
    return COO(values, rows, columns, (int(shape[0]), int(shape[1])))


def csr(values: ArrayLike, columns: ArrayLike, starts: ArrayLike, /, *, shape: tuple[int, int]) -> CSR:
    """The sparse matrix whose row i has the entries number starts[i] to starts[i + 1], with these values and columns.

    Raises ShapeError or ArgumentError where these don't fit together.

    >>> import microgradient as mg
    >>> mg.sparse.csr([1.0, 2.0], [1, 1], [0, 1, 2], shape=(2, 2)).sum(axis=0)
    tensor([0., 3.])
    """
    columns, starts = integers(columns), integers(starts)
    values = _as_values(values, columns.shape[0] if columns.ndim else -1)
    if starts.shape != (shape[0] + 1,):
        raise ShapeError("MG134", f"{shape[0]} rows have {shape[0] + 1} starts, not {starts.shape}.")
    first = starts.raw
    if isinstance(first, np.ndarray) and (first[0] != 0 or first[-1] != columns.shape[0] or (np.diff(first) < 0).any()):
        raise ArgumentError(
            "MG124", f"The starts of rows go from 0 up to {columns.shape[0]}; these are {first.tolist()[:9]}."
        )
    _check(columns, shape[1], "column")
    return CSR(values, columns, starts, (int(shape[0]), int(shape[1])))


def from_scipy(x: Any, /) -> COO | CSR:
    """A sparse matrix of SciPy, as CSR if it is in that format, else as COO.

    >>> import microgradient as mg
    >>> import scipy.sparse
    >>> mg.sparse.from_scipy(scipy.sparse.eye_array(2, format="csr"))
    CSR(shape=(2, 2), nnz=2, dtype=float64)
    """
    if getattr(x, "format", None) == "csr":
        return csr(x.data, x.indices.astype(np.int64), x.indptr.astype(np.int64), shape=x.shape)
    if not hasattr(x, "tocoo"):
        raise ArgumentError("MG125", f"from_scipy takes a sparse matrix of SciPy, not {type(x).__name__}.")
    found = x.tocoo()
    return coo(found.data, found.row.astype(np.int64), found.col.astype(np.int64), shape=found.shape)


def from_dense(x: ArrayLike, /) -> COO:
    """The entries of a matrix that are not 0.

    >>> import microgradient as mg
    >>> mg.sparse.from_dense([[0.0, 2.0]])
    COO(shape=(1, 2), nnz=1, dtype=float32)
    """
    x = as_tensor(x)
    if x.ndim != 2:
        raise ShapeError("MG136", f"A sparse matrix has 2 axes; the shape is {x.shape}.")
    rows, columns = (constant_tensor(i) for i in np.nonzero(whole_value(x.raw, "from_dense")))
    return COO(xp.index(x, rows.raw, columns.raw, key=(INDEX, INDEX)), rows, columns, (x.shape[0], x.shape[1]))


# ---------------------------------------------------------------------------------------------------------------- helpers


def _as_values(values: ArrayLike, n: int) -> Tensor:
    found = inexact(as_tensor(values))
    if found.shape != (n,):
        raise ShapeError(
            "MG134", f"There is one value for each of {n} places, along one axis; the shape is {found.shape}."
        )
    return found


def _check(places: Tensor, n: int, what: str) -> None:
    if isinstance(places.raw, np.ndarray) and places.raw.size and not 0 <= places.raw.min() <= places.raw.max() < n:
        worst = places.raw.max() if places.raw.max() >= n else places.raw.min()
        raise OutOfRangeError("MG127", f"There is no {what} {worst} in a matrix with {n}.")


def _sorted(rows: Any, columns: Any) -> Any:
    return np.lexsort((columns, rows))


def _starts(rows: Any, *, n: int) -> Any:
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int64)


def _rows_of(starts: Any, columns: Any) -> Any:
    """The row of each entry; of as many as there are columns, since `starts` may be unknown yet."""
    return np.searchsorted(starts, np.arange(len(columns)), side="right") - 1
