"""NumPy's programs: each function's values and derivatives on tensors, and whole programs written for HIPS autograd."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest
import scipy.special
import scipy.stats

import microgradient as mg
import microgradient.numpy as np
from microgradient.errors import GradientError
from microgradient.scipy import special, stats
from microgradient.tree import flatten

PROGRAMS = sorted((Path(__file__).parent / "numpy_programs").glob("*.py"))
X = numpy.random.default_rng(0).normal(size=(3, 4))

CALLS = """
np.append(x,x,axis=0) ; np.append(x,[1.,2.]) ; np.array_split(x,3,axis=1)[0] ; np.atleast_1d(x[0,0]) ;
np.atleast_2d(x[0]) ; np.atleast_3d(x) ; np.atleast_3d(x[0]) ; np.average(x) ;
np.average(x,axis=1,weights=[1.,2.,3.,4.]) ; np.average(x,weights=x**2) ; np.block([[x,x],[x,x]]) ;
np.block([x[0],x[1]]) ; np.column_stack([x[0],x[1]]) ; np.column_stack((x,x[:,0])) ; np.dstack([x,x]) ;
np.dstack([x[0],x[1]]) ; np.hstack([x[0],x[1]]) ; np.hstack([x[0,0],x[0,1]]) ; np.vstack([x,x[0]]) ;
np.hsplit(x,2)[1] ; np.vsplit(x,[1])[1] ; np.delete(x,1,axis=1) ; np.delete(x,[1,2]) ; np.diag(x[0]) ;
np.diag(x[0],k=1) ; np.diag(x[0],k=-2) ; np.diag(x) ; np.diag(x,1) ; np.diagflat(x) ; np.rot90(x) ; np.rot90(x,3) ;
np.rot90(x,k=2) ; np.rollaxis(x,1) ; np.rollaxis(x,0,2) ; np.select([x>0,x<-1],[x**2,x**3],5.) ;
np.compress([True,False,True],x,axis=0) ; np.compress([True,False,True],x) ; np.extract(x>0,x) ; np.sinc(x) ;
np.i0(x) ; np.linspace(x[0],x[1],5) ; np.linspace(x[0,0],2.,4,endpoint=False) ; np.partition(x,2)[...,2] ;
np.percentile(x,30) ; np.percentile(x,[30,60],axis=1) ; np.ptp(x,axis=0) ; np.nanmax(x,axis=1) ; np.nanmin(x) ;
np.nanprod(x,axis=0) ; np.ediff1d(x) ; np.polyval([1.,2.,3.],x) ; np.polyval(x[0],2.) ; np.vander(x[0],3) ;
np.vander(x[0],increasing=True) ; np.convolve(x[0],x[1]) ; np.convolve(x[0],[1.,2.,3.],'same') ;
np.convolve(x[0],[1.,2.],mode='valid') ; np.pad(x,1,'edge') ; np.pad(x,((1,2),(0,1)),'reflect') ;
np.pad(x,2,mode='wrap') ; np.pad(x,(1,2),'symmetric') ; np.pad(x,((0,1),(2,0))) ;
np.pad(x,1,'constant',constant_values=2.) ; np.degrees(x) ; np.radians(x) ; np.deg2rad(x) ; np.rad2deg(x) ;
np.fmax(x,0.) ; np.fmin(x,[0.,1.,2.,3.]) ; np.logaddexp2(x,1.) ; np.divmod(x,0.7)[1] ; np.conj(x) ; np.conjugate(x) ;
np.array([x[0],x[1]]) ; np.array([[x[0,0],1.],[0,x[1,1]]]) ; np.sum([x[0],x[1]]) ; np.sum([x[0],x[1]],axis=0) ;
np.exp([x[0,0],1.]) ; np.dot([x[0,0],x[0,1]],[1.,2.]) ; np.mean((x[0],x[1])) ; np.full((2,4),x[0]) ;
np.vectorize(lambda a:a*a)(x) ; np.cumsum(x) ; np.cumsum(x,axis=1) ; np.concatenate([x,x],axis=None) ;
np.concatenate((x,x),1) ; np.repeat(x,2) ; np.repeat(x,2,axis=0) ; np.tile(x,(2,1)) ; np.transpose(x) ;
np.transpose(x,axes=(1,0)) ; np.std(x) ; np.std(x,ddof=1,axis=0) ; np.var(x,0) ; np.max(x) ; np.amin(x,1) ;
np.sort(x,axis=0) ; np.trace(x) ; np.roll(x,1) ; np.roll(x,(1,2),axis=(0,1)) ; np.gradient(x)[0] ;
np.gradient(x[0]) ; np.gradient(x,0.1,axis=1) ; np.interp(x[0],[-3.,0.,3.],[1.,2.,0.]) ;
np.interp([0.1,.3],[0.,1.,2.,3.],x[0]) ; np.outer(x[0],x[1]) ; np.inner(x,x) ; np.kron(x,x) ;
np.tensordot(x,x,axes=2) ; np.tensordot(x,x,axes=([0,1],[0,1])) ; np.einsum('ij,kj->ik',x,x) ; np.einsum('ij->j',x) ;
np.einsum('ij,ij',x,x) ; np.dot(x,x.T) ; np.matmul(x,x.T) ; np.where(x>0,x,0.) ; np.where(x>0,[1.,2.,3.,4.],x) ;
np.clip(x,-1,1) ; np.clip(x,a_min=0,a_max=None) ; np.abs(x) ; np.maximum(0,x) ; np.tanh(x) ; np.power(x,2) ;
np.reshape(x,-1) ; np.reshape(x,(4,3)) ; np.ravel(x) ; np.expand_dims(x,0) ; np.squeeze(x[None]) ;
np.swapaxes(x,0,1) ; np.moveaxis(x,0,1) ; np.flipud(x) ; np.fliplr(x) ; np.flip(x) ; np.flip(x,axis=0) ;
np.broadcast_to(x,(2,3,4)) ; np.stack([x,x],axis=1) ; np.stack([x,x],-1) ; np.prod(x,axis=0) ; np.cumprod(x,axis=1) ;
np.diff(x) ; np.diff(x,n=2,axis=1) ; np.tril(x) ; np.triu(x,k=1) ; np.nan_to_num(x) ; np.cross(x[0,:3],x[1,:3]) ;
np.split(x,2,axis=1)[0] ; np.split(x,[1,2])[1] ; np.triu(x,1) ; np.linalg.norm(x) ; np.linalg.norm(x,axis=1) ;
np.linalg.norm(x,2) ; np.linalg.norm(x,'fro') ; np.linalg.norm(x[0],1) ; np.linalg.norm(x[0],ord=np.inf) ;
np.sum(x,axis=(0,1),keepdims=True) ; np.mean(x,axis=1,keepdims=True) ; np.median(x,axis=0) ; np.arctan2(x,1.5) ;
np.hypot(x,2.) ; np.sign(x) ; np.round(x,1) ; np.apply_along_axis(lambda a:a/np.sum(a**2),0,x) ;
np.apply_along_axis(np.sum,1,x) ; np.apply_along_axis(lambda a: np.outer(a,a), 1, x) ; np.linalg.inv(x[:,:3]) ;
np.linalg.det(x[:,:3]) ; np.linalg.slogdet(x[:,:3])[1] ; np.linalg.solve(x[:,:3],x[:,3]) ; np.linalg.pinv(x) ;
np.linalg.svd(x,full_matrices=False)[1] ; np.linalg.svd(x,compute_uv=False) ; np.linalg.eigh(x@x.T)[0] ;
np.linalg.cholesky(x@x.T+3*np.eye(3)) ; np.linalg.multi_dot([x,x.T,x]) ; np.abs(np.fft.fft(x))**2 ;
np.real(np.fft.ifft2(np.fft.fft2(x))) ; np.fft.fftshift(x) ; np.fft.fftshift(x,axes=1) ;
np.real(np.fft.rfft(x,axis=0)) ; np.fft.irfft(np.fft.rfft(x)) ; np.real(x+1j*x) ; np.angle(x+1j) ; np.abs(x*1j) ;
np.nansum(x) ; np.nanmean(x,axis=0) ; np.take(x,[0,1]) ; np.take(x,[0,1],axis=1) ; np.quantile(x,.3,axis=0) ;
np.cov(x) ; np.corrcoef(x) ; np.trapezoid(x,axis=0) ; np.meshgrid(x[0],x[1])[0] ; np.log(np.abs(x)) ; np.square(x) ;
np.reciprocal(x) ; np.true_divide(x,2) ; np.floor_divide(x,2) ; np.mod(x,.3) ; np.fmod(x,.3) ; np.float_power(x,2) ;
np.modf(x)[0] ; np.add.outer(x[0],x[1]) ; np.add.reduce(x) ; np.nanstd(x) ; np.nanvar(x,axis=0) ; np.nancumsum(x) ;
np.argsort(x) ; np.argmax(x,axis=1) ; np.searchsorted([0.,1.],x) ; np.lexsort(x) ; np.shape(x) ; np.ndim(x) ;
np.size(x) ; np.allclose(x,x) ; np.array_equal(x,x) ; np.iscomplexobj(x) ; np.isscalar(3.) ; np.ones_like(x) ;
np.zeros_like(x) ; np.full_like(x,2.) ; np.copy(x) ; np.asarray(x) ; np.concatenate([x[0], [1., 2.]]) ;
np.vstack([[x[0,0],1.],[2.,x[0,1]]]) ; np.sum(x[::-1,::2]*2) ; np.array([x,x]) ; np.array(x) ;
np.array([1,2])*x[0,:2] ; np.float64(3)*x ; np.array([2.]*4)*x ; np.where(x>0,x,0.1) ; np.where(x>0,0.1,0.3)*x ;
np.clip(x,-.1,.3) ; np.maximum(x,0.1) ; np.append(x,0.1) ; np.append(x,[0.1]) ; np.dot(x[0,0],0.1) ; np.dot(0.1,x) ;
np.outer(x,0.1) ; np.outer(x,[0.1,.3]) ; np.outer(0.3,x) ; np.select([x>0],[x],0.1) ; np.select([x>0,x<-1],[0.3,x]) ;
np.linspace(x,0.1,4) ; np.linspace(0.1,x[0],4) ; np.dot(x,[.1,.2,.3,.4]) ; np.interp(x[0],[-3.1,.1,3.3],[.1,.2,.3]) ;
np.vstack([[x[0,0],.1],[.2,x[0,1]]]) ; np.vstack([[.3,.1],[.2,x[0,1]]]) ; np.block([[x[0,0],.1],[.2,x[0,1]]]) ;
np.block([[x,x[:,:1]],[np.ones((1,4)),.1*np.ones((1,1))]]) ; np.concatenate([x[0],[.1]]) ;
np.concatenate([[.1],x[0]]) ; np.hstack([x[0],.1]) ; np.hstack([.1,x[0]]) ; np.stack([x[0,0],.1]) ;
np.column_stack([x[0],[.1,.2,.3,.4]]) ; np.kron(x,[.1,.3]) ; np.convolve(x[0],[.1,.3]) ;
np.average(x[0],weights=[.1,.2,.3,.4]) ; np.polyval([.1,.2],x) ; np.polyval(x[0],.1) ; np.sum([x[0,0],.1]) ;
np.full((2,),x[0,0])+.1 ; np.power(x**2,.3) ; np.power(.3,x) ; np.arctan2(.1,x) ; np.fmax(.1,x) ; np.fmin(x,.1) ;
np.inner(x[0],[.1,.2,.3,.4]) ; np.inner(x,.1) ; np.vdot(x[0],[.1,.2,.3,.4]) ; np.tensordot(x[0],[.1,.2],axes=0) ;
np.einsum('i,i',x[0],[.1,.2,.3,.4]) ; np.matmul(x,[.1,.2,.3,.4]) ; np.linalg.solve(x[:,:3],[.1,.2,.3]) ;
np.full_like(x,.1)*x ; np.array([[x[0,0],.1],[.2,.3]]) ; np.nan_to_num(x,nan=.1) ; np.pad(x,1,constant_values=.1) ;
np.quantile(x,.3) ; np.gradient(x,.1,.3)[1] ; np.gradient(x[0],[0.,.1,.3,.7]) ; np.logaddexp(x,.1) ;
np.cross(x[0,:3],[.1,.2,.3]) ; np.hypot(x,.1) ; np.trapezoid(x[0],dx=.1) ; np.trapezoid(x[0],[0.,.1,.3,.7]) ;
np.sort(x,axis=None) ; np.squeeze(x[None],axis=0) ; np.cumprod(x) ; np.ravel(x,order='C') ;
np.einsum('ij,jk',x,x.T,optimize=True) ; np.sum(x,1) ; np.var(x,ddof=1) ; np.median(x) ; np.argmin(x) ; np.any(x>0) ;
np.all(x) ; np.dstack((x[0],x[1])) ; np.swapaxes(x,axis1=0,axis2=1) ; np.nanmean(x) ; np.round(x) ;
np.array([np.sum(x), 1, True]) ; np.array([], dtype=float) ; np.atleast_1d([x[0,0]]) ; np.roll(x[0],shift=1) ;
np.diff(x,axis=0,n=1) ; np.max(x,axis=(0,1)) ; np.meshgrid(x[0],x[1],indexing='ij')[1] ;
np.broadcast_arrays(x,x[0])[1]
"""
CASES = [call.strip() for call in CALLS.replace("\n", ";").split(";") if call.strip()]


def evaluated(call: str, module: Any, x: Any) -> Any:
    return eval(call, {"np": module, "x": x})


def assert_call_is_numpys(call: str) -> None:
    """Its values, and its slope along a direction by differences, forwards and backwards."""
    expected = numpy.asarray(evaluated(call, numpy, X))
    found = evaluated(call, np, mg.tensor(X, requires_grad=True))
    array = numpy.asarray(found)
    assert array.shape == expected.shape
    assert array.dtype == expected.dtype
    numpy.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-13)
    if not isinstance(found, mg.Tensor) or found.dtype.kind != "f" or not found.requires_grad:
        return
    rng = numpy.random.default_rng(1)
    weights, direction, h = rng.normal(size=found.shape), rng.normal(size=X.shape), 1e-6
    slope = mg.jvp(lambda x: np.sum(weights * evaluated(call, np, x)), (X,), (direction,))[1].item()
    above, below = (numpy.sum(weights * evaluated(call, numpy, X + step * direction)) for step in (h, -h))
    numpy.testing.assert_allclose(slope, (above - below) / (2 * h), rtol=1e-5, atol=1e-6)
    backward = numpy.asarray(mg.grad(lambda x: np.sum(weights * evaluated(call, np, x)))(X))
    numpy.testing.assert_allclose(numpy.sum(backward * direction), slope, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("call", CASES)
def test_calls_give_numpys_values_and_their_slopes(call: str):
    assert_call_is_numpys(call)


def run(program: Path) -> dict[str, Any]:
    """What it defines, with its imports renamed."""
    names: dict[str, Any] = {}
    exec(compile(program.read_text().replace("autograd", "microgradient"), program.name, "exec"), names)
    return names


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_programs_written_for_autograd_differentiate(program: Path):
    """The gradient of the objective is that of finite differences."""
    names = run(program)
    assert all(numpy.isfinite(numpy.asarray(value)).all() for value in names["result"].values())
    objective, start = names["objective"], names["start"]
    gradient = flatten(mg.grad(objective)(start))[0]
    assert all(g.dtype == numpy.float64 for g in gradient)
    leaves, rebuild = flatten(start)
    rng = numpy.random.default_rng(3)
    direction, h = [rng.normal(size=numpy.shape(leaf)) for leaf in leaves], 1e-6
    moved = [rebuild([x + step * d for x, d in zip(leaves, direction, strict=True)]) for step in (h, -h)]
    above, below = (float(objective(params)) for params in moved)
    slope = sum(numpy.sum(numpy.asarray(g) * d) for g, d in zip(gradient, direction, strict=True))
    numpy.testing.assert_allclose(slope, (above - below) / (2 * h), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["logistic_regression", "rnn", "ode_fit"])
def test_programs_compile(name: str):
    names = run(Path(__file__).parent / "numpy_programs" / f"{name}.py")
    eager, compiled = mg.grad(names["objective"]), mg.compile(mg.grad(names["objective"]))
    pairs = zip(flatten(eager(names["start"]))[0], flatten(compiled(names["start"]))[0], strict=True)
    for one, other in pairs:
        numpy.testing.assert_allclose(numpy.asarray(one), numpy.asarray(other), rtol=1e-9, atol=1e-11)


def test_arrays_stay_arrays():
    assert type(np.exp(np.ones(3))) is numpy.ndarray
    assert type(np.array([[1.0, 2.0]])) is numpy.ndarray
    assert np.zeros(2).dtype == np.float64 == numpy.float64
    assert np.pi == numpy.pi
    assert np.newaxis is None
    assert np.linalg.LinAlgError is numpy.linalg.LinAlgError
    assert np.random.RandomState is numpy.random.RandomState
    numpy.testing.assert_array_equal(np.fft.fft([1.0, 2.0]), numpy.fft.fft([1.0, 2.0]))
    counts = np.zeros(3)
    np.add.at(counts, [0, 0, 2], 1.0)
    numpy.testing.assert_array_equal(counts, [2.0, 0.0, 1.0])
    numpy.testing.assert_array_equal(np.vectorize(abs)([-1, 2]), [1, 2])
    assert {"einsum", "vectorize"} <= set(dir(np))
    assert not np.isscalar(mg.tensor(1.0))
    with pytest.raises(AttributeError):
        np.no_such_function  # noqa: B018


def test_functions_are_copied_pickled_and_imported_by_a_star():
    x = mg.tensor(X)
    for function in (np.sum, np.exp, np.linalg.norm):
        for again in (copy.deepcopy(function), pickle.loads(pickle.dumps(function))):
            numpy.testing.assert_array_equal(numpy.asarray(again(x)), numpy.asarray(function(x)))
    names: dict[str, Any] = {}
    exec("from microgradient.numpy import *", names)
    assert float(names["sum"]([x[0, 0], 1.0])) == X[0, 0] + 1.0


def test_matmul_has_no_outer():
    with pytest.raises((TypeError, GradientError)):
        np.matmul.outer(mg.tensor(X), X)


def test_older_keywords():
    for x in (X, mg.tensor(X)):
        assert np.reshape(x, newshape=(4, 3)).shape == np.reshape(x, (4, 3), order="C").shape == (4, 3)
        numpy.testing.assert_array_equal(numpy.asarray(np.add(x, 1.0, out=None)), X + 1.0)


def test_nan_and_infinity_stay_where_they_are():
    values = numpy.array([numpy.nan, 1.0, -numpy.inf, 2.5])
    for function, *options in (
        ("diag",), ("diag", 2), ("fmax", 0.0), ("fmin", values[::-1]), ("nanmax",), ("nanmin",), ("nancumsum",),
    ):  # fmt: skip
        expected = getattr(numpy, function)(values, *options)
        found = getattr(np, function)(mg.tensor(values), *options)
        numpy.testing.assert_array_equal(numpy.asarray(found), expected, err_msg=function)
    finite = numpy.array([[numpy.nan, 1.0, 4.0], [2.0, numpy.nan, 2.5]])
    for name in ("nanvar", "nanstd", "nanprod", "nanmean"):
        found = getattr(np, name)(mg.tensor(finite), axis=1)
        numpy.testing.assert_allclose(numpy.asarray(found), getattr(numpy, name)(finite, axis=1), err_msg=name)
    assert numpy.isnan(np.nanmax(mg.tensor([[numpy.nan], [1.0]]), axis=1).tolist()).tolist() == [True, False]


def test_ties_share_the_gradient():
    found = mg.grad(lambda x: np.max(x))(np.array([1.0, 3.0, 3.0]))
    numpy.testing.assert_array_equal(numpy.asarray(found), [0.0, 0.5, 0.5])


@pytest.mark.parametrize("call", ["np.unwrap(x)", "np.cbrt(x)", "np.add.accumulate(x)", "np.logaddexp.reduce(x)"])
def test_what_has_no_derivative_is_refused(call: str):
    with pytest.raises(GradientError, match="has no gradient here"):
        evaluated(call, np, mg.tensor(X, requires_grad=True))
    numpy.testing.assert_allclose(evaluated(call, np, mg.tensor(X)), evaluated(call, numpy, X))


def same(found: Any, expected: Any) -> None:
    numpy.testing.assert_allclose(numpy.asarray(found), expected, rtol=1e-12)


def test_autograds_other_derivatives():
    a, v = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    same(mg.deriv(lambda t: np.array([t, t**2]))(np.array(3.0)), [1.0, 6.0])
    same(mg.grad_named(lambda a, b: a * b**2, "b")(np.array(2.0), np.array(3.0)), 12.0)
    gradient, aux = mg.grad_and_aux(lambda x: (np.sum(x**2), "aux"))(a)
    same(gradient, 2 * a)
    assert aux == "aux"
    same(mg.holomorphic_grad(lambda z: z**3)(np.array(1.0 + 2.0j)), 3 * (1 + 2j) ** 2)
    product, gradient = mg.make_hvp(lambda x: np.sum(x**3))(a)
    same(product(v), 6 * a * v)
    same(gradient, 3 * a**2)
    same(mg.make_ggnvp(np.square)(a)(v), 4 * a**2 * v)
    same(mg.make_ggnvp(np.square, lambda y: np.sum(y**3))(a)(v), 4 * a**2 * 6 * a**2 * v)
    same(mg.tensor_jacobian_product(lambda x: np.outer(x, x))(a, v), [[-1.0, -1.0], [1.0, -3.5]])


DENSITIES = {
    "norm": ("pdf logpdf cdf logcdf sf logsf", [0.3, -1.2], (0.1, 1.3)),
    "t": ("pdf logpdf", [0.3, -1.2], (3.1, 0.1, 1.2)),
    "gamma": ("pdf logpdf cdf", [0.3, 1.2], (2.3,)),
    "beta": ("pdf logpdf cdf", [0.3, 0.8], (1.3, 2.1)),
    "chi2": ("pdf logpdf cdf", [0.3, 1.2], (3.0,)),
    "poisson": ("pmf logpmf cdf", [0.0, 3.0], (2.2,)),
    "dirichlet": ("pdf logpdf", [0.3, 0.7], ([1.2, 2.0],)),
    "multivariate_normal": ("pdf logpdf", [[0.3, 0.7], [1.0, 2.0]], ([0.1, 0.2], [[2.0, 0.3], [0.3, 1.0]])),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_are_scipys(name: str):
    functions, x, params = DENSITIES[name]
    for function in functions.split():
        theirs, ours = getattr(getattr(scipy.stats, name), function), getattr(getattr(stats, name), function)
        expected = theirs(x, *params)
        same(ours(x, *params), expected)
        same(ours(mg.tensor(numpy.array(x)), *params), expected)
        assert type(ours(x, *params)) is type(expected)
        first = numpy.array(params[0])
        slope = mg.jvp(lambda p: np.sum(ours(x, p, *params[1:])), (first,), (first * 0 + 1,))[1]  # noqa: B023
        above, below = (numpy.sum(theirs(x, first + h, *params[1:])) for h in (1e-6, -1e-6))
        numpy.testing.assert_allclose(slope.item(), (above - below) / 2e-6, rtol=1e-6)


def test_special_functions_are_scipys_on_arrays():
    assert type(special.gammaln(numpy.array([1.5]))) is numpy.ndarray
    same(special.gammaln(mg.tensor(numpy.array([1.5]))), scipy.special.gammaln([1.5]))
    same(special.logsumexp(mg.tensor(X), axis=1, keepdims=True), scipy.special.logsumexp(X, axis=1, keepdims=True))
    with pytest.raises(AttributeError, match="there are airy_ai"):
        special.no_such_function  # noqa: B018


def test_multigrad_dict_names_every_kind_of_argument():
    found = mg.multigrad_dict(lambda a, *rest, b=2.0, **more: a * b * rest[0] * more["c"])(3.0, 5.0, c=7.0)
    leaves = [found["a"], found["b"], found["rest"][0], found["more"]["c"]]
    assert [leaf.item() for leaf in leaves] == [70.0, 105.0, 42.0, 30.0]
