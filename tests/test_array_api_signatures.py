"""The names and signatures of the Python array API standard 2025.12, as its reference implementation has them."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import microgradient as mg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    xp = pytest.importorskip("array_api_strict")

OWN = {"Device", "fft", "set_array_api_strict_flags", "get_array_api_strict_flags", "reset_array_api_strict_flags",
       "ArrayAPIStrictFlags"}  # fmt: skip
FUNCTIONS = sorted(n for n in xp.__all__ if n not in OWN and inspect.isfunction(getattr(xp, n)))
LINALG = sorted(n for n in xp.linalg.__all__ if inspect.isfunction(getattr(xp.linalg, n)))


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [
        (p.name, p.kind, None if str(p.default).startswith("Undef") else p.default)
        for p in inspect.signature(function).parameters.values()
    ]


def test_every_name_of_the_standard_exists():
    assert {name for name in xp.__all__ if name not in OWN and not hasattr(mg, name)} == set()
    assert {name for name in xp.linalg.__all__ if not hasattr(mg.linalg, name)} == set()
    assert set(mg.functions.__all__) <= set(mg.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature(name: str):
    ours = parameters(getattr(mg, name))
    assert [(n, k) for n, k, _ in ours] == [(n, k) for n, k, _ in parameters(getattr(xp, name))]
    assert [d for *_, d in ours] == [d for *_, d in parameters(getattr(xp, name))]


@pytest.mark.parametrize("name", LINALG)
def test_linalg_signature(name: str):
    assert [p[:2] for p in parameters(getattr(mg.linalg, name))] == [
        p[:2] for p in parameters(getattr(xp.linalg, name))
    ]


METHODS = (
    "abs add and array_namespace bool complex dlpack dlpack_device eq float floordiv ge getitem gt index int invert le lshift "
    "lt matmul mod mul ne neg or pos pow rshift setitem sub truediv xor "
    "iadd isub imul itruediv ifloordiv ipow imatmul imod iand ior ixor ilshift irshift "
    "radd rsub rmul rtruediv rfloordiv rpow rmatmul rmod rand ror rxor rlshift rrshift"
)


@pytest.mark.parametrize("name", METHODS.split())
def test_methods_of_the_array_object(name: str):
    ours, theirs = (parameters(getattr(cls, f"__{name}__"))[1:] for cls in (mg.Tensor, type(xp.asarray(1))))
    assert [p[1] for p in ours] == [p[1] for p in theirs]
    assert {p[0] for p in ours if p[1] is inspect.Parameter.KEYWORD_ONLY} == {
        p[0] for p in theirs if p[1] is inspect.Parameter.KEYWORD_ONLY
    }


def test_attributes_of_the_array_object():
    x = mg.ones((2, 3))
    assert (x.shape, x.ndim, x.size, x.dtype, x.device) == ((2, 3), 2, 6, mg.float32, "cpu")
    assert x.T.shape == (3, 2)
    assert mg.ones((4, 2, 3)).mT.shape == (4, 3, 2)
    with pytest.raises(ValueError, match="transposes a matrix"):
        mg.ones((4, 2, 3)).T  # noqa: B018
    assert x.__array_namespace__(api_version="2025.12") is mg
    with pytest.raises(ValueError, match="not supported"):
        x.__array_namespace__(api_version="1999.01")
    assert x.to_device("cpu") is x


def test_docstrings_and_names():
    for name in mg.functions.__all__:
        function = getattr(mg, name)
        if callable(function) and not isinstance(function, np.dtype):
            assert function.__doc__, name
            assert function.__name__ == name


def test_namespace_info():
    info = mg.__array_namespace_info__()
    assert mg.__array_api_version__ == "2025.12"
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.default_device() == "cpu"
    assert info.devices() == ["cpu"]
    assert info.default_dtypes(device="cpu") == {
        "real floating": mg.float32, "complex floating": mg.complex64, "integral": mg.int64, "indexing": mg.int64,
    }  # fmt: skip
    assert len(info.dtypes()) == 13
    theirs = xp.__array_namespace_info__()
    for kind in (None, "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric",
                 ("bool", "integral"), ()):  # fmt: skip
        assert set(info.dtypes(kind=kind)) == set(theirs.dtypes(kind=kind))
    with pytest.raises(ValueError, match="not a kind"):
        info.dtypes(kind="float")
    with pytest.raises(ValueError, match="only device"):
        info.dtypes(device="gpu")
