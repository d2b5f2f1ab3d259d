"""Recurrent layers: RNN, LSTM and GRU, and their single steps."""

from __future__ import annotations

import math
from typing import Any

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from . import functional, init
from .linear import empty_parameter
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, ...]


class _Gated(Module):
    """What the layers and their single steps share: the parameters, what is made of an input, and a step in time."""

    _gates = 1  # how many blocks of hidden_size rows the weights have
    _states = 1  # how many tensors are carried from step to step
    hidden_size: int
    proj_size: int = 0  # of an LSTM's output, if that is projected to another size
    bias: bool

    def _add_weights(self, suffix: str, width: int, dtype: Any, device: object) -> None:
        rows = self._gates * self.hidden_size
        setattr(self, f"weight_ih{suffix}", empty_parameter((rows, width), dtype, device))
        setattr(self, f"weight_hh{suffix}", empty_parameter((rows, self._output_size), dtype, device))
        setattr(self, f"bias_ih{suffix}", empty_parameter((rows,), dtype, device) if self.bias else None)
        setattr(self, f"bias_hh{suffix}", empty_parameter((rows,), dtype, device) if self.bias else None)
        if self.proj_size:
            setattr(self, f"weight_hr{suffix}", empty_parameter((self.proj_size, self.hidden_size), dtype, device))

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def reset_parameters(self) -> None:
        """Draw new values for all parameters."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _from_input(self, x: Tensor, suffix: str) -> State:
        """The part of the gates that comes from the input, one matrix product for all steps: W_ih x + both biases."""
        bias = getattr(self, f"bias_ih{suffix}") + getattr(self, f"bias_hh{suffix}") if self.bias else None
        return (functional.linear(x, getattr(self, f"weight_ih{suffix}"), bias),)

    def _step(
        self, gates: State, state: State, weight: Tensor, bias: Tensor | None, projection: Tensor | None = None
    ) -> State:
        """One step in time: what `_from_input` gives for it, the state before, W_hhᵀ, b_hh and W_hrᵀ."""
        raise NotImplementedError

    def _public(self, state: State) -> Any:
        return state[0] if self._states == 1 else state


class _Rnn(_Gated):
    nonlinearity: str

    def _step(
        self, gates: State, state: State, weight: Tensor, bias: Tensor | None, projection: Tensor | None = None
    ) -> State:
        z = gates[0] + mg.matmul(state[0], weight)
        return (mg.tanh(z) if self.nonlinearity == "tanh" else mg.relu(z),)


class _Lstm(_Gated):
    _gates = 4
    _states = 2

    def _step(
        self, gates: State, state: State, weight: Tensor, bias: Tensor | None, projection: Tensor | None = None
    ) -> State:
        h, c = state
        z = gates[0] + mg.matmul(h, weight)
        n = c.shape[-1]
        opened = mg.sigmoid(z)  # of g too, for nothing: one call for i, f and o is faster than three
        c = opened[:, n : 2 * n] * c + opened[:, :n] * mg.tanh(z[:, 2 * n : 3 * n])
        h = opened[:, 3 * n :] * mg.tanh(c)
        return h if projection is None else mg.matmul(h, projection), c


class _Gru(_Gated):
    _gates = 3

    def _from_input(self, x: Tensor, suffix: str) -> State:
        """W_ih x + b_ih in two parts: that of r and z, and that of n."""
        bias = getattr(self, f"bias_ih{suffix}") if self.bias else None
        gates, both = functional.linear(x, getattr(self, f"weight_ih{suffix}"), bias), 2 * self.hidden_size
        return gates[..., :both], gates[..., both:]

    def _step(
        self, gates: State, state: State, weight: Tensor, bias: Tensor | None, projection: Tensor | None = None
    ) -> State:
        (h,) = state
        part = mg.matmul(h, weight)
        if bias is not None:
            part = part + bias
        n = h.shape[-1]
        rz = mg.sigmoid(gates[0] + part[:, : 2 * n])
        candidate = mg.tanh(gates[1] + rz[:, :n] * part[:, 2 * n :])
        return (candidate + rz[:, n:] * (h - candidate),)


class _Recurrent(_Gated):
    """What RNN, LSTM and GRU share: layers, directions, and the loop over time.

    Parameters are named `weight_ih_l0` (gates·hidden, in), `weight_hh_l0` (gates·hidden, hidden), `bias_ih_l0`,
    `bias_hh_l0`, `weight_ih_l0_reverse`, ..., and start uniform within ± 1/√hidden_size.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if proj_size and (self._states == 1 or not 0 < proj_size < hidden_size):
            raise ArgumentError(
                "MG157",
                f"proj_size={proj_size} is for an LSTM, and below hidden_size={hidden_size}; this is {type(self).__name__}.",
            )
        if num_layers < 1 or hidden_size < 1:
            raise ArgumentError("MG157", f"num_layers={num_layers} and hidden_size={hidden_size} must be at least 1.")
        if not 0.0 <= dropout <= 1.0:
            raise ArgumentError("MG157", f"A dropout probability lies between 0 and 1, got {dropout}.")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            width = input_size if layer == 0 else self._output_size * directions
            for suffix in (f"_l{layer}", f"_l{layer}_reverse")[:directions]:
                self._add_weights(suffix, width, dtype, device)
        self.reset_parameters()

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """(L, N, in), or (N, L, in) with `batch_first`, or (L, in) → the outputs of the last layer, and the final state.

        A `PackedSequence` gives one: each sequence is read to its own end, and its final state is the one there.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        x, batched = self._time_first(input)
        x, finals = self._layers(x, self._first_states(hx, x, batched), None)
        state = tuple(mg.stack([final[i] for final in finals], axis=0) for i in range(self._states))
        if not batched:
            return mg.squeeze(x, axis=1), self._public(tuple(mg.squeeze(s, axis=1) for s in state))
        return mg.permute_dims(x, (1, 0, 2)) if self.batch_first else x, self._public(state)

    def _packed(self, sequence: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        """In the order of the packed sequence, the longest first; states are in the caller's order."""
        x, lengths = pad_packed_sequence(sequence._replace(sorted_indices=None, unsorted_indices=None))
        order, back = sequence.sorted_indices, sequence.unsorted_indices
        if hx is not None and order is not None:
            hx = self._public(tuple(mg.take(s, order, axis=1) for s in ((hx,) if self._states == 1 else hx)))
        self._check_width(x)
        running = mg.expand_dims(mg.expand_dims(mg.arange(x.shape[0]), axis=1) < lengths, axis=2)
        x, finals = self._layers(x, self._first_states(hx, x, True), running)
        state = tuple(mg.stack([final[i] for final in finals], axis=0) for i in range(self._states))
        if back is not None:
            state = tuple(mg.take(s, back, axis=1) for s in state)
        return PackedSequence(pack_padded_sequence(x, lengths).data, sequence.batch_sizes, order, back), self._public(
            state
        )

    def _layers(self, x: Tensor, states: list[State], running: Tensor | None) -> tuple[Tensor, list[State]]:
        """All layers, one after the other: the outputs of the last one, and the final states of all layers and directions."""
        directions = 2 if self.bidirectional else 1
        finals: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in (f"_l{layer}", f"_l{layer}_reverse")[:directions]:
                output, final = self._run(x, states[len(finals)], suffix, running)
                outputs.append(output)
                finals.append(final)
            x = outputs[0] if directions == 1 else mg.concat(outputs, axis=-1)
            if self.dropout and layer < self.num_layers - 1:
                x = functional.dropout(x, self.dropout, self.training)
        return x, finals

    def _run(self, x: Tensor, state: State, suffix: str, running: Tensor | None) -> tuple[Tensor, State]:
        """The loop over time; where `running` (L, N, 1) is false, a sequence has not begun or is over, and its state stays."""
        weight = mg.matrix_transpose(getattr(self, f"weight_hh{suffix}"))
        bias = getattr(self, f"bias_hh{suffix}") if self.bias else None
        projection = mg.matrix_transpose(getattr(self, f"weight_hr{suffix}")) if self.proj_size else None

        def step(state: State, x: tuple[State, Tensor | None]) -> tuple[State, Tensor]:
            gates, goes_on = x
            after = self._step(gates, state, weight, bias, projection)
            if goes_on is not None:
                after = tuple(mg.where(goes_on, new, old) for new, old in zip(after, state, strict=True))
            return after, after[0]

        gates = self._from_input(x, suffix)
        final, outputs = mg.scan(step, state, (gates, running), reverse=suffix.endswith("_reverse"))
        return outputs, final

    def flatten_parameters(self) -> None:
        """Nothing: for programs written for PyTorch."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        suffixes = [f"_l{i}{end}" for i in range(self.num_layers) for end in ("", "_reverse")[: 1 + self.bidirectional]]
        named = [(name, p) for name, p in self.named_parameters(recurse=False)]
        return [[p for name, p in named if name[name.index("_l") :] == suffix] for suffix in suffixes]

    def _time_first(self, input: Tensor) -> tuple[Tensor, bool]:
        if input.ndim not in (2, 3):
            name = f"{type(self).__name__}({self.input_size}, {self.hidden_size})"
            axes = "(N, L, in)" if self.batch_first else "(L, N, in)"
            raise ShapeError("MG160", f"{name} takes {axes} or (L, in), got an input of shape {input.shape}.")
        self._check_width(input)
        batched = input.ndim == 3
        if not batched:
            x = mg.expand_dims(input, axis=1)
        else:
            x = mg.permute_dims(input, (1, 0, 2)) if self.batch_first else input
        if not x.shape[0]:
            raise ShapeError(
                "MG160",
                f"{type(self).__name__} needs a sequence of at least one step, got an input of shape {input.shape}.",
            )
        return x, batched

    def _check_width(self, input: Tensor) -> None:
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                "MG160",
                f"{type(self).__name__}({self.input_size}, {self.hidden_size}) got {input.shape[-1]} features, in an input of "
                f"shape {input.shape}; it takes {self.input_size}. Change input_size to {input.shape[-1]}.",
            )

    def _first_states(self, hx: Any, x: Tensor, batched: bool) -> list[State]:
        """The state before the first step, for each layer and direction; zeros if none is given."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        widths = (self._output_size, self.hidden_size)[: self._states]
        if hx is None:
            dtype = self.weight_hh_l0.dtype  # type: ignore[attr-defined]
            return [tuple(mg.zeros((x.shape[1], width), dtype=dtype) for width in widths)] * count
        given = (hx,) if self._states == 1 else tuple(hx)
        for state, width in zip(given, widths, strict=True):
            wanted = (count, x.shape[1], width) if batched else (count, width)
            if state.shape != wanted:
                raise ShapeError(
                    "MG160",
                    f"{type(self).__name__} needs a first state of shape {wanted} "
                    f"(layers · directions{', batch' if batched else ''}, hidden), got {state.shape}.",
                )
        given = given if batched else tuple(mg.expand_dims(state, axis=1) for state in given)
        return [tuple(state[i] for state in given) for i in range(count)]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", proj_size={self.proj_size}" if self.proj_size else ""
        text += f", num_layers={self.num_layers}" if self.num_layers != 1 else ""
        text += "" if self.bias else ", bias=False"
        text += ", batch_first=True" if self.batch_first else ""
        text += f", dropout={self.dropout}" if self.dropout else ""
        return text + (", bidirectional=True" if self.bidirectional else "")


