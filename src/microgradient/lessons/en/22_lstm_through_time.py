# %% [markdown]
# # 22 · An LSTM through time: the forget gate as a valve
# *A recurrent network reads thirty numbers, and only the first one matters. How does the gradient at the end find its way
# back to the beginning, and why does it so often get lost?*
#
# Section 6.2 of the article names LSTM and GRU; this is what their gates do to gradients. Unrolled in time, a recurrent
# network is an ordinary deep graph in which every layer has the same weights: again, paths add.

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import Value

f, c0 = Value(0.5, label="f"), Value(1.0, label="c0")
c = c0
for _ in range(4):
    c = f * c  # keep the share f of what is remembered
c.backward()

# %% question
# Four steps, each of which keeps half. What is ∂c/∂c0?
answer = 0.0625
assert mg.check_answer(c0, answer)

# %% question
# c = f⁴ · c0, so what is ∂c/∂f? (Each of the four time steps contributes the same here.)
answer = 0.5
assert mg.check_answer(f, answer)

# %%
print(mg.why(f))

# %% [markdown]
# Going back, each step multiplies by f: a valve. An LSTM (Hochreiter and Schmidhuber 1997; the forget gate is by Gers,
# Schmidhuber and Cummins 2000) computes its valves from what it reads, the input x and its last output h:
#
#     i, f, o = σ(W x + U h + b),  g = tanh(W x + U h + b),  each with its own W, U and b
#     c ← f · c + i · g            h ← o · tanh(c)
#
# Along c the way back over n steps has the factor f₁ · f₂ … fₙ. A plain recurrent network, h ← tanh(W x + U h + b), has no
# such way: each step multiplies by U and by a derivative of tanh. Now a task that needs memory: the first of thirty
# numbers is ±1, the others are noise, and in the end the network has to say the sign of the first.

# %%
STEPS, UNITS, BATCH = 30, 8, 64
rng = np.random.default_rng(0)


def examples():
    signs = rng.choice([-1.0, 1.0], size=(BATCH, 1)).astype(np.float32)
    noise = rng.normal(size=(STEPS - 1, BATCH, 1)).astype(np.float32)
    return mg.tensor(np.concatenate([signs[None], noise])), mg.tensor(signs)


def loss_of(cell, head, x, signs):
    h = c = mg.zeros((BATCH, UNITS))
    for t in range(len(x)):
        if isinstance(cell, nn.LSTMCell):
            h, c = cell(x[t], (h, c))
        else:
            h = cell(x[t], h)
    return mg.mean(mg.softplus(-signs * head(h)))  # −log of the chance of the right sign


def trained(cell, head):
    optimizer = optim.Adam([*cell.parameters(), *head.parameters()], lr=0.01)

    @mg.compile
    def step(x, signs):
        optimizer.zero_grad()
        loss = loss_of(cell, head, x, signs)
        loss.backward()
        optimizer.step()
        return loss

    return np.mean([step(*examples()).item() for _ in range(150)][-10:])


# %% [markdown]
# First untrained: the size of ∂L/∂x at the times 0, 5, 10 … 25, and the gradient of one weight (from the input to g, or
# to h) by time step: which share of it comes from step 0, the only one that matters? Then 150 steps of training. A
# network that has learnt nothing has the loss ln 2 ≈ 0.69.

# %%
for forget in (None, 0.0, 4.0):
    mg.manual_seed(0)
    cell, head = nn.RNNCell(1, UNITS) if forget is None else nn.LSTMCell(1, UNITS), nn.Linear(UNITS, 1)
    if forget is not None:
        cell.bias_ih.data[UNITS : 2 * UNITS] += forget  # the biases of i, f, g, o follow each other
    x, signs = examples()
    x.requires_grad = True
    with mg.trace():
        loss = loss_of(cell, head, x, signs)
        loss.backward()
    found = mg.why(cell.weight_ih, (0 if forget is None else 2 * UNITS, 0))
    by_step = np.abs(found.groups[0][1])  # the weight is used once in each time step
    print("plain network" if forget is None else f"LSTM, forget gates near {1 / (1 + np.exp(-forget)):.2f}")
    print("    |∂L/∂x|:", *(f"{size:.0e}" for size in mg.mean(mg.abs(x.grad), axis=(1, 2)).data[::5]))
    print(f"    from step 0: {by_step[0] / by_step.sum():.0%}    loss after training: {trained(cell, head):.2f}")

# %% [markdown]
# Where the valve is half open, next to nothing of the first step is left; nearly open, it has the largest say. That is why a
# forget gate's bias is begun at a positive number.
#
# The article says that the cost of backpropagation grows exponentially with depth (3.3, 8.3). What grows so is the
# number of *paths*. The sweep does not walk them one by one; it visits each operation once:

# %%
for n in (5, 10, 20):
    with mg.trace() as trace:
        loss = loss_of(cell, head, x[:n], signs)
    count = mg.paths(cell.weight_hh, of=loss).count
    print(f"{n:2} time steps: {len(trace.steps):3} operations, {count:.1e} paths from the loss to the weights U")

# %% [markdown]
# **Remember:** in time, too, paths add up; a gate near 1 lets the gradient pass, a gate near 0 stops it.
# *Next:* what a gradient's own gradient is good for.
