# %% [markdown]
# # 7 · Loss: the squared error
#
# *A loss is an average over all examples. Which of them decide where a weight goes?*
#
# Each example pushes; the gradient is the sum of the pushes. When they cancel, training is over.
# (Sections 3.2, step 2, and 4.1. There the loss reads ℒ(y, y) = ½(y - y)², with one letter for two things. As it stands
# that is 0 for every model. One y is the prediction and one the target; here they are ŷ and y.)

# %%
import numpy as np

import microgradient as mg

x = mg.tensor([0.0, 1.0, 2.0, 3.0])
y = mg.tensor([1.0, 1.0, 3.0, 7.0])
w, b = mg.tensor(1.0, requires_grad=True), mg.tensor(1.0, requires_grad=True)
with mg.trace():
    prediction = w * x + b
    error = prediction - y
    loss = mg.mean(error**2) / 2
    loss.backward()
print("ŷ     ", prediction.tolist())
print("ŷ - y ", error.tolist())

# %% [markdown]
# A line ŷ = w·x + b through four points, and the loss L = 1/4 · Σ ½(ŷ - y)². The ½ is there to cancel a 2:
#
# **∂L/∂ŷᵢ = (ŷᵢ - yᵢ)/4.** What arrives at a prediction is its error, sign included, shared by the number of examples.
# (The article's program in 5.2 leaves out the ½. Its gradients are twice as large, which for plain descent is the same
# as twice the learning rate. The Adam used there divides such a factor out again: lesson 18.)
#
# From there the rules of lessons 1 and 4 lead on: w met xᵢ in example i, and b was used in all four. So
#
# **∂L/∂w = 1/4 · Σ (ŷᵢ - yᵢ)·xᵢ and ∂L/∂b = 1/4 · Σ (ŷᵢ - yᵢ).**

# %% question
# What is ∂L/∂b?
answer = -0.5
assert mg.check_answer(b, answer)

# %% question
# And ∂L/∂w?
answer = -2.0
assert mg.check_answer(w, answer)

# %%
print(mg.why(w))

# %% [markdown]
# One row an example. Two of them have no error and no say. The second is too high and would like w to be smaller; the
# fourth is too low, and it is heard nine times as loud: its error is three times as large, and it sits three times as
# far out, so w has a longer lever there.
#
# Lever is meant literally. Let a spring of stiffness 1/4 pull the line vertically towards each point. Then L is the
# energy of the springs, -∂L/∂b the force on the line, and -∂L/∂w the torque about x = 0. Fitting the line means to let
# go of it and wait for the equilibrium.

# %%
slope, offset = np.polyfit(x.numpy(), y.numpy(), 1)
w, b = mg.tensor(float(slope), requires_grad=True), mg.tensor(float(offset), requires_grad=True)
with mg.trace():
    prediction = w * x + b
    error = prediction - y
    loss = mg.mean(error**2) / 2
    loss.backward()
pushes = np.array([edge.contribution for edge in mg.why(w).edges])
w_at_rest, b_at_rest = np.round([slope, offset], 4) + 0.0
print(f"at rest: w = {w_at_rest}   b = {b_at_rest}   ŷ = {(np.round(prediction.numpy(), 4) + 0.0).tolist()}")

# %% question
# At rest the errors ŷ - y are -1, 1, 1, -1, from x = 0 to x = 3. What is the last example's part of ∂L/∂w?
answer = -0.75
assert mg.check_answer(pushes[3], answer)

# %%
print("pushes on w:", (np.round(pushes, 4) + 0.0).tolist(), "  their sum:", np.round(pushes.sum(), 4) + 0.0)

# %% [markdown]
# A gradient of 0 does not mean that every example is content. It means that they pull against each other and nobody
# wins: the forces add up to zero, and so do the torques.
#
# ## One point far off
#
# The push grows with the error. Move the last point up by 20, and see who holds the line:

# %%
y_far = mg.tensor([1.0, 1.0, 3.0, 27.0])
for name, of_error in (("squared error", lambda e: e * e / 2), ("absolute error", mg.abs)):
    with mg.trace():
        loss = mg.mean(of_error(w * x + b - y_far))
        loss.backward()
    print(f"{name:15}", [round(edge.contribution, 2) + 0.0 for edge in mg.why(w).edges])

# %% [markdown]
# Squared, the far point outshouts all others. With the absolute error each example pushes with the same force, whatever
# its error is (only the lever differs): choosing a loss is choosing who is heard.
#
# **Remember:** an example's push on a weight is its error times the input that the weight met there. In `mg.view(loss)`
# a card has a row for each example. *Next:* the line is let go. How far may it move in one step?
