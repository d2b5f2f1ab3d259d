"""Writing in place and views: what NumPy's arrays do, with and without a gradient, and right derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient.torch as torch

SHAPE = (3, 4)
# what makes a view of a matrix (or a vector), for tensors and for arrays alike
VIEWS = {
    "row": lambda x: x[1],
    "columns": lambda x: x[..., ::2],
    "last": lambda x: x[..., -1:],
    "flat": lambda x: x.reshape(-1),
    "turned": lambda x: x.T,
    "itself": lambda x: x[...],
}
WRITES = {
    "add": (lambda x, v: x.add_(v), lambda a, v: np.add(a, v, out=a)),
    "times": (lambda x, v: x.mul_(v), lambda a, v: np.multiply(a, v, out=a)),
    "fill": (lambda x, v: x.fill_(v), lambda a, v: a.fill(v)),
    "entry": (lambda x, v: x.__setitem__((..., 0), v), lambda a, v: a.__setitem__((..., 0), v)),
    "double": (lambda x, v: x.copy_(x * 2), lambda a, v: np.copyto(a, a * 2)),
}
# by which a tensor becomes a view of what it was
TURNS = {
    "transpose": (lambda x: x.transpose_(0, -1), lambda a: a.swapaxes(0, -1)),
    "squeeze": (lambda x: x.squeeze_(), lambda a: a.squeeze()),
}
programs = st.lists(
    st.tuples(st.sampled_from([*VIEWS, *WRITES, *TURNS]), st.integers(0, 5), st.sampled_from([-2.0, 0.5, 3.0])),
    min_size=1,
    max_size=8,
)


def run(program, tensors, arrays):
    """Views are added to both lists, writes go to the same member of both."""
    for what, who, value in program:
        k = who % len(tensors)
        x, a = tensors[k], arrays[k]
        if what in VIEWS:
            if x.ndim == 0 or (what == "row" and x.shape[0] < 2) or 0 in x.shape:
                continue
            view = VIEWS[what](a)
            if not isinstance(view, np.ndarray) or not np.shares_memory(view, a):  # a number, or a copy in NumPy
                continue
            tensors.append(VIEWS[what](x))
            arrays.append(view)
        elif what in TURNS:
            if x.ndim and not (x.is_leaf and x.requires_grad):
                assert TURNS[what][0](x) is x
                arrays[k] = TURNS[what][1](a)
        elif x.ndim and 0 not in x.shape:
            WRITES[what][0](x, value)
            WRITES[what][1](a, value)


@settings(max_examples=60, deadline=None)
@given(programs)
def test_all_that_share_memory_see_what_is_written(program):
    start = np.arange(12.0).reshape(SHAPE)
    tensors, arrays = [torch.from_numpy(start.copy())], [start.copy()]
    run(program, tensors, arrays)
    for x, a in zip(tensors, arrays, strict=True):
        np.testing.assert_array_equal(x.numpy(), a)


@settings(max_examples=60, deadline=None)
@given(programs)
def test_the_same_where_a_gradient_is_recorded(program):
    start = np.arange(12.0).reshape(SHAPE)
    leaf = torch.tensor(start, requires_grad=True)
    tensors, arrays = [leaf * 1.0], [start.copy()]
    run(program, tensors, arrays)
    for x, a in zip(tensors, arrays, strict=True):
        np.testing.assert_array_equal(x.detach().numpy(), a)
    weights = [np.cos(np.arange(a.size) + k).reshape(a.shape) for k, a in enumerate(arrays)]
    total = sum((x * torch.from_numpy(w)).sum() for x, w in zip(tensors, weights, strict=True))

    def value(x0):
        again = [x0.copy()]
        run(program, [torch.from_numpy(x0.copy())], again)
        return sum((a * w).sum() for a, w in zip(again, weights, strict=True))

    found = torch.zeros(SHAPE)
    if total.requires_grad:
        (found,) = torch.autograd.grad(total, leaf, materialize_grads=True)
    step = 1e-3
    for place in [(0, 0), (1, 2), (2, 3)]:  # the program is linear in its start: differences are exact but for rounding
        moved = start.copy()
        moved[place] += step
        assert found.numpy()[place] == pytest.approx((value(moved) - value(start)) / step, abs=1e-6)


def test_a_view_of_zeros_gets_the_gradient_that_is_written_into_it():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    table = torch.zeros(2, 2)
    other = table[:, 0]
    table[0].copy_(w * 3)
    table[1] = w.exp()
    (other * torch.tensor([1.0, 10.0])).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), [3 + 10 * np.exp(1), 0], rtol=1e-6)


def test_one_entry_is_a_view():
    x = torch.zeros(3)
    x[1].fill_(5)
    x[2] += 1
    assert x.tolist() == [0, 5, 1]


def test_detached_tensors_share_memory_and_no_gradient():
    w = torch.ones(3, requires_grad=True)
    w.data.add_(1)
    w.detach()[0] = 7
    assert w.tolist() == [7, 2, 2]
    assert w.requires_grad
    assert w.is_leaf
    array = np.zeros(2)
    x = torch.from_numpy(array)
    x += 1
    array[0] = 5
    assert x.tolist() == [5, 1]


def test_a_leaf_is_not_written_while_operations_are_recorded():
    w = torch.ones(3, requires_grad=True)
    changes = [
        lambda: w.add_(1),
        lambda: w[0].fill_(2),
        lambda: w.__setitem__(0, 1.0),
        lambda: w.view(3).mul_(2),
        w.squeeze_,
    ]
    for change in changes:
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            change()
    with torch.no_grad():
        w -= 0.5
        w[0] = 3
    assert w.tolist() == [3, 0.5, 0.5]
    (w * w).sum().backward()
    assert w.grad.tolist() == [6, 1, 1]


def test_a_leaf_that_turned_gets_gradients_in_its_new_shape():
    w = torch.tensor([[1.0, 2.0]], requires_grad=True)
    with torch.no_grad():
        w.t_()
    (w * torch.tensor([[3.0], [4.0]])).sum().backward()
    assert (w.is_leaf, w.tolist(), w.grad.tolist()) == (True, [[1], [2]], [[3], [4]])


def test_numbers_that_a_rule_has_saved_are_not_changed_unnoticed():
    x = torch.ones(3)
    w = torch.ones(3, requires_grad=True)
    y = (w * x).sum()
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    x.add_(1)
    (w * x).sum().backward()  # recorded after the change
    assert w.grad.tolist() == [3, 3, 3]
    y = (w * x).sum()
    x.data.zero_()  # which PyTorch lets pass
    with pytest.warns(UserWarning, match="The gradient is wrong"):
        y.backward()


def test_an_expanded_tensor_is_not_written():
    with pytest.raises(RuntimeError, match="one number in memory"):
        torch.zeros(1, 3).expand(2, 3).add_(1)


def test_results_that_do_not_fit_are_refused():
    whole = torch.tensor([1, 2])
    with pytest.raises(RuntimeError, match="can't be put"):
        whole.add_(0.5)
    with pytest.raises(ValueError, match="don't fit in place"):
        torch.zeros(2).add_(torch.zeros(3, 2))
    assert whole.tolist() == [1, 2]


def test_views_of_a_compiled_function_are_views():
    @torch.compile
    def step(x):
        y = x * 1.0
        y[0].add_(10)
        y.view(-1)[3:] = 0
        return y, y.T

    y, turned = step(torch.ones(2, 3))
    np.testing.assert_array_equal(y.numpy(), [[11, 11, 11], [0, 0, 0]])
    np.testing.assert_array_equal(turned.numpy(), y.numpy().T)


def test_a_compiled_function_writes_into_what_it_is_given():
    table, total = torch.zeros(2, 3), torch.zeros(3)

    @torch.compile
    def step(x):
        table[1].add_(x)
        total.copy_(table.sum(0))
        return table.view(-1)[3:] * 2

    for k in range(1, 4):
        np.testing.assert_array_equal(step(torch.ones(3)).numpy(), [2.0 * k] * 3)
    np.testing.assert_array_equal(table.numpy(), [[0, 0, 0], [3, 3, 3]])
    np.testing.assert_array_equal(total.numpy(), [3, 3, 3])


def test_several_entries_of_one_number_are_not_written():
    x = torch.zeros(3)
    for repeated in (*torch.broadcast_tensors(x, torch.ones(2, 3))[:1], x.expand(2, 3)):
        with pytest.raises(RuntimeError, match=r"x\.clone\(\)"):
            repeated[0, 0] = 5
    assert x.tolist() == [0, 0, 0]


@pytest.mark.parametrize("make", [lambda x: x.T, lambda x: x[:, :2], lambda x: x[::2, 1:]])
def test_diagonals_of_views_are_written_with_derivatives(make):
    x = torch.arange(12.0).reshape(4, 3).requires_grad_()
    y = x * 1
    make(y).diagonal().mul_(torch.tensor(3.0))
    (y**2).sum().backward()
    factor = np.ones((4, 3))
    np.fill_diagonal(make(factor), 3)
    np.testing.assert_array_equal(y.detach().numpy(), x.detach().numpy() * factor)
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy() * factor**2)


@pytest.mark.parametrize("rows", [2, 5000])
def test_an_expanded_tensor_sees_what_is_written_to_the_original(rows):
    x = torch.zeros(1, 3)
    wide = x.expand(rows, 3)
    x.add_(1)
    assert wide.sum().item() == 3 * rows
