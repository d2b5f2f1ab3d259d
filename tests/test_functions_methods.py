"""The functions as methods of Tensor, in the array API's and in PyTorch's spelling, and under NumPy's own functions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs

import microgradient as mg
from microgradient import nn, optim, other_names
from microgradient.errors import ArgumentTypeError, GradientError
from microgradient.functions import numpy_functions

A = np.asarray([[1.3, -2.2, 3.1], [0.4, 4.2, -0.9]])


def same(ours: Any, theirs: Any) -> None:
    if isinstance(ours, tuple | list):
        for x, y in zip(ours, theirs, strict=True):
            same(x, y)
        return
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-12)
    assert np.shape(ours) == np.shape(theirs)


SPELLINGS: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda x: x.sum(), lambda x: mg.sum(x)),
    (lambda x: x.sum(0), lambda x: mg.sum(x, axis=0)),
    (lambda x: x.sum(axis=1, keepdims=True), lambda x: mg.sum(x, axis=1, keepdims=True)),
    (lambda x: x.sum((0, 1), True), lambda x: mg.sum(x, axis=(0, 1), keepdims=True)),
    (lambda x: x.mean(axis=-1), lambda x: mg.mean(x, axis=-1)),
    (lambda x: x.var(0, correction=1), lambda x: mg.var(x, axis=0, correction=1)),
    (lambda x: x.std(axis=0, correction=0), lambda x: mg.std(x, axis=0)),
    (lambda x: x.max(axis=1), lambda x: mg.max(x, axis=1)),
    (lambda x: x.min(axis=1, keepdims=True), lambda x: mg.min(x, axis=1, keepdims=True)),
    (lambda x: x.prod(0), lambda x: mg.prod(x, axis=0)),
    (lambda x: x.cumsum(axis=0), lambda x: mg.cumulative_sum(x, axis=0)),
    (lambda x: x.cumprod(1), lambda x: mg.cumulative_prod(x, axis=1)),
    (lambda x: (x > 0).any(1), lambda x: mg.any(x > 0, axis=1)),
    (lambda x: (x > 0).all(), lambda x: mg.all(x > 0)),
    (lambda x: x.argmax(axis=1), lambda x: mg.argmax(x, axis=1)),
    (lambda x: x.argmin(), lambda x: mg.argmin(x)),
    (lambda x: x.argsort(axis=0), lambda x: mg.argsort(x, axis=0)),
    (lambda x: x.sort(axis=1, descending=True), lambda x: mg.sort(x, axis=1, descending=True)),
    (lambda x: x.topk(2, axis=1), lambda x: mg.topk(x, 2, axis=1)),
    (lambda x: x.topk(1, 0, False), lambda x: mg.topk(x, 1, axis=0, largest=False)),
    (lambda x: x.reshape(3, -1), lambda x: mg.reshape(x, (3, -1))),
    (lambda x: x.view((6,)), lambda x: mg.reshape(x, (6,))),
    (lambda x: x.flatten(), lambda x: mg.reshape(x, (-1,))),
    (lambda x: x.flatten(start_axis=1), lambda x: mg.flatten(x, 1)),
    (lambda x: x.ravel(), lambda x: mg.reshape(x, (-1,))),
    (lambda x: x.unsqueeze(0).squeeze(0), lambda x: x),
    (lambda x: x.unsqueeze(axis=-1).squeeze(), lambda x: x),
    (lambda x: x.expand_dims((0, 3)), lambda x: mg.expand_dims(x, axis=(0, 3))),
    (lambda x: x.permute(1, 0), lambda x: mg.permute_dims(x, (1, 0))),
    (lambda x: x.permute_dims((1, 0)), lambda x: mg.permute_dims(x, (1, 0))),
    (lambda x: x.transpose(0, 1), lambda x: mg.permute_dims(x, (1, 0))),
    (lambda x: x.transpose(), lambda x: x.T),
    (lambda x: x.unsqueeze(0).transpose(-1, 0), lambda x: mg.moveaxis(mg.expand_dims(x, axis=0), (0, 2), (2, 0))),
    (lambda x: x.unsqueeze(0).transpose(2, 0, 1), lambda x: mg.permute_dims(mg.expand_dims(x, axis=0), (2, 0, 1))),
    (lambda x: x.swapaxes(0, -1), lambda x: x.mT),
    (lambda x: x.expand(4, -1, 3), lambda x: mg.broadcast_to(x, (4, 2, 3))),
    (lambda x: x.expand_as(mg.ones((4, 2, 3))), lambda x: mg.broadcast_to(x, (4, 2, 3))),
    (lambda x: x.broadcast_to((4, 2, 3)), lambda x: mg.broadcast_to(x, (4, 2, 3))),
    (lambda x: x.flip(0), lambda x: mg.flip(x, axis=0)),
    (lambda x: x.roll(1, axis=1), lambda x: mg.roll(x, 1, axis=1)),
    (lambda x: x.repeat(2, axis=0), lambda x: mg.repeat(x, 2, axis=0)),
    (lambda x: x.tile((2, 1)), lambda x: mg.tile(x, (2, 1))),
    (lambda x: x.take([1], axis=1), lambda x: mg.take(x, [1], axis=1)),
    (lambda x: x.take_along_axis(x.argsort(1), axis=1), lambda x: mg.sort(x, axis=1)),
    (lambda x: x.clip(-1, 2), lambda x: mg.clip(x, -1, 2)),
    (lambda x: x.clamp(min=0), lambda x: mg.clip(x, min=0)),
    (lambda x: x.masked_fill(x < 0, 0.1), lambda x: mg.where(x < 0, 0.1, x)),
    (lambda x: x.triu(1), lambda x: mg.triu(x, k=1)),
    (lambda x: x.tril(-1), lambda x: mg.tril(x, k=-1)),
    (lambda x: x.softmax(axis=-1), lambda x: mg.softmax(x, axis=-1)),
    (lambda x: x.log_softmax(1), lambda x: mg.log_softmax(x, axis=1)),
    (lambda x: x.logsumexp(axis=1, keepdims=True), lambda x: mg.logsumexp(x, axis=1, keepdims=True)),
    (lambda x: x.exp().log1p().sqrt().tanh(), lambda x: mg.tanh(mg.sqrt(mg.log1p(mg.exp(x))))),
    (lambda x: x.abs().sigmoid().relu().square(), lambda x: mg.square(mg.sigmoid(mg.abs(x)))),
    (lambda x: x.pow(2).add(1).sub(2).mul(3).div(4).neg(), lambda x: -((x * x + 1 - 2) * 3 / 4)),
    (lambda x: x.maximum(0).minimum(1), lambda x: mg.clip(x, 0, 1)),
    (lambda x: x.matmul(x.T), lambda x: x @ x.T),
    (lambda x: x.dot([1.0, 2.0, 3.0]), lambda x: mg.matmul(x, [1.0, 2.0, 3.0])),
    (lambda x: [[1.0, 2.0]] @ x, lambda x: mg.matmul([[1.0, 2.0]], x)),
    (lambda x: np.ones((1, 2)) @ x, lambda x: mg.sum(x, axis=0, keepdims=True)),
    (lambda x: x.float().double(), lambda x: mg.astype(mg.astype(x, mg.float32), mg.float64)),
    (lambda x: x.int() + x.long() + x.bool(), lambda x: 2 * mg.trunc(x) + 1),
    (lambda x: x.to(mg.float32).to(x).to("cpu"), lambda x: mg.astype(mg.astype(x, mg.float32), mg.float64)),
    (lambda x: x.astype(mg.int64), lambda x: mg.trunc(x)),
    (lambda x: x.clone(), lambda x: x),
    (lambda x: x.real, lambda x: x),
    (lambda x: x.imag, lambda x: 0 * x),
    (lambda x: x.eq(x).ne(True), lambda x: mg.zeros((2, 3), dtype=mg.bool)),
    (lambda x: x.unstack(axis=1), lambda x: mg.unstack(x, axis=1)),
]


@pytest.mark.parametrize("row", range(len(SPELLINGS)))
def test_a_method_is_its_function(row: int):
    method, function = SPELLINGS[row]
    same(method(mg.asarray(A)), function(mg.asarray(A)))


def test_methods_refuse_what_their_functions_do():
    x = mg.asarray(A)
    with pytest.raises(TypeError, match="foo"):
        x.sum(foo=1)
    with pytest.raises(TypeError, match=r"too many positional arguments. Write `x\.sum\(axis=0, keepdims=True\)`"):
        x.sum(0, True, 3)
    with pytest.raises(TypeError, match=r"too many positional arguments. Write `x\.sum\(axis=1\)`"):
        x.sum(0, axis=1)
    with pytest.raises(TypeError, match="unsupported operand"):
        x @ "a"
    assert mg.Tensor.sum.__doc__ == mg.sum.__doc__


@pytest.mark.parametrize(
    ("use", "fix"),
    [
        (lambda x: x.std(), r"n, PyTorch by n - 1: write `x\.std\(correction=0\)` or `x\.std\(correction=1\)`"),
        (lambda x: x.var(0), r"`x\.var\(correction=1\)`; `mg\.var\(x\)` is by n"),
        (lambda x: x.std(dim=0), r"`dim` is `axis` here"),
        (lambda x: x.max(dim=1), r"`dim` is `axis` .*values alone.* `x\.max\(axis=1\)`, and `x\.argmax\(axis=1\)`"),
        (lambda x: x.max(1), r"PyTorch's gives a pair: write `x\.max\(axis=1\)`"),
        (lambda x: x.min(1), r"`x\.argmin\(axis=1\)` for the indices"),
        (lambda x: x.sort(dim=0)[0], r"`x\.argsort\(axis=1\)` for the indices"),
        (lambda x: x.sort(0), r"gives a pair"),
        (lambda x: x.sum(dim=1), r"`dim` is `axis` here. Write `x\.sum\(axis=1\)`"),
        (lambda x: x.sum(0, keepdim=True), r"`keepdim` is `keepdims` here"),
        (lambda x: x.softmax(dim=1), r"`dim` is `axis` here"),
        (lambda x: x.unsqueeze(dim=0), r"`dim` is `axis` here"),
        (lambda x: x.flatten(start_dim=1), r"`start_dim` is `start_axis` here"),
        (lambda x: x.tril(diagonal=1), r"`diagonal` is `k` here"),
        (lambda x: x.nonzero(), r"`mg\.stack\(mg\.nonzero\(x\), axis=1\)`"),
        (lambda x: x.repeat(2), r"`mg\.repeat\(x, 2\)`, PyTorch the whole, `mg\.tile\(x, \(2,\)\)`"),
        (lambda x: x.repeat(2, 3), r"`mg\.tile\(x, \(2,\)\)`"),
        (lambda x: mg.split(x, 2), r"`mg\.split\(x, sections=2\)`"),
        (lambda x: mg.split(x, [1, 2], axis=1), r"`mg\.split\(x, indices=\[2, 5\]\)`"),
        (lambda x: mg.split(x), r"sections=2"),
        (lambda x: mg.Tensor([1, 2]), r"`mg\.tensor\(\[1, 2\]\)` for integers"),
        (lambda x: mg.Tensor(3), r"PyTorch makes floats of these, or a shape"),
        (lambda x: mg.trace(x), r"diagonal is `mg\.linalg\.trace\(x\)`"),
    ],
)
def test_what_pytorch_reads_otherwise_is_refused_with_both_meanings(use, fix):
    with pytest.raises(ArgumentTypeError, match=fix):
        use(mg.asarray(A))


def test_what_is_said_to_be_meant_runs():
    x = mg.asarray(A)
    assert [part.tolist() for part in mg.split(x, indices=[1], axis=1)] == [A[:, :1].tolist(), A[:, 1:].tolist()]
    assert [part.tolist() for part in mg.split(x, sections=3, axis=1)] == [A[:, k : k + 1].tolist() for k in range(3)]
    assert mg.stack(mg.nonzero(x > 0), axis=1).tolist() == np.argwhere(A > 0).tolist()
    assert x.std(correction=1).item() == pytest.approx(np.std(A, ddof=1), rel=1e-12)
    assert mg.Tensor([1.0, 2.0]).tolist() == [1.0, 2.0]
    assert mg.Tensor(np.array([1, 2])).tolist() == mg.Tensor([1, 2], mg.int64).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: mg.cat, r"microgradient has no `cat`\. `cat` is `mg\.concat` here; `microgradient\.torch` has"),
        (lambda: mg.arctan2, "`mg.atan2`"),
        (lambda: mg.concatt, "Did you mean `concat`"),
        (lambda: mg.Linear, "`mg.nn.Linear`"),
        (lambda: mg.cross_entropy, "`mg.nn.functional.cross_entropy`"),
        (lambda: mg.nn.Linaer, r"microgradient\.nn has no `Linaer`\. Did you mean `Linear`"),
        (lambda: mg.nn.Adam, "`mg.optim.Adam`"),
        (lambda: mg.nn.xavier_uniform_, "`mg.nn.init.xavier_uniform_`"),
        (lambda: mg.nn.functional.mm, "`mg.matmul`"),
        (lambda: mg.optim.StepLR, "`mg.optim.lr_scheduler.StepLR`"),
        (lambda: mg.optim.Adamm, "Did you mean `Adam`"),
        (lambda: mg.linalg.norm, "`mg.linalg.vector_norm`"),
        (lambda: mg.random.randperms, "Did you mean `randperm`"),
        (lambda: mg.ones(2).cat, "A tensor has no `cat`.*`mg.concat`"),
        (lambda: mg.ones(2).unsqueeze_, r"don't change in place: write `x = x\.unsqueeze\(…\)`"),
        (lambda: mg.nn.Parameter([1.0]).add_, r"write `x = x\.add\(…\)`"),
        (lambda: mg.ones(2).numel, "`x.size`"),
        (lambda: mg.ones(2).cuda, "`x.to_device"),
        (lambda: mg.ones(2).dim, "`x.ndim`"),
        (lambda: mg.jacrev, "`mg.jacobian`"),
        (lambda: optim.lr_scheduler.StepRL, r"optim\.lr_scheduler has no `StepRL`\. Did you mean `StepLR`"),
        (lambda: nn.init.xavier_uniform, "Did you mean `xavier_uniform_`"),
        (lambda: nn.utils.clip_grad_norm, "Did you mean `clip_grad_norm_`"),
        (lambda: mg.einstein, r"has no `einstein`\. \["),  # and nothing is near enough
    ],
)
def test_a_missing_name_is_answered_with_ours(use, said):
    with pytest.raises(AttributeError, match=said) as caught:
        use()
    assert caught.value.code == "MG139"


@pytest.mark.parametrize("axes", [(0, 5), (-3, 0)])
def test_exchanging_an_axis_that_is_not_there(axes: tuple[int, int]):
    with pytest.raises(IndexError, match=r"There is no axis -?\d in a tensor with 2 axes.*MG133"):
        mg.ones((2, 3)).transpose(*axes)


def test_names_said_to_be_ours_are():
    for ours, theirs in other_names._THEIRS.items():
        if ours.startswith("mg.") and "(" not in ours:
            assert operator.attrgetter(ours[3:])(mg) is not None
            assert not any(hasattr(mg, name) for name in theirs.split() if name != "view"), theirs  # ours shows a graph
    assert not hasattr(mg.ones(2), "cat")
    assert not hasattr(mg, "__no_such_name__")


@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("name", ["hstack", "vstack", "dstack", "column_stack", "inner"])
def test_what_joins_vectors_and_matrices_is_said_for_both(name, ndim):
    x, y = (mg.tensor(np.arange(k, k + 6.0 if ndim == 2 else k + 3.0).reshape((2, 3)[-ndim:])) for k in (0, 10))
    with pytest.raises(AttributeError) as caught:
        getattr(mg, name)
    ours = re.search(r"is `(.+)` here", str(caught.value))[1]
    expected = getattr(np, name)(*[x.data, y.data] if name == "inner" else [[x.data, y.data]])
    np.testing.assert_array_equal(eval(ours, {"mg": mg, "x": x, "y": y, "arrays": [x, y]}).data, expected)


@pytest.mark.parametrize("name", ["fmod", "swapaxes", "moveaxis", "mod", "clone"])
def test_what_is_said_to_be_ours_means_the_same(name):
    """`mg.remainder` has the sign of the divisor, `mg.moveaxis` shifts what lies between."""
    x, y, i, j = mg.tensor(np.arange(-12.0, 12.0).reshape(2, 3, 4)), mg.tensor(-5.0), 0, 2
    ours = next((k for k, names in other_names._THEIRS.items() if name in names.split()), f"mg.{name}")
    given = {"fmod": (x.data, -5.0), "mod": (x.data, -5.0), "clone": (x.data,)}.get(name, (x.data, i, j))
    expected = getattr(np, {"clone": "copy"}.get(name, name))(*given)
    if ours.startswith("mg."):
        value = operator.attrgetter(ours[3:])(mg)(*[x, y] if name == "mod" else [x, i, j])
    else:
        value = eval(ours, {"mg": mg, "x": x, "y": y, "i": i, "j": j})
    np.testing.assert_array_equal(value.data, expected)


NUMPY: list[Callable[[Any], Any]] = [
    np.sum, np.prod, np.mean, np.var, np.max, np.min, np.std, np.cumsum, np.cumprod, np.ravel, np.transpose, np.flip, np.diff,
    lambda x: np.sum(x, 0), lambda x: np.sum(x, axis=1, keepdims=True), lambda x: np.mean(x, axis=(0, 1)),
    lambda x: np.std(x, ddof=1), lambda x: np.var(x, 0, ddof=1), lambda x: np.concatenate([x, 2 * x], axis=1),
    lambda x: np.stack((x, x), -1), lambda x: np.hstack([x, x]), lambda x: np.vstack([x, x[0]]),
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.clip(x, -1, 2), lambda x: np.reshape(x, (3, 2)), lambda x: np.squeeze(x[None]), lambda x: np.swapaxes(x, 0, 1),
    lambda x: np.expand_dims(x, 0), lambda x: np.moveaxis(x, 0, 1), lambda x: np.roll(x, 1, axis=1), lambda x: np.tile(x, (2, 1)),
    lambda x: np.repeat(x, 2, axis=0), lambda x: np.pad(x, 1), lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3.0),
    lambda x: np.broadcast_to(x, (2, 2, 3)), lambda x: np.take(x, [1, 0], axis=1), lambda x: np.cumsum(x, axis=0),
    lambda x: np.sort(x, axis=0), lambda x: np.take_along_axis(x, np.argsort(x.detach() if hasattr(x, "detach") else x), 1),
    lambda x: np.split(x, 3, axis=1)[1], lambda x: np.tril(x), lambda x: np.triu(x, 1), lambda x: np.dot(x, x.T),
    lambda x: np.matmul(x, x.T), lambda x: np.inner(x, x), lambda x: np.outer(x, x), lambda x: np.vdot(x, x),
    lambda x: np.tensordot(x, x, 2), lambda x: np.einsum("ij,kj->ik", x, x), lambda x: np.trace(x), lambda x: np.diagonal(x, 1),
    lambda x: np.linalg.norm(x), lambda x: np.linalg.norm(x, axis=1), lambda x: np.linalg.norm(x, "fro"),
    lambda x: np.linalg.norm(x[0], 1), lambda x: np.linalg.det(x[:, :2]), lambda x: np.linalg.inv(x[:, :2]),
    lambda x: np.linalg.solve(x[:, :2], x), lambda x: np.exp(x), lambda x: np.multiply(x, x), lambda x: np.tanh(x),
    lambda x: np.maximum(x, 0.2), lambda x: np.arctan(x), lambda x: np.hypot(x, 1.0), lambda x: np.float64(2) * x - np.ones(3),
    lambda x: np.zeros_like(x), lambda x: np.ones_like(x), lambda x: np.full_like(x, 2.0), lambda x: np.real(x),
    lambda x: np.copy(x), np.amax, np.amin, lambda x: np.amax(x, axis=1, keepdims=True), lambda x: np.amin(x, 0),
    lambda x: np.cross(x, x[::-1]), lambda x: np.linalg.cross(x, x[::-1]), lambda x: np.cross(x.T, x.T, axis=0), np.around,
    np.fix, np.fliplr, np.flipud, lambda x: np.permute_dims(x, (1, 0)), lambda x: np.concat([x, x]),
    lambda x: np.cumulative_sum(x, axis=0), lambda x: np.linalg.svd(x, full_matrices=False).S, lambda x: np.matrix_transpose(x),
    lambda x: np.round(x), lambda x: np.rint(x), lambda x: np.vecdot(x, x), lambda x: np.unstack(x)[0], lambda x: np.square(x),
]  # fmt: skip


@pytest.mark.parametrize("row", range(len(NUMPY)))
def test_numpy_functions_run_ours(row: int):
    function = NUMPY[row]
    x = mg.tensor(A, requires_grad=True)
    y = function(x)
    assert isinstance(y, mg.Tensor)
    np.testing.assert_allclose(y.data, function(A), rtol=1e-12, atol=1e-12)
    mg.check_gradients(function, A, order=1)


def test_numpy_functions_without_derivative():
    x = mg.tensor(A, requires_grad=True)
    for function in (
        np.argmax,
        np.argsort,
        np.count_nonzero,
        np.nonzero,
        np.any,
        np.shape,
        np.ndim,
        np.size,
        np.unique,
        np.unique_values,
    ):
        same(function(x), function(A))
    assert np.allclose(x, A)
    assert np.array_equal(x, A)
    assert not np.isnan(x).data.any()
    np.testing.assert_array_equal(x, A)


CONVERSIONS = {"array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "require"}  # NumPy asks nobody


FILES = ("save", "load", "from", "genfrom")


def _advised(text: str) -> list[str]:
    return re.findall(r"`(?:mg|x)\.([\w.]+)", text)


def _exists(name: str) -> bool:
    try:
        return callable(operator.attrgetter(name)(mg))
    except AttributeError:
        return hasattr(mg.Tensor, name)


@pytest.mark.parametrize("module", [np, np.linalg])
def test_every_numpy_function_runs_ours_or_is_refused_with_advice_that_exists(module: Any):
    x, ours = mg.tensor(np.eye(3), requires_grad=True), mg.linalg if module is np.linalg else mg
    for function in get_overridable_numpy_array_functions() | get_overridable_numpy_ufuncs():
        name = function.__name__
        if getattr(module, name, None) is not function or name in numpy_functions._FLAT or name.startswith(FILES):
            continue
        error, y = None, None
        try:
            y = function(x) if isinstance(function, np.ufunc) and function.nin == 1 else function(x, x)
        except (GradientError, TypeError, ValueError, IndexError) as raised:  # the last three: it takes other arguments
            error = raised
        assert all(map(_exists, _advised(str(error)))), (name, str(error))
        assert not isinstance(y, np.ndarray) or name in CONVERSIONS, name
        if "has no gradient here" in str(error):
            assert name not in ours.__all__ or name == "linspace", name


def test_what_numpys_functions_have_and_ours_lack_is_refused_with_advice_that_exists():
    x = mg.tensor(np.eye(3), requires_grad=True)
    for call in (
        lambda: np.linalg.svd(x, hermitian=True),
        lambda: np.cross(x, x, axisa=0),
        lambda: np.copy(x, order="F"),
        lambda: np.sum(x, where=x.data > 0),
    ):
        with pytest.raises(ArgumentTypeError, match="MG111") as caught:
            call()
        assert all(map(_exists, _advised(str(caught.value))))
    with pytest.raises(
        ArgumentTypeError, match=r"np\.linalg\.svd on tensors has no `hermitian`. Write `mg\.linalg\.svd"
    ):
        np.linalg.svd(x, hermitian=True)


def test_numpy_functions_that_are_not_here():
    x = mg.tensor(A, requires_grad=True)
    same(np.median(x.detach()), np.median(A))
    same(np.cbrt(x.detach()), np.cbrt(A))
    same(np.add.accumulate(x.detach()), np.add.accumulate(A))
    out = np.zeros((2, 3))
    np.sqrt(mg.asarray(A * A), out=out)
    same(out, abs(A))
    out += x.detach()
    same(out, abs(A) + A)
    assert np.median(x).requires_grad
    for function in (np.cbrt, np.add.accumulate):
        with pytest.raises(RuntimeError, match="has no gradient here"):
            function(x)
    assert np.linalg.lstsq(x, x)[0].requires_grad
    assert np.linalg.eig(x[:, :2])[0].requires_grad
    with pytest.raises(TypeError, match="where"):
        np.sum(x, where=A > 0)
    with pytest.raises(TypeError, match="constant"):
        np.pad(x, 1, mode="mean")
    with pytest.raises(TypeError, match="write into a tensor"):
        np.sqrt(A, out=mg.asarray(A))
