"""Calls that don't fit a function: what is said, and that what is to be written instead runs."""

import inspect
import math
import pickle
import re
import types

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError, MicrogradientError
from microgradient.language import speaking
from microgradient.nn import functional as F  # noqa: N812

A = mg.tensor([[1.0, 2.0], [3.0, 5.0]])
GIVEN = {"x": A, "x1": A, "x2": A, "arrays": [A, A], "axis": 0, "shape": (4,), "indices": [0], "repeats": 2, "k": 1,
         "shift": 1, "sections": 2, "y": A, "segments": [0, 1], "q": 0.5}  # fmt: skip
REDUCTIONS = ["sum", "prod", "mean", "std", "var", "max", "min", "all", "any", "argmax", "argmin", "count_nonzero"]
NAMESPACES = {"mg": mg.functions, "mg.linalg": mg.linalg}
FUNCTIONS = {
    f"{home}.{name}": getattr(namespace, name)
    for home, namespace in NAMESPACES.items()
    for name in namespace.__all__
    if isinstance(getattr(namespace, name), types.FunctionType) and name not in mg.functions.pointwise.__all__
}


OWN = {"mg.index_add": {"indices": [0, 1], "values": A}, "mg.scatter": {"indices": [[0, 1], [1, 0]], "values": A}}


def having(*names):
    """The functions with such a parameter, and values for those that they need."""
    found = []
    for called, function in FUNCTIONS.items():
        parameters = inspect.signature(function).parameters
        if any(name in parameters for name in names):
            needed = {
                n: GIVEN.get(n, 1)
                for n, p in parameters.items()
                if (p.default is p.empty and p.kind is not p.VAR_POSITIONAL) or n == "sections"
            }
            needed |= OWN.get(called, {})
            if called.endswith((".take_along_axis", ".cross")):
                needed["x2" if "cross" in called else "indices"] = mg.tensor([[0, 1, 0]] * 3)
                needed["x" if "take" in called else "x1"] = mg.ones((3, 3))
            found.append(pytest.param(called, function, needed, id=called))
    return found


def refused(function, *args, **options):
    with pytest.raises(ArgumentTypeError) as caught:
        function(*args, **options)
    assert caught.value.code == "MG125"
    return str(caught.value)


def written(text):
    return re.search(r"Write `(.+?\))`\.", text)[1]


@pytest.mark.parametrize(("called", "function", "needed"), having("axis"))
def test_dim_is_answered_with_axis_ready_to_paste(called, function, needed):
    for theirs in ("dim", "dims", "axes"):
        by_place = [v for n, v in needed.items() if n not in ("axis", "sections")]
        options = {"sections": 2} if "sections" in needed else {}
        axis = -1 if called.endswith(("vecdot", "cross")) else 0
        if called.endswith((".squeeze", ".expand_dims")):
            by_place = [mg.ones((1, 2))]
        text = refused(function, *by_place, **options, **{theirs: axis})
        assert f"{function.__name__}: `{theirs}` is `axis` here" in text
        names = dict(zip(inspect.signature(function).parameters, by_place, strict=False))
        found = eval(written(text), {"mg": mg, **names})
        expected = function(*by_place, **options, axis=axis)
        for a, b in zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]:
            np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize(("called", "function", "needed"), having("keepdims"))
