# %% [markdown]
# # 13 · The matrix product: one entry is a sum over the batch
#
# **Which of the two factors gets transposed on the way back, and on which side does it stand?**
#
# Section 4.2 of the article sends the gradient through a layer. Here a batch goes through it: each row of X is an
# example, Z = X W, and the loss is half the sum of the squares of Z, so that what arrives at Z is simply Z itself.

# %%
import microgradient as mg

X = mg.tensor([[1.0, 0.0, 2.0], [3.0, 1.0, -1.0], [0.0, 2.0, 1.0], [2.0, 1.0, 0.0]], requires_grad=True)  # 4 × 3
W = mg.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]], requires_grad=True)  # 3 × 2

with mg.trace() as seen:
    Z = X @ W
    L = mg.sum(Z * Z) / 2
    L.backward()
G = seen.grad_of(Z)
print("X       =", X.tolist())
print("∂L/∂Z   =", G.tolist())

# %% [markdown]
# No matrix calculus is needed, only the definition and lesson 4. Entry by entry, Z[n, j] = Σᵢ X[n, i] W[i, j]. Where was
# W[i, j] used? Once in each example n: it met X[n, i] there, and the result went into Z[n, j]. Paths add:
#
# ∂L/∂W[i, j] = Σₙ X[n, i] · ∂L/∂Z[n, j]

# %% question
# What is ∂L/∂W[1, 0]? Take the column of X and the column of ∂L/∂Z that it met.
answer = 8.0
assert mg.check_answer(float(W.grad[1, 0]), answer)

# %%
print(mg.why(W, (1, 0)))

# %% [markdown]
# One line per example: this is how a batch pushes a weight. The first example has X[0, 1] = 0 and no say in W[1, 0] at
# all, whatever its error is. A sum over n of two columns is a matrix product, ∂L/∂W = Xᵀ G with G = ∂L/∂Z.
#
# In the same way X[n, i] was used once for each *unit* j, and met W[i, j]: ∂L/∂X = G Wᵀ.

# %% question
# What is ∂L/∂X[0, 1]? It met the second row of W, which is (0, −1).
answer = -4.0
assert mg.check_answer(float(X.grad[0, 1]), answer)

# %%
print("Xᵀ G − ∂L/∂W:", (X.T @ G - W.grad).tolist())
print("G Wᵀ − ∂L/∂X:", (G @ W.T - X.grad).tolist())

# %% [markdown]
# The article writes ∂L/∂zₗ = ∂L/∂zₗ₊₁ Wₗ₊₁ σ′(zₗ₊₁), where zₗ₊₁ = Wₗ₊₁ aₗ with columns. Two things are to be mended.
# If ∂L/∂z is a column, as z is, the weights have to be transposed. And the slope of σ belongs to the layer that is being
# entered, whose aₗ = σ(zₗ) went into the product:
#
# ∂L/∂zₗ = (Wₗ₊₁ᵀ ∂L/∂zₗ₊₁) ⊙ σ′(zₗ)
#
# Often the shapes catch a forgotten transpose. If W is square they don't. Here is the mistake as a rule of our own:


# %%
@mg.custom_rule(vjp=lambda g, y, x, w: (g @ w, x.T @ g))  # g @ w, where it should be g @ w.T
def wrong_matmul(x, w):
    return x @ w


square = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
for matmul in wrong_matmul, mg.matmul:
    try:
        mg.check_gradients(lambda x, f=matmul: mg.sum(f(x, square)), mg.tensor([[1.0, 1.0]]), order=1)
        print(f"{matmul.__name__}: agrees with finite differences")
    except mg.errors.GradientError as error:
        print(f"{matmul.__name__}: {error}")

# %% [markdown]
# There is a test that needs neither formula nor small steps. Forward, a change U of W moves Z by X U. Whatever U and G
# are, ⟨G, X U⟩ must equal ⟨Xᵀ G, U⟩, for this is what "transposed" means. `mg.jvp` computes the one, `mg.vjp` the other:

# %%
U = mg.tensor([[0.5, -1.0], [2.0, 0.0], [1.0, 3.0]])
moved = mg.jvp(lambda w: X @ w, (W,), (U,))[1]
pulled = mg.vjp(lambda w: X @ w, W)[1](G)[0]
print("⟨G, X U⟩ =", float(mg.sum(G * moved)), "  ⟨Xᵀ G, U⟩ =", float(mg.sum(pulled * U)))

# %% question
# Forward, X W takes 4 · 3 · 2 = 24 multiplications. How many do Xᵀ G and G Wᵀ take together?
answer = 48
assert mg.check_answer(2 * X.size * W.shape[1], answer)

# %% [markdown]
# Two products of the same size: going back through a layer costs twice as much as going forward, and with every further
# layer this is added, not multiplied. (The article speaks of exponential cost; lesson 16 says what does grow like that.)
#
# **Remember:** Xᵀ G for the weights, G Wᵀ for what comes before; an entry is a sum over what it met.
# Next: relu, and units that fall silent.
