"""Sums over the steps of a loop that are taken at once, after it: the gradients of the weights that its steps use.

Σₜ aₜᵀ bₜ, the gradient of a matrix that all steps multiply by, is one product of all aₜ, stacked, with all bₜ, and so reads and
writes the matrix once, not at each step. What the products are made of is stacked already, or is not much larger than their sum.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

from ..taped_world import TAPED
from .body import Body
from .program import Instruction

Rows = Callable[[Instruction], Any]
"""All entries of a value that each step has one of, stacked."""
Total = Callable[[Rows], Any]
_LARGER = 4
"""By how many times what would be stacked for each step may exceed the sum that needs it."""


class DeferredSums:
    """How the sums of some outputs of a body are had from rows; None for those that the loop adds up itself.

    `given` are the inputs of which there are rows, `constant` those that are the same in every step, by their ids. `stacked` are
    the values that the loop has to give for each step, none unless `stacking`.
    """

    def __init__(
        self, body: Body, outputs: list[Instruction], given: set[int], constant: set[int], stacking: bool
    ) -> None:
        self.stacked: list[Instruction] = []
        self._given = given
        self._larger = _LARGER if stacking else 0
        self._varying = {id(i) for i in body.inputs} - constant
        for i in body.instructions:
            if any(id(a) in self._varying for a in i.args if isinstance(a, Instruction)):
                self._varying.add(id(i))
        self.totals: list[Total | None] = [self._total(i) for i in outputs]
        late = [
            n for n, (i, total) in enumerate(zip(outputs, self.totals, strict=True)) if total is None and i.op == "sum"
        ]
        for n in late:  # of what is stacked for others
            self.totals[n] = self._sum(outputs[n])

    def _total(self, i: Instruction) -> Total | None:
        """The sum over all steps of a value."""
        if not i.taped:
            return None
        if i.op in ("permute_dims", "reshape") and (inner := self._total(i.args[0])):
            return lambda rows: getattr(TAPED, i.op)(inner(rows), **i.params)
        if i.op == "matmul" and all(a.ndim == 2 for a in i.args):
            return self._product(i, "ij,jk->ik")
        return self._product(i, i.params["spec"]) if i.op == "einsum" else None

    def _product(self, i: Instruction, spec: str) -> Total | None:
        inputs, output = spec.split("->")
        operands = [self._untransposed(a, term) for a, term in zip(i.args, inputs.split(","), strict=True)]
        new = [a for a, _ in operands if not self._has_rows(a)]
        if not all(id(a) in self._varying for a, _ in operands) or any(a.size > self._larger * i.size for a in new):
            return None
        self.stacked += dict.fromkeys(new)
        letter = next(c for c in string.ascii_letters if c not in spec)
        joined = f"{','.join(letter + term for _, term in operands)}->{output}"
        return lambda rows: TAPED.einsum(*(rows(a) for a, _ in operands), spec=joined)

    def _untransposed(self, a: Instruction, term: str) -> tuple[Instruction, str]:
        """An operand before a change of its axes, of which there may be rows already."""
        if a.op == "permute_dims" and a.taped:
            before = ["" for _ in term]
            for letter, axis in zip(term, a.params["axes"], strict=True):
                before[axis] = letter
            return a.args[0], "".join(before)
        return a, term

    def _sum(self, i: Instruction) -> Total | None:
        (x,) = i.args
        if not i.taped or not self._has_rows(x):
            return None
        axes = (0, *(a + 1 for a in i.params["axis"]))
        return lambda rows: TAPED.reshape(TAPED.sum(rows(x), axis=axes, keepdims=False), shape=i.shape)

    def _has_rows(self, x: Instruction) -> bool:
        return id(x) in self._given or x in self.stacked