def test_keepdim_is_answered_with_keepdims(called, function, needed):
    assert f"{called}: `keepdim` is `keepdims` here" in refused(function, *needed.values(), keepdim=True)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_options_by_position_are_answered_ready_to_paste(name):
    function = getattr(mg, name)
    for args, options in ({(1,): {"axis": 1}, (1, True): {"axis": 1, "keepdims": True}}).items():
        found = eval(written(refused(function, A, *args)), {"mg": mg, "x": A})
        np.testing.assert_array_equal(found.data, function(A, **options).data)
    if name in ("max", "min"):
        assert f"`mg.{name}imum(x1, x2)`" in refused(function, A, A)
    assert f"Write `x.{name}(axis=1)`" in refused(getattr(A, name), dim=1)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: mg.sum(A, foo=1), "mg.sum: got an unexpected keyword argument 'foo'"),
        (lambda: mg.sum(input=A, dim=1), r"`input` is `x` here, `dim` is `axis` here. Write `mg.sum\(x, axis=1\)`"),
        (lambda: mg.concat(tensors=[A, A]), r"Write `mg.concat\(arrays\)`"),
        (lambda: mg.reshape(A, newshape=(4,)), r"Write `mg.reshape\(x, shape=\(4,\)\)`"),
        (lambda: mg.stack([A], 1), r"Write `mg.stack\(arrays, axis=1\)`"),
        (lambda: mg.diff(A, 2, 0), r"Write `mg.diff\(x, n=2, axis=0\)`"),
        (lambda: mg.std(A, ddof=1), r"Write `mg.std\(x, correction=1\)`.*PyTorch by n - 1"),
        (lambda: mg.tril(A, diagonal=1), r"`diagonal` is `k` here. Write `mg.tril\(x, k=1\)`"),
        (lambda: mg.meshgrid(A, sparse=True), r"Write `mg.meshgrid\(\*arrays\)`"),
        (lambda: A.flatten(start_dim=1), r"`start_dim` is `start_axis` here. Write `x.flatten\(start_axis=1\)`"),
        (lambda: F.softmax(A, axis=1), r"`axis` is `dim` here. Write `F.softmax\(input=input, dim=1\)`"),
        (lambda: F.linear(A), r"missing a required argument: 'weight'. Write `F.linear\(input=input, weight=weight\)`"),
        (lambda: F.linear(A, 3.0), r"F.linear: `weight` is a tensor of shape \(out, in\), not one of shape \(\)"),
        (lambda: F.linear(A, [1.0, 2.0]), r"`weight` is a tensor of shape \(out, in\), not one of shape \(2,\)"),
        (lambda: F.embedding([[1]], 3.0), r"`weight` is a tensor of shape \(num, dim\), not one of shape \(\)"),
        (lambda: F.max_pool1d(A, stride=[None], kernel_size=1), r"`stride` is int \| Sequence\[int\] \| None, not \[None\]"),
        (lambda: F.batch_norm(A, 1.0, [1.0, 1.0]), r"`running_mean` is a tensor of shape \(C\), not one of shape \(\)"),
        (lambda: F.batch_norm(A, None, None, None, 2.0), r"`bias` is a tensor of shape \(C\)"),
        (lambda: F.layer_norm(A, 2), r"`normalized_shape` is Sequence\[int\], not 2"),
        (lambda: F.scaled_dot_product_attention(A, 1.0, A), r"`key` is a tensor of shape \(..., S, E\), not .* \(\)"),
        (lambda: F.pad(A, 1), r"`pad` is Sequence\[int\], not 1"),
        (lambda: mg.arange(None), r"mg.arange: `start` is float, not None"),
        (lambda: mg.linspace(0, None, 3), r"mg.linspace: `stop` is Number, not None"),
        (lambda: mg.permute_dims(A, 1), r"`axes` is tuple\[int, ...\], not 1"),
        (lambda: mg.ones(2, 3), r"Write `mg.ones\(shape=\(2, 3\)\)`"),
        (lambda: mg.full(2, 3, 1.0), r"Write `mg.full\(shape=\(2, 3\), fill_value=1.0\)`"),
        (lambda: mg.broadcast_to(A, 3, 2, 2), r"Write `mg.broadcast_to\(x, shape=\(3, 2, 2\)\)`"),
        (lambda: mg.sum(A, 0, axis=1), r"Write `mg.sum\(x, axis=1\)`"),
    ],
)  # fmt: skip
def test_which_argument_and_what_to_write(use, said):
    with pytest.raises(ArgumentTypeError, match=said):
        use()
    with speaking("zh_CN"):
        told = re.sub(r"`[^`]*`", "", refused(use))
    assert not re.search(r"[a-z]{2,} [a-z]{2,}", told)


WRONG = [None, 3.0, 2, [1.0, 2.0], [[[1.0]]], [], "a", object(), mg.tensor(1), np.ones((1,) * 5)]


@pytest.mark.parametrize(
    ("called", "function", "needed"), having("axis", "axes", "shape", "arrays", "shift", "repeats", "repetitions", "n")
)
def test_nothing_that_is_given_for_axes_and_shapes_raises_a_bare_error(called, function, needed):
    by_place = inspect.Parameter.POSITIONAL_ONLY
    for name, p in inspect.signature(function).parameters.items():
        for wrong in WRONG:
            if (
                p.kind is not p.VAR_POSITIONAL
                and name != "dtype"
                and (p.default is p.empty or p.kind is p.KEYWORD_ONLY)
            ):
                given = {**needed, name: wrong}
                kinds = {n: inspect.signature(function).parameters[n].kind for n in given}
                first = [v for n, v in given.items() if kinds[n] == by_place]
                try:
                    function(*first, **{n: v for n, v in given.items() if kinds[n] not in (by_place, p.VAR_POSITIONAL)})
                except MicrogradientError:
                    pass


BY_NAME = {
    "quantile": lambda method: mg.quantile(A, 0.5, method=method),
    "fft": lambda norm: mg.fft.fft(A, norm=norm),
    "stft": lambda mode: mg.fft.stft(mg.ones(64), n_fft=16, pad_mode=mode),
    "gain": lambda name: nn.init.calculate_gain(name),
    "pad": lambda mode: F.pad(mg.ones((1, 1, 4)), (1, 1), mode=mode),
    "interpolate": lambda mode: F.interpolate(mg.ones((1, 1, 4)), size=8, mode=mode),
    "loss": lambda reduction: F.mse_loss(A, A, reduction=reduction),
}


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("wrong", [[1.0, 2.0], {}, np.ones(3), A, 1, "nothing"], ids=repr)
def test_what_is_asked_for_by_name_has_one(name, wrong):
    with pytest.raises(MicrogradientError, match=r"one of|use| or |is str, not"):
        BY_NAME[name](wrong)


