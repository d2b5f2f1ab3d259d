# %% [markdown]
# # 16 · Vanishing and exploding gradients
#
# **Every gradient is right, and still the deep network does not learn. What is wrong with it?**
#
# Section 3.3 and question 2 of section 9 of the article. Start with a chain of one-unit layers, a ← σ(w a − w/2). From
# a = ½ the weighted sum is 0, so a stays at ½, and every σ is at its middle, where its slope is ½ (1 − ½) = ¼.

# %%
import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import Value


def chain(w, depth):
    a = first = Value(0.5)
    for _ in range(depth):
        a = (w * a - w / 2).sigmoid()
    a.backward()
    return first, a


first, last = chain(w=1.0, depth=3)
print("three layers, w = 1: the last activation is", last.data)

# %% question
# What is ∂(last)/∂(first)? Each layer multiplies by w and by the slope of its σ.
answer = 1 / 64
assert mg.check_answer(first, answer)

# %% [markdown]
# A path is a product, so depth is an exponent. ¼ is the largest slope that σ has; away from its middle it is worse.

# %% question
# Which w makes a layer's factor exactly 1, so that the gradient comes through unchanged?
answer = 4.0
assert mg.check_answer(1 / (last.data * (1 - last.data)), answer)

# %%
print("layers     w = 1      w = 4      w = 8")
for depth in 3, 10, 30:
    print(f"{depth:>6} ", *(f"{chain(w, depth)[0].grad:10.2e}" for w in (1.0, 4.0, 8.0)))

# %% [markdown]
# Below 1 it vanishes, above 1 it explodes; only exactly between the two it keeps its size. A layer of many units
# multiplies by a matrix, Wᵀ, and by slopes; what counts is how much longer or shorter that makes a typical gradient.
# Nine layers of sigmoids, their weights as they come by default. `mg.doctor` measures the factor:


# %%
def loss_fn(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def network(activation, init=lambda weight: None):
    mg.manual_seed(1)
    model = nn.Sequential()
    for k in range(9):
        model.extend([nn.Linear(32 if k else 20, 32), activation()])
        init(model[-2].weight)
    model.append(nn.Linear(32, 5))
    return model, optim.Adam(model.parameters(), lr=1e-3)


mg.manual_seed(0)
batch = mg.randn(64, 20), mg.randint(5, (64,))
sick, sick_adam = network(nn.Sigmoid)
print(mg.doctor(sick, loss_fn, batch, sick_adam))

# %% [markdown]
# Its advice: relu, whose slope is 1 where it is on, and weights that make up for the half that is off (how large they
# are, says the next lesson). The same data, the same steps, side by side:

# %%
well, well_adam = network(nn.ReLU, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"))
print(mg.doctor(well, loss_fn, batch, well_adam))
print("step   loss: sigmoid   relu, He")
for step in range(101):
    losses = []
    for model, adam in (sick, sick_adam), (well, well_adam):
        adam.zero_grad()
        losses.append(loss_fn(model, batch))
        losses[-1].backward()
        adam.step()
    if step % 25 == 0:
        print(f"{step:>4} {float(losses[0]):>15.4f} {float(losses[1]):>10.4f}")

# %%
shares = mg.mean(nn.functional.one_hot(batch[1], 5) * 1.0, axis=0)
print(f"loss if only the frequency of each class is known: {float(-mg.sum(shares * mg.log(shares))):.4f}")

# %% [markdown]
# So that is all that the first network has learnt, in its last layer. Weights that are too large do the opposite:

# %%
loud, loud_adam = network(nn.ReLU, lambda weight: nn.init.normal_(weight, std=0.75))
print(mg.doctor(loud, loss_fn, batch, loud_adam).findings[0].evidence)

# %% [markdown]
# The article says that the *cost* of backpropagation grows exponentially with depth. It grows in proportion to depth.
# What may grow exponentially is the number of paths; but the sweep adds up at each node, and then goes on once.

# %%
x = h = Value(1.0)
for _ in range(5):
    h = h + h
h.backward()

# %% question
# Five additions, each of a number to itself. There are 2 ways back at each. What is ∂h/∂x, the number of all paths?
answer = 32
assert mg.check_answer(x, answer)

# %%
print(f"{mg.paths(x, of=h).count} paths, but the sweep goes back through each of the 5 additions once")

# %% [markdown]
# **Remember:** a gradient is a product over the layers: keep the factor near 1. Clipping (lesson 19) limits what explodes
# and can't bring back what has vanished. Next: weights, and layers, that keep the factor near 1.
