# %% [markdown]
# # 24 · Attention: who asked?
# *In every graph so far, the program decided what is connected with what. In a transformer the data decide. How can one
# learn, by gradients, where to look?*
#
# Section 6.2 of the article, transformers (Vaswani et al. 2017). A token i asks with a query qᵢ, every token j has a key kⱼ
# and a value vⱼ: sᵢⱼ = qᵢ · kⱼ / √d, pᵢ = softmax(sᵢ), outᵢ = Σⱼ pᵢⱼ vⱼ. Every step is smooth, so nothing is ever chosen:
# everything is looked at, more or less. First one query that finds four keys equally good; the values are 1, 0, 0, 0.

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim

scores = mg.tensor([0.0, 0.0, 0.0, 0.0], requires_grad=True)
with mg.trace():
    out = mg.softmax(scores) @ mg.tensor([1.0, 0.0, 0.0, 0.0])
    out.backward()

# %% [markdown]
# A larger score takes from all others: ∂pⱼ/∂sⱼ = pⱼ(1 − pⱼ), and ∂pₖ/∂sⱼ = −pⱼ pₖ. Together, ∂out/∂sⱼ = pⱼ · (vⱼ − out):
# a score should rise if its value is better than what comes out now.

# %% question
# All p are 0.25, out = 0.25. What is ∂out/∂s for the four scores?
answer = [0.1875, -0.0625, -0.0625, -0.0625]
assert mg.check_answer(scores, answer)

# %%
print("∂p/∂s =\n", mg.jacobian(lambda s: mg.softmax(s))(scores).data)
print(f"∂out/∂s adds up to {mg.sum(scores.grad).item():.1f}: a number added to all scores changes nothing")

# %% [markdown]
# ## Learning where to look
# Letters stand in a list, in another order every time; three of them are asked for, and the places where they stand are
# wanted. What has to be learnt is to look for the letter that one asks for. Queries and keys are rows of two tables, and
# value j is 1 for question i if its letter stands in place j: so out is the chance of the right place.

# %%
LETTERS, DIM = "abcdefgh", 16
mg.manual_seed(0)
query_of, key_of = (nn.Parameter(0.3 * mg.randn(len(LETTERS), DIM)) for _ in range(2))
rng = np.random.default_rng(0)


def lists(count):
    letters = np.stack([rng.permutation(len(LETTERS))[:5] for _ in range(count)])
    places = np.stack([rng.permutation(5)[:3] for _ in range(count)])
    wanted = (places[:, :, None] == np.arange(5)).astype(np.float32)
    return letters, np.take_along_axis(letters, places, 1), wanted


def look(asked, letters):
    queries, keys = query_of[asked], key_of[letters]
    scores = queries @ keys.mT / DIM**0.5
    return keys, scores, mg.softmax(scores, axis=-1)


def loss_of(p, wanted):
    return -mg.mean(mg.log(mg.sum(p * wanted, axis=-1)))


# %% [markdown]
# Before training, one list. A key stands in one column of the table of scores, and every question looks at it. So its
# gradient has one contribution for each question: Σᵢ ∂L/∂sᵢⱼ · qᵢ/√d. `why` says who asked, and what it wanted.

# %%
letters, asked, wanted = (x[0] for x in lists(1))
with mg.trace() as trace:
    keys, scores, p = look(asked, letters)
    loss = loss_of(p, wanted)
    loss.backward()
for question, row in zip(asked, trace.grad_of(scores).data, strict=True):
    print(f"{LETTERS[question]} asks, ∂L/∂s:", *(f"{LETTERS[a]} {g:+.3f} " for a, g in zip(letters, row, strict=True)))
print(mg.why(keys, (int(wanted[0].argmax()), 0)))

# %% [markdown]
# Each row of ∂L/∂s adds up to 0: the letter asked for is pulled nearer, at the cost of the others. In the explanation,
# [i, j] is question i looking at key j. Now both tables are trained, with 32 new lists in each step.

# %%
optimizer = optim.Adam([query_of, key_of], lr=0.02)
for step in range(300):
    letters, asked, wanted = lists(32)
    optimizer.zero_grad()
    p = look(asked, letters)[2]
    loss = loss_of(p, wanted)
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1}: loss {loss.item():.4f}")
for question, row in zip(asked[0], p.data[0], strict=True):
    print(f"{LETTERS[question]} asks, p:", *(f"{LETTERS[a]} {c:.2f} " for a, c in zip(letters[0], row, strict=True)))

# %% [markdown]
# ## Why divide by √d, and what a mask does
# A dot product of d independent numbers of size 1 is about √d in size. Without the division softmax saturates: one p is
# near 1, all p(1 − p) are near 0, and no gradient gets through. With a mask, −∞ in the place of a score, p is 0.

# %%
q, k = mg.randn(1000, 1, 256), mg.randn(1000, 8, 256)
products = mg.sum(q * k, axis=2)
for told, s in (("q · k", products), ("q · k / √d", products / 16.0)):
    p = mg.softmax(s, axis=1)
    print(f"{told:10} p(1 − p) is {mg.mean(p * (1.0 - p)).item():.4f} in the mean")
masked = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
p = mg.softmax(mg.where(np.array([True, True, False]), masked, -np.inf))
p[0].backward()

# %% question
# The third score is masked. What is ∂p₀/∂s for it?
answer = 0.0
assert mg.check_answer(masked.grad.data[2], answer)

# %% [markdown]
# A language model masks the future in this way: no token can ask a later one, so none teaches a later one anything.
#
# **Remember:** ∂L/∂sᵢⱼ = pᵢⱼ · (∂L/∂outᵢ · (vⱼ − outᵢ)), and a key learns from all who ask.
# *Next:* this, stacked and compiled, is a small GPT.
