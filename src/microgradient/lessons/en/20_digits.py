# %% [markdown]
# # 20 · A network that reads digits
# *A trained network has thousands of weights. Can one of them be asked which pictures made it what it is?*
#
# Section 6.1 of the article: classification. A small multilayer perceptron learns to read 8 × 8 pictures of digits; then
# the gradient of one single weight is taken apart, picture by picture.

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.data.datasets import load_digits
from microgradient.nn.functional import cross_entropy

pictures, digits = load_digits()  # ink between 0 and 1
order = np.random.default_rng(0).permutation(len(digits))
train, test = order[:1400], order[1400:]
mg.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
print(f"{sum(p.size for p in model.parameters()):,} parameters, {len(train)} pictures to train, {len(test)} to test")

# %% [markdown]
# Lesson 15 showed that softmax and cross-entropy together send back p − y: what was predicted minus what is true. The
# loss of a batch is a mean, so each of N pictures sends (p − y)/N. A network that knows nothing gives all ten digits the
# same chance.

# %%
logits = mg.tensor(np.zeros((4, 10)), requires_grad=True)
cross_entropy(logits, mg.tensor([7, 2, 1, 0])).backward()

# %% question
# A batch of 4 pictures, every p is 0.1. The first picture shows a 7. What is ∂L/∂logit for its 7, and for its 8?
answer = [-0.225, 0.025]
assert mg.check_answer(logits.grad.data[0, 7:9], answer)

# %% [markdown]
# Now train. Every step takes 50 pictures; Adam is the optimiser of lesson 18.

# %%
optimizer = optim.Adam(model.parameters(), lr=5e-3)
rng = np.random.default_rng(1)


def accuracy(rows):
    with mg.no_grad():
        return float(np.mean(model(mg.tensor(pictures[rows])).data.argmax(axis=1) == digits[rows]))


@mg.compile
def step(x, y):
    optimizer.zero_grad()
    loss = cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


for epoch in range(12):
    parts = rng.permutation(train).reshape(-1, 50)
    losses = [step(mg.tensor(pictures[rows]), mg.tensor(digits[rows])).item() for rows in parts]
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1:2}: loss {np.mean(losses):.3f}, right on the test pictures {accuracy(test):.1%}")

# %% [markdown]
# ## One weight, and the pictures behind it
# A weight of the first layer joins a pixel to a hidden unit. Picture n sends it δₙ · xₙ, where xₙ is the ink of that
# pixel and δₙ = ∂L/∂zₙ what arrives at the unit. So ∂L/∂W = Σₙ δₙ xₙ: one contribution for each picture.

# %%
rows = train[:200]
x, weight = mg.tensor(pictures[rows]), model[1].weight
weight.grad = None
with mg.trace():
    logits = model(x)
    loss = cross_entropy(logits, mg.tensor(digits[rows]))
    loss.backward()
unit, pixel = np.unravel_index(np.abs(weight.grad.data).argmax(), weight.shape)
print(f"the largest gradient of the layer: unit {unit}, pixel in row {pixel // 8}, column {pixel % 8}, from 0")

# %% question
# The pixel in the upper left corner (pixel 0) is blank in every picture. What is the gradient of its weight?
answer = 0.0
assert mg.check_answer(weight.grad.data[unit, 0], answer)

# %%
print(mg.why(weight, (int(unit), int(pixel)), top=3))

# %% [markdown]
# Each row of that is a picture: [n, unit] says which. With `top=None` all are there, so they can be drawn: first the
# three that want this weight smaller (their ∂L/∂w is positive, and descent goes against it), then the three that want
# it larger. `6 → 1` is a 6 that is read as a 1, and p the chance that the network gives to the right digit.

# %%
edges = sorted(mg.why(weight, (int(unit), int(pixel)), top=None).edges, key=lambda edge: -edge.contribution)
p = mg.softmax(logits, axis=1).data
for three in (edges[:3], edges[:-4:-1]):
    shown = [edge.index[0] for edge in three]
    print(*(f"{edge.contribution:+.5f}".ljust(16) for edge in three))
    print(*(f"{digits[rows[n]]} → {p[n].argmax()}, p = {p[n, digits[rows[n]]]:.2f}".ljust(16) for n in shown))
    for line in range(8):
        print(*("".join(2 * " .:+#@"[int(5 * ink)] for ink in pictures[rows[n], line]) for n in shown))
pushes = np.array([edge.contribution for edge in edges])
print(f"all {len(edges)} added: {pushes.sum():+.6f}; weight.grad has {weight.grad.data[unit, pixel]:+.6f}")
print(f"ten pictures do {np.sort(abs(pushes))[-10:].sum() / abs(pushes).sum():.0%} of all the pushing")

# %% [markdown]
# Pictures that are read wrongly, or barely right, do the pushing: for the others p − y is almost 0. A picture whose
# pixel is blank, or for which the unit is off (relu gives 0), has no say at all. `mg.view(loss)` opens any other weight.
#
# **Remember:** a gradient is a sum over examples, and few of them make most of it.
# *Next:* a weight that meets the same picture in many places, the convolution.
