# %% [markdown]
# # 11 · The article's program, broken and mended
#
# **Why does a program that looks right not run, and why does it learn nothing once it does?**
#
# Section 5.2 of the article trains a 2-2-1 network on four points: relu, then σ, mean squared error, Adam. As printed
# it can't run. Here are its mistakes, with what the computer says of each, and then a version that works.
#
# **1 · Scope.** Weights are made inside the function that builds the model, and the training loop asks for them outside
# (its `backward` reads `h2` and `a1`, too, which belong to `forward`). In a module, `Net` below, all can reach them.

# %%
import warnings

import numpy as np

import microgradient as mg
from microgradient import nn, optim

x, t = mg.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]]), mg.tensor([0.0, 1.0, 1.0, 1.0])


def build_model():
    W1 = mg.randn(2, 2)
    return lambda x: mg.relu(x @ W1)


forward = build_model()
try:
    print(W1)
except NameError as error:
    print(error)


# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.W1, self.b1 = nn.Parameter(mg.randn(2, 2)), nn.Parameter(mg.zeros(2))
        self.W2, self.b2 = nn.Parameter(mg.randn(2, 1)), nn.Parameter(mg.zeros(1))

    def forward(self, x):
        return mg.sigmoid(mg.relu(x @ self.W1 + self.b1) @ self.W2 + self.b2)


def loss_fn(model, batch):
    return mg.mean((model(batch[0]) - batch[1]) ** 2)


mg.manual_seed(0)
net = Net()
h1 = x @ net.W1 + net.b1
a1, p, column = mg.relu(h1), net(x), mg.reshape(t, (4, 1))

# %% [markdown]
# **2 · A product the wrong way round.** Examples are rows, h₂ = a₁ W₂ + b₂. For ∂L/∂W₂ the article has (∂L/∂h₂) a₁ᵀ:

# %%
d_h2 = 2 * (p - column) / 4 * p * (1 - p)
try:
    d_h2 @ a1.T
except mg.errors.ShapeError as error:
    print(error)

# %% question
# a₁ has shape (4, 2), d_h2 has (4, 1). Which shape must ∂L/∂W₂ have? (Two numbers.)
answer = [2, 1]
assert mg.check_answer(np.array(net.W2.shape), answer)

# %% [markdown]
# Only a₁ᵀ d_h2 has it. A bias served all four examples, so its gradient is the sum of what the four send back; relu's
# derivative multiplies entry by entry. All of it by hand, compared with the engine:

# %%
d_h1 = d_h2 @ net.W2.T * (h1 > 0)
by_hand = [x.T @ d_h1, mg.sum(d_h1, axis=0), a1.T @ d_h2, mg.sum(d_h2, axis=0)]
loss_fn(net, (x, column)).backward()
worst = max(np.abs(g.data - w.grad.data).max() for g, w in zip(by_hand, net.parameters(), strict=True))
print(f"largest difference between hand and engine: {worst:.0e}")

# %% [markdown]
# **3 · Shapes that broadcast.** Predictions have shape (4, 1), the article's targets (4,). Their difference exists, with
# shape (4, 4). Nothing fails; the network is trained on something that nobody meant. The doctor says so:

# %%
warnings.simplefilter("ignore")  # the engine warns of it, too
print(mg.doctor(net, loss_fn, (x, t)))

# %% question
# Every prediction p is compared with all four targets, 0, 1, 1, 1. Which p makes the mean of (p − t)² least?
answer = 0.75
assert mg.check_answer(float(mg.mean(t)), answer)


# %%
def trained(targets, run):
    mg.manual_seed(0)
    net = Net()
    adam = optim.Adam(net.parameters(), lr=0.01)

    def step(x, y):
        adam.zero_grad()
        loss_fn(net, (x, y)).backward()
        adam.step()

    step = mg.compile(step) if run == "compiled" else step
    for _ in range(1000):
        step(x, targets)
    return net(x)[:, 0].data


for targets, run in (t, "compiled"), (column, "eager"), (column, "compiled"):
    print(f"{run:<8}  targets {targets.shape!s:<6} ", trained(targets, run).round(5))

# %% [markdown]
# The mended program learns, and as machine code it gives the same numbers. A fourth trouble waits for lesson 14: all
# inputs are positive, and a draw of negative weights switches hidden units off for good.
#
# **Remember:** a gradient has the shape of its parameter, and predictions that of their targets: check both first.
# Next: what broadcasting does to gradients where it is meant.
