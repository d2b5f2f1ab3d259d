"""`x.grad_fn` shows the graph by PyTorch's names."""

import pytest
import torch

import microgradient.torch as ours

FUNCTIONS = """
x + y | x - y | x * y | x / y | -x | x ** 2 | 2 ** x | x ** y | x.pow(2) | torch.pow(x, y) | 1 - x | x % 2 | abs(x) | x @ y.T
x @ x[0] | x[0] @ x[0] | x.exp() | x.sin() | x.log1p() | x.rsqrt() | x.sigmoid() | x.tanh() | x.relu() | x.erf() | x.square()
x.sum() | x.sum(0) | x.mean() | x.mean(1) | x.prod() | x.max() | x.max(0)[0] | x.amax(0) | x.var() | x.std() | x.norm()
x.logsumexp(0) | x.cumsum(0) | x.median() | x.sort()[0] | x.topk(1)[0] | x.softmax(1) | x.log_softmax(1) | x.unbind()[1]
x.view(-1) | x.reshape(-1) | x.flatten() | x.t() | x.T | x.transpose(0, 1) | x.permute(1, 0) | x.unsqueeze(0) | x.squeeze()
x.squeeze(0) | x.expand(2, 3, 3) | x.repeat(2, 1) | torch.cat([x, y]) | torch.stack([x, y]) | x.chunk(2)[0] | x.split(1)[0]
x.clone() | x.double() | x.masked_fill(x > 0, 0) | torch.where(x > 0, x, y) | x.tril() | x.diagonal() | x.trace() | x.flip(0)
x[0] | x[:, 0] | x[1:] | x[None] | x[0, :2] | x[torch.tensor([0])] | x[x > -9] | x.gather(0, i) | x.index_select(0, i[0])
torch.outer(x[0], x[0]) | torch.lerp(x, y, 0.5) | torch.addmm(x[0], x, y) | torch.bmm(x[None], y[None]) | torch.maximum(x, y)
torch.det(x) | torch.inverse(x) | torch.linalg.solve(x, y) | torch.cdist(x, y) | torch.addcmul(x, x, y) | x.clone().add_(1)
F.linear(x, y, x[0]) | F.linear(x, y) | F.linear(x[None], y, x[0]) | F.linear(x[None], y) | F.relu(x) | F.gelu(x) | F.elu(x)
F.softplus(x) | F.glu(x[:, :2]) | F.dropout(x) | F.embedding(i, x) | F.normalize(x) | F.pad(x, (1, 1)) | F.layer_norm(x, (3,))
F.conv2d(x[None, None], y[None, None]) | F.max_pool2d(x[None], 2) | F.avg_pool2d(x[None], 2) | F.conv1d(x[None], y[None])
F.mse_loss(x, y) | F.l1_loss(x, y) | F.smooth_l1_loss(x, y) | F.cross_entropy(x, i[0]) | F.cross_entropy(x[None], i[:1])
F.nll_loss(x, i[0]) | F.binary_cross_entropy_with_logits(x, y) | F.huber_loss(x, y) | F.cosine_similarity(x, y)
nn.Linear(3, 2)(x) | nn.ReLU()(x) | nn.MSELoss()(x, y) | nn.CrossEntropyLoss()(x, i[0]) | nn.Conv1d(3, 1, 2)(x[None])
nn.BatchNorm1d(3)(x) | nn.LayerNorm(3)(x) | nn.Embedding(3, 2)(i) | nn.Flatten()(x[None]) | nn.BCEWithLogitsLoss()(x, y)
x.clamp(0, 1) | x.clamp(min=0) | nn.Linear(3, 2)(z) | nn.Sequential(nn.Linear(3, 2), nn.Tanh())(z)
"""


@pytest.mark.parametrize("line", FUNCTIONS.strip().splitlines())
def test_names(line):
    for text in line.split(" | "):
        names = []
        for module in (torch, ours):
            x, y, z = (module.tensor([[1.0, 0.2, 0.1], [0.3, 2.0, 0.4], [0.1, 0.2, 3.0]]) + k for k in range(3))
            x.requires_grad_(), y.requires_grad_()
            i = module.tensor([[0, 1, 2]])
            values = {"torch": module, "nn": module.nn, "F": module.nn.functional, "x": x, "y": y, "z": z, "i": i}
            result = eval(text, values)
            names.append((result.grad_fn.name(), repr(result).rpartition("grad_fn=")[2]))
        assert names[0] == names[1], text


def test_the_graph_of_a_network_is_walked_by_functions():
    found = []
    for module in (torch, ours):
        nn = module.nn
        net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), nn.Flatten(0))
        nodes, names = [nn.MSELoss()(net(module.ones(1, 2, requires_grad=True)), module.zeros(1)).grad_fn], []
        while nodes:
            names.append(type(nodes[0]).__name__)
            inputs = [node for node, _ in nodes[0].next_functions if node is not None]
            nodes = inputs[1:2] if names[-1] == "AddmmBackward0" else inputs
        found.append(names)
    assert found[0] == found[1]
    assert found[0][:3] == ["MseLossBackward0", "ViewBackward0", "AddmmBackward0"]


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"bidirectional": True}, {"num_layers": 2}])
def test_names_of_recurrent_layers(name, options):
    found = []
    for module in (torch, ours):
        y, h = getattr(module.nn, name)(4, 3, **options)(module.ones(3, 2, 4))
        # the kernel of LSTM's output depends on the machine
        found.append([part.grad_fn.name() for part in (h if name == "LSTM" else (y, h))])
    assert found[0] == found[1]


def test_names_of_functions_of_ones_own():
    found = []
    for module in (torch, ours):

        class Twice(module.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                return x * 2, y * 2

            @staticmethod
            def backward(ctx, g, h):
                return g * 2, h * 2

        x = module.ones(1, requires_grad=True)
        a, b = Twice.apply(x, x * 3)
        found.append((str(a), str(b), a.grad_fn.name(), [f.name() for f, _ in b.grad_fn.next_functions]))
    assert found[0] == found[1]
