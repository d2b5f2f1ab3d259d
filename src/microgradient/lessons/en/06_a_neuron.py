# %% [markdown]
# # 6 · A neuron
#
# *A neuron has several inputs and one output. When its weights are changed, which input changed which weight?*
#
# Each weight is moved by its own input and by nothing else; how far, one number decides that they share.
# (Section 3.2, step 1: z = W x + b and a = σ(z), here with a single row of W. In the article x stands for the input of
# every layer; from the second layer on, that is the a of the layer before.)

# %%
import microgradient as mg
from microgradient.scalar import Neuron, Value

x = [Value(2.0), Value(-1.0), Value(0.0)]
w = [Value(0.5), Value(1.5), Value(3.0)]
b = Value(0.5)
z = w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + b
a = z.sigmoid()
a.backward()
print(f"z = {z.data}   a = σ(z) = {a.data}")

# %% [markdown]
# σ(z) = 1 / (1 + e⁻ᶻ), and its slope can be had from its result: σ′(z) = a·(1 - a). The sum z passes what arrives on to
# each of its terms, and a term wᵢ·xᵢ sends to wᵢ what lesson 1 says: the other factor.
#
# **∂a/∂wᵢ = δ·xᵢ, ∂a/∂xᵢ = δ·wᵢ, ∂a/∂b = δ, with δ = ∂a/∂z = a·(1 - a).**

# %% question
# What is δ = ∂a/∂z?  (a is printed above.)
answer = 0.25
assert mg.check_answer(z, answer)

# %% question
# What is ∂a/∂w for the second weight, the one that met the input -1?
answer = -0.25
assert mg.check_answer(w[1], answer)

# %% question
# The third input is 0, so the third weight gets nothing. What is the slope of a along that *input*, x[2]?
answer = 0.75
assert mg.check_answer(x[2], answer)

# %%
print("input    its weight   slope along the weight   slope along the input")
for xi, wi in zip(x, w, strict=True):
    print(f"{xi.data:5}    {wi.data:10}   {wi.grad:+22.3f}   {xi.grad:+21.3f}")
print(mg.why(w[1]))

# %% [markdown]
# The two columns answer two questions. *How should the neuron change?* Its weights move along the input: to make the
# output larger on this input, add a multiple of x to w. *How should what comes before it change?* Along w; this is what
# a neuron sends back to the layer below. An input of 0 teaches its weight nothing, and may yet be what the output
# depends on most.
#
# ## The gate
#
# x decides the direction and δ the distance. If δ is small, all weights of the neuron stand still together, whatever
# the inputs are. Raise the bias and watch:

# %%
for bias in (0.5, 2.5, 5.5, 10.5):
    z = Value(sum(wi.data * xi.data for wi, xi in zip(w, x, strict=True)) + bias)
    a = z.sigmoid()
    a.backward()
    print(f"z = {z.data:4.1f}   a = {a.data:.5f}   δ = {z.grad:.5f}")

# %% [markdown]
# A *saturated* neuron is sure of itself and can't learn, even if it is wrong (unless what arrives from above makes up
# for it, as in lesson 15). The gate of the relu is simpler: open (δ = 1) if z > 0, shut (δ = 0) if not.
# `scalar.Neuron` is of this kind; a card calls its weights by their paths.

# %%
neuron = Neuron(2)
for weight, number in zip(neuron.parameters(), (1.0, -2.0, 0.5), strict=True):
    weight.data = number
for inputs in ([3.0, 1.0], [1.0, 2.0]):
    for weight in neuron.parameters():
        weight.grad = 0
    out = neuron(inputs)
    out.backward()
    print(inputs, "→", out.data, "  slopes along w and b:", [weight.grad for weight in neuron.parameters()])
print(mg.why(neuron.w[0]))

# %% [markdown]
# For [3, 1] the gate is open and the weights see their inputs; for [1, 2] it is shut, z being negative, and all that
# arrives is multiplied by 0. The card shows where: in the upstream.
#
# **Remember:** a weight's gradient is what arrives at its neuron times the input it met. In `mg.view(out)` you can drag
# an input and watch the slopes follow. *Next:* what should arrive there? The answer is the loss.
