"""HIPS autograd's derivatives that JAX has by other names or not at all: `from microgradient import elementwise_grad`.

`grad`, `value_and_grad`, `jacobian`, `hessian` and `checkpoint` are those of `microgradient`. Each of these takes the number
of the argument to differentiate in, and works to any order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..functions.products import tensordot
from ..functions.statistical import sum as total
from ..transforms import grad, hvp, jacobian, jvp, vjp

Function = Callable[..., Any]

__all__ = [
    "deriv", "elementwise_grad", "grad_and_aux", "grad_named", "hessian_tensor_product", "hessian_vector_product",
    "holomorphic_grad", "make_ggnvp", "make_hvp", "make_jvp", "make_vjp", "multigrad_dict", "tensor_jacobian_product",
    "vector_jacobian_product",
]  # fmt: skip


def elementwise_grad(fun: Function, argnum: int = 0) -> Function:
    """The gradient of the sum of what `fun` gives: f'(xᵢ) for each entry, where fun works entry by entry.

    >>> import microgradient.numpy as np
    >>> from microgradient import elementwise_grad
    >>> elementwise_grad(elementwise_grad(lambda x: x**3))(np.array([1.0, 2.0]))
    tensor([ 6., 12.], dtype=float64)
    """
    return grad(lambda *args, **options: total(fun(*args, **options)), argnum)


def make_vjp(fun: Function, argnum: int = 0) -> Function:
    """`make_vjp(f)(*args)` is (pullback, f(*args)): `pullback(v)` is vᵀJ in the argument with this number.

    >>> import microgradient.numpy as np
    >>> from microgradient import make_vjp
    >>> pullback, y = make_vjp(np.sin)(np.zeros(2))
    >>> pullback(np.array([1.0, 5.0]))
    tensor([1., 5.], dtype=float64)
    """

    def of_args(*args: Any, **options: Any) -> Any:
        value, pullback = vjp(_in_one(fun, argnum, args, options), args[argnum])
        return lambda v: pullback(v)[0], value

    return of_args


def make_jvp(fun: Function, argnum: int = 0) -> Function:
    """`make_jvp(f)(*args)(v)` is (f(*args), Jv), with the Jacobian in the argument with this number.

    >>> import microgradient.numpy as np
    >>> from microgradient import make_jvp
    >>> make_jvp(np.square)(np.array([1.0, 2.0]))(np.array([1.0, 1.0]))
    (tensor([1., 4.], dtype=float64), tensor([2., 4.], dtype=float64))
    """
    return lambda *args, **options: lambda v: jvp(_in_one(fun, argnum, args, options), (args[argnum],), (v,))


def deriv(fun: Function, argnum: int = 0) -> Function:
    """df/dx along a vector of ones, by a sweep forwards: for functions of one number with many as results.

    >>> import microgradient.numpy as np
    >>> from microgradient import deriv
    >>> deriv(lambda t: np.array([t, t**2]))(np.array(3.0))
    tensor([1., 6.], dtype=float64)
    """

    def of_args(*args: Any, **options: Any) -> Any:
        x = args[argnum]
        return make_jvp(fun, argnum)(*args, **options)(x * 0 + 1.0)[1]

    return of_args


def grad_named(fun: Function, argname: str) -> Function:
    """The gradient in the positional argument of this name.

    >>> from microgradient import grad_named
    >>> grad_named(lambda a, b: a * b**2, "b")(2.0, 3.0)
    tensor(12.)
    """
    return grad(fun, list(inspect.signature(fun).parameters).index(argname))


def grad_and_aux(fun: Function, argnum: int = 0) -> Function:
    """(gradient of the first, the second) of the two that `fun` returns.

    >>> from microgradient import grad_and_aux
    >>> grad_and_aux(lambda x: (x**2, "more"))(3.0)
    (tensor(6.), 'more')
    """
    return grad(fun, argnum, has_aux=True)


def holomorphic_grad(fun: Function, argnum: int = 0) -> Function:
    """f' of a holomorphic function.

    >>> import microgradient.numpy as np
    >>> from microgradient import holomorphic_grad
    >>> holomorphic_grad(lambda z: z**2)(np.array(1.0 + 2.0j))
    tensor(2.+4.j, dtype=complex128)
    """
    return grad(fun, argnum, holomorphic=True)


def make_hvp(fun: Function, argnum: int = 0) -> Function:
    """`make_hvp(f)(*args)` is (product, gradient): `product(v)` is Hv, with the Hessian in the argument with this number.

    >>> import microgradient.numpy as np
    >>> from microgradient import make_hvp
    >>> product, gradient = make_hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    >>> product(np.ones(2))
    tensor([ 6., 12.], dtype=float64)
    """
    return make_vjp(grad(fun, argnum), argnum)


def hessian_tensor_product(fun: Function, argnum: int = 0) -> Function:
    """`hessian_tensor_product(f)(*args, v)` is Hv, with the Hessian in the argument with this number.

    >>> import microgradient.numpy as np
    >>> from microgradient import hessian_vector_product
    >>> hessian_vector_product(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.ones(2))
    tensor([ 6., 12.], dtype=float64)
    """
    return lambda *args, **options: hvp(_in_one(fun, argnum, args[:-1], options), args[argnum], args[-1])


def tensor_jacobian_product(fun: Function, argnum: int = 0) -> Function:
    """`tensor_jacobian_product(f)(*args, v)` is vJ, summed over as many axes of f as v has.

    >>> import microgradient.numpy as np
    >>> from microgradient import vector_jacobian_product
    >>> vector_jacobian_product(np.square)(np.array([1.0, 2.0]), np.ones(2))
    tensor([2., 4.], dtype=float64)
    """

    def of_args(*args: Any, **options: Any) -> Any:
        v = args[-1]
        return jacobian(lambda *xs: tensordot(v, fun(*xs, **options), axes=v.ndim), argnum)(*args[:-1])

    return of_args


def make_ggnvp(f: Function, g: Function | None = None, f_argnum: int = 0) -> Function:
    """`make_ggnvp(f, g)(*args)(v)` is JᵀHJv: J of f, H the Hessian of g at f, by default that of ½‖·‖², the identity.

    Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent".

    >>> import microgradient.numpy as np
    >>> from microgradient import make_ggnvp
    >>> make_ggnvp(np.square)(np.array([1.0, 2.0]))(np.ones(2))
    tensor([ 4., 16.], dtype=float64)
    """

    def of_args(*args: Any, **options: Any) -> Function:
        at = _in_one(f, f_argnum, args, options)
        value, pullback = vjp(at, args[f_argnum])

        def product(v: Any) -> Any:
            moved = jvp(at, (args[f_argnum],), (v,))[1]
            return pullback(moved if g is None else hvp(lambda y: total(g(y)), value, moved))[0]

        return product

    return of_args


def multigrad_dict(fun: Function) -> Function:
    """The gradients in all arguments at once, in a dict by their names.

    >>> from microgradient import multigrad_dict
    >>> multigrad_dict(lambda a, b=3.0: a * b)(2.0)
    {'a': tensor(3.), 'b': tensor(2.)}
    """
    signature = inspect.signature(fun)

    def of_args(*args: Any, **options: Any) -> Any:
        bound = signature.bind(*args, **options)
        bound.apply_defaults()

        def of_named(named: dict[str, Any]) -> Any:
            again = inspect.BoundArguments(signature, named)
            return fun(*again.args, **again.kwargs)

        return grad(of_named)(dict(bound.arguments))

    return of_args


def _in_one(fun: Function, argnum: int, args: tuple[Any, ...], options: dict[str, Any]) -> Function:
    """`fun` of the argument with this number alone, the others being what they are."""

    def of_one(x: Any) -> Any:
        full = list(args)
        full[argnum] = x
        return fun(*full, **options)

    return of_one


hessian_vector_product, vector_jacobian_product = hessian_tensor_product, tensor_jacobian_product
