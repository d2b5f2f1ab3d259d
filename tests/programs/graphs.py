"""Graph networks on a made-up graph: a normalised adjacency (GCN), edges gathered and scattered (GraphSAGE, attention)."""

import numpy as np
import scipy.sparse as sp
import torch.nn.functional as F
from torch import nn
from torch.nn.parameter import Parameter

import torch


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / np.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, x, adj):
        output = torch.spmm(adj, torch.mm(x, self.weight))
        return output if self.bias is None else output + self.bias

    def __repr__(self):
        return f"{self.__class__.__name__} ({self.in_features} -> {self.out_features})"


class GCN(nn.Module):
    def __init__(self, n_in, n_hidden, n_class, dropout):
        super().__init__()
        self.gc1, self.gc2, self.dropout = (
            GraphConvolution(n_in, n_hidden),
            GraphConvolution(n_hidden, n_class, False),
            dropout,
        )

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


class SAGE(nn.Module):
    """The mean and the maximum over neighbours, by index_add and scatter_reduce."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.lin = nn.Linear(3 * n_in, n_out)

    def forward(self, x, edges):
        source, target = edges
        messages = x[source]
        degree = torch.zeros(x.size(0)).index_add(0, target, torch.ones(target.size(0))).clamp(min=1)
        mean = torch.zeros_like(x).index_add_(0, target, messages) / degree.unsqueeze(-1)
        index = target.unsqueeze(-1).expand_as(messages)
        largest = torch.zeros_like(x).scatter_reduce(0, index, messages, reduce="amax", include_self=False)
        return F.normalize(self.lin(torch.cat([x, mean, largest], dim=-1)), p=2.0, dim=-1)


class EdgeAttention(nn.Module):
    """Softmax over the edges into each node."""

    def __init__(self, n_in, n_out, heads):
        super().__init__()
        self.heads, self.n_out = heads, n_out
        self.lin = nn.Linear(n_in, heads * n_out, bias=False)
        self.att = nn.Parameter(torch.empty(1, heads, 2 * n_out))
        nn.init.xavier_uniform_(self.att, gain=nn.init.calculate_gain("leaky_relu", 0.2))

    def forward(self, x, edges):
        h, (source, target) = self.lin(x).view(-1, self.heads, self.n_out), edges
        e = F.leaky_relu((self.att * torch.cat((h[source], h[target]), -1)).sum(-1), 0.2)
        index = target.view(-1, 1).expand_as(e)
        top = torch.full((x.size(0), self.heads), float("-inf")).scatter_reduce(0, index, e, "amax")
        e = (e - top[target].detach()).exp()
        total = torch.zeros(x.size(0), self.heads).scatter_add(0, index, e)
        alpha = e / (total[target] + 1e-16)
        return torch.zeros_like(h).index_add(0, target, h[source] * alpha.unsqueeze(-1)).mean(1), alpha


rng = np.random.default_rng(0)
n = 24
labels = torch.arange(n) % 3
same = labels.view(-1, 1) == labels
chance = torch.where(same, 0.5, 0.06)
dense = torch.from_numpy((rng.random((n, n)) < chance.numpy()).astype(np.float32))
dense = ((dense + dense.t()) > 0).float()
dense.fill_diagonal_(1)


def row_normalized(mx):
    rowsum = np.array(mx.sum(1)).flatten()
    inverse = np.power(rowsum, -1.0)
    inverse[np.isinf(inverse)] = 0.0
    return sp.diags(inverse).dot(mx)


def to_torch_sparse(mx):
    mx = mx.tocoo().astype(np.float32)
    indices = torch.from_numpy(np.vstack((mx.row, mx.col)).astype(np.int64))
    values = torch.from_numpy(mx.data)
    return torch.sparse.FloatTensor(indices, values, torch.Size(mx.shape))


adj = to_torch_sparse(row_normalized(sp.coo_matrix(dense.numpy())))
print(adj.shape, adj.is_sparse, adj._nnz(), f"{torch.sparse.sum(adj):.3f}", torch.allclose(adj.to_dense().sum(1), torch.ones(n)))
print(adj)
features = torch.from_numpy(rng.normal(size=(n, 8)).astype(np.float32))
torch.manual_seed(42)
model = GCN(8, 12, 3, 0.5)
print(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
order = torch.randperm(n)
idx_train, idx_test = order[:12], order[12:]
for epoch in range(12):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss = F.nll_loss(output[idx_train], labels[idx_train])
    loss.backward()
    optimizer.step()
    if epoch % 4 == 3:
        model.eval()
        with torch.no_grad():
            predicted = model(features, adj).argmax(1)
        correct = predicted[idx_test].eq(labels[idx_test]).double().mean()
        print(f"Epoch: {epoch + 1:04d} loss_train: {loss.item():.4f} acc_test: {correct:.4f}")
edges = dense.nonzero(as_tuple=True)
sage, attention = SAGE(8, 6), EdgeAttention(8, 5, 2)
embedded = sage(features, edges)
similar = embedded @ embedded.T
positive, negative = similar[edges], similar[dense == 0]
loss = -F.logsigmoid(positive).mean() - F.logsigmoid(-negative).mean()
loss.backward()
print(f"{loss.item():.5f}", f"{sage.lin.weight.grad.norm().item():.5f}")
out, alpha = attention(features, edges)
out.square().mean().backward()
print(
    out.shape,
    alpha.shape,
    f"{out.norm().item():.4f} {attention.att.grad.norm().item():.5f} {attention.lin.weight.grad.sum().item():.5f}",
)
hops = torch.linalg.matrix_power(dense, 2)
print(torch.bincount(hops.long().flatten()).tolist()[:6], torch.unique(labels[idx_train], return_counts=True))
