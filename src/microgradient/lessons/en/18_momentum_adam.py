# %% [markdown]
# # 18 · Momentum and Adam: the update, term by term
#
# **The gradient says which way is down. How far is a step to go, and why do optimisers remember earlier gradients?**
#
# Section 8.2 of the article, point 3. Take a ravine: L = ½ (x² + 50 y²), flat along x and steep along y. One step of
# descent multiplies x by 1 − lr and y by 1 − 50 lr.

# %%
import microgradient as mg
from microgradient import optim

start = mg.tensor([10.0, 1.0], dtype=mg.float64)


def ravine(p):
    return 0.5 * (p[0] ** 2 + 50.0 * p[1] ** 2)


print("second derivatives:", mg.hessian(ravine)(start).tolist())

# %% question
# Above which learning rate does y grow from step to step, instead of shrinking? (When is 1 − 50 lr below −1?)
answer = 0.04
assert mg.check_answer(2 / float(mg.max(mg.hessian(ravine)(start))), answer)

# %% [markdown]
# The steepest direction limits the rate, and the flat one has to live with it. Momentum keeps a running sum of gradients,
# b ← μ b + g, and steps along b. What is in b? We differentiate the optimiser's own formula, by each of five gradients:

# %%
momentum = optim.SGD([start.clone()], lr=1.0, momentum=0.9)


def last_step(g):
    theta, state = mg.zeros(()), {"momentum_buffer": mg.zeros(())}
    for k in range(5):
        before = theta
        theta = momentum.update(mg, theta, g[k], state, momentum.param_groups[0])
    return theta - before


print("∂(last step)/∂(gradients 1 to 5) =", mg.grad(last_step)(mg.ones(5, dtype=mg.float64)).numpy().round(4).tolist())

# %% [markdown]
# All gradients are in the step, each faded by 0.9 for every step since. Those that change their sign, across the ravine,
# mostly cancel; those that agree, along it, add up.

# %% question
# The gradient is 1 in every step, lr = 0.1, μ = 0.9. How long are the steps in the end? (1 + 0.9 + 0.9² + … = 10.)
answer = 1.0
assert mg.check_answer(0.1 / (1 - momentum.param_groups[0]["momentum"]), answer)

# %% [markdown]
# Adam remembers two things of each parameter: m, a moving average of g, and v, one of g². Its step is
# **−lr · m̂ / (√v̂ + ε)**, where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) make up for both having started at 0.
# The article says that it adapts the learning rate. More exactly, lr stays, and each entry's average gradient is divided
# by the size that this entry's gradients have had.

# %%
w = mg.tensor([0.0, 0.0], dtype=mg.float64, requires_grad=True)
adam = optim.Adam([w], lr=0.001)
(0.004 * w[0] + 400.0 * w[1]).backward()
adam.step()

# %% question
# By how much has the first step moved each of them? (m̂ = g and √v̂ = |g| when t = 1. Two numbers.)
answer = [-0.001, -0.001]
assert mg.check_answer(w.data, answer)

# %% [markdown]
# Both by lr: what counts is not how large gradients are, but whether they agree. Take two parameters with gradients of
# the same size, one steady, the other changing its sign. Here is their tenth update, opened:

# %%
w = mg.tensor([0.0, 0.0], dtype=mg.float64, requires_grad=True)
adam = optim.Adam([w], lr=0.001)
for t in range(1, 11):
    before = w.data.copy()
    w.grad = mg.tensor([1.0, (-1.0) ** t], dtype=mg.float64)
    adam.step()
m, v = adam.state[w]["exp_avg"], adam.state[w]["exp_avg_sq"]
for i, name in enumerate(("steady  ", "changing")):
    mean, size = m[i] / (1 - 0.9**t), (v[i] / (1 - 0.999**t)) ** 0.5
    print(f"{name} m̂ = {mean:.4f}, √v̂ = {size:.4f}, −lr · m̂ / √v̂ = {-0.001 * mean / size:.6f}", end=", ")
    print(f"it moved by {w.data[i] - before[i]:.6f}")

# %% [markdown]
# A gradient enters its step twice, through m above the line and through v below it. Adam's own formula, traced, on the
# steady parameter's m and v, and a gradient of 0.5:

# %%
g = mg.tensor(0.5, dtype=mg.float64, requires_grad=True)
with mg.trace():
    state = {"step": 10, "exp_avg": mg.tensor(m[0]), "exp_avg_sq": mg.tensor(v[0])}
    step = adam.update(mg, mg.tensor(0.0, dtype=mg.float64), g, state, adam.param_groups[0])
print(mg.why(g, of=step))

# %% [markdown]
# A larger g lengthens the step through m and shortens it through v. Now all three in the ravine, and in one 3 × as steep:

# %%
for scale in 1.0, 3.0:
    for name, rule in (
        ("descent ", lambda p: optim.SGD(p, lr=0.035)),
        ("momentum", lambda p: optim.SGD(p, lr=0.035, momentum=0.9)),
        ("Adam    ", lambda p: optim.Adam(p, lr=0.3)),
    ):
        p = mg.tensor(start.data, requires_grad=True)
        optimizer = rule([p])
        for _ in range(100):
            optimizer.zero_grad()
            (scale * ravine(p)).backward()
            optimizer.step()
        print(f"{scale:.0f} × L, {name} after 100 steps: L = {float(ravine(p)):.1e}")

# %% [markdown]
# Adam takes no notice of a factor in the loss, so one learning rate serves many problems. It is not always the fastest.
#
# **Remember:** momentum adds up what agrees; Adam divides it by its size. Next: cutting gradients, and hunting NaN.
