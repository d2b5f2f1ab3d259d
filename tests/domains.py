"""For every row of the rulebook: arguments on which its derivative is tested. A row without an entry fails the suite."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradient import rules_special  # noqa: F401
from microgradient.rules import INDEX

# Pointwise rows: an open interval per differentiable argument on which the function is smooth, kinks left out.
POINTWISE: dict[str, tuple[tuple[float, float], ...]] = {
    "positive": ((-3, 3),), "negative": ((-3, 3),), "add": ((-3, 3), (-3, 3)), "subtract": ((-3, 3), (-3, 3)),
    "multiply": ((-3, 3), (-3, 3)), "power": ((0.3, 3),), "divide": ((-3, 3), (0.5, 3)), "pow": ((0.3, 3), (-2, 3)),
    "floor_divide": ((5.1, 5.9), (2.05, 2.4)), "remainder": ((5.1, 5.9), (2.05, 2.4)),
    "square": ((-3, 3),), "sqrt": ((0.2, 4),), "reciprocal": ((0.3, 3),), "abs": ((0.1, 3),), "sign": ((0.1, 3),),
    "floor": ((0.1, 0.9),), "ceil": ((0.1, 0.9),), "round": ((0.6, 1.4),), "trunc": ((1.1, 1.9),),
    "copysign": ((0.1, 3), (-3, -0.1)), "nextafter": ((0.1, 3), (-3, -0.1)), "hypot": ((0.2, 3), (-3, 3)),
    "exp": ((-3, 3),), "exp2": ((-3, 3),), "expm1": ((-3, 3),), "log": ((0.2, 4),), "log2": ((0.2, 4),),
    "log10": ((0.2, 4),), "log1p": ((-0.7, 3),), "logaddexp": ((-3, 3), (-3, 3)), "sigmoid": ((-4, 4),),
    "softplus": ((-4, 4),), "sin": ((-3, 3),), "cos": ((-3, 3),), "tan": ((-1.2, 1.2),), "asin": ((-0.9, 0.9),),
    "acos": ((-0.9, 0.9),), "atan": ((-3, 3),), "atan2": ((0.2, 3), (-3, 3)), "sinh": ((-3, 3),), "cosh": ((-3, 3),),
    "tanh": ((-2, 2),), "asinh": ((-3, 3),), "acosh": ((1.2, 4),), "atanh": ((-0.9, 0.9),),
    "erf": ((-2, 2),), "erfc": ((-2, 2),), "erfinv": ((-0.9, 0.9),), "lgamma": ((0.3, 5),), "digamma": ((0.5, 5),),
    "polygamma": ((0.7, 5),), "relu": ((0.1, 3),), "maximum": ((1, 2), (-2, 0.9)), "minimum": ((1, 2), (-2, 0.9)),
    "clip": ((-0.9, 0.9), (-3, -1.1), (1.1, 3)), "where": ((-3, 3), (-3, 3)),
}  # fmt: skip

# Special functions, of which SciPy has the values: compiled code calls it.
SPECIAL: dict[str, tuple[tuple[float, float], ...]] = {
    "gamma": ((0.3, 4),), "gammainc": ((0.3, 4), (0.2, 6)), "gammaincc": ((0.3, 4), (0.2, 6)), "beta": ((0.3, 3), (0.3, 3)),
    "betaln": ((0.3, 3), (0.3, 3)), "betainc": ((0.4, 3), (0.4, 3), (0.1, 0.9)),
    "incomplete_beta": ((0.4, 3), (0.4, 3), (0.1, 0.9)), "zeta": ((1.5, 4), (0.5, 3)), "jv": ((-4, 4),), "yv": ((0.5, 5),),
    "iv": ((0.1, 3),), "kv": ((0.4, 4),), "ive": ((0.2, 4),), "kve": ((0.4, 4),), "spherical_jn": ((-4, 4),), "airy": ((-4, 2),),
    "erfcx": ((-1, 4),), "erfcinv": ((0.2, 1.8),), "dawsn": ((-3, 3),), "ndtr": ((-3, 3),), "log_ndtr": ((-5, 3),),
    "ndtri": ((0.1, 0.9),), "expi": ((0.3, 3),), "expn": ((0.3, 4),), "entr": ((0.1, 3),), "xlogy": ((0.1, 3), (0.3, 3)),
    "xlog1py": ((0.1, 3), (-0.6, 3)), "logit": ((0.1, 0.9),),
}  # fmt: skip
POINTWISE |= SPECIAL
PARAMS: dict[str, dict[str, Any]] = {
    "polygamma": {"n": 1}, "power": {"n": 2.5}, "gammainc": {"n": 0}, "incomplete_beta": {"i": 0, "j": 1}, "jv": {"v": 1},
    "yv": {"v": 0}, "iv": {"v": 1}, "kv": {"v": 1}, "ive": {"v": 0}, "kve": {"v": 1}, "spherical_jn": {"n": 1}, "airy": {"k": 2},
    "expn": {"n": 2}, "zeta": {"n": 0},
}  # fmt: skip

WITHOUT_DERIVATIVE = {
    "isfinite", "isinf", "isnan", "signbit", "logical_not", "bitwise_invert", "equal", "not_equal", "less", "less_equal",
    "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
    "bitwise_left_shift", "bitwise_right_shift",
}  # fmt: skip

_rng = np.random.default_rng(20260101)


def _a(*shape: int) -> Any:
    return _rng.uniform(-2, 2, shape)


def _distinct(*shape: int) -> Any:
    """Numbers that differ by at least 0.1, in random order: no ties for max and sort."""
    n = int(np.prod(shape))
    return (_rng.permutation(n) * 0.1 - 0.05 * n + 0.013).reshape(shape)


_i = np.array([2, 0, 2, -1])  # one entry twice, and once more counted from the end
_ij = np.asfortranarray([[0, 1, 0], [2, 0, -1]])
_mask = np.array([True, False, True])
_conv = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2), "groups": 2}
_conv1 = {"stride": (1,), "padding": ((1, 1),), "dilation": (1,), "groups": 1}
_win = {"window": (3, 2), "stride": (2, 1), "dilation": (1, 2)}

# Other rows: (differentiable arguments, further arguments, parameters) for several cases each.
CASES: dict[str, list[tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]]] = {
    "sum": [((_a(3, 2, 4),), (), {"axis": (0, 2), "keepdims": k}) for k in (True, False)]
    + [((_a(0, 2),), (), {"axis": (0,), "keepdims": False}), ((_a(2),), (), {"axis": (), "keepdims": False})],
    "broadcast_to": [((_a(3, 1),), (), {"shape": (2, 3, 4)}), ((_a(),), (), {"shape": (0, 2)})],
    "reshape": [((_a(2, 6),), (), {"shape": (3, 4)}), ((_a(1),), (), {"shape": ()})],
    "permute_dims": [((_a(2, 3, 4),), (), {"axes": (2, 0, 1)})],
    "flip": [((_a(2, 3),), (), {"axis": (1,)}), ((_a(2, 3),), (), {"axis": (0, 1)})],
    "roll": [((_a(3, 4),), (), {"shift": (1, -2), "axis": (0, 1)})],
    "cumulative_sum": [((_a(3, 4),), (), {"axis": 1}), ((_a(0, 4),), (), {"axis": 0})],
    "tril": [((_a(2, 3, 3),), (), {"k": -1})],
    "triu": [((_a(3, 4),), (), {"k": 1})],
    "astype": [((_a(3),), (), {"dtype": np.dtype(np.float64)})],
    "pad": [((_a(2, 3),), (), {"widths": ((1, 0), (2, 1))})],
    "concat": [((_a(2, 1), _a(2, 3), _a(2, 0)), (), {"axis": 1})],
    "index": [
        ((_a(3, 4),), (), {"key": (slice(None, None, -1), 1)}), ((_a(3, 4),), (_i,), {"key": (INDEX,)}),
        ((_a(3, 4),), (_i, _i), {"key": (INDEX, INDEX)}), ((_a(3, 4),), (_mask,), {"key": (INDEX,)}),
        ((_a(3, 4, 2),), (_i,), {"key": (Ellipsis, INDEX, slice(0, 1))}), ((_a(3,),), (), {"key": (None, slice(1, 3))}),
    ],
    "index_add": [
        ((_a(3),), (), {"key": (slice(None, None, -1), 1), "shape": (3, 4)}),
        ((_a(4, 4),), (_i,), {"key": (INDEX,), "shape": (3, 4)}), ((_a(4),), (_i, _i), {"key": (INDEX, INDEX), "shape": (3, 4)}),
        ((_a(3, 4),), (_i,), {"key": (slice(None, None, -1), INDEX), "shape": (3, 4)}),
    ],
    "index_set": [
        ((_a(3, 4), _a(3)), (), {"key": (slice(None), 1)}), ((_a(3, 4), _a()), (), {"key": (0,)}),
        ((_a(3, 4), _a(2, 4)), (np.array([2, 0]),), {"key": (INDEX,)}), ((_a(3, 4), _a(1)), (_mask,), {"key": (INDEX,)}),
        ((_a(3, 4), _a(4, 4)), (_i,), {"key": (INDEX,)}), ((_a(3, 4), _a(4)), (_i, _i), {"key": (INDEX, INDEX)}),
        ((_a(3, 4), _a(3, 1)), (_i,), {"key": (slice(None, None, -1), INDEX)}), ((_a(3), _a()), (_i,), {"key": (INDEX,)}),
        ((_a(3, 4), np.asfortranarray(_a(2, 3))), (_ij, _ij), {"key": (INDEX, INDEX)}),
        ((_a(3, 2, 3), _a(4, 2)), (_i, _i), {"key": (INDEX, slice(None), INDEX)}), ((_a(3), _a(0)), (_i[:0],), {"key": (INDEX,)}),
        ((_a(3, 2), _a(2)), (_mask, np.array([-1])), {"key": (INDEX, INDEX)}),
    ],
    "take_along_axis": [((_a(3, 4),), (np.array([[2, 0, 2, 1]]),), {"axis": 0}),
                        ((_a(2, 3),), (np.array([[2, -1, 2, 0], [0, 0, 0, -3]]),), {"axis": 1})],
    "scatter_along_axis": [((_a(2, 4),), (np.array([[2, 0, 2, 1], [-1, 1, 0, 0]]),), {"axis": 0, "shape": (3, 4)}),
                           ((_a(2, 4),), (np.array([[2, -1, 2, 0], [0, 0, 0, -3]]),), {"axis": 1, "shape": (2, 3)})],
    "windows": [((_a(2, 7, 6),), (), _win)],
    "windows_add": [((_a(2, 3, 4, 3, 2),), (), {**_win, "size": (7, 6)})],
    "matmul": [((_a(2, 3), _a(3, 4)), (), {}), ((_a(5, 2, 3), _a(3, 1)), (), {}), ((_a(2, 1, 2, 2), _a(3, 2, 2)), (), {}),
               ((_a(2, 0), _a(0, 3)), (), {})],
    "einsum": [((_a(2, 3), _a(3, 4)), (), {"spec": "ij,jk->ki"}), ((_a(2, 3), _a(3), _a(2)), (), {"spec": "ij,j,i->"}),
               ((_a(2, 3),), (), {"spec": "ij->j"}), ((_a(2, 3), _a(2)), (), {"spec": "ij,k->ik"})],
    "conv": [((_a(2, 4, 5, 6), _a(6, 2, 3, 2)), (), _conv), ((_a(1, 2, 4), _a(3, 2, 3)), (), _conv1)],
    "conv_input": [((_a(2, 6, 2, 6), _a(6, 2, 3, 2)), (), {**_conv, "size": (5, 6)}),
                   ((_a(1, 3, 4), _a(3, 2, 3)), (), {**_conv1, "size": (4,)})],
    "conv_weight": [((_a(2, 4, 5, 6), _a(2, 6, 2, 6)), (), {**_conv, "window": (3, 2)}),
                    ((_a(1, 2, 4), _a(1, 3, 4)), (), {**_conv1, "window": (3,)})],
    "max": [((_distinct(3, 4),), (), {"axis": (1,), "keepdims": False}),
            ((_distinct(3, 4),), (), {"axis": (0, 1), "keepdims": True})],
    "min": [((_distinct(3, 4),), (), {"axis": (1,), "keepdims": False})],
    "prod": [((_a(3, 4),), (), {"axis": 1, "keepdims": False}),
             ((np.array([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0]]),), (), {"axis": 1, "keepdims": True}),
             ((_a(2, 0),), (), {"axis": 1, "keepdims": False})],
    "cumulative_prod": [((_a(3, 4),), (), {"axis": 1}),
                        ((np.array([1.5, 0.0, 2.0, 0.0, 3.0]),), (), {"axis": 0}), ((_a(0),), (), {"axis": 0})],
    "recurrence": [((_a(3, 4), _a(3, 4)), (), {"axis": 1}), ((_a(5), _a(5)), (), {"axis": 0})],
}  # fmt: skip

# Rows for complex numbers: arguments of some cases each.
_z = _a(2, 3) + 1j * _a(2, 3)
COMPLEX: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "conj": [((_z,), {})], "real": [((_z,), {})], "imag": [((_z,), {})],
    "complex": [((_a(2, 3), _a(2, 3)), {}), ((_a(3), _a(2, 1)), {})],
    "fft": [((_z,), {"axis": (1,), "inverse": False}), ((_z,), {"axis": (0, 1), "inverse": True})],
    "rfft": [((_a(2, 4),), {"axis": 1}), ((_a(3, 2),), {"axis": 0})],
    "rfft_transpose": [((_z,), {"axis": 1, "n": n}) for n in (4, 5)],
}  # fmt: skip

# Rows that other rows' results go through and that have no meaning alone.
INTERNAL = {"pick"}
