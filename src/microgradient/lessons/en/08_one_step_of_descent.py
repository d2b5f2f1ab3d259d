# %% [markdown]
# # 8 · One step of descent
#
# *The gradient says which way is down. How far may I go?*
#
# As far as the slope stays roughly what it was. Gradient and curvature together say how far that is, and how much the
# loss will fall, before the step is taken.
# (Section 3.2, step 4, and the learning rate η of 4.1: "usually 10⁻³ to 10⁻¹".)

# %%
import numpy as np

import microgradient as mg

x = mg.tensor([0.0, 1.0, 2.0, 3.0], dtype=mg.float64)
y = mg.tensor([1.0, 1.0, 3.0, 7.0], dtype=mg.float64)


def loss(p):
    return mg.mean((p[0] * x + p[1] - y) ** 2) / 2


p = mg.tensor([1.0, 1.0], dtype=mg.float64)
before, g = mg.value_and_grad(loss)(p)
print(f"w, b = {p.tolist()}   L = {before.item()}   ∂L/∂(w, b) = {g.tolist()}")

# %% [markdown]
# The line of lesson 7, as a function of its two parameters. The step is θ ← θ - η·∂L/∂θ.

# %% question
# Where do w and b go in a step with η = 0.1?
answer = [1.2, 1.05]
assert mg.check_answer((p - 0.1 * g).numpy(), answer)

# %% [markdown]
# What will that do to the loss? Each parameter moves by -η·gᵢ, and L moves by gᵢ for each unit of it. Together:
#
# **ΔL ≈ Σ gᵢ·(-η·gᵢ) = -η·|g|².** Never positive: so far, any step seems to help, and a longer one helps more.

# %%
squared = mg.sum(g * g).item()

# %% question
# By how much should L change in the step with η = 0.1, to first order?
answer = -0.425
assert mg.check_answer(-0.1 * squared, answer)

# %% [markdown]
# The slope changes on the way. How fast, along the direction g of the step, is what the matrix of second derivatives
# tells, H·g; `mg.hvp` has it at the cost of a few gradients, without the matrix. To second order
#
# **ΔL ≈ -η·|g|² + ½ η²·(g·H·g).**
#
# The first term wins for small η, the second for large ones. They cancel at η = 2·|g|² / (g·H·g); half way there the
# loss falls most.

# %%
bend = mg.sum(g * mg.hvp(loss, p, g)).item()
print(f"|g|² = {squared}   g·H·g = {bend}")

# %% question
# What is the change for η = 0.5, with both terms?  (-0.5·|g|² + ½·0.25·g·H·g.)
answer = 0.03125
assert mg.check_answer(-0.5 * squared + 0.5 * 0.5**2 * bend, answer)

# %% [markdown]
# The loss rises although the step goes downhill. Predicted and actual changes side by side:

# %%
print("    η    first order   second order    actual")
for eta in (0.001, 0.01, 0.1, squared / bend, 2 * squared / bend, 0.5, 1.0):
    first, second = -eta * squared, -eta * squared + 0.5 * eta**2 * bend
    actual = (loss(p - eta * g) - before).item()
    mark = "·" if abs(actual) < 1e-9 else "▲" if actual > 0 else "▼"
    print(f"{eta:5.3f}   {first:+11.5f}   {second:+12.5f}   {actual:+7.5f}  {mark}")

# %% [markdown]
# The second order is exact here, because this loss is quadratic in w and b; for a network it holds near by.
#
# ## Many steps
#
# The next steps have other directions, and the steepest bend decides. It is the largest eigenvalue λ of H. Along it
# the distance to the minimum is multiplied by 1 - ηλ in each step, so that steps with η > 2/λ lead further and further
# away.

# %%
largest = np.linalg.eigvalsh(mg.hessian(loss)(p).numpy())[-1]
print(f"largest eigenvalue {largest:.3f}, so η must stay below {2 / largest:.4f}")
for eta in (0.01, 0.1, 0.98 * 2 / largest, 1.02 * 2 / largest):
    q, losses = p, []
    for _ in range(100):
        value, slope = mg.value_and_grad(loss)(q)
        losses.append(value.item())
        q = q - eta * slope
    print(f"η = {eta:.4f}   L after 0, 1, 10, 99 steps:", "  ".join(f"{losses[k]:.4g}" for k in (0, 1, 10, 99)))

# %% [markdown]
# Four per cent lie between a run that arrives and one that explodes. "10⁻³ to 10⁻¹" is a habit and not a law: it fits
# losses whose largest λ is below 20. With inputs ten times as large, λ would be up to a hundred times as large; that is
# why data are normalised. And the minimum of this loss is not 0: four points do not lie on one line.
#
# **Remember:** a step changes the loss by -η·|g|² as long as η is small beside 2/λ. (In the page that `mg.view` shows,
# a slider moves a parameter, and the loss follows.) *Next:* the same step, written down with one line missing.