class RNN(_Rnn, _Recurrent):
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu, at every step. Elman 1990.

    Returns (outputs, h): the outputs of the last layer at every step, and the last h of every layer and direction.

    >>> outputs, h = RNN(3, 5)(mg.ones((7, 2, 3)))
    >>> outputs.shape, h.shape
    ((7, 2, 5), (1, 2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = _checked_nonlinearity(nonlinearity)


class LSTM(_Lstm, _Recurrent):
    """Long short-term memory: input, forget and output gates i, f, o and a candidate g, weights in the order i, f, g, o.

    c = f · c + i · g and h = o · tanh(c) at every step, with i, f, o = σ(...) and g = tanh(...) of W_ih x + b_ih +
    W_hh h + b_hh. With `proj_size` h = W_hr (o · tanh(c)) has that size. Returns (outputs, (h, c)). Hochreiter and
    Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000; Sak, Senior and Beaufays 2014.

    >>> outputs, (h, c) = LSTM(3, 5, batch_first=True)(mg.ones((2, 7, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((2, 7, 5), (1, 2, 5), (1, 2, 5))
    """


class GRU(_Gru, _Recurrent):
    """Gated recurrent unit: reset and update gates r, z and a candidate n, weights in the order r, z, n.

    n = tanh(W_in x + b_in + r · (W_hn h + b_hn)) and h = (1-z) · n + z · h at every step. Returns (outputs, h). Cho et al. 2014.

    >>> outputs, h = GRU(3, 5, bidirectional=True)(mg.ones((7, 2, 3)))
    >>> outputs.shape, h.shape
    ((7, 2, 10), (2, 2, 5))
    """


class _Cell(_Gated):
    """One step: parameters `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`."""

    weight_hh: Parameter
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: object = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self._add_weights("", input_size, dtype, device)
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """(N, in) or (in), and the state before (zeros if None) → the state after."""
        batched = input.ndim != 1
        x = input if batched else mg.expand_dims(input, axis=0)
        if x.ndim != 2:
            raise ShapeError(
                "MG160", f"{type(self).__name__} takes (N, in) or (in), got an input of shape {input.shape}."
            )
        if hx is None:
            state: State = (mg.zeros((x.shape[0], self.hidden_size), dtype=self.weight_hh.dtype),) * self._states
        else:
            state = (hx,) if self._states == 1 else tuple(hx)
            wanted = (*input.shape[:-1], self.hidden_size)
            if len(state) != self._states or any(s.shape != wanted for s in state):
                given = " and ".join(str(s.shape) for s in state)
                raise ShapeError("MG160", f"{type(self).__name__} needs a state of shape {wanted}, got {given}.")
            state = state if batched else tuple(mg.expand_dims(s, axis=0) for s in state)
        state = self._step(self._from_input(x, ""), state, mg.matrix_transpose(self.weight_hh), self.bias_hh)
        return self._public(state if batched else tuple(mg.squeeze(s, axis=0) for s in state))

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")
        kind = getattr(self, "nonlinearity", "tanh")
        return shown if kind == "tanh" else f"{shown}, nonlinearity={kind}"


class RNNCell(_Rnn, _Cell):
    """One step of `RNN`.

    >>> RNNCell(3, 5)(mg.ones((2, 3))).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = _checked_nonlinearity(nonlinearity)


class LSTMCell(_Lstm, _Cell):
    """One step of `LSTM`: returns (h, c).

    >>> h, c = LSTMCell(3, 5)(mg.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """


class GRUCell(_Gru, _Cell):
    """One step of `GRU`.

    >>> GRUCell(3, 5)(mg.ones((2, 3))).shape
    (2, 5)
    """


def _checked_nonlinearity(name: str) -> str:
    if name not in ("tanh", "relu"):
        raise ArgumentError("MG157", f"nonlinearity={name!r} is unknown: use 'tanh' or 'relu'.")
    return name
