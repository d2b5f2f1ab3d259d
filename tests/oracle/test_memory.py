"""What shares memory with its argument, and what doesn't, is PyTorch's choice: writing to the result shows it."""

import numpy as np
import pytest
import torch

import microgradient.torch as ours

COPIES = [
    "x.repeat(1, 1)", "x.repeat(2, 1, 1)", "x.tile(1)", "t.tile(x, (2, 1, 1))", "x.repeat_interleave(1)", "x.roll(0)",
    "x.flip(0)", "x.flip([])", "x.rot90(0)", "x.rot90(1)", "x.clone()", "t.cat([x])", "t.stack([x])", "x.sort().values",
    "x.tril(9)", "x.clamp(-99, 99)", "x[[0, 1]]", "x.index_select(0, t.arange(2))", "t.where(x > -1, x, 0.0)", "x * 1", "x**1",
    "x.abs()", "x[None].sum(0)", "x[None].mean(0)", "x[None].max(0).values", "x[None].amax(0)", "x[None].prod(0)", "x.diff(0)",
    "x.nan_to_num()", "x.masked_fill(x > 99, 0)", "x.diag()", "x.new_tensor(x.tolist())", "t.maximum(x, x)", "t.block_diag(x)",
    "x.renorm(2, 0, 999.0)", "t.combinations(x[0], 1)", "t.hstack([x])", "x[None].cumsum(0)", "t.tensor(x.numpy())",
    "F.pad(x, (0, 0))", "F.avg_pool1d(x[None], 1)", "F.max_pool1d(x[None], 1)", "F.adaptive_avg_pool1d(x[None], 3)",
    "F.unfold(x[None, None], (1, 1))", "F.pixel_shuffle(x[None, None], 1)", "F.channel_shuffle(x[None, :, :, None], 1)",
    "t.nn.MaxPool1d(1)(x[None])", "t.nn.PixelShuffle(1)(x[None, None])", "t.nn.ReLU()(x)",
    "F.interpolate(x[None], scale_factor=1)", "F.interpolate(x[None, None], size=(2, 3), mode='bilinear')",
    "t.nn.Upsample(scale_factor=1)(x[None])", "t.nn.ReflectionPad1d(0)(x)", "F.pad(x, (0, 0), mode='replicate')",
    "t.einsum('ij->i', x)", "t.einsum('ijk->ki', x[None])", "t.einsum('ij,ij->ij', x, x)", "t.einsum('ii', x[:, :2])",
]  # fmt: skip
VIEWS = [
    "x.expand(2, 3)", "x.expand_as(x)", "x[None].expand(1, 2, 3)", "x.unfold(0, 1, 1)", "x.diagonal()", "x.split(2)[0]", "x.T",
    "x.unbind()[0]", "x.select(0, 1)", "x.narrow(0, 0, 1)", "x.view(2, 1, 3)", "x.reshape(6)", "x.flatten()", "x[None].squeeze()",
    "x.real", "t.einsum('ij->ji', x)", "t.einsum('ij', x)", "t.einsum('ji', x)", "t.einsum('ii->i', x[:, :2])",
    "t.einsum('...j->j...', x[None])", "t.einsum('...', x)",
    "t.einsum(x, [0, 1], [1, 0])", "t.broadcast_tensors(x, t.zeros(3))[0]", "t.broadcast_tensors(t.zeros(1), x[0])[1]",
    "x.conj()", "x.conj_physical()",
    "x.detach()", "x.data", "x.contiguous()", "x.float()", "x.to(t.float32)", "x.unflatten(1, (3, 1))",
    "x[:, ::2]", "x[...]", "x[0, 1]", "x.movedim(0, 1)", "t.atleast_3d(x)", "t.from_numpy(x.numpy())", "t.as_tensor(x)",
    "F.dropout(x, 0.5, False)", "t.nn.Identity()(x)", "t.nn.Flatten()(x)", "t.nn.Sequential(t.nn.Flatten(0))(x)",
    "t.nn.Unflatten(1, (3, 1))(x)", "t.positive(x)",
]  # fmt: skip


LAYOUTS = {
    "rows": lambda t: t.arange(6.0).view(2, 3),
    "columns": lambda t: t.arange(6.0).view(3, 2).T,
    "part": lambda t: t.arange(20.0).view(4, 5)[::2, 1:4],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("expression", [*COPIES, *VIEWS])
def test_writing_to_a_result_changes_what_it_changes_in_pytorch(expression, layout):
    seen = []
    for t in (ours, torch):
        x = LAYOUTS[layout](t)
        y = eval(expression, {"t": t, "F": t.nn.functional, "x": x})
        y.add_(1)
        seen.append((x.numpy(), y.numpy()))
    np.testing.assert_array_equal(seen[0][0], seen[1][0])
    np.testing.assert_array_equal(seen[0][1], seen[1][1])
