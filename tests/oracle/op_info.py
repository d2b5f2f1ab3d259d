"""Replays PyTorch's own samples of its operators (OpInfo, in its wheel) on `microgradient.torch`, and compares.

`python -m tests.oracle.op_info [name …]` prints what differs; `test_op_info.py` runs it as a test.
"""

from __future__ import annotations

import sys
import warnings
from functools import partial

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import microgradient as mg
import microgradient.torch as ours
from microgradient.errors import MicrogradientError
from microgradient.torch.types import DTYPES, Size

DTYPE = torch.float64


def variants():
    """(name, OpInfo) of every variant."""
    for op in op_db:
        yield op.name + (f".{op.variant_test_name}" if op.variant_test_name else ""), op


def kind_of(op):
    """The dtype to take samples in: float64, or the first that the operator has."""
    for kind in (torch.float64, torch.float32, torch.int64, torch.complex128, torch.bool):
        if kind in op.supported_dtypes("cpu"):
            return kind
    return None


def samples(op, kind, requires_grad):
    torch.manual_seed(0)
    return list(op.sample_inputs("cpu", kind, requires_grad=requires_grad))


def converted(x, leaves):
    """An argument of PyTorch's as ours; tensors that need a gradient are noted in `leaves` as pairs."""
    if isinstance(x, torch.Tensor):
        array = x.detach().resolve_conj().resolve_neg().numpy(force=True)
        y = ours.from_numpy(array.copy() if array.flags.c_contiguous else array.copy("K"))
        if x.requires_grad:
            y.requires_grad = True
            leaves.append((x, y))
        return y
    if isinstance(x, torch.dtype):
        return DTYPES[str(x).removeprefix("torch.")]
    if isinstance(x, torch.device):
        return ours.device(str(x))
    if isinstance(x, torch.layout | torch.memory_format):
        return getattr(ours, str(x).removeprefix("torch."))
    if isinstance(x, torch.Size):
        return Size(x)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(converted(v, leaves) for v in x))
    if isinstance(x, list | tuple):
        return type(x)(converted(v, leaves) for v in x)
    if isinstance(x, dict):
        return {k: converted(v, leaves) for k, v in x.items()}
    if isinstance(x, torch.nn.Module):
        return getattr(ours.nn, type(x).__name__)()
    if callable(x) and getattr(x, "__name__", "") in ours.nn.functional.__all__:
        return getattr(ours.nn.functional, x.__name__)
    if isinstance(x, slice):
        return slice(*(converted(v, leaves) for v in (x.start, x.stop, x.step)))
    return x


def function(name, variant=""):
    """Our function of that name: of `torch`, or a method."""
    if (name, variant) == ("normal", "in_place"):
        return lambda x, *a, **k: x.clone().normal_(*a, **k)
    if name.startswith("__") or name in ATTRIBUTES:
        return (lambda x, *a, **k: getattr(x, name)(*a, **k)) if name not in ATTRIBUTES else lambda x: getattr(x, name)
    found = ours
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            break
    name = f"{name}.{variant}" if f"{name}.{variant}" in SPECIAL else name
    if name in SPECIAL:
        return SPECIAL[name]
    if callable(found) and not isinstance(found, ours.dtype):
        return found
    if hasattr(ours.Tensor, name):
        return lambda x, *a, **k: getattr(x, name)(*a, **k)
    return None


SPECIAL = {  # whose operator in the table is not the function of its name
    "where": lambda x, condition, other: ours.where(condition, x, other),
    "nn.functional.embedding": lambda weight, index, **k: ours.nn.functional.embedding(index, weight, **k),
    "einsum": lambda tensors, equation: ours.einsum(equation, *tensors),
    "linalg.pinv.singular": lambda a, b: ours.linalg.pinv(a @ b.mT),
    "nn.functional.embedding_bag": lambda weight, index, **k: ours.nn.functional.embedding_bag(index, weight, **k),
    "normal.number_mean": lambda std, mean, *a, **k: ours.normal(mean, std, *a, **k),
    "zero_": lambda x: x.clone().zero_(),
    "uniform": lambda x, *a, **k: x.clone().uniform_(*a, **k),
    "exponential": lambda x, *a, **k: x.clone().exponential_(*a, **k),
    "cauchy": lambda x, *a, **k: x.clone().cauchy_(*a, **k),
    "geometric": lambda x, *a, **k: x.clone().geometric_(*a, **k),
    "log_normal": lambda x, *a, **k: x.clone().log_normal_(*a, **k),
}
UNREAD = (
    "empty",
    "empty_like",
    "new_empty",
    "empty_strided",
    "new_empty_strided",
    "empty_permuted",
    "resize_",
    "resize_as_",
)
"""Operators whose values are not to be read."""
ATTRIBUTES = ("H", "T", "mH", "mT")


