# %% [markdown]
# # 17 · Initialisation and batch norm
#
# **How large should the first weights be, and what does batch norm do to a gradient?**
#
# Question 2 of section 9 of the article names both as cures. First, weights must differ. If all are equal, the units of
# a layer compute the same, get the same gradient, and stay the same for ever:

# %%
import microgradient as mg
from microgradient import nn
from microgradient.scalar import Value

mg.manual_seed(0)
batch = mg.randn(64, 50), mg.randn(64, 1)


def loss_fn(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def network(std, norm=False):
    mg.manual_seed(1)
    model = nn.Sequential()
    for _ in range(8):
        model.extend([nn.Linear(50, 50, bias=False), *([nn.BatchNorm1d(50)] if norm else []), nn.ReLU()])
    for weight in model.parameters():
        if weight.ndim == 2:
            nn.init.normal_(weight, mean=0.0 if std else 0.1, std=std)
    return model.append(nn.Linear(50, 1))


print(mg.doctor(network(std=0.0), loss_fn, batch))

# %% [markdown]
# Second, their size. A weighted sum z = Σ wᵢ aᵢ of n terms, with independent weights around 0, has the mean square
# n · var(w) · mean(a²). And of a z that is as often positive as negative, relu keeps half: mean(relu(z)²) = ½ mean(z²).
# So a layer multiplies the mean square by n · var(w) / 2.

# %% question
# Which standard deviation of the weights keeps the mean square the same, for n = 50? (It is He's initialisation.)
answer = 0.2
assert mg.check_answer((2 / 50) ** 0.5, answer)

# %% [markdown]
# The way back is a weighted sum, too, over the units of the next layer, through the same half of the relus. So where all
# layers have as many units, the same weights are right in both directions. Half or twice as large, over eight layers:

# %%
print("std  root mean square of the signal in each layer                      gradient: first / last")
for std in 0.1, 0.2, 0.4:
    layers = mg.doctor(network(std), loss_fn, batch).layers
    signals = " ".join(f"{layer.signal:7.3g}" for layer in layers[:8])
    print(f"{std}  {signals}   ×{layers[1].gradient / layers[-1].gradient:.2g}")

# %% [markdown]
# Batch norm goes further: it makes each unit's numbers, over the batch, have mean 0 and variance 1, whatever the weights.
# (The article says that it normalises the input; it is used inside the network, on each unit.) The price is that every
# example now depends on all others. Four examples, one unit, and a loss that looks at the first alone:

# %%
x = [Value(0.0), Value(0.0), Value(2.0), Value(2.0)]


def normalised(x):
    mean = (x[0] + x[1] + x[2] + x[3]) / 4
    var = ((x[0] - mean) ** 2 + (x[1] - mean) ** 2 + (x[2] - mean) ** 2 + (x[3] - mean) ** 2) / 4
    std = var**0.5
    return [(v - mean) / std for v in x], mean, std


y, mean, std = normalised(x)
L = 4.0 * y[0]
L.backward()
print("y =", [v.data for v in y], "  mean", mean.data, "  std", std.data, "  ∂L/∂y = [4, 0, 0, 0]")

# %% [markdown]
# Adding up all paths, with g = ∂L/∂y and means over the batch: ∂L/∂x[i] = (g[i] − mean(g) − y[i] · mean(g · y)) / std.
# The first term is the direct path, the second comes through the mean, the third through the standard deviation.

# %% question
# L does not even look at y[1]. What is ∂L/∂x[1]?
answer = -2.0
assert mg.check_answer(x[1], answer)

# %%
print(mg.paths(x[1]))
print("all four:", [v.grad for v in x])
x = [Value(v.data) for v in x]
scaled = [10.0 * v for v in x]  # for the next question
L = 4.0 * normalised(scaled)[0][0]
L.backward()

# %% [markdown]
# No path to x[1] is direct. (The four through `std` to `mean` cancel: to first order the variance does not depend on what
# it is measured from.) Whoever takes mean and std for constants gets [4, 0, 0, 0] instead.
# What batch norm is good for lies in the factor 1 / std:

# %% question
# All x are first multiplied by 10. What is ∂L/∂(10 · x[1]) then? (What becomes of y, and of std?)
answer = -0.2
assert mg.check_answer(scaled[1], answer)

# %% [markdown]
# The multiplication sends back ten times that: ∂L/∂x[1] is −2 as before, and the 10 has cancelled. So with batch norm the
# size of weights is no longer a factor in the product of lesson 16. The gradient that arrives at the data, in norm:


# %%
def gradient_at_data(model):
    return float(mg.linalg.vector_norm(mg.grad(lambda data: loss_fn(model, (data, batch[1])))(batch[0])))


print("std   ‖∂L/∂data‖ without batch norm, with it")
for std in 0.1, 0.2, 0.4:
    print(f"{std}   {gradient_at_data(network(std)):9.2e}  {gradient_at_data(network(std, norm=True)):9.2e}")

# %% [markdown]
# **Remember:** He's weights, of variance 2/n, keep signals and gradients at their size. Batch norm makes both independent
# of the weights' size, and couples the examples of a batch. Next: the gradient is there, how far is the step to be?
