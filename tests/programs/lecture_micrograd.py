"""The comparisons of the lecture on micrograd: expressions of scalars, a neuron, and an MLP trained by hand."""

import math
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

# a forward pass and its gradients, as checked against micrograd
x = torch.Tensor([-4.0]).double()
x.requires_grad = True
z = 2 * x + 2 + x
q = z.relu() + z * x
h = (z * z).relu()
y = h + q + q * x
y.backward()
print(y.data.item(), x.grad.item())

a = torch.Tensor([-4.0]).double()
b = torch.Tensor([2.0]).double()
a.requires_grad = True
b.requires_grad = True
c = a + b
d = a * b + b**3
c = c + c + 1
c = c + 1 + c + (-a)
d = d + d * 2 + (b + a).relu()
d = d + 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g = g + 10.0 / f
g.backward()
print(f"{g.data.item():.4f} {a.grad.item():.4f} {b.grad.item():.4f}")
print(g, g.grad_fn.name(), [type(n).__name__ for n, _ in g.grad_fn.next_functions])

# a neuron
x1 = torch.Tensor([2.0]).double(); x1.requires_grad = True
x2 = torch.Tensor([0.0]).double(); x2.requires_grad = True
w1 = torch.Tensor([-3.0]).double(); w1.requires_grad = True
w2 = torch.Tensor([1.0]).double(); w2.requires_grad = True
b = torch.Tensor([6.8813735870195432]).double(); b.requires_grad = True
n = x1 * w1 + x2 * w2 + b
o = torch.tanh(n)
print(o.data.item())
o.backward()
print("---")
print("x2", x2.grad.item())
print("w2", w2.grad.item())
print("x1", x1.grad.item())
print("w1", w1.grad.item())
print(o, n, x1.dtype, torch.Tensor([2.0]).dtype)


class Neuron(nn.Module):
    def __init__(self, nin):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([random.uniform(-1, 1) for _ in range(nin)]))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)
        return act.tanh()


class Layer(nn.Module):
    def __init__(self, nin, nout):
        super().__init__()
        self.neurons = nn.ModuleList([Neuron(nin) for _ in range(nout)])

    def forward(self, x):
        outs = [n(x) for n in self.neurons]
        return outs[0] if len(outs) == 1 else outs


class MLP(nn.Module):
    def __init__(self, nin, nouts):
        super().__init__()
        sz = [nin] + nouts
        self.layers = nn.ModuleList(Layer(sz[i], sz[i + 1]) for i in range(len(nouts)))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


random.seed(1337)
model = MLP(3, [4, 4, 1])
print(model)
print(len(list(model.parameters())), sum(p.nelement() for p in model.parameters()))
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
ys = [1.0, -1.0, -1.0, 1.0]
for k in range(8):
    ypred = [model(x) for x in xs]
    loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred))
    for p in model.parameters():
        p.grad = None
    loss.backward()
    for p in model.parameters():
        p.data += -0.05 * p.grad
    print(k, f"{loss.item():.4f}")
print([f"{y.item():.3f}" for y in ypred], loss)

# logits by hand and by torch
logits = torch.tensor([0.0, 3.0, -2.0, 1.0], requires_grad=True)
counts = logits.exp()
probs = counts / counts.sum()
loss = -probs[3].log()
loss.backward()
print(probs, loss, logits.grad)
by_hand = logits.grad.clone()
logits.grad = None
F.cross_entropy(logits[None], torch.tensor([3])).backward()
print(torch.allclose(by_hand, logits.grad), math.isclose(by_hand.sum().item(), 0, abs_tol=1e-6))
