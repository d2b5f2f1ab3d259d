"""The engine's own surface: Function, hooks, functional transforms, in-place changes and views, graph attention, polynomial fits."""

import math

import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, grad, hessian, jacrev, vmap

import torch


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


dtype, device = torch.float, torch.device("cpu")
x = torch.linspace(-math.pi, math.pi, 200, device=device, dtype=dtype)
y = torch.sin(x)
a, b, c, d = (torch.full((), v, device=device, dtype=dtype, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
for t in range(60):
    y_pred = a + b * LegendrePolynomial3.apply(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    if t % 20 == 19:
        print(t, f"{loss.item():.4f}")
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 5e-6 * p.grad
            p.grad = None
print(f"y = {a.item():.4f} + {b.item():.4f} * P3({c.item():.4f} + {d.item():.4f} x)")

torch.manual_seed(0)
p = torch.tensor([1, 2, 3])
xx = x.unsqueeze(-1).pow(p)
model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for t in range(30):
    loss = nn.MSELoss(reduction="sum")(model(xx), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{loss.item():.3f}", model[0].bias.shape)

# hooks
seen = []
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
handle = net[1].register_forward_hook(lambda m, i, o: seen.append(("out", tuple(o.shape))))
net[0].weight.register_hook(lambda g: seen.append(("grad", tuple(g.shape))) or g * 2)
net(torch.ones(2, 3)).sum().backward()
doubled = net[0].weight.grad.clone()
handle.remove()
net.zero_grad()
net(torch.ones(2, 3)).sum().backward()
print(seen, torch.allclose(doubled, net[0].weight.grad))

# views and changes in place
base = torch.arange(12.0).view(3, 4)
row, column = base[1], base[:, 2]
row.mul_(10)
column += 1
base[0, 0] = -5
print(base, row, column.stride(), base.t().is_contiguous(), row._base is base or row._base is not None)
w = torch.randn(4, requires_grad=True)
z = torch.zeros(2, 4)
z[0] = w * 2
z[1].copy_(w.exp())
z[:, 1].zero_()
z.sum().backward()
print(torch.allclose(w.grad, (2 + w.exp()) * torch.tensor([1.0, 0, 1, 1])), z.grad_fn is not None)
try:
    w.add_(1)
except RuntimeError as error:
    print("refused:", "leaf Variable" in str(error))
v = torch.ones(3, requires_grad=True)
u = v.exp()
s = u.sin()
with torch.no_grad():
    u.data.mul_(2)
try:
    s.sum().backward()
except RuntimeError as error:
    print("refused:", "modified by an inplace" in str(error))

# transforms
print(grad(lambda t: torch.sin(t).sum())(torch.zeros(2)), hessian(lambda t: (t**3).sum())(torch.tensor([1.0, 2.0])))
print(vmap(torch.dot)(torch.arange(6.0).view(3, 2), torch.ones(3, 2)), jacrev(torch.sin)(torch.zeros(2)))
params = {k: v.detach() for k, v in net.named_parameters()}


def compute_loss(params, sample, target):
    return F.mse_loss(functional_call(net, params, (sample.unsqueeze(0),)), target.unsqueeze(0))


per_sample = vmap(grad(compute_loss), in_dims=(None, 0, 0))(params, torch.randn(5, 3), torch.randn(5, 1))
print({k: tuple(v.shape) for k, v in per_sample.items()})
(g,) = torch.autograd.grad(net(torch.ones(1, 3)).sum(), net[2].weight, create_graph=True)
print(
    g.shape,
    torch.autograd.gradcheck(LegendrePolynomial3.apply, (torch.randn(3, dtype=torch.double, requires_grad=True),)),
)
print(torch.autograd.functional.jacobian(lambda t: t.exp(), torch.zeros(2)))


class GraphAttention(nn.Module):
    def __init__(self, n_in, n_out, heads):
        super().__init__()
        self.n_out, self.heads = n_out, heads
        self.W = nn.Parameter(torch.empty(size=(n_in, n_out * heads)))
        self.a = nn.Parameter(torch.empty(size=(heads, 2 * n_out, 1)))
        nn.init.xavier_normal_(self.W)
        nn.init.xavier_normal_(self.a)

    def forward(self, h, adj):
        n = h.shape[0]
        ht = torch.mm(h, self.W).view(n, self.heads, self.n_out).permute(1, 0, 2)
        source, target = torch.matmul(ht, self.a[:, : self.n_out, :]), torch.matmul(ht, self.a[:, self.n_out :, :])
        e = F.leaky_relu(source + target.mT, 0.2)
        mask = -9e16 * torch.ones_like(e)
        attention = F.softmax(torch.where(adj > 0, e, mask), dim=-1)
        return F.elu(torch.matmul(attention, ht).mean(dim=0))


torch.manual_seed(5)
adj = (torch.rand(6, 6) > 0.5).float() + torch.eye(6)
gat = GraphAttention(5, 3, 2)
out = gat(torch.randn(6, 5), adj)
idx = torch.tensor([0, 2, 4])
F.cross_entropy(out[idx], torch.tensor([0, 1, 2])).backward()
print(out.shape, f"{gat.W.grad.norm().item():.5f} {gat.a.grad.norm().item():.5f}")
