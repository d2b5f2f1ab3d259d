"""Functions with derivatives of their own, and the check of derivatives by differences."""

import numpy as np
import pytest

import microgradient.torch as torch


class Exp(torch.autograd.Function):
    """Whose derivative is its result."""

    @staticmethod
    def forward(ctx, x, y):
        result = x.exp()
        ctx.save_for_backward(y, result)
        return y * 2, result

    @staticmethod
    def backward(ctx, g, h):
        y, result = ctx.saved_tensors
        return h * result, g * 2 + 0 * y


def test_saved_results_can_be_differentiated_again():
    x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
    value = Exp.apply(x, y)[1].sum()
    for _ in range(3):
        (value,) = torch.autograd.grad(value, x, torch.ones_like(value), create_graph=True)
        np.testing.assert_allclose(value.detach().numpy(), np.exp([0.5, 2.0]))
    assert torch.autograd.gradgradcheck(Exp.apply, (x, y))


def test_differences_take_two_evaluations_for_each_entry():
    calls = [0]

    def f(x):
        calls[0] += 1
        return x.sin(), x[:3] ** 2

    x = torch.rand(10, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(f, x)
    assert calls[0] <= 2 * 10 + 3


def test_a_wrong_derivative_is_found():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.tensor([1.0, 3.0], dtype=torch.float64, requires_grad=True)
    assert not torch.autograd.gradcheck(Wrong.apply, x, raise_exception=False)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(Wrong.apply, x)


class Cube(torch.autograd.Function):
    """Right in backward mode, wrong in forward mode."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0] ** 2

    @staticmethod
    def jvp(ctx, t):
        return 2 * t


def test_forward_mode_is_checked_where_that_is_asked():
    x, y = (torch.rand(*shape, dtype=torch.float64, requires_grad=True) for shape in ((3, 2), (2,)))
    assert torch.autograd.gradcheck(lambda a, b: (a @ b, a.sin() * b), (x, y), check_forward_ad=True)
    assert torch.autograd.gradcheck(Cube.apply, x)
    assert not torch.autograd.gradcheck(Cube.apply, x, check_forward_ad=True, raise_exception=False)
    with pytest.raises(RuntimeError, match="in forward mode"):
        torch.autograd.gradcheck(Cube.apply, x, check_forward_ad=True)