EXCEPTIONS = {
    "_batch_norm_with_update": "an operator of PyTorch's own",
    "_unsafe_masked_index_put_accumulate": "an operator of PyTorch's own",
    "_upsample_bilinear2d_aa": "an operator of PyTorch's own",
    "as_strided.partial_views": "shares no memory",
    "as_strided_scatter": "of places that overlap",
    "bfloat16": "computed as float32",
    "chalf": "complex numbers of 16-bit floats",
    "cholesky_inverse": "the gradient is that of the triangle alone",
    "cholesky_solve": "the gradient is that of the triangle alone",
    "cov": "second derivatives by weights differ in the sixth digit",
    "hash_tensor": "an operator of PyTorch's own",
    "histogramdd": "of edges that do not ascend",
    "istft": "of two-sided spectra with a window",
    "jiterator_2inputs_2outputs": "for GPUs",
    "jiterator_4inputs_with_extra_args": "for GPUs",
    "jiterator_binary": "for GPUs",
    "jiterator_binary_return_by_ref": "for GPUs",
    "jiterator_unary": "for GPUs",
    "linalg.ldl_factor": "not here yet",
    "linalg.ldl_factor_ex": "not here yet",
    "linalg.ldl_solve": "not here yet",
    "linalg.lstsq": "the gradient where the rank is not full",
    "linalg.lstsq.grad_oriented": "the gradient where the rank is not full",
    "linalg.norm.subgradients_at_zero": "second derivatives at 0 are NaN",
    "linalg.pinv.hermitian": "the gradient is that of a matrix that stays symmetric",
    "linalg.svd": "full matrices of no rows have no derivative",
    "masked.logaddexp": "second derivatives at -∞ are NaN",
    "masked.normalize": "of numbers of shape ()",
    "max_pool2d_with_indices_backward": "an operator of PyTorch's own",
    "nn.functional.batch_norm": "of inputs of shape (0,)",
    "nn.functional.batch_norm.without_cudnn": "has no samples on a CPU",
    "nn.functional.cosine_similarity": "of numbers of shape ()",
    "nn.functional.ctc_loss": "the gradient of log-probabilities that were not normalised: PyTorch's assumes log_softmax",
    "nn.functional.fractional_max_pool2d": "other random numbers",
    "nn.functional.max_unpool1d": "of indices that repeat, the gradient goes to the one that stays",
    "nn.functional.max_unpool2d": "of indices that repeat, the gradient goes to the one that stays",
    "nn.functional.max_unpool3d": "of indices that repeat, the gradient goes to the one that stays",
    "nn.functional.multi_head_attention_forward": "the layer computes it",
    "nn.functional.multi_margin_loss": "of numbers of shape ()",
    "nn.functional.multilabel_margin_loss": "of numbers of shape ()",
    "nn.functional.normalize": "of numbers of shape ()",
    "nn.functional.rrelu": "other random numbers",
    "pca_lowrank": "not here yet",
    "rand_like": "other random numbers in other orders of memory",
    "sparse.mm.reduce": "products of sparse tensors add up",
    "sparse.sampled_addmm": "not here yet",
    "special.bessel_j0": "PyTorch's is right to 2e-7",
    "special.bessel_j1": "PyTorch's is right to 4e-8",
    "special.bessel_y1": "PyTorch's is right to 4e-7",
    "svd": "full matrices of no rows have no derivative",
    "svd_lowrank": "not here yet",
    "to_sparse": "of matrices alone",
    "torch._scaled_mm": "8-bit floats",
    "torch._scaled_mm_v2": "8-bit floats",
    "torch.ops.aten._efficient_attention_forward": "for GPUs",
    "torch.ops.aten._flash_attention_forward": "for GPUs",
    "torch.ops.aten._safe_softmax.default": "an operator of PyTorch's own",
}
"""The variants that are absent or differ, and why: docs/differences.md lists them."""


def flat(y):
    if isinstance(y, torch.Tensor | mg.Tensor):
        return [y]
    if isinstance(y, list | tuple):
        return [t for part in y for t in flat(part)]
    return [y] if isinstance(y, bool | int | float | complex | str) or y is None else []