def test_errors_of_the_library_itself_are_not_taken_for_the_users():
    class Odd:
        def __array__(self, dtype=None, copy=None):
            raise ValueError("it has no values")

    with pytest.raises(ValueError, match=r"^it has no values$"):
        mg.sum(Odd(), axis=0)


@pytest.mark.parametrize(
    "function", [mg.sum, mg.linalg.matmul, mg.linalg.cross, mg.linalg.det, F.relu, F.conv2d, F.linear]
)
def test_functions_are_pickled_by_name(function):
    assert pickle.loads(pickle.dumps(function)) is function


NOTHING = {
    "full": lambda: mg.full(2, None, dtype=mg.float32),
    "full without a dtype": lambda: mg.full(2, None),
    "full_like": lambda: mg.full_like(A, None),
    "asarray": lambda: mg.asarray(None, dtype=mg.float64),
    "asarray of a list": lambda: mg.asarray([1.0, None], dtype=mg.float32),
    "asarray without a copy": lambda: mg.asarray(None, dtype=mg.float32, copy=False),
    "tensor": lambda: mg.tensor(None, dtype=mg.float32),
    "tensor of an array": lambda: mg.tensor(np.array([None, 1.0]), dtype=mg.float32),
    "where": lambda: mg.where([True, False], None, A),
    "where's condition": lambda: mg.where(None, A, A),
    "arange": lambda: mg.arange(0, 1, None),
    "linspace": lambda: mg.linspace(None, 1, 3),
    "putting in": lambda: mg.ones(2).__setitem__(0, None),
    "strings": lambda: mg.asarray(np.array(["1", "2"]), dtype=mg.float32),
    "days": lambda: mg.tensor(np.array(["2026-01-01"], "M8[D]"), dtype=mg.float64),
    "objects": lambda: mg.tensor(np.array([object()]), dtype=mg.float64),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING)
def test_none_and_text_are_no_numbers_whatever_the_dtype(case):
    with pytest.raises(MicrogradientError):
        NOTHING[case]()


def test_arrays_of_python_numbers_become_tensors_of_a_dtype_that_is_given():
    found = mg.tensor(np.array([1, 2.5], dtype=object), dtype=mg.float64)
    assert (found.tolist(), found.dtype) == ([1.0, 2.5], mg.float64)


@pytest.mark.parametrize("module", [mg, nn, F, mg.linalg, mg.optim, mg.random], ids=lambda m: m.__name__)
def test_dir_lists_public_names_alone(module):
    late = {*mg._LATE_MODULES, "__version__"} if module is mg else set()
    assert set(dir(module)) == {*module.__all__, *late}
    assert all(hasattr(module, name) for name in dir(module))


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: mg.compile(3), "not an int"),
        (lambda: mg.asarray(np.ones(2), dtype=mg.float32, copy=False), "an ndarray can't"),
        (lambda: mg.optim.SGD([3], lr=1.0), "is an int"),
        (lambda: mg.optim.SGD(3.0, lr=1.0), "not a float"),
        (lambda: setattr(nn.Linear(1, 1), "weight", 3), "; an int in its place"),
        (lambda: mg.compile(lambda x: x, static=3), "not an int"),
        (lambda: mg.vmap(lambda x: x)(3), "it is an int of shape"),
    ],
)
def test_types_have_their_article(use, said):
    with pytest.raises(MicrogradientError, match=said):
        use()


EDGES = [math.nan, math.inf, -math.inf, 1e30, -1e30, 0.0, -0.0, -0.5, 0.9, 127.9, 128.0, -128.9, -129.0, 255.9, 256.0, 300.7,
         -1.0, 32768.0, -32769.0, 65536.0, 2.0**31, -(2.0**31), 2.0**32, 2.0**63, -(2.0**63), 2.0**64, 3e9]  # fmt: skip
WHOLE = [np.dtype(code) for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")]


@pytest.mark.parametrize("source", ["f2", "f4", "f8"])
@pytest.mark.parametrize("target", WHOLE, ids=str)
def test_floats_that_integers_cannot_hold_become_the_nearest_and_nan_0(source, target):
    """In every world, by every way, for arrays that fill vectors and that don't."""
    with np.errstate(over="ignore"):
        x = np.array(EDGES * 3, source)
    info = np.iinfo(target)

    def nearest(v):
        return 0 if math.isnan(v) else info.max if v >= info.max else info.min if v <= info.min else int(v)

    expected = np.array([nearest(v) for v in x.tolist()], target)
    compiled = mg.compile(lambda t: mg.astype(t, target))
    for found in (
        mg.astype(mg.asarray(x), target),
        mg.asarray(x).to(target),
        mg.asarray(x, dtype=target),
        mg.tensor(x, dtype=target),
        compiled(mg.asarray(x)),
    ):
        np.testing.assert_array_equal(found.data, expected, strict=True)
    for i in (0, 1, 3):
        assert mg.astype(mg.asarray(x[i]), target).item() == compiled(mg.asarray(x[i])).item() == expected[i]
