# %% [markdown]
# # 4 · Used twice: paths add
#
# *Along a chain slopes multiply. But if a number is used in two places, which of the two slopes is its gradient?*
#
# Their sum. This lesson shows why, takes the sum apart, and shuts one of the paths to see what is left.
# (Section 2.1 of the article names the chain rule; this is its form for more than one path.)

# %%
import microgradient as mg
from microgradient.scalar import Value

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
c = a * b
d = a + b
L = c * d
L.backward()
print(f"c = {c.data}   d = {d.data}   L = {L.data}")

# %% [markdown]
# Raise a by ε. Then c moves by b·ε and d by ε, and the product becomes
#
# (c + b·ε)·(d + ε) = c·d + (b·d + c)·ε + b·ε²
#
# To first order in ε each use moves L as if the other stood still, and the two movements add. That both move at once
# shows only in ε². So the slope is b·d + c: **along a path multiply, over the paths add.**

# %% question
# What is ∂L/∂a = b·d + c?
answer = -3.0
assert mg.check_answer(a, answer)

# %% question
# And ∂L/∂b?  (The same with the parts of a and b exchanged.)
answer = -8.0
assert mg.check_answer(b, answer)

# %%
print(mg.why(a))

# %% [markdown]
# The two contributions pull in opposite directions. -3 is what +3 and -6 leave, and the number alone does not tell:
# a small gradient may be the rest of two large ones.
#
# This is the reason why `backward()` *adds* to `grad` and does not set it. A program that sets it keeps the last
# contribution only, and is right for chains: a mistake that waits for the first number that is used twice.
#
# ## Mute a path
#
# What would ∂L/∂b be if nothing came back through d? Then only the path L → c → b is left: the slope of c·d along c,
# times the slope of a·b along b.

# %% question
# What is left of ∂L/∂b without the edge from L to d?
answer = -2.0
assert mg.check_answer(mg.paths(b, without=[("L", "d")]).total, answer)

# %%
print(mg.paths(b))
print(mg.paths(b, without=[("L", "d")]))

# %% [markdown]
# What is left is a partial derivative *at fixed d*. Thermodynamics writes (∂L/∂b) with a small d below to the right,
# and means the same: what is held fixed decides what the derivative is. To hold d in a program, take its number and
# drop its history; of tensors, `detach()` makes such a copy.

# %%
held = Value(d.data, label="held")
L2 = (a * b) * held
print("d held fixed:", mg.why(b, of=L2).gradient)

# %% [markdown]
# Two uses may also be two arguments of one operation. a · a · a is three paths, and the rule for the power,
# 3a² = a² + a² + a², is nothing but their sum.

# %%
cube = a * a * a
print(mg.paths(a, of=cube))

# %% [markdown]
# **Remember:** multiply along a path, add over the paths. In `mg.view(L)`, under *Paths*, a click mutes an edge.
# *Next:* there can be a million paths. In which order must they be gone through, so that every node is visited once?