def compare(theirs, found, what, rtol=1e-7, atol=1e-9):
    """None, or what differs."""
    a, b = flat(theirs), flat(found)
    if len(a) != len(b):
        return f"{what}: {len(b)} results, PyTorch has {len(a)}"
    for x, y in zip(a, b, strict=True):
        if isinstance(x, torch.Tensor):
            if not isinstance(y, ours.Tensor):
                return f"{what}: a {type(y).__name__}"
            p, q = x.detach().resolve_conj().resolve_neg().numpy(force=True), y.raw
            if p.shape != q.shape:
                return f"{what}: shape {q.shape}, PyTorch's is {p.shape}"
            if p.dtype != q.dtype:
                return f"{what}: dtype {q.dtype}, PyTorch's is {p.dtype}"
            if p.dtype.kind in "fc":
                if not np.allclose(p, q, rtol=rtol, atol=atol, equal_nan=True):
                    with np.errstate(all="ignore"):
                        return f"{what}: values differ by {np.nanmax(np.abs(p - q)):.3g}"
            elif not np.array_equal(p, q):
                return f"{what}: values differ"
        elif isinstance(x, float):
            if not np.isclose(x, y, equal_nan=True):
                return f"{what}: {y}, PyTorch's is {x}"
        elif x != y:
            return f"{what}: {y!r}, PyTorch's is {x!r}"
    return None


def weighted(outputs, tensor_type):
    """Σ of the real outputs times fixed weights; None if nothing needs a gradient."""
    total = None
    for k, y in enumerate(outputs):
        if not isinstance(y, tensor_type) or not y.requires_grad:
            continue
        raw = y.detach().resolve_conj().numpy(force=True) if tensor_type is torch.Tensor else y.raw
        w = np.cos(np.arange(raw.size) * 1.7 + k).reshape(raw.shape)
        if raw.dtype.kind == "c":
            w = w + 1j * np.sin(np.arange(raw.size) * 0.9 + k).reshape(raw.shape)
        w = np.asarray(w, raw.dtype)
        part = (y * (torch.from_numpy(w) if tensor_type is torch.Tensor else ours.from_numpy(w))).sum()
        if raw.dtype.kind == "c":
            part = part.real
        total = part if total is None else total + part
    return total


def gradients(total, leaves, autograd, create):
    return autograd.grad(total, leaves, create_graph=create, allow_unused=True, retain_graph=True)


def replay_sample(op, f, sample, orders):
    leaves = []
    args = converted([sample.input, *sample.args], leaves)
    kwargs = converted(sample.kwargs, leaves)
    try:
        theirs = op(sample.input, *sample.args, **sample.kwargs)
    except Exception as error:
        return None if isinstance(error, NotImplementedError | RuntimeError | ValueError) else f"PyTorch: {error}"
    found = f(*args, **kwargs)
    return compared(op, sample, theirs, found, leaves, orders)


def compared(op, sample, theirs, found, leaves, orders):
    """None, or how the values, the gradients (order 1) or the second gradients (2) differ."""
    if op.name in UNREAD:
        return (
            None if [tuple(x.shape) for x in flat(theirs)] == [tuple(x.shape) for x in flat(found)] else "shapes differ"
        )
    if (
        problem := compare(sample.output_process_fn_grad(theirs), sample.output_process_fn_grad(found), "value")
    ) is not None:
        return problem
    if orders < 1 or not leaves:
        return None
    a, b = flat(sample.output_process_fn_grad(theirs)), flat(sample.output_process_fn_grad(found))
    total, our_total = weighted(a, torch.Tensor), weighted(b, ours.Tensor)
    if total is None:
        return None
    xs, ys = [x for x, _ in leaves], [y for _, y in leaves]
    second = orders > 1 and op.supports_gradgrad
    try:
        g1 = gradients(total, xs, torch.autograd, second)
    except RuntimeError:  # PyTorch itself can't
        return None
    if our_total is None:
        return "gradient: none" if any(g is not None and g.abs().sum() > 0 for g in g1) else None
    g2 = gradients(our_total, ys, ours.autograd, second)
    pairs = [(p, q) for p, q in zip(g1, g2, strict=True) if p is not None or (q is not None and q.raw.any())]
    if any(q is None and p.abs().sum() > 0 for p, q in pairs):
        return "gradient: an argument has none"
    pairs = [(p, q) for p, q in pairs if p is not None and q is not None]
    if (problem := compare([p for p, _ in pairs], [q for _, q in pairs], "gradient", 1e-6, 1e-8)) is not None:
        return problem
    if not second:
        return None
    t1, t2 = weighted([p for p, _ in pairs], torch.Tensor), weighted([q for _, q in pairs], ours.Tensor)
    if t1 is None:
        return None
    try:
        g1 = gradients(t1, xs, torch.autograd, False)
    except RuntimeError:
        return None
    if t2 is None:
        return None if all(p is None or not p.abs().sum() > 0 for p in g1) else "second gradient: none"
    g2 = gradients(t2, ys, ours.autograd, False)
    both = [
        (p, q if q is not None else ours.zeros_like(y)) for p, q, y in zip(g1, g2, ys, strict=True) if p is not None
    ]
    return compare([p for p, _ in both], [q for _, q in both], "second gradient", 1e-5, 1e-7)


