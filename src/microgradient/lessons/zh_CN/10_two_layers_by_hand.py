# %% [markdown]
# # 10 · 两层网络手算
#
# **只用纸笔，能不能算出一个网络的全部梯度？万一算错一个，又怎样发现？**
#
# 本课对应文章 4.3 节：两个输入、两个隐藏单元、一个输出，两层都用 σ，
# 损失为 ℒ = ½ (a₂ − t)²。
# （文章写作 ℒ(y, y)：其中一个 y 应是预测值，这里记作 a₂；另一个是目标，记作 t。）

# %%
import math

import numpy as np

import microgradient as mg
from microgradient.scalar import Value

x, t = [Value(1.0), Value(2.0)], 1.0
W1, b1 = [[Value(2.0), Value(-1.0)], [Value(math.log(3)), Value(0.0)]], [Value(0.0), Value(0.0)]
W2, b2 = [Value(3.0), Value(-2.0)], Value(0.0)

z1 = [W1[j][0] * x[0] + W1[j][1] * x[1] + b1[j] for j in range(2)]
a1 = [z.sigmoid() for z in z1]
z2 = W2[0] * a1[0] + W2[1] * a1[1] + b2
a2 = z2.sigmoid()
error = a2 - t
L = 0.5 * error**2
L.backward()

print("隐藏层：a1 =", [round(a.data, 4) for a in a1])
print("输出层：a2 =", round(a2.data, 4), "  L =", round(L.data, 4))

# %% [markdown]
# 权重是特意选的，好让激活值都是简单的数。现在从损失出发往回走，每次乘一个因子；
# σ′(z) = a (1 − a)，只需要前向传播时已经算好的激活值。
#
# - ∂L/∂a₂ = a₂ − t
# - ∂L/∂z₂ = ∂L/∂a₂ · a₂ (1 − a₂)

# %% question
# ∂L/∂z₂ 是多少？注意符号：输出偏小，所以把 z₂ 调大，损失应当下降。
answer = -0.125
assert mg.check_answer(z2, answer)

# %% [markdown]
# 到了 z₂，梯度再传给算出 z₂ 所用的每一个量：
#
# - ∂L/∂W₂[j] = ∂L/∂z₂ · a₁[j]，而 ∂L/∂b₂ = ∂L/∂z₂
# - ∂L/∂a₁[j] = ∂L/∂z₂ · W₂[j]：a₁[j] 当初乘的是哪个权重，现在就乘哪个
# - ∂L/∂z₁[j] = ∂L/∂a₁[j] · a₁[j] (1 − a₁[j])：乘的是**这个单元自己**的 σ′

# %% question
# 对第二个隐藏单元，∂L/∂z₁[1] 是多少？
answer = 0.046875
assert mg.check_answer(z1[1], answer)

# %% [markdown]
# 文章给出的是 ∂L/∂z₁ = ∂L/∂z₂ · W₂ · σ′(z₂)。
# 可是 σ′(z₂) 已经包含在 ∂L/∂z₂ 里了，缺的反而是隐藏单元自己的因子 σ′(z₁)。
# 照文章的式子算，会得到什么？

# %%
slope2 = a2.data * (1 - a2.data)
for j in range(2):
    theirs = z2.grad * W2[j].data * slope2
    print(f"单元 {j}：文章的公式给出 {theirs:+.6f}，引擎给出 {z1[j].grad:+.6f}")

# %% [markdown]
# 两个单元中有一个恰好相符，纯属巧合：那里 z₁ 与 z₂ 相等，斜率自然也相等。
# 可见在一个点上相符说明不了什么。另一个单元谁对谁错？
# `mg.why` 列出实际乘上的因子，末行还有一个中心差商：
# 把 z₁[1] 稍稍挪动，重新算两次损失，完全不涉及求导规则。

# %%
print(mg.why(z1[1]))

# %% [markdown]
# 从损失到某个权重，整条路径就是一个连乘积。逐项读下来，每个因子恰好出现一次：
# σ 的斜率有两个，一层一个，各自在自己的 z 处取值。

# %%
print("经过                 × 局部导数     = 累积")
for edge in mg.paths(W1[1][0]).paths[0].edges:
    print(f"{edge.formula:<20} {edge.local:>10.4f} {edge.contribution:>12.6f}")

# %% question
# 权重 W₁[1][1] 等于 0，因此 x[1] = 2 目前对第二个单元毫无影响。
# 那么 ∂L/∂W₁[1][1] 是多少？（乘法的规则：传给权重的，是上游梯度乘以它遇到的输入。）
answer = 0.09375
assert mg.check_answer(W1[1][1], answer)

# %% [markdown]
# 写成矩阵（向量都是列向量）：δ₂ = (a₂ − t) σ′(z₂)，δ₁ = W₂ᵀ δ₂ ⊙ σ′(z₁)，∂L/∂W₁ = δ₁ xᵀ，
# 其中 ⊙ 表示逐元素相乘。转置不是摆设：δ₁ 的形状必须与 z₁ 相同，∂L/∂W₁ 的形状必须与 W₁ 相同。

# %%
A1, A2, X = np.array([[a.data] for a in a1]), np.array([[a2.data]]), np.array([[v.data] for v in x])
d2 = (A2 - t) * A2 * (1 - A2)
d1 = np.array([[w.data for w in W2]]).T @ d2 * A1 * (1 - A1)
by_hand, by_engine = d1 @ X.T, np.array([[w.grad for w in row] for row in W1])
print("手算的 ∂L/∂W1：", by_hand.tolist())
print("与引擎结果的最大差：", np.abs(by_hand - by_engine).max())

# %% [markdown]
# **记住：** 反向穿过一层，要乘上该层权重的转置，再乘上 σ′ 在**该层自己的** z 处的值，各乘一次。
# 用 `mg.view(L)` 可以在浏览器里看这张图。下一课：文章的程序，那里的错误是另一种。
