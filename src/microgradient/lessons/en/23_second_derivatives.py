# %% [markdown]
# # 23 · Second derivatives: why a gradient changes
# *A gradient says which way is down. How far should one go?*
#
# That depends on how fast the gradient itself changes on the way. Section 7.3 of the article lists the paper on
# Hessian-free optimisation; it is by Martens (2010), for recurrent networks by Martens and Sutskever (2011), and this
# lesson ends with its idea. It starts with one number.

# %%
import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

import microgradient as mg
from microgradient.data.datasets import load_digits
from microgradient.nn.functional import cross_entropy


def f(x):
    return x**4 + x**2


w = mg.tensor(2.0, requires_grad=True)
with mg.trace():
    slope = mg.grad(f)(w)
    slope.backward()

# %% [markdown]
# `mg.grad(f)` is a function like f: it computes f′(x) = 4x³ + 2x by operations with rules of their own. So its result
# has a gradient, too.

# %% question
# What is f″(2), the derivative of the slope 4x³ + 2x at 2?
answer = 50.0
assert mg.check_answer(w, answer)

# %%
print(mg.why(w))
mg.check_gradients(f, 2.0, order=3)  # by finite differences, up to the third derivative

# %% [markdown]
# Near w the slope is f′(w) + f″(w) · d. It vanishes at d = −f′(w)/f″(w): Newton's step. The curvature has chosen the
# learning rate, 1/f″.

# %% question
# f′(2) = 36. Where does one Newton step from 2 lead?
answer = 1.28
assert mg.check_answer(2.0 - float(slope) / float(w.grad), answer)

# %% [markdown]
# ## Many weights
# With n weights, the second derivatives form a matrix, the Hessian H, and Newton's step solves H d = −g. Rosenbrock's
# valley, (1 − x)² + 100(y − x²)², is narrow, long and bent; its minimum is at (1, 1).


# %%
def valley(p):
    return (1.0 - p[0]) ** 2 + 100.0 * (p[1] - p[0] ** 2) ** 2


newton = descent = mg.tensor([-1.0, 1.0], dtype=np.float64)
print("H at the start:", mg.hessian(valley)(newton).data.tolist())
for _ in range(6):
    newton = newton + mg.linalg.solve(mg.hessian(valley)(newton), -mg.grad(valley)(newton))
for _ in range(2000):
    descent = descent - 1e-3 * mg.grad(valley)(descent)
print("6 Newton steps:", newton.data, " 2,000 steps down the gradient:", descent.data.round(3))

# %% [markdown]
# For a million weights H has 10¹² entries. But H v for one vector v is only the derivative of the gradient in the
# direction v, and costs as much as a few gradients (Pearlmutter 1994): `mg.hvp`. No entry of H is ever written down.

# %% question
# f(x, y) = x² · y at (1, 2). What is H v for v = (1, 0), that is, how does the gradient (2xy, x²) change with x?
answer = [4.0, 2.0]
assert mg.check_answer(mg.hvp(lambda p: p[0] ** 2 * p[1], mg.tensor([1.0, 2.0]), mg.tensor([1.0, 0.0])).data, answer)

# %% [markdown]
# Conjugate gradients solve H d = −g with nothing but such products. The example is softmax regression on digits with a
# little weight decay, so H is positive definite and d leads down. For comparison: as many steps down the gradient as
# cost the same, if a product is counted as three gradients.

# %%
pictures, digits = load_digits()
x, y = mg.tensor(pictures.reshape(-1, 64).astype(np.float64)), mg.tensor(digits)


def loss(weights):
    return cross_entropy(x @ mg.reshape(weights, (64, 10)), y) + 0.5e-3 * mg.sum(weights**2)


value_and_slope = mg.compile(mg.value_and_grad(loss))
product = mg.compile(lambda w, v: mg.hvp(loss, w, v))
weights, products = mg.zeros(640, dtype=np.float64), 0


def times_hessian(v):
    global products
    products += 1
    return product(weights, mg.tensor(v)).data


for step in range(6):
    value, g = value_and_slope(weights)
    print(f"Newton step {step}: loss {value.item():.6f}, |g| {np.linalg.norm(g.data):.0e}, {products} products")
    d, _ = cg(LinearOperator((640, 640), times_hessian, dtype=np.float64), -g.data, rtol=0.1)
    weights = weights + mg.tensor(d)
for rate in (2.0, 4.0, 5.0):
    p = mg.zeros(640, dtype=np.float64)
    for _ in range(6 + 3 * products):
        value, g = value_and_slope(p)
        p = p - rate * g
    print(f"{6 + 3 * products} gradient steps, rate {rate}: loss {value.item():.6f}, |g| {np.linalg.norm(g.data):.0e}")

# %% [markdown]
# Near the minimum the error of Newton's method is squared in every step, if d is solved for exactly. Far from it, caution
# is due: where H is not positive definite, d may lead up, or to a saddle. The papers damp H for that reason.
#
# **Remember:** a gradient is a computation like any other, so it has a gradient; the second derivatives say how far to go.
# *Next:* a graph in which the data decide what is connected with what: attention.
