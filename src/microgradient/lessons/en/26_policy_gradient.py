# %% [markdown]
# # 26 · Policy gradient, and models with many outputs
# *Nobody says which move was right; there is only a reward, later. The world can't be differentiated either. Where should a
# gradient come from?*
#
# Section 6.3 of the article, and questions 3 to 5 of section 9. The answer (Williams 1992): one's own chances π(a) can
# be differentiated. The mean reward changes by ∂/∂θ Σ π(a) R(a) = Σ π(a) · R(a) · ∂ log π(a)/∂θ, and that is again a mean over
# actions drawn from π. The reward is to grow, so the loss of one draw is −R · log π(a).

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim

logits = mg.tensor([0.0, 0.0], requires_grad=True)
loss = -2.0 * mg.log_softmax(logits)[1]  # action 1 was drawn, and brought 2
loss.backward()

# %% question
# Both actions have the chance 0.5. What is ∂L/∂logits? (∂ log π(a)/∂logits is 1 − π for the action drawn, −π for others.)
answer = [1.0, -1.0]
assert mg.check_answer(logits, answer)

# %%
rewards, point = mg.tensor([-1.0, 0.5, 2.0]), mg.tensor([0.3, -0.2, 0.1])
exact = mg.grad(lambda s: mg.sum(mg.softmax(s) * rewards))(point)
by_log = sum(mg.softmax(point)[a] * rewards[a] * mg.grad(lambda s, a=a: mg.log_softmax(s)[a])(point) for a in range(3))
print("gradient of the mean reward:", exact.data, " mean of the gradients:", by_log.data)

# %% [markdown]
# ## A walk, and which move is to be thanked
# Five places in a row; one starts in the middle and goes left (action 0) or right (1). Either end ends the walk: the left
# one pays 0.3, the right one 1, and every move costs 0.1. A move is weighed by what came *after* it, its return G, less
# what is usual, a baseline b: ∂L/∂θ = −Σ (Gₜ − b) · ∂ log π(aₜ|sₜ)/∂θ. The policy is a table of logits.

# %%
policy = nn.Parameter(mg.zeros((5, 2)))
rng = np.random.default_rng(6)


def walk():
    places, actions = [2], []
    while 0 < places[-1] < 4:
        left, right = np.exp(policy.data[places[-1]])
        actions.append(int(rng.random() < right / (left + right)))
        places.append(places[-1] + 2 * actions[-1] - 1)
    returns = (1.0 if places[-1] == 4 else 0.3) - 0.1 * np.arange(len(actions), 0, -1)
    return np.array(places[:-1]), np.array(actions), returns


def loss_of(places, actions, advantages):
    log_chances = mg.log_softmax(policy[places], axis=1)
    return -mg.sum(advantages * log_chances[np.arange(len(actions)), actions])


places, actions, returns = walk()
with mg.trace():
    loss = loss_of(places, actions, returns - 0.4)
    loss.backward()
for t in range(len(places)):
    print(f"move {t}: place {places[t]} {'→' if actions[t] else '←'}   G − b = {returns[t] - 0.4:+.1f}")

# %% question
# Every chance is 0.5 as yet. What is ∂L/∂policy[2, 1], for right in place 2? Two moves started there.
answer = -0.1
assert mg.check_answer(policy.grad.data[2, 1], answer)

# %%
print(mg.why(policy, (2, 1)))

# %% [markdown]
# v1[t, 1] is move t: one sees which move's reward pushed the weight where. A baseline leaves the mean of such gradients as
# it is, since Σ π(a) · ∂ log π(a)/∂θ = ∂/∂θ Σ π(a) = 0; but they scatter less. Then the table learns, with b = 0.4.

# %%
walks = [walk() for _ in range(500)]
for baseline in (0.0, np.mean([returns[0] for _, _, returns in walks])):
    found = []
    for places, actions, returns in walks:
        policy.grad = None
        loss_of(places, actions, returns - baseline).backward()
        found.append(policy.grad.data[2, 1])
    print(f"b = {baseline:.2f}: ∂L/∂policy[2, 1] is {np.mean(found):+.2f} ± {np.std(found):.2f}")

optimizer = optim.SGD([policy], lr=0.2)
for update in range(300):
    places, actions, returns = (np.concatenate(x) for x in zip(*(walk() for _ in range(4)), strict=True))
    optimizer.zero_grad()
    (loss_of(places, actions, returns - 0.4) / 4).backward()
    optimizer.step()
    if update % 100 == 99:
        chances = mg.softmax(policy, axis=1).data[1:4, 1]
        print(f"update {update + 1}: chances of right in places 1, 2, 3:", *chances.round(2))

# %% [markdown]
# ## Several outputs
# The article answers questions 3 to 5 by a gradient for each output. But a sweep starts from *one* number: of several losses
# one takes the sum, weighted as one likes, and a shared weight gets all their contributions in one sweep. With several
# labels for an example the sum has a binary cross-entropy for each. Only who wants the outputs' derivatives apart, the
# Jacobian, needs a sweep for each output.

# %%
w = mg.Value(0.5, label="w")
first, second = 3.0 * w, w * w
L = first + 2.0 * second
L.backward()

# %% question
# What is ∂L/∂w?
answer = 5.0
assert mg.check_answer(w, answer)

# %%
print(mg.paths(w, of=L))
print("one row for each output:", mg.jacobian(lambda w: mg.stack([3.0 * w, w * w]))(mg.tensor(0.5)).data)

# %% [markdown]
# **Remember:** where the world can't be differentiated, differentiate the chances, and weigh each by what came of it.
# That was the last lesson. `mg.why`, `mg.paths` and `mg.view` are there for graphs of your own.
