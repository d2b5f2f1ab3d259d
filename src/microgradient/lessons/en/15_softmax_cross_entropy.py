# %% [markdown]
# # 15 · Softmax and cross-entropy: p − y
#
# **Exponentials, a quotient, a logarithm: how can the gradient of all that be simply p − y?**
#
# Section 6.1 of the article has classification among its applications, and 3.2 names this loss. A network gives one
# number per class, the logits z. Softmax makes chances of them, p[k] = exp(z[k]) / Σ exp(z), and the loss is
# L = −log p[label]: small if the right class has a large chance.

# %%
import math
import warnings

import microgradient as mg
from microgradient.scalar import Value

z = [Value(math.log(k)) for k in (1.0, 2.0, 5.0)]  # so that exp(z) are 1, 2 and 5
label = 1

e = [v.exp() for v in z]
S = e[0] + e[1] + e[2]
L = S.log() - z[label]  # −log(e[label] / S)
L.backward()
print("exp(z) =", [round(v.data, 4) for v in e], "  S =", round(S.data, 4), "  L = log 4 =", round(L.data, 4))

# %% [markdown]
# Only primitives that you know. z[0] enters L on one path: through exp into S, and through log into L.
# log sends 1/S, + passes it on, exp multiplies by its own result.

# %% question
# What is ∂L/∂z[0]?
answer = 1 / 8
assert mg.check_answer(z[0], answer)

# %% [markdown]
# That is p[0]: the chance of a wrong class is the force that pushes its logit down. z[1], the logit of the label, enters
# L twice: like the others through S, and directly, with the minus sign.

# %% question
# What is ∂L/∂z[1]?
answer = -0.75
assert mg.check_answer(z[1], answer)

# %%
print(mg.why(z[1]))
print(mg.paths(z[1]))

# %% [markdown]
# Two contributions, p[1] and −1. So with y = 1 for the label and 0 for all others, **∂L/∂z = p − y**. Nothing had to be
# known but exp, log and +: what log sends back, 1/S, meets exp's own result, and their product is a chance again.
#
# In a batch there is one such row for each example, divided by their number:

# %%
logits = mg.tensor([[1.0, 2.0, 3.0], [0.0, 5.0, 0.0]], dtype=mg.float64, requires_grad=True)
labels = mg.tensor([2, 0])
mg.nn.functional.cross_entropy(logits, labels).backward()
by_hand = (mg.softmax(logits, axis=1) - mg.nn.functional.one_hot(labels, 3)) / 2
print("∂L/∂logits:  ", logits.grad.numpy().round(4).tolist())
print("(p − y) / 2: ", by_hand.numpy().round(4).tolist())
shifted = mg.nn.functional.cross_entropy(logits + 100.0, labels) - mg.nn.functional.cross_entropy(logits, labels)

# %% [markdown]
# Each row adds up to 0, for Σ p = Σ y = 1: what one logit gains, the others lose.

# %% question
# The gradient has no part along (1, 1, 1). By how much does L change if 100 is added to all logits of an example?
answer = 0.0
assert mg.check_answer(round(float(shifted), 4), answer)

# %% [markdown]
# This freedom is used: `cross_entropy` takes the largest logit away from all before it computes an exponential. Written
# as the formula stands, exp(1000) is infinite, and the gradient is ∞/∞:

# %%
large = mg.tensor([1000.0, 0.0], requires_grad=True)
with warnings.catch_warnings(action="ignore"):
    for name, loss in (
        ("as the formula stands", lambda z: mg.log(mg.sum(mg.exp(z))) - z[1]),
        ("cross_entropy", lambda z: mg.nn.functional.cross_entropy(z, mg.tensor(1))),
    ):
        print(f"{name}: L = {float(loss(large))}, ∂L/∂z = {mg.grad(loss)(large).tolist()}")

# %% [markdown]
# Why not the squared error of the chances? Suppose the network is wrong and sure of it. Then p − y is large, but in the
# squared error's gradient the slope of softmax, p (1 − p), is a further factor, and that is almost 0 just there:

# %%
print("z       p[right]     p − y    gradient of the squared error")
for size in 0.0, 2.0, 5.0, 10.0:
    wrong = mg.tensor([-size, size], dtype=mg.float64)  # the first class is right
    p = mg.softmax(wrong, axis=0)
    g = mg.grad(lambda z: mg.sum((mg.softmax(z, axis=0) - mg.tensor([1.0, 0.0])) ** 2))(wrong)
    print(f"±{size:<5} {float(p[0]):9.2e}  {float(p[1]):9.6f}  {float(g[1]):9.2e}")

# %% [markdown]
# With the logarithm the gradient is largest where the network is most wrong; with squares it vanishes there, as behind a
# dead relu. That is why classifiers are trained with cross-entropy, and why it wants logits, not chances.
#
# **Remember:** softmax and cross-entropy together send back p − y. Next: what many slopes below 1 do in a row.
