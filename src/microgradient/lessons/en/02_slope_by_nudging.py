# %% [markdown]
# # 2 · Slope by nudging
#
# *How do I know that a derivative is right, when the program that computes it may be wrong?*
#
# Ask the function. Move its input a little and see how far the output moves: no rule is needed for that, and the
# quotient of the two is what a derivative is in the first place.
# (Section 2.1 of the article: automatic differentiation, here beside the numeric kind it is often confused with.)

# %%
import math

import microgradient as mg
from microgradient.scalar import MLP, Value


def f(x):
    return x**3


a = Value(2.0, label="a")
L = f(a)
L.backward()

# %% question
# What is ∂L/∂a, by the rule for a power?
answer = 12.0
assert mg.check_answer(a, answer)


# %% [markdown]
# Now by nudging, in two ways: from 2 to 2 + h, and from 2 - h to 2 + h.


# %%
def one_sided(h):
    return (f(2.0 + h) - f(2.0)) / h


def central(h):
    return (f(2.0 + h) - f(2.0 - h)) / (2 * h)


# %% question
# A coarse nudge, h = 1: what is the central quotient (3³ - 1³) / 2?
answer = 13.0
assert mg.check_answer(central(1.0), answer)

# %% [markdown]
# Where does the error come from? Multiply out: (2 + h)³ = 8 + 12h + 6h² + h³. So
#
# * one-sided: 12 + 6h + h². Half the step, half the error.
# * central: 12 + h². The even terms cancel. Half the step, a quarter of the error.
#
# For other functions the same holds to leading order, with f″/2 in the place of 6 and f‴/6 in the place of 1.

# %% question
# By how much is the central quotient off for h = 0.1?
answer = 0.01
assert mg.check_answer(central(0.1) - 12.0, answer)

# %% [markdown]
# If smaller is better, why not h = 1e-16? Try all of them. Each dot is a digit that is right.


# %%
def dots(quotient):
    return "●" * round(-math.log10(max(abs(quotient / 12.0 - 1.0), 1e-16)))


print("h        one-sided        central")
for k in range(0, 18, 2):
    h = 10.0**-k
    print(f"{h:.0e}    {dots(one_sided(h)):16} {dots(central(h))}")

# %% [markdown]
# It gets better, and then worse until nothing is left: at 1e-16 the computer can't tell 2 + h from 2. A float has 16
# digits, so f(2 + h) is known to about 1e-16 · 8 and the quotient to about 1e-15 / h. Two errors pull in opposite
# directions, h² and 1e-15 / h; they are equal near h = 1e-5. That is as good as a quotient gets: ten digits or so.
#
# `mg.why` takes such a quotient (h = 6e-6 times the size of a) each time it explains a number. It is its last line:

# %%
print(mg.why(a))

# %% [markdown]
# `mg.check_gradients` does it for any function, and takes the step as an argument: move it until it breaks.


# %%
def bell(x):
    return mg.exp(-x * x)


for h in (1e-1, 6e-6, 1e-14):
    try:
        mg.check_gradients(bell, 1.0, order=1, step=h)
        print(f"h = {h:.0e}: they agree to five digits")
    except mg.errors.GradientError as error:
        print(f"h = {h:.0e}: {str(error).partition(';')[0]}")

# %% [markdown]
# It says "ours" and "finite difference" and leaves open which of them is wrong; here it is the difference, both times.
#
# Why not use quotients for everything, then? They cost two evaluations of the function *for each parameter*, and half
# of the digits. The sweep back costs a few evaluations for all parameters together, and loses no digits.

# %%
n = len(MLP(3, [4, 4, 1]).parameters())
print(f"a network of {n} parameters: {2 * n} evaluations by nudging, one and a sweep back by the rules")

# %% [markdown]
# **Remember:** trust the rules for speed and the quotient for a check, with h neither large nor tiny. In
# `mg.view(L)` a slider moves a, and the check follows. *Next:* several rules in a row.
