# %% [markdown]
# # 15 · Softmax 与交叉熵：p − y
#
# **又是指数，又是商，又是对数：这一大套的梯度，怎么会简单到只是 p − y？**
#
# 文章 6.1 节把分类列为应用之一，3.2 节提到了交叉熵损失。网络对每个类别给出一个数，即 logits，记作 z。
# softmax 把它们变成概率：p[k] = exp(z[k]) / Σ exp(z)；
# 损失是 L = −log p[label]：正确类别的概率越大，损失越小。

# %%
import math
import warnings

import microgradient as mg
from microgradient.scalar import Value

z = [Value(math.log(k)) for k in (1.0, 2.0, 5.0)]  # 于是 exp(z) 恰好是 1、2、5
label = 1

e = [v.exp() for v in z]
S = e[0] + e[1] + e[2]
L = S.log() - z[label]  # −log(e[label] / S)
L.backward()
print("exp(z) =", [round(v.data, 4) for v in e], "  S =", round(S.data, 4), "  L = log 4 =", round(L.data, 4))

# %% [markdown]
# 全是你已经认识的基本运算。z[0] 只沿一条路径进入 L：经 exp 到 S，再经 log 到 L。
# log 传回 1/S，加法原样传递，exp 乘以它自己的输出。

# %% question
# ∂L/∂z[0] 是多少？
answer = 1 / 8
assert mg.check_answer(z[0], answer)

# %% [markdown]
# 这正是 p[0]：错误类别的概率有多大，把它的 logit 往下推的力就有多大。
# z[1] 是正确标签的 logit，它两次进入 L：一次和别的一样经过 S，一次直接进入，带负号。

# %% question
# ∂L/∂z[1] 是多少？
answer = -0.75
assert mg.check_answer(z[1], answer)

# %%
print(mg.why(z[1]))
print(mg.paths(z[1]))

# %% [markdown]
# 两个贡献：p[1] 和 −1。记正确标签处 y = 1，其余处 y = 0，就有 **∂L/∂z = p − y**。
# 除了 exp、log 和加法，什么也不必知道：log 传回的 1/S 遇上 exp 自己的输出，乘积又成了概率。
#
# 一批样本中，每个样本都有这样一行，再除以样本个数：

# %%
logits = mg.tensor([[1.0, 2.0, 3.0], [0.0, 5.0, 0.0]], dtype=mg.float64, requires_grad=True)
labels = mg.tensor([2, 0])
mg.nn.functional.cross_entropy(logits, labels).backward()
by_hand = (mg.softmax(logits, axis=1) - mg.nn.functional.one_hot(labels, 3)) / 2
print("∂L/∂logits:  ", logits.grad.numpy().round(4).tolist())
print("(p − y) / 2: ", by_hand.numpy().round(4).tolist())
shifted = mg.nn.functional.cross_entropy(logits + 100.0, labels) - mg.nn.functional.cross_entropy(logits, labels)

# %% [markdown]
# 每一行加起来都是 0，因为 Σ p = Σ y = 1：一个 logit 得到多少，其余的就失去多少。

# %% question
# 梯度在 (1, 1, 1) 方向上没有分量。把一个样本的所有 logits 都加上 100，L 会改变多少？
answer = 0.0
assert mg.check_answer(round(float(shifted), 4), answer)

# %% [markdown]
# 这个自由度有用处：`cross_entropy` 在算指数之前，先让所有 logits 减去其中最大的一个。
# 如果照公式直接写，exp(1000) 是无穷大，梯度就成了 ∞/∞：

# %%
large = mg.tensor([1000.0, 0.0], requires_grad=True)
with warnings.catch_warnings(action="ignore"):
    for name, loss in (
        ("照公式直接写", lambda z: mg.log(mg.sum(mg.exp(z))) - z[1]),
        ("cross_entropy", lambda z: mg.nn.functional.cross_entropy(z, mg.tensor(1))),
    ):
        print(f"{name}：L = {float(loss(large))}, ∂L/∂z = {mg.grad(loss)(large).tolist()}")

# %% [markdown]
# 为什么不用概率的平方误差？设想网络答错了，而且很有把握。这时 p − y 很大，
# 可是平方误差的梯度还要多乘一个因子，即 softmax 的斜率 p (1 − p)，而它恰恰在那里几乎为 0：

# %%
print("z       p[正确]      p − y    平方误差的梯度")
for size in 0.0, 2.0, 5.0, 10.0:
    wrong = mg.tensor([-size, size], dtype=mg.float64)  # 第一类是对的
    p = mg.softmax(wrong, axis=0)
    g = mg.grad(lambda z: mg.sum((mg.softmax(z, axis=0) - mg.tensor([1.0, 0.0])) ** 2))(wrong)
    print(f"±{size:<5} {float(p[0]):9.2e}  {float(p[1]):9.6f}  {float(g[1]):9.2e}")

# %% [markdown]
# 有了对数，网络错得越厉害，梯度越大；用平方误差，梯度却在那里消失，就像隔着一个死亡的 relu。
# 所以训练分类器用交叉熵；也正因如此，它要的输入是 logits，而不是概率。
#
# **记住：** softmax 与交叉熵合在一起，传回的是 p − y。
# 下一课：许多小于 1 的斜率接连相乘，会怎样。
