# %% [markdown]
# # 19 · Clipping, and the hunt for a NaN
# *One batch out of ten thousand throws the weights far away, or the loss reads `nan`. What can be done about the first,
# and how does one find the line that is to blame for the second?*
#
# The article's answer to exploding gradients is clipping (section 9, question 2). Here is what clipping does to a
# gradient, what it cannot do, and how a NaN is traced to where it was born.

# %%
import json

import microgradient as mg
from microgradient import nn


def steep(w):
    return 15.0 * w[0] ** 2 + 20.0 * w[1] ** 2


w = nn.Parameter(mg.tensor([1.0, 1.0]))
steep(w).backward()
gradient = w.grad.data.copy()
print("∂L/∂w =", gradient, " norm", mg.linalg.vector_norm(w.grad).item())

# %% [markdown]
# Clipping by norm multiplies the *whole* gradient by min(1, c/‖g‖). It keeps the direction and limits the length.

# %%
nn.utils.clip_grad_norm_([w], max_norm=5.0)

# %% question
# The gradient was (30, 40), its norm 50. What is it after clipping to norm 5?
answer = [3.0, 4.0]
assert mg.check_answer(w, answer)

# %%
plain, clipped = w.data - 0.1 * gradient, w.data - 0.1 * w.grad.data
print(
    f"L was {steep(w.data):.2f}; a step of 0.1 without clipping makes it {steep(plain):.2f}, with it {steep(clipped):.2f}"
)

# %% [markdown]
# Limiting each entry by itself, between a largest and a smallest value, is what the article describes. That is
# `clip_grad_value_`, and it turns the gradient: both entries come out as 5, and the steeper direction is forgotten.
#
# The article adds that clipping prevents *vanishing* gradients. It cannot: min(1, c/‖g‖) is never more than 1.

# %%
w.grad = mg.tensor(gradient)
nn.utils.clip_grad_value_([w], clip_value=5.0)
print("by value:", w.grad.data, "  a small gradient, clipped by norm:", end=" ")
w.grad = mg.tensor(gradient * 1e-6)
nn.utils.clip_grad_norm_([w], max_norm=5.0)
print(w.grad.data)

# %% [markdown]
# ## A loss that looks healthy
# How evenly does each row of h spread its weight? The entropy −Σ s·log s of the shares s = h/Σh says it, with
# 0·log 0 = 0. One row has a zero in it, another is all zeros; `mg.where` seems to take care of both.


# %%
def entropy(h):
    total = mg.sum(h, axis=1, keepdims=True)
    share = h / total
    return -mg.mean(mg.sum(mg.where(share > 0, share * mg.log(share), 0.0), axis=1))


h = mg.tensor([[1.0, 3.0], [2.0, 0.0], [0.0, 0.0]], requires_grad=True)
with mg.trace() as trace:
    loss = entropy(h)
    loss.backward()
print(f"loss = {loss.item():.4f}")

# %% question
# The loss is finite. How many of the 6 entries of h.grad are NaN?
# (0 × ∞ is NaN, 0 × NaN too; and the sum of a row hands what it receives to every entry of the row.)
answer = 4
assert mg.check_answer(float(mg.sum(mg.isnan(h.grad)).item()), answer)

# %% [markdown]
# `why` follows it to its sources. The lines marked *NaN* name the operation that gave the first one going forward, and
# the edge where 0 met ∞ on the way back. Everything else that is not finite is a victim: below, each operation in the
# order of evaluation, with the number of its entries that are not finite, and of its gradient's.

# %%
print(mg.why(h, (1, 0)))
for node in json.loads(trace.to_json(of=loss))["nodes"]:
    bad = [node[part]["nonfinite"] for part in ("value", "gradient")]
    print(f"{node['name']:6}{node['op'] or '':12}value {bad[0]}   gradient {bad[1]}")

# %% [markdown]
# Going back, `where` sends an honest 0 into the branch that was not taken; but that branch is s·log s, whose derivative
# with respect to s is log s + 1 = −∞ at s = 0, and 0 × ∞ is NaN. The division goes wrong in the same way: in the row of
# zeros it is 0/0. The cure for both is to make the *input* of the dangerous operation harmless, not only its output.


# %%
def mended(h):
    total = mg.sum(h, axis=1, keepdims=True)
    share = h / mg.where(total > 0, total, 1.0)
    return -mg.mean(mg.sum(share * mg.log(mg.where(share > 0, share, 1.0)), axis=1))


print("clipped all the same:", nn.utils.clip_grad_norm_([h], max_norm=1.0).item(), h.grad.data.ravel())
h.grad = None
mended(h).backward()
print("mended:", h.grad.data.ravel())

# %% [markdown]
# In row 2 the second entry would really make the entropy grow infinitely fast; the mended program leaves that term out and
# goes on with a finite slope. What the gradient should be at such a point is for you to decide; NaN is no decision.
#
# Clipping is no cure: the norm of a gradient with one NaN is NaN, and the factor c/‖g‖ then spoils every entry
# (`error_if_nonfinite=True` makes it an error instead). Nor can one wait: after one update the parameters are NaN, and
# every operation looks guilty. `mg.doctor` names the first producer in a model; `mg.view(loss)` shows it in the graph.
#
# **Remember:** clipping shortens a gradient and cannot repair one; a NaN is repaired where it is born.
# *Next:* with healthy gradients, a network that reads digits.
