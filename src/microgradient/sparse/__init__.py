"""Sparse matrices: few entries that are not 0, at places that are fixed, with derivatives in their values.

`COO` names the row and the column of each entry, `CSR` the rows by where they start, as SciPy's `coo_array` and `csr_array`, from
which they are made and to which they go back. Products with dense tensors are differentiated in the values and in the dense
operand, to any order; the gradient of the values has their shape, so it is as sparse as they are.
"""

from ..functions.calls import answer_calls
from ..other_names import answer_for
from .matrix import COO, CSR, coo, csr, from_dense, from_scipy

__all__ = ["COO", "CSR", "coo", "csr", "from_dense", "from_scipy"]

answer_calls(__name__, __all__, "mg.sparse.")
answer_for(__name__)
