# %% [markdown]
# # 9 · Forgot to zero
#
# *The loss falls, rises, falls again and never settles. What did I forget?*
#
# Perhaps the line that sets the gradients back to zero. What comes out then is not noise: it is an oscillator.
# (Section 3.2, step 4, says "iterate". It does not say that `grad` has a memory.)

# %%
import math
import warnings

import microgradient as mg
from microgradient import optim
from microgradient.scalar import Value

a = Value(3.0, label="a")
L = a * a
L.backward()
L.backward()

# %% [markdown]
# ∂L/∂a = 2a = 6. But `backward` *adds* to `grad`. Over several paths it must (lesson 4); over several passes it does so
# because it may be meant, as at the end of this lesson.

# %% question
# What is a.grad after the two calls?
answer = 12.0
assert mg.check_answer(a, answer)

# %%
M = 5 * a
M.backward()
print("a.grad =", a.grad)
print(mg.why(a))

# %% [markdown]
# `grad` is a stack of backward passes, of which one sees the sum. `mg.why` opens the last one, 5, and says what else
# lies in it: 6 + 6 + 5.
#
# ## What a training loop makes of it
#
# Minimise L = ½w² from w = 4 with η = 0.1, so that each gradient is w itself. Once with zeroing, once without.


# %%
def train(zeroing, steps):
    w, path = Value(4.0, label="w"), [4.0]
    for _ in range(steps):
        if zeroing:
            w.grad = 0
        loss = 0.5 * w**2
        loss.backward()
        w.data -= 0.1 * w.grad
        path.append(w.data)
    return path


with warnings.catch_warnings(action="ignore"):  # Microgradient warns of it; here it is meant
    right, wrong = train(True, 60), train(False, 60)

# %% question
# Both go from 4 to 3.6 in the first step. Where is w after the second one *without* zeroing?
answer = 2.84
assert mg.check_answer(wrong[2], answer)

# %%
for k in range(0, 61, 3):
    line = [" "] * 41
    line[20], line[round(20 + 5 * right[k])], line[round(20 + 5 * wrong[k])] = "│", "○", "●"
    print(f"step {k:2}  {''.join(line).rstrip():41}  with zeroing {right[k]:+.3f} ○   without {wrong[k]:+.3f} ●")

# %% [markdown]
# Without zeroing w swings for ever. Call G the sum of all gradients so far. Then
#
# G ← G + w and w ← w - η·G
#
# are the equations of a mass on a spring: w is its place, -η·G its velocity (the way it goes in a step), and that
# changes by -η·w, the pull of a spring of stiffness η. There is no friction, hence no rest. The period should be about
# 2π/√η; exactly, for steps of this length, 2π/θ with cos θ = 1 - η/2.

# %%
zeros = [k for k in range(60) if wrong[k] * wrong[k + 1] < 0]
print(f"period seen: {2 * (zeros[-1] - zeros[0]) / (len(zeros) - 1):.1f} steps", end="   ")
print(f"2π/√η = {2 * math.pi / math.sqrt(0.1):.1f}   2π/θ = {2 * math.pi / math.acos(1 - 0.1 / 2):.1f}")
first, last = max(map(abs, wrong[:20])), max(map(abs, wrong[-20:]))
print(f"farthest from 0 in the first 20 steps: {first:.2f}, in the last 20: {last:.2f}")

# %% [markdown]
# SGD with momentum μ has the same equations, on purpose: v ← μ·v + g, w ← w - η·v. It zeroes `grad` and keeps a share μ
# of the old gradients by itself. How large is that share in the loop that forgot? The second step is η·v; take off the
# part of the new gradient, and compare what remains with the first step.

# %%
first_step, second_step = wrong[0] - wrong[1], wrong[1] - wrong[2]
share = (second_step - 0.1 * wrong[1]) / first_step

# %% question
# For which μ does SGD with momentum go the same way as the loop that forgot to zero?
answer = 1.0
assert mg.check_answer(share, answer)

# %%
for momentum in (1.0, 0.9, 0.5):
    w = mg.tensor(4.0, dtype=mg.float64, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=momentum)
    for _ in range(60):
        optimizer.zero_grad()
        (0.5 * w**2).backward()
        optimizer.step()
    print(f"μ = {momentum}: w after 60 steps {w.item():+.6f}")
print(f"no zeroing: w after 60 steps {wrong[60]:+.6f}")

# %% [markdown]
# With μ < 1 there is friction, and momentum becomes useful (lesson 18). And to add up on purpose is useful too: if the
# loss is a sum over examples, the gradients of two half batches, added up before *one* step, are that of the whole
# batch; if it is a mean, half of that is.
#
# **Remember:** `grad` adds; zero it before each step, unless you mean to add. In `mg.view(loss)`, *no zeroing* is one
# of the mistakes at the bottom. *Next:* all of it together, two layers by hand.
