"""How a primitive is written, and what it does with the gradient that arrives, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import MicrogradientError
from ..primitives import TABLE, Primitive

_SENTENCES = {
    "add": "+ passes what arrives to both inputs",
    "subtract": "− passes what arrives to the first input and its negative to the second",
    "multiply": "× sends each input the other input, times what arrives",
    "divide": "a / b sends a what arrives / b, and b what arrives × -(a/b)/b",
    "negative": "− turns the sign of what arrives",
    "positive": "+ passes what arrives",
    "power": "aⁿ sends what arrives × n·aⁿ⁻¹",
    "pow": "aᵇ sends a what arrives × b·aᵇ⁻¹, and b what arrives × aᵇ·log a",
    "square": "a² sends what arrives × 2a",
    "sqrt": "√a sends what arrives / (2√a)",
    "reciprocal": "1/a sends what arrives × -1/a²",
    "abs": "|a| sends what arrives × the sign of a",
    "exp": "exp sends what arrives × its own result",
    "log": "log a sends what arrives / a",
    "tanh": "tanh sends what arrives × (1 - y²), y its own result",
    "sigmoid": "σ sends what arrives × y(1 - y), y its own result",
    "relu": "relu passes what arrives where its input was positive, and 0 elsewhere",
    "softplus": "softplus sends what arrives × σ(a)",
    "sin": "sin a sends what arrives × cos a",
    "cos": "cos a sends what arrives × -sin a",
    "maximum": "maximum passes what arrives to the larger input, half to each at a tie",
    "minimum": "minimum passes what arrives to the smaller input, half to each at a tie",
    "where": "where passes what arrives to the input that was chosen",
    "clip": "clip passes what arrives inside its bounds",
    "matmul": "a @ b sends a what arrives @ bᵀ, and b aᵀ @ what arrives: an entry gets Σ (what arrives × the entry it met)",
    "einsum": "einsum sends each input what arrives times the other inputs, summed over what they share",
    "conv": "a convolution sends each weight Σ (what arrives × the inputs it met), and each input Σ (what arrives × the weights)",
    "sum": "a sum passes what arrives to every entry it added",
    "broadcast_to": "broadcasting sends back the sum of what arrives at the copies",
    "max": "max passes what arrives to the largest entry, in equal shares at a tie",
    "min": "min passes what arrives to the smallest entry, in equal shares at a tie",
    "prod": "a product sends each factor the product of the others, times what arrives",
    "index": "indexing sends back what arrives to the entries that were taken, 0 to the others",
    "take_along_axis": "taking sends back what arrives to the entries that were taken, 0 to the others",
    "concat": "concatenation sends each part its piece of what arrives",
    "norm": "a length sends what arrives × a / the length: along the vector; 0 at a vector of length 0",
    "cumulative_prod": "a running product sends each entry, for every product that it is in, what arrives × the other factors",
    "recurrence": "a recurrence sends what arrives back step by step, times the factor of each step that it goes through",
    "pick": "one of several results was taken: what arrives goes to it, and 0 to the others",
    "solve": "X = A⁻¹B sends B A⁻ᵀ @ what arrives, and A minus that @ Xᵀ",
    "inv": "Y = A⁻¹ sends -Yᵀ @ what arrives @ Yᵀ",
    "det": "det A sends what arrives × the matrix of cofactors of A",
    "slogdet": "log |det A| sends what arrives × A⁻ᵀ",
    "solve_triangular": "X = A⁻¹B sends B A⁻ᵀ @ what arrives, and A minus that @ Xᵀ, of which its triangle stays",
    "matrix_exp": "e^A sends the derivative of the exponential at Aᵀ, in the direction of what arrives",
    "pinv": "A⁺ sends −A⁺ᵀ @ what arrives @ A⁺ᵀ, and what A leaves out adds two terms",
    "cofactor": "each cofactor is a determinant of other rows and columns, and sends their entries the cofactors in it",
    "lu": "P A = L U sends Pᵀ L⁻ᵀ (the strictly lower part of Lᵀ @ what arrives at L + triu(what arrives at U @ Uᵀ)) U⁻ᵀ",
    "cholesky": "A = L Lᵀ sends L⁻ᵀ Φ(Lᵀ @ what arrives) L⁻¹, made symmetric; Φ keeps the lower triangle and half the diagonal",
    "eigh": "A = V diag(λ) Vᵀ sends V (what arrives at λ, on the diagonal, + (Vᵀ @ what arrives at V) / (λⱼ − λᵢ)) Vᵀ",
    "eig": "A = V diag(λ) V⁻¹ sends V⁻ᵀ (what arrives at λ, on the diagonal, + what arrives at V over λⱼ − λᵢ) Vᵀ",
    "svd": "A = U diag(s) Vᵀ sends U diag(what arrives at s) Vᵀ, and what arrives at U and V over sⱼ² − sᵢ²",
    "qr": "A = Q R sends (what arrives at Q + Q @ a symmetric matrix of both that arrive) R⁻ᵀ",
    "checkpoint": "a checkpoint computes its function again and applies the rules inside",
}


_TELLING = {"axis", "axes", "shape", "spec", "stride", "padding", "i", "n", "k", "shift", "dtype"}


def expression(op: Primitive, args: Sequence[str], params: Mapping[str, Any]) -> str:
    """A primitive applied to named arguments: `a * b`, `-a`, `tanh(h)`, `sum(h, axis=(0,))`.

    >>> from microgradient.primitives import TABLE
    >>> expression(TABLE["multiply"], ["a", "b"], {}), expression(TABLE["sum"], ["h"], {"axis": (0,), "keepdims": False})
    ('a * b', 'sum(h, axis=(0,))')
    """
    if _is_a_users(op):
        return f"{op.name}({', '.join(args)})"
    if op.name == "matmul":
        return " @ ".join(args)
    if op.name in ("square", "power"):
        return f"{args[0]}**{params.get('n', 2):g}"
    if op.symbol and len(args) == 2:
        return f"{args[0]} {op.symbol} {args[1]}"
    if op.symbol and len(args) == 1:
        return op.symbol + args[0]
    shown = [f"{key}={value}" for key, value in params.items() if key in _TELLING]
    return f"{op.name}({', '.join([*args, *shown])})"


def sentence(op: Primitive | None) -> str:
    """The rule of `op` in a sentence, "" if there is none.

    >>> from microgradient.primitives import TABLE
    >>> sentence(TABLE["multiply"])
    '× sends each input the other input, times what arrives'
    """
    if op is None:
        return ""
    if _is_a_users(op):
        return f"`{op.name}` has its own rule"
    if op.name in _SENTENCES:
        return _SENTENCES[op.name]
    if op.kind == "linear":
        return f"`{op.name}` is linear: what arrives goes back the way the entries came"
    if op.kind == "multilinear":
        return f"`{op.name}` sends each input what arrives times the other inputs"
    if op.kind == "pointwise":
        return _formula(op)
    return f"`{op.name}`: see its rule in rules.py"


def _is_a_users(op: Primitive) -> bool:
    """Whether `op` is a `custom_rule`, which may have the name of a primitive."""
    return op.kind == "special" and TABLE.get(op.name) is not op


def _formula(op: Primitive) -> str:
    from .symbolic_world import arguments, away_from_kinks, partial

    try:
        parts = [
            f"{a} what arrives × ({away_from_kinks(partial(op, i))})"
            for i, a in enumerate(arguments(len(op.maps)))
            if op.maps[i] is not None
        ]
    except MicrogradientError:
        return f"`{op.name}` works entry by entry: see its rule in rules.py"
    return f"{op.name} sends " + ", and ".join(parts)
