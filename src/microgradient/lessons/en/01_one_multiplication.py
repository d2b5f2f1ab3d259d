# %% [markdown]
# # 1 · One multiplication
#
# *What does a program have to know in order to differentiate a product?*
#
# One rule, which fits in a line. In this lesson that line runs by itself: on numbers, on arrays, on letters.
# (Section 2.1 of the article, where the *microgradient* is introduced.)

# %%
import inspect

import numpy as np

import microgradient as mg
from microgradient.primitives import TABLE
from microgradient.scalar import Value

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
c = a * b
print(f"c = a · b = {c.data}")

# %% [markdown]
# Raise a by a small ε and leave b alone: (a + ε)·b = a·b + ε·b. The product moves by ε·b, so its slope along a is b:
#
# **∂c/∂a = b, and likewise ∂c/∂b = a.**
#
# Each factor's slope is the *other* factor. `backward()` puts the slope of c by each number into that number's `grad`.

# %%
c.backward()

# %% question
# What is ∂c/∂a?
answer = -3.0
assert mg.check_answer(a, answer)

# %%
print(mg.why(a))

# %% [markdown]
# Read the second line from left to right: what arrives at c from above, ∂c/∂c = 1, times the local derivative ∂c/∂a,
# is the contribution. *Upstream × local* on one edge of the graph: that product is a microgradient, and everything
# else in backpropagation is bookkeeping around it.
#
# One point of grammar, since the article has it the other way round: what is found is the derivative *of the target
# with respect to every node*, not of every node with respect to the target.
#
# If c is not the end, something other than 1 arrives. Let L = k·c with k = 5.

# %%
k = Value(5.0, label="k")
a, b = Value(2.0, label="a"), Value(-3.0, label="b")
L = k * (a * b)
L.backward()

# %% question
# What is ∂L/∂b?  (What arrives at the product a·b, times the slope of a·b along b.)
answer = 10.0
assert mg.check_answer(b, answer)

# %% [markdown]
# ## The line itself
#
# All derivatives of Microgradient are written once, in `rules.py`, a row for each operation. This is the row of the
# product, as it stands in that file. t is what arrives, y the result, and there is one map for each argument.

# %%
print(inspect.getsource(TABLE["multiply"].maps[0]).strip())
to_a, to_b = TABLE["multiply"].maps

# %% [markdown]
# The row does not ask what its numbers are. So the same two functions serve single numbers and whole arrays; and if
# we give them letters that write down what is done to them, they tell us the formula. (The first argument would be a
# namespace of functions such as exp; a product needs none.)


# %%
class Letter(str):
    def __mul__(self, other):
        return Letter(f"{self}·{other}")

    def __truediv__(self, other):
        return Letter(f"{self}/{other}")

    def __neg__(self):
        return Letter(f"-{self}")


print("numbers ", to_a(None, 5.0, -6.0, 2.0, -3.0), to_b(None, 5.0, -6.0, 2.0, -3.0))
print("arrays  ", to_a(None, np.ones(3), None, np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])))
letters = [Letter(x) for x in ("t", "y", "a", "b")]
for name in ("multiply", "divide"):
    print(f"{name:8}", "  and  ".join(rule(None, *letters) for rule in TABLE[name].maps))

# %% [markdown]
# The quotient y = a / b shows why the rule is handed the result as well: ∂y/∂b = -a/b² is -y/b, one division less.
# (`microgradient.explain.symbolic_world` does what `Letter` does, with sympy's algebra.)
#
# And a tensor is differentiated by the very same row. `mg.sum` makes one number of the products, and sends 1 to each.

# %%
x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = mg.tensor([0.5, -1.0, 4.0])
total = mg.sum(x * y)
total.backward()

# %% question
# What is ∂total/∂x?  (Three numbers.)
answer = [0.5, -1.0, 4.0]
assert mg.check_answer(x, answer)

# %% [markdown]
# **Remember:** a derivative in a program is a rule that says what to send back: upstream × local. `mg.view(L)` shows
# the graph in the browser. *Next:* how to make sure that a rule is right, without trusting the rule.
