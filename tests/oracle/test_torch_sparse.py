"""Sparse tensors of `microgradient.torch` print, compute and differentiate as PyTorch's."""

import pytest
import torch

import microgradient.torch as ours

EXPRESSIONS = """
torch.mm(s, d) | s @ d | s @ d[:, 0] | torch.spmm(s, d) | torch.sparse.mm(s, d) | torch.mv(s, d[:, 0]) | s.mm(d)
s.matmul(d)
d.T @ s.t() | torch.mm(d.T, s.t()) | s.t() @ e | s.transpose(0, 1) @ e | s.T @ e | s.coalesce() @ d | (s + s.coalesce()) @ d
s * 2 | 2 * s | s / 2 | -s | s * e | e * s | (s + s).coalesce() | (s - s.coalesce() * 3).coalesce() | e + s | e - s
torch.add(e, s) | torch.mul(s, 3)
torch.sparse.sum(s) | s.sum() | torch.sum(s) | torch.sparse.sum(s, 0).to_dense() | torch.sparse.sum(s, dim=1).to_dense()
s.coalesce() | s.coalesce().values() | s.coalesce().indices() | s._indices() | s._values() | s.to_dense()
s.clone() | s.detach()
s.double() | s.to(torch.float64) | s.float() | torch.relu(s) | s.abs() | s.pow(2) | s ** 2 | s.detach().sqrt()
torch.tanh(s.detach())
torch.addmm(torch.ones(3, 2), s, d) | torch.addmm(torch.ones(2), s, d, beta=2, alpha=0.5)
torch.sparse.addmm(torch.ones(3, 2), s, d)
torch.sparse.softmax(s, 1) | torch.sparse.softmax(s, 0) | torch.sparse.log_softmax(s, 1) | e.sparse_mask(s.coalesce())
s.to_sparse_csr() | s.to_sparse_csr() @ d | s.to_sparse_csr() * 2 | s.to_sparse_csr().crow_indices()
s.to_sparse_csr().to_dense()
s.to_sparse_csr().col_indices() | s.to_sparse_csr().values() | s.to_sparse_csr().t() @ e | s.to_sparse_csr().to_sparse()
torch.sparse.mm(s.to_sparse_csr(), d) | torch.isnan(s) | s.to_sparse(layout=torch.sparse_csr)
"""


def inputs(module):
    v = module.tensor([3.0, 4.0, 5.0, 0.5], requires_grad=True)
    s = module.sparse_coo_tensor(module.tensor([[0, 2, 2, 0], [2, 3, 0, 2]]), v, (3, 4))  # (0, 2) twice, row 1 empty
    d = (module.arange(8.0).reshape(4, 2) / 3).requires_grad_()
    return {"torch": module, "s": s, "d": d, "e": module.arange(12.0).reshape(3, 4) + 1}, v, d


def dense(y):
    return y.to_dense() if y.layout != (torch if isinstance(y, torch.Tensor) else ours).strided else y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", EXPRESSIONS.strip().splitlines())
def test_values_and_gradients(line):
    for text in line.split(" | "):
        found = []
        for module in (torch, ours):
            names, v, d = inputs(module)
            y = eval(text, names)
            z = dense(y)
            grads = [None, None]
            if z.requires_grad and y.requires_grad:
                weights = module.cos(module.arange(float(z.numel()))).reshape(z.shape).to(z.dtype)
                (z * weights).sum().backward()
                grads = [None if x.grad is None else x.grad.tolist() for x in (v, d)]
            shown = repr(y.detach()) if y.layout == module.sparse_coo else ""
            found.append((z.tolist(), str(z.dtype), str(y.layout), shown, grads))
        (a, *rest, grads), (b, *our_rest, our_grads) = found
        assert torch.allclose(torch.tensor(a), torch.tensor(b), rtol=1e-5), text
        assert rest == our_rest, text
        for p, q in zip(grads, our_grads, strict=True):
            assert (p is None) is (q is None), text
            assert p is None or torch.allclose(torch.tensor(p), torch.tensor(q), rtol=1e-5), text


PRINTED = """
torch.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0]) | torch.sparse_coo_tensor([[0, 1], [1, 0]], [2, 3], (5, 6))
torch.sparse_coo_tensor(size=(2, 3))
torch.sparse_coo_tensor([[0], [1]], [1.0], (2, 2), dtype=torch.float64, requires_grad=True)
torch.sparse_csr_tensor([0, 1, 2], [0, 1], [1.0, 2.0])
torch.sparse_csr_tensor([0, 1, 1], [2], [1.0], (2, 3), dtype=torch.float64)
torch.eye(3).to_sparse() | torch.zeros(2, 2).to_sparse() | torch.eye(2).to_sparse().requires_grad_()
torch.eye(2).to_sparse_csr()
torch.tensor([[0, 2], [3, 0]]).to_sparse()
torch.sparse.DoubleTensor(torch.zeros(2, 1).long(), torch.ones(1).double(), (1, 2))
torch.sparse_coo_tensor(torch.zeros(2, 2000).long(), torch.arange(2000.0), (3, 3)) | torch.eye(300).to_sparse_csr()
s | s * 2 | s.coalesce() | s / 3 | s.detach() | s.to_dense() | s @ d | torch.sum(s) | s.double() | torch.sqrt(s) | -s
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", PRINTED.strip().splitlines())
def test_printing(line):
    for text in line.split(" | "):
        theirs, found = (repr(eval(text, inputs(module)[0])) for module in (torch, ours))
        assert found == theirs, text


ASKED = """
s.shape s.size() s.size(1) s.dim() s.ndim len(s) s.numel() s.dtype s.device s.layout s.is_sparse s.is_sparse_csr s._nnz()
s.is_coalesced() s.coalesce().is_coalesced() s.requires_grad s.is_leaf s.detach().requires_grad s.sparse_dim() s.dense_dim()
torch.is_tensor(s) s.to_sparse_csr().is_sparse s.to_sparse_csr().is_sparse_csr s.to_sparse_csr().layout e.is_sparse e.layout
e.to_sparse().is_coalesced() s.is_floating_point() s.is_cuda
"""


def test_what_it_is():
    for text in ASKED.split():
        assert str(eval(text, inputs(ours)[0])) == str(eval(text, inputs(torch)[0])), text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr"])
def test_a_sparse_leaf_has_a_sparse_gradient(layout):
    found = []
    for module in (torch, ours):
        s = module.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse(layout=getattr(module, layout)).requires_grad_()
        (module.sparse.mm(s, module.tensor([[1.0, 2.0], [3.0, 5.0]])) ** 2).sum().backward()
        found.append((str(s.grad.layout), s.grad.to_dense().tolist()))
    assert found[0] == found[1]
