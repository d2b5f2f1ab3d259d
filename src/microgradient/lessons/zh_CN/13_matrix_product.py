# %% [markdown]
# # 13 · 矩阵乘法：每个元素都是对整批样本求和
#
# **反向传播时，两个因子中哪一个要转置？又该放在哪一边？**
#
# 文章 4.2 节让梯度穿过一层。这里让一批样本穿过一层：X 的每一行是一个样本，Z = X W，
# 损失取 Z 各元素平方和的一半，于是到达 Z 的梯度恰好就是 Z 本身。

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
# 用不着矩阵微积分，只要定义和第 4 课就够了。逐个元素写：Z[n, j] = Σᵢ X[n, i] W[i, j]。
# W[i, j] 用在哪里？每个样本 n 各用一次：在那里它遇到 X[n, i]，乘积进入 Z[n, j]。各条路径相加：
#
# ∂L/∂W[i, j] = Σₙ X[n, i] · ∂L/∂Z[n, j]

# %% question
# ∂L/∂W[1, 0] 是多少？取它遇到的那一列 X，和对应的那一列 ∂L/∂Z。
answer = 8.0
assert mg.check_answer(float(W.grad[1, 0]), answer)

# %%
print(mg.why(W, (1, 0)))

# %% [markdown]
# 一个样本一行：一批样本就是这样共同推动一个权重的。
# 第一个样本的 X[0, 1] = 0，不管它的误差多大，对 W[1, 0] 都没有发言权。
# 两列对 n 求和就是矩阵乘法：记 G = ∂L/∂Z，则 ∂L/∂W = Xᵀ G。
#
# 同理，X[n, i] 在每个**单元** j 中各用一次，遇到的是 W[i, j]：∂L/∂X = G Wᵀ。

# %% question
# ∂L/∂X[0, 1] 是多少？它遇到的是 W 的第二行 (0, −1)。
answer = -4.0
assert mg.check_answer(float(X.grad[0, 1]), answer)

# %%
print("Xᵀ G − ∂L/∂W：", (X.T @ G - W.grad).tolist())
print("G Wᵀ − ∂L/∂X：", (G @ W.T - X.grad).tolist())

# %% [markdown]
# 文章写的是 ∂L/∂zₗ = ∂L/∂zₗ₊₁ Wₗ₊₁ σ′(zₗ₊₁)，其中 zₗ₊₁ = Wₗ₊₁ aₗ，向量都是列向量。这里有两处要改。
# 其一，如果 ∂L/∂z 和 z 一样是列向量，权重就要转置。
# 其二，σ 的斜率属于梯度正要进入的那一层，进入乘积的是它的 aₗ = σ(zₗ)：
#
# ∂L/∂zₗ = (Wₗ₊₁ᵀ ∂L/∂zₗ₊₁) ⊙ σ′(zₗ)
#
# 漏掉转置，多半会因形状不符而暴露；但若 W 是方阵，形状就帮不上忙了。下面把这个错误写成一条自定义规则：


# %%
@mg.custom_rule(vjp=lambda g, y, x, w: (g @ w, x.T @ g))  # 写成了 g @ w，应为 g @ w.T
def wrong_matmul(x, w):
    return x @ w


square = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
for matmul in wrong_matmul, mg.matmul:
    try:
        mg.check_gradients(lambda x, f=matmul: mg.sum(f(x, square)), mg.tensor([[1.0, 1.0]]), order=1)
        print(f"{matmul.__name__}：与有限差分一致")
    except mg.errors.GradientError as error:
        print(f"{matmul.__name__}：{error}")

# %% [markdown]
# 还有一种检验，既不用公式，也不用小步长。前向看，W 变动 U，Z 就变动 X U。
# 无论 U 和 G 是什么，⟨G, X U⟩ 都必须等于 ⟨Xᵀ G, U⟩，因为这正是“转置”的含义。
# 前者用 `mg.jvp` 算，后者用 `mg.vjp` 算：

# %%
U = mg.tensor([[0.5, -1.0], [2.0, 0.0], [1.0, 3.0]])
moved = mg.jvp(lambda w: X @ w, (W,), (U,))[1]
pulled = mg.vjp(lambda w: X @ w, W)[1](G)[0]
print("⟨G, X U⟩ =", float(mg.sum(G * moved)), "  ⟨Xᵀ G, U⟩ =", float(mg.sum(pulled * U)))

# %% question
# 前向计算 X W 需要 4 · 3 · 2 = 24 次乘法。Xᵀ G 与 G Wᵀ 合起来要多少次？
answer = 48
assert mg.check_answer(2 * X.size * W.shape[1], answer)

# %% [markdown]
# 反向是两个同样大小的乘积：穿过一层，反向的计算量是前向的两倍；层数增加时，各层的计算量是相加，不是相乘。
# （文章说计算量呈指数级增长；真正会那样增长的是什么，第 16 课再说。）
#
# **记住：** 对权重是 Xᵀ G，对前一层是 G Wᵀ；每个元素都对它遇到过的东西求和。
# 下一课：relu，以及那些不再出声的单元。
