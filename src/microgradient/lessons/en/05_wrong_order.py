# %% [markdown]
# # 5 · The wrong order
#
# *The sweep goes back along the arrows. Does it matter in which order it takes the nodes?*
#
# It does: the rules may all be right, and the gradient wrong. And the order decides about the cost as well: with the
# right one it grows with the number of operations, not exponentially, as the article fears in 3.3.
# (Section 3.2, step 3. There the order is that of the layers; here is what it becomes in a graph of any shape.)

# %%
import microgradient as mg
from microgradient.explain.mistakes import MISTAKES, Mistake
from microgradient.explain.sweep import sweep_of
from microgradient.scalar import Value

a, one, two = Value(2.0, label="a"), Value(1.0, label="one"), Value(2.0, label="two")
b = a + one
c = b * two
d = b * c
nodes = {"a": a, "b": b, "c": c, "d": d}
d.backward()
print(f"b = {b.data}   c = {c.data}   d = {d.data}")

# %% [markdown]
# b is used twice, by c and by d. (In all d = 2b², so the slope along b is 4b.)

# %% question
# What is ∂d/∂a?
answer = 12.0
assert mg.check_answer(a, answer)


# %% [markdown]
# Now the sweep by hand. `v._backward()` runs the rule of v once: it adds upstream × local to the `grad` of what v was
# computed from. (The name is micrograd's.) Only the order is left to us.


# %%
def sweep_in(order):
    for v in nodes.values():
        v.grad = 0
    d.grad = 1
    for name in order:
        nodes[name]._backward()
    return a.grad


# %% question
# What does a get if b runs before c?  (b then has what d sent, and not yet what c will send.)
answer = 6.0
assert mg.check_answer(sweep_in("dbc"), answer)

# %%
for order in ("dcb", "dbc", "bcd"):
    print(" → ".join(order), "gives a", sweep_in(order))

# %% [markdown]
# The rule of b was right each time; twice it ran on a number that was not finished. So: **a node may send only when
# everything it will ever get has arrived**, that is, after all that was computed from it. The reverse of the order of
# evaluation is always such an order, because nothing can be used before it exists. The engine numbers its operations
# and sorts; that is all.
#
# ## Four ways to do it wrong
#
# ✗ marks a node that sends a number which is not its gradient.

# %%
sweep = sweep_of(d, nodes)
for kind in MISTAKES:
    wrong = Mistake(sweep, kind)
    print(f"{kind}: a gets {wrong.gradients.get(sweep.node(a), 0)} instead of {sweep.adjoints[sweep.node(a)]}")
    for use, total in wrong.steps:
        sender, receiver = sweep.names[use.node], sweep.names[use.parent]
        if receiver in nodes:
            told = f"  {sender} sends {use.contribution:4} to {receiver}, which then has {total:4}"
            print(told if use.upstream == sweep.adjoints[use.node] else f"{told}   ✗ {sender} was not complete")

# %% [markdown]
# With the leaves first, b and c run when nothing has arrived, and send nothing. "No zeroing" goes wrong without a ✗:
# each sweep is right, but the second one adds to what the first has left at a (lesson 9).
#
# The recursion is the most natural program: each node passes on what it has, then its parents do. b is visited along
# both of its paths, and sends the 6 that came first once more. If it sent only what is new, the result would be right,
# but each *path* would be walked by itself. How many are there if a number is doubled ten times?

# %%
x = Value(1.0, label="x")
y = x
for _ in range(10):
    y = y + y

# %% question
# How many paths lead from y to x?
answer = 1024
assert mg.check_answer(mg.paths(x, of=y).count, answer)

# %%
for _ in range(30):
    y = y + y
paths, doublings = mg.paths(x, of=y).count, len(sweep_of(y, {}).order) - 1
print(f"{doublings} doublings: {paths:,} paths; the sweep applies {doublings} rules")

# %% [markdown]
# "Grows exponentially with depth" is true of the walk along all paths, and of nothing else. The sweep adds up what
# arrives at a node *before* it goes on, so all paths through it are continued at once: each operation is gone through
# once, and the gradient costs a few times as much as the evaluation, whatever the depth.
#
# **Remember:** whoever was computed last sends first. In `mg.view(d)` the mistakes can be chosen at the bottom, and
# watched. *Next:* many numbers meet in one place, a neuron.