def replay(op, orders=2):
    """The problems found: (number of the sample, what), and how many samples there were."""
    f = function(op.name, op.variant_test_name)
    if f is None:
        return [(-1, "absent")], 0
    kind = kind_of(op)
    if kind is None:
        return [(-1, "no dtype")], 0
    grads = op.supports_autograd and kind.is_floating_point
    problems, taken = [], samples(op, kind, grads)
    for number, sample in enumerate(taken):
        torch.manual_seed(42), ours.manual_seed(42)
        try:
            problem = replay_sample(op, f, sample, orders if grads else 0)
        except MicrogradientError as error:
            problem = f"{type(error).__name__}: {str(error)[:160]}"
        except Exception as error:
            problem = f"!! {type(error).__name__}: {str(error)[:160]}"
        if problem is not None:
            problems.append((number, problem))
    return problems, len(taken)


REFUSED = {
    "item", "allclose", "frexp", "geqrf", "linspace.tensor_overload", "logspace.tensor_overload",
    "lu_unpack", "lu", "masked_select", "as_strided", "as_strided_copy", "narrow",
    "unravel_index", "unique", "unique_consecutive",
    "histogram", "histc", "bincount", "nonzero", "nonzero_static",
    "nn.functional.embedding_bag", "argwhere",
    "_segment_reduce.lengths", "_segment_reduce.offsets", "linalg.lu_factor_ex",
    "linalg.matrix_rank", "linalg.matrix_rank.hermitian", "special.chebyshev_polynomial_t",
    "special.chebyshev_polynomial_u", "special.chebyshev_polynomial_v", "special.chebyshev_polynomial_w",
    "special.hermite_polynomial_h", "special.hermite_polynomial_he", "special.laguerre_polynomial_l",
    "special.legendre_polynomial_p", "special.shifted_chebyshev_polynomial_t",
    "special.shifted_chebyshev_polynomial_u", "special.shifted_chebyshev_polynomial_v",
    "special.shifted_chebyshev_polynomial_w",
}  # fmt: skip
"""Operators whose samples a compiled function refuses, since shapes or places depend on values."""


def replay_compiled(op):
    """The same for the sample in the middle with the function compiled, and derivatives through it."""
    f = function(op.name, op.variant_test_name)
    kind = kind_of(op)
    taken = samples(op, kind, op.supports_autograd and kind.is_floating_point)
    sample, leaves = taken[len(taken) // 2], []
    args, kwargs = converted([sample.input, *sample.args], leaves), converted(sample.kwargs, leaves)
    tensors = [y for _, y in leaves] or [a for a in args if isinstance(a, ours.Tensor)]
    places = {id(t): k for k, t in enumerate(tensors)}
    step = mg.compile(partial(_with_tensors, f, args, kwargs, places))
    torch.manual_seed(42), ours.manual_seed(42)
    theirs = op(sample.input, *sample.args, **sample.kwargs)
    ours.manual_seed(42)
    return compared(op, sample, theirs, step(*tensors), leaves, 1)


def _with_tensors(f, args, kwargs, places, *tensors):
    def put(x):
        if isinstance(x, ours.Tensor):
            return tensors[places[id(x)]] if id(x) in places else x
        if isinstance(x, list | tuple) and not hasattr(x, "_fields"):
            return type(x)(map(put, x))
        return {k: put(v) for k, v in x.items()} if isinstance(x, dict) else x

    return f(*put(args), **put(kwargs))


def main(names):
    warnings.simplefilter("ignore")
    passed = []
    for name, op in variants():
        if names and not any(name.startswith(n) for n in names):
            continue
        try:
            problems, count = replay(op)
        except Exception as error:
            problems, count = [(-1, f"!!! {type(error).__name__}: {error}")], 0
        if problems:
            print(f"{name}: {len(problems)} of {count}: {problems[0]}", flush=True)
        else:
            passed.append(name)
    print(len(passed), "pass")


if __name__ == "__main__":
    main(sys.argv[1:])
