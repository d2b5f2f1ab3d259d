"""Complex parameters, whose parts move as two real numbers do (PyTorch: `view_as_real`)."""

from __future__ import annotations

from typing import Any

from .state import State


def parts(xp: Any, z: Any) -> Any:
    """The real and the imaginary parts of complex numbers, along a new last axis."""
    shape = (*z.shape, 1)
    return xp.concat(*(xp.reshape(x, shape=shape) for x in (xp.real(z), xp.imag(z))), axis=len(z.shape))


def joined(xp: Any, x: Any) -> Any:
    """The complex numbers that have these `parts`."""
    return xp.complex(*(xp.index(x, key=(Ellipsis, k)) for k in (0, 1)))


def state_of_parts(xp: Any, state: State) -> State:
    """A state with the parts of what is complex in it."""
    return {k: parts(xp, v) if getattr(getattr(v, "dtype", None), "kind", "") == "c" else v for k, v in state.items()}


def joined_state(xp: Any, state: State, shape: tuple[int, ...]) -> State:
    """A state with complex numbers of this shape where it has their parts."""
    return {k: joined(xp, v) if getattr(v, "shape", ()) == (*shape, 2) else v for k, v in state.items()}
