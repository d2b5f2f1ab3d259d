# %% [markdown]
# # 3 · A chain of three
#
# *If every operation knows only its own slope, who knows the slope of the whole?*
#
# Nobody has to: the slopes in a chain multiply, and each operation brings in its own factor. The bell curve
# L = exp(-x²) is a chain of three: a square, a minus, an exponential.
# (Section 2.1 of the article: backpropagation by the chain rule.)

# %%
import microgradient as mg
from microgradient.scalar import Value

x = Value(1.0, label="x")
u = x**2
v = -u
L = v.exp()
L.backward()
print(f"u = {u.data}   v = {v.data}   L = {L.data:.4f}")

# %% [markdown]
# Gears show why. If u turns twice as fast as x, and v turns backwards as fast as u, then v turns backwards twice as
# fast as x. So
#
# **∂L/∂x = ∂L/∂v · ∂v/∂u · ∂u/∂x**
#
# with each factor taken *where the computation was*: ∂u/∂x = 2x at x = 1, ∂v/∂u = -1, and ∂L/∂v = exp(v), which is the
# number L that has been computed already. The rule of exp needs its output, not its input.

# %% question
# What is ∂L/∂u?  (Two factors; L is printed above. Three digits are enough.)
answer = -0.3679
assert mg.check_answer(u, answer)

# %% question
# And ∂L/∂x?
answer = -0.7358
assert mg.check_answer(x, answer)

# %% [markdown]
# Here is the whole way, an operation at a time: first the evaluation, then the sweep back. In a terminal → and ← step
# through it in both directions, and q leaves; elsewhere the steps are printed.

# %%
mg.step(L)

# %% [markdown]
# Each step of the sweep did one multiplication: what arrived × its own slope. Nowhere was there a formula for the
# derivative of exp(-x²). The whole path in a line:

# %%
print(mg.paths(x, of=L))

# %% [markdown]
# ## From the other end
#
# A product of three numbers can be multiplied from either end. From the right, one asks how fast u, v and L move when
# x moves at speed 1. That is *forward mode*: the speeds come with the evaluation, in the same order.


# %%
def chain(x):
    u = x**2
    v = -u
    return u, v, mg.exp(v)


_, speeds = mg.jvp(chain, (1.0,), (1.0,))

# %% question
# x moves at speed 1. How fast does v move?
answer = -2.0
assert mg.check_answer(speeds[1].item(), answer)

# %%
print("forwards,  speeds of u, v, L:     ", "  ".join(f"{speed.item():+.4f}" for speed in speeds))
print("backwards, slopes of L by v, u, x:", "  ".join(f"{node.grad:+.4f}" for node in (v, u, x)))

# %% [markdown]
# The last number of each row is the same, ∂L/∂x; those before it are not. Forward mode has the slopes of *everything*
# along *one* input: a network with a million weights would need a million passes. Backward mode has the slope of *one*
# output along *everything*. A loss is one number, and that is why networks are trained backwards.
#
# **Remember:** back along a chain, each operation multiplies what arrives by its own slope. *Next:* a number that
# is used twice, so that two chains end in it.
