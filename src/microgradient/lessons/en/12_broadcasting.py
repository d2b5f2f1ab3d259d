# %% [markdown]
# # 12 · Broadcasting: the sum that undoes it
#
# **One bias was added to a whole batch. Where does its gradient come from, and why does it have the right shape?**
#
# Section 4.1 of the article writes z = W x + b for one example and averages over N. A program computes all N at
# once: x is a matrix, b still a vector, and `x + b` works because b is *broadcast*, copied to every row.

# %%
import microgradient as mg

x = mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # three examples, two units
b = mg.tensor([10.0, 20.0], requires_grad=True)
G = mg.tensor([[1.0, -2.0], [3.0, 0.0], [2.0, 5.0]])

with mg.trace():
    z = x + b
    L = mg.sum(G * z)
    L.backward()
print("z =", z.tolist())

# %% [markdown]
# L was built so that you know what arrives at z: ∂L/∂z[n, j] = G[n, j]. Now think of b[1] as a number that was used
# three times, once per row. That is lesson 4: one path for each use, and paths add.

# %% question
# What is ∂L/∂b? (Two numbers. b[0] was copied down the first column of z, b[1] down the second.)
answer = [6.0, 3.0]
assert mg.check_answer(b, answer)

# %%
print(mg.why(b, 1))

# %% [markdown]
# Three rows, three contributions, each upstream × 1. The rule behind it:
#
# **what is copied on the way forward is summed on the way back**, over exactly the axes along which it was copied.
#
# Why must it be so? Copying is a linear map: z = J b with a matrix J of zeros and ones. Going back multiplies by Jᵀ.

# %%
J = mg.reshape(mg.jacobian(lambda b: mg.broadcast_to(b, (3, 2)))(b), (6, 2))
print("Jᵀ =", J.T.tolist())
print("Jᵀ applied to G:", (J.T @ mg.reshape(G, (6,))).tolist(), " summed over the rows:", mg.sum(G, axis=0).tolist())

# %% [markdown]
# Each row of Jᵀ picks one column of z and adds it up. The other way round holds, too: the transpose of a sum is a copy.
# So the gradient of `sum` is broadcast, and the gradient of broadcasting is a sum.
#
# The sum knows which axes to take. Here a column meets a row; each is copied along the axis where it has length 1.

# %%
u = mg.tensor([[1.0], [2.0], [3.0]], requires_grad=True)  # (3, 1)
v = mg.tensor([[10.0, 100.0]], requires_grad=True)  # (1, 2)
with mg.trace():
    product = u * v  # (3, 2)
    total = mg.sum(product)
    total.backward()
print("u * v =", product.tolist())

# %% question
# What is ∂(total)/∂u[2, 0]? The rule of × sends it what arrives (here 1) times the v that it met, in each column.
answer = 110.0
assert mg.check_answer(float(u.grad[2, 0]), answer)

# %%
print(mg.why(u, (2, 0)))
print("shapes of the gradients:", u.grad.shape, v.grad.shape)

# %% [markdown]
# Now the article's 1/N. With a mean over the batch every contribution is divided by N, and the size of the gradient
# hardly depends on how many examples there are. With a sum it grows with the batch, and the learning rate would have
# to shrink.

# %%
w = mg.tensor(2.0, requires_grad=True)
for n in 10, 1000:
    data = mg.linspace(0.0, 1.0, n)
    by_sum = mg.grad(lambda w, data=data: mg.sum((w * data - data) ** 2))(w)
    by_mean = mg.grad(lambda w, data=data: mg.mean((w * data - data) ** 2))(w)
    print(f"N = {n:>4}: gradient of the sum {float(by_sum):8.3f}, of the mean {float(by_mean):.3f}")

# %% question
# A batch has 50 examples, and the loss is the *mean* over them. For each example the derivative of its loss with
# respect to a certain bias is 4. What is the gradient of that bias?
answer = 4.0
assert mg.check_answer(float(mg.mean(mg.full((50,), 4.0))), answer)

# %% [markdown]
# **Remember:** copied forward, summed back: a gradient always has the shape of what it belongs to. Next: the matrix
# product, where the copying and the summing happen in one operation.
