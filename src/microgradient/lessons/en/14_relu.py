# %% [markdown]
# # 14 · relu: the kink, and units that die
#
# **relu has no derivative at 0, and a derivative of 0 below. Why may it be used at all, and what can go wrong?**
#
# Section 3.3 of the article lists limits of backpropagation. Here is one that it leaves out, and the commonest of all:
# the gradient is exactly 0, and training goes on as if nothing had happened.

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import Value

z = Value(0.0, label="z")
y = z.relu()
y.backward()
at_kink = mg.why(z)
print("the engine's derivative of relu at 0:", z.grad)

# %% question
# To the left of 0 the slope is 0, to the right it is 1. What is the central difference, (relu(h) − relu(−h)) / 2h?
answer = 0.5
assert mg.check_answer(at_kink.check.numeric, answer)

# %%
print(at_kink)

# %% [markdown]
# At a kink there is no derivative, only a range of slopes, here from 0 to 1. The rulebook has to choose one, and takes
# 0, as others do. In training that rarely matters: a weighted sum is hardly ever exactly 0, unless all weights are.
#
# What matters is the flat side. One unit, three examples; the targets are met exactly by w = 1, b = −1:

# %%
xs, ts = [1.0, 2.0, 3.0], [0.0, 1.0, 2.0]


def forward(w, b):
    z = [w * x + b for x in xs]
    return z, 0.5 * sum((zn.relu() - t) ** 2 for zn, t in zip(z, ts, strict=True))


w, b = Value(1.0, label="w"), Value(0.0, label="b")
z, L = forward(w, b)
L.backward()
print("outputs:", [zn.relu().data for zn in z], "  targets:", ts, "  L =", L.data)

# %% question
# What is ∂L/∂w? Each example pushes by (output − target) · x while its relu is on.
answer = 6.0
assert mg.check_answer(w, answer)

# %% [markdown]
# Now one step of descent with a learning rate of 0.3. ∂L/∂b is 3, so b moves by −0.9.

# %%
for p in w, b:
    p.data -= 0.3 * p.grad
    p.grad = 0.0
z, L = forward(w, b)
L.backward()
print(f"w = {w.data:.2f}, b = {b.data:.2f}, weighted sums: {[round(zn.data, 2) for zn in z]}, L = {L.data}")

# %% question
# The loss has grown. What is ∂L/∂w now?
answer = 0.0
assert mg.check_answer(w, answer)

# %%
print(mg.why(z[1]))

# %% [markdown]
# A message arrives: "more output, please". It is multiplied by relu's slope, which is 0, and goes no further. The same
# happens in all three examples, so no step of any size will ever move this unit again: it is *dead*. With smaller
# steps the same unit, from the same start, finds the solution:

# %%
for rate in 0.3, 0.1:
    w, b = Value(1.0), Value(0.0)
    for _ in range(300):
        z, L = forward(w, b)
        L.backward()
        for p in w, b:
            p.data, p.grad = p.data - rate * p.grad, 0.0
    print(f"rate {rate}: after 300 steps w = {w.data:+.3f}, b = {b.data:+.3f}, L = {L.data:.1e}")

# %% [markdown]
# In a layer the others go on, and nobody notices. The doctor counts. Three steps that are too large, twice from the same
# start: with relu, and with a leaky relu, whose slope below 0 is 0.1, so that messages get through.

# %%
mg.manual_seed(0)
x = 1 + mg.rand(64, 4)
y = mg.sum(x, axis=1, keepdims=True) - 6
for activation in nn.ReLU(), nn.LeakyReLU(0.1):
    mg.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 16), activation, nn.Linear(16, 1))
    sgd = optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        sgd.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        sgd.step()
    print(mg.doctor(model, lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1]), (x, y), sgd))

# %% [markdown]
# A large step is one way to die, an unlucky start another. The program of lesson 11 has two relus and positive inputs:

# %%
x = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]])
on = x @ np.random.default_rng(0).standard_normal((100_000, 2, 2)) > 0
print(f"both units are dead before the first step in {(~on.any(axis=1)).all(axis=1).mean():.0%} of all draws")

# %% [markdown]
# **Remember:** where relu is off the gradient is 0, not small, and a unit that is off for every example is lost. Smaller
# steps help, or centred inputs, or a slope below 0. Next: a loss whose gradient is large just when the answer is wrong.
