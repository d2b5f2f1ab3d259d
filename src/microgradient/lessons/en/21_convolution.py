# %% [markdown]
# # 21 · Convolution: one weight in many places
# *A 3 × 3 kernel has nine weights, and a picture thousands of pixels. How can a whole picture have something to say about
# one of nine numbers, and what exactly does it say?*
#
# Section 6.2 of the article: the gradients of convolutional networks. Nothing new is needed. A kernel is used again and
# again, and lesson 4 said what happens then: paths add.

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.data.datasets import load_digits
from microgradient.nn.functional import conv2d

x = mg.tensor(np.arange(1.0, 17.0).reshape(1, 1, 4, 4), requires_grad=True)  # (examples, channels, rows, columns)
kernel = mg.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requires_grad=True)
with mg.trace():
    y = conv2d(x, kernel)
    L = mg.sum(y)
    L.backward()
print(x.data[0, 0], y.data[0, 0], sep="\n")

# %% [markdown]
# The kernel is laid on the picture in every position, here 3 × 3 of them: y[i, j] = Σ k[a, b] · x[i+a, j+b]. So k[a, b]
# meets x[i+a, j+b] in position (i, j), and ∂L/∂k[a, b] = Σ ∂L/∂y[i, j] · x[i+a, j+b], over all positions. With
# L = Σ y all ∂L/∂y are 1.

# %% question
# Which pixels does the kernel's upper left weight meet? Its gradient is their sum.
answer = 54.0
assert mg.check_answer(kernel.grad.data[0, 0, 0, 0], answer)

# %% question
# And the picture: what are ∂L/∂x at the upper left corner, and at row 1, column 1 (from 0)?
# The corner meets one weight of the kernel, the other pixel every one of them.
answer = [1.0, 10.0]
assert mg.check_answer(x.grad.data[0, 0, [0, 1], [0, 1]], answer)

# %%
print(mg.why(kernel, (0, 0, 0, 0), top=3))
print(mg.why(x, (0, 0, 1, 1)))

# %% [markdown]
# Nine paths into the one, four into the other. Both sums are convolutions themselves. For the kernel, ∂L/∂y is laid on
# the picture; for the picture, the kernel turned by 180° is laid on ∂L/∂y with a margin of zeros. (A convolution in the
# mathematician's sense turns the kernel in the forward pass already; networks leave that out and learn it turned.)

# %%
g = mg.tensor(np.random.default_rng(0).normal(size=y.shape))
to_x, to_kernel = mg.vjp(conv2d, x, kernel)[1](g)
turned = mg.flip(kernel.detach(), axis=(2, 3))
print("as the rules say:", np.allclose(to_kernel.data, conv2d(x.detach(), g).data), end=" ")
print(np.allclose(to_x.data, conv2d(g, turned, padding=1).data, atol=1e-6))

# %% [markdown]
# ## A kernel that learns, and where it learns from
# Let a 3 × 3 kernel that starts from zeros find out what was done to some digits. (It was Sobel's filter for vertical
# edges.) First the map of one weight on one picture: that in the middle of the right column, which meets the pixel x to
# the right of each position. It gets 2(y − target)/N · x from there: + is where that wants the weight larger (it is
# negative, and descent goes against it), − where smaller, and a dot where x = 0.

# %%
pictures = mg.tensor(load_digits()[0][:100, None])
sobel = mg.tensor([[[[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]]])
targets = conv2d(pictures, sobel)
layer = nn.Conv2d(1, 1, 3, bias=False)
nn.init.zeros_(layer.weight)
with mg.trace():
    loss = mg.mean((layer(pictures[3:4]) - targets[3:4]) ** 2)
    loss.backward()
found = mg.why(layer.weight, (0, 0, 1, 2), top=None)
wants = np.full((8, 8), " ")
wants[1:-1, 1:-1] = "."
for edge in found.edges:
    row, column = edge.index[2:]
    wants[row + 1, column + 1] = "−" if edge.contribution > 0 else "+"
for row in range(8):
    ink = "".join(2 * " .:+#@"[int(5 * pixel)] for pixel in pictures.data[3, 0, row])
    print(ink, "  ", "".join(2 * c for c in wants[row]))
print(f"{len(found.edges)} places add up to ∂L/∂w = {found.sum:+.4f}")

# %%
optimizer = optim.Adam(layer.parameters(), lr=0.1)
for step in range(200):
    optimizer.zero_grad()
    loss = mg.mean((layer(pictures) - targets) ** 2)
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(
            f"step {step + 1:3}: loss {loss.item():.7f}, middle row of the kernel {layer.weight.data[0, 0, 1].round(3) + 0.0}"
        )

# %% [markdown]
# A linear layer from 64 pixels to the same 36 outputs would have 64 · 36 weights. A convolution is that matrix with most
# entries 0 and nine different numbers in the others; its gradient is the matrix's, added up over entries that are one
# weight. That is all that "sharing weights" means to backpropagation. Before the training, `mg.view(loss)` opens all nine.
#
# **Remember:** a kernel's weight collects from all positions what arrives there times the pixel that it met.
# *Next:* a weight that is used again and again in time, the recurrent network.
