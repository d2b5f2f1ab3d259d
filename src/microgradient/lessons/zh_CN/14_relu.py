# %% [markdown]
# # 14 · relu：折点，以及死亡的单元
#
# **relu 在 0 处没有导数，在 0 以下导数为 0。凭什么还能用它？用它会出什么毛病？**
#
# 文章 3.3 节列举了反向传播的局限。这里补上它没有提到、却最常见的一种：
# 梯度恰好是 0，而训练照常进行，好像什么也没发生。

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import Value

z = Value(0.0, label="z")
y = z.relu()
y.backward()
at_kink = mg.why(z)
print("引擎给出的 relu 在 0 处的导数：", z.grad)

# %% question
# 0 的左边斜率是 0，右边是 1。中心差商 (relu(h) − relu(−h)) / 2h 等于多少？
answer = 0.5
assert mg.check_answer(at_kink.check.numeric, answer)

# %%
print(at_kink)

# %% [markdown]
# 在折点处没有导数，只有一段可取的斜率，这里是从 0 到 1。规则表必须选定一个，
# 它与其他框架一样取 0。训练中这通常无关紧要：加权和几乎不会恰好是 0，除非权重全是 0。
#
# 要紧的是平坦的那一侧。看一个单元和三个样本；w = 1、b = −1 时恰好命中所有目标：

# %%
xs, ts = [1.0, 2.0, 3.0], [0.0, 1.0, 2.0]


def forward(w, b):
    z = [w * x + b for x in xs]
    return z, 0.5 * sum((zn.relu() - t) ** 2 for zn, t in zip(z, ts, strict=True))


w, b = Value(1.0, label="w"), Value(0.0, label="b")
z, L = forward(w, b)
L.backward()
print("输出：", [zn.relu().data for zn in z], "  目标：", ts, "  L =", L.data)

# %% question
# ∂L/∂w 是多少？只要 relu 开着，每个样本就贡献“(输出 − 目标) · x”。
answer = 6.0
assert mg.check_answer(w, answer)

# %% [markdown]
# 现在走一步梯度下降，学习率 0.3。∂L/∂b 是 3，所以 b 移动 −0.9。

# %%
for p in w, b:
    p.data -= 0.3 * p.grad
    p.grad = 0.0
z, L = forward(w, b)
L.backward()
print(f"w = {w.data:.2f}，b = {b.data:.2f}，加权和：{[round(zn.data, 2) for zn in z]}，L = {L.data}")

# %% question
# 损失反而变大了。现在 ∂L/∂w 是多少？
answer = 0.0
assert mg.check_answer(w, answer)

# %%
print(mg.why(z[1]))

# %% [markdown]
# 消息传到了：“输出要大一些。”可是它要乘上 relu 的斜率 0，于是到此为止。
# 三个样本都是如此，所以不管步长多大，梯度下降再也推不动这个单元：它**死**了。
# 从同一起点出发，步子小一些，同一个单元就能找到解：

# %%
for rate in 0.3, 0.1:
    w, b = Value(1.0), Value(0.0)
    for _ in range(300):
        z, L = forward(w, b)
        L.backward()
        for p in w, b:
            p.data, p.grad = p.data - rate * p.grad, 0.0
    print(f"学习率 {rate}：300 步后 w = {w.data:+.3f}，b = {b.data:+.3f}，L = {L.data:.1e}")

# %% [markdown]
# 在一层里，其他单元照常工作，没人察觉。医生会去数。
# 下面从同一起点走三步过大的步子，做两遍：一遍用 relu，
# 一遍用 leaky relu，它在 0 以下的斜率是 0.1，消息还能通过。

# %%
mg.manual_seed(0)
x = 1 + mg.rand(64, 4)
y = mg.sum(x, axis=1, keepdims=True) - 6
for activation in nn.ReLU(), nn.LeakyReLU(0.1):
    mg.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 16), activation, nn.Linear(16, 1))
    sgd = optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        sgd.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        sgd.step()
    print(mg.doctor(model, lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1]), (x, y), sgd))

# %% [markdown]
# 步子太大会让单元死亡，起点不走运也会。第 11 课的程序有两个 relu，输入全是正数：

# %%
x = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]])
on = x @ np.random.default_rng(0).standard_normal((100_000, 2, 2)) > 0
print(f"第一步之前两个单元就都已死亡的情形，占全部抽样的 {(~on.any(axis=1)).all(axis=1).mean():.0%}")

# %% [markdown]
# **记住：** relu 关闭时梯度是 0，不是很小；对所有样本都关闭的单元就救不回来了。
# 办法有：步子小些，让输入以 0 为中心，或者在 0 以下留一点斜率。
# 下一课：一种恰恰在答错时梯度才大的损失。
