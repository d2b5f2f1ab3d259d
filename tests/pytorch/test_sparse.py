"""Sparse tensors under PyTorch's names: what is refused, what compiles, what is shared."""

import numpy as np
import pytest

import microgradient.torch as torch
from microgradient.errors import MicrogradientError, MissingNameError

PLACES = [[0, 2, 2, 0], [2, 3, 0, 2]]


def made(**options):
    return torch.sparse_coo_tensor(PLACES, [3.0, 4.0, 5.0, 0.5], (3, 4), **options)


REFUSED = """
s @ s.t() | s * s | s / s | s == s | s[0] | [*s] | s.exp() | torch.exp(s) | s.numpy() | np.asarray(s) | s.mul_(2)
torch.cat([s, s])
torch.nn.functional.relu(s) | torch.nn.Linear(4, 1)(s) | s.view(-1) | torch.sparse.spdiags(s) | torch.tensor(s)
torch.norm(s)
"""


@pytest.mark.parametrize("text", REFUSED.replace("\n", " | ").strip(" |").split(" | "))
def test_what_is_not_here_is_refused_with_what_to_write(text):
    with pytest.raises(MissingNameError, match=r"Write `x\.to_dense\(\)"):
        eval(text, {"s": made(), "torch": torch, "np": np})


def test_in_place_is_refused():
    s = made()
    with pytest.raises(MissingNameError):
        s *= 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0]), "matrices"),
        (lambda: torch.ones(2, 2, 2).to_sparse(), "2 axes"),
        (lambda: torch.ones(2, 2).to_sparse(1), "sparse_dim=1"),
        (lambda: torch.sparse_coo_tensor([[0], [5]], [1.0], (2, 2)), "column 5"),
        (lambda: torch.sparse_coo_tensor(PLACES, [1.0]), "same nnz"),
        (lambda: torch.sparse_csr_tensor([0, 2], [0], [1.0]), "starts of rows"),
        (lambda: torch.sparse.mm(made(), torch.ones(3, 2)), "cannot be multiplied"),
        (lambda: made() + torch.ones(3, 4), r"Use add\(dense, sparse\)"),
        (lambda: made().values(), r"call \.coalesce\(\)"),
        (lambda: made().crow_indices(), r"to_sparse_csr\(\)"),
        (lambda: made().cuda(), "no device"),
        (lambda: bool(made()), "ambiguous"),
    ],
)
def test_errors_say_what_is_wrong(make, said):
    with pytest.raises(MicrogradientError, match=said):
        make()


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_compiled_functions_see_new_values(layout):
    s, x = made().to_sparse(layout=layout).detach().requires_grad_(), torch.ones(4, 2)
    step = torch.compile(lambda x: torch.sparse.mm(s, x).sin().sum())
    for _ in range(4):
        grads = []
        for f in (step, lambda x: (s.to_dense() @ x).sin().sum()):
            s.grad = None
            y = f(x)
            y.backward()
            grads.append((y.item(), s.grad.to_dense().numpy()))
        assert grads[0][0] == pytest.approx(grads[1][0], abs=1e-5)
        np.testing.assert_allclose(grads[0][1], grads[1][1], atol=1e-5)
        s._values().mul_(0.5)  # the memory is shared


def test_values_are_differentiated_twice():
    v = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64, requires_grad=True)
    w = torch.ones(4, 2, dtype=torch.float64, requires_grad=True)

    def f(v, w):
        return torch.sparse.mm(torch.sparse.softmax(torch.sparse_coo_tensor(PLACES, v, (3, 4)), 1), w**2)

    assert torch.autograd.gradcheck(f, (v, w))
    assert torch.autograd.gradgradcheck(f, (v, w))
