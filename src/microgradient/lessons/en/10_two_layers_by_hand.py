# %% [markdown]
# # 10 · Two layers by hand
#
# **Can I get every gradient of a network with a pencil, and how would I notice a wrong one?**
#
# This is section 4.3 of the article: two inputs, two hidden units, one output, σ after both layers, and the loss
# ℒ = ½ (a₂ − t)². (The article writes ℒ(y, y): one y is the prediction, here a₂, the other the target, here t.)

# %%
import math

import numpy as np

import microgradient as mg
from microgradient.scalar import Value

x, t = [Value(1.0), Value(2.0)], 1.0
W1, b1 = [[Value(2.0), Value(-1.0)], [Value(math.log(3)), Value(0.0)]], [Value(0.0), Value(0.0)]
W2, b2 = [Value(3.0), Value(-2.0)], Value(0.0)

z1 = [W1[j][0] * x[0] + W1[j][1] * x[1] + b1[j] for j in range(2)]
a1 = [z.sigmoid() for z in z1]
z2 = W2[0] * a1[0] + W2[1] * a1[1] + b2
a2 = z2.sigmoid()
error = a2 - t
L = 0.5 * error**2
L.backward()

print("hidden layer: a1 =", [round(a.data, 4) for a in a1])
print("output:       a2 =", round(a2.data, 4), "  L =", round(L.data, 4))

# %% [markdown]
# The weights were chosen so that the activations are easy numbers. Now back, from the loss, one factor at a time;
# σ′(z) = a (1 − a) needs only the activation that is already there.
#
# - ∂L/∂a₂ = a₂ − t
# - ∂L/∂z₂ = ∂L/∂a₂ · a₂ (1 − a₂)

# %% question
# What is ∂L/∂z₂? Mind the sign: the output is too small, so pushing z₂ up must lower the loss.
answer = -0.125
assert mg.check_answer(z2, answer)

# %% [markdown]
# From z₂ the gradient goes on to everything that z₂ was computed from:
#
# - ∂L/∂W₂[j] = ∂L/∂z₂ · a₁[j], and ∂L/∂b₂ = ∂L/∂z₂
# - ∂L/∂a₁[j] = ∂L/∂z₂ · W₂[j], through the weight that a₁[j] met
# - ∂L/∂z₁[j] = ∂L/∂a₁[j] · a₁[j] (1 − a₁[j]), through the σ of *that* unit

# %% question
# What is ∂L/∂z₁[1], for the second hidden unit?
answer = 0.046875
assert mg.check_answer(z1[1], answer)

# %% [markdown]
# The article has ∂L/∂z₁ = ∂L/∂z₂ · W₂ · σ′(z₂). But σ′(z₂) is already inside ∂L/∂z₂, and the hidden unit's own
# factor σ′(z₁) is missing. What would that give?

# %%
slope2 = a2.data * (1 - a2.data)
for j in range(2):
    theirs = z2.grad * W2[j].data * slope2
    print(f"unit {j}: the article's formula {theirs:+.6f}, the engine {z1[j].grad:+.6f}")

# %% [markdown]
# One of the two agrees, by luck: there z₁ and z₂ are equal, and so are their slopes. Agreement at one point proves
# little. Who is right about the other unit? `mg.why` shows the factor that was applied, and below it a central
# difference: the loss computed twice more, with z₁[1] moved a little. It knows nothing of rules.

# %%
print(mg.why(z1[1]))

# %% [markdown]
# The whole way from the loss to one weight is a product. Reading it off shows each factor exactly once:
# two slopes of σ, one per layer, each at its own z.

# %%
print("through                 × local     = so far")
for edge in mg.paths(W1[1][0]).paths[0].edges:
    print(f"{edge.formula:<20} {edge.local:>10.4f} {edge.contribution:>12.6f}")

# %% question
# The weight W₁[1][1] is 0, so x[1] = 2 has no influence on the second unit at present.
# What is ∂L/∂W₁[1][1] all the same? (The rule of × sends a weight the input it met.)
answer = 0.09375
assert mg.check_answer(W1[1][1], answer)

# %% [markdown]
# In matrices, with columns for vectors: δ₂ = (a₂ − t) σ′(z₂), then δ₁ = W₂ᵀ δ₂ ⊙ σ′(z₁), and ∂L/∂W₁ = δ₁ xᵀ.
# ⊙ multiplies entry by entry. The transposes are not decoration: δ₁ must have the shape of z₁, ∂L/∂W₁ that of W₁.

# %%
A1, A2, X = np.array([[a.data] for a in a1]), np.array([[a2.data]]), np.array([[v.data] for v in x])
d2 = (A2 - t) * A2 * (1 - A2)
d1 = np.array([[w.data for w in W2]]).T @ d2 * A1 * (1 - A1)
by_hand, by_engine = d1 @ X.T, np.array([[w.grad for w in row] for row in W1])
print("∂L/∂W1 by hand:", by_hand.tolist())
print("largest difference from the engine:", np.abs(by_hand - by_engine).max())

# %% [markdown]
# **Remember:** going back through a layer multiplies by its weights transposed and by σ′ at *its own* z, each once.
# `mg.view(L)` shows this graph in the browser. Next: the article's program, which has mistakes of another kind.
