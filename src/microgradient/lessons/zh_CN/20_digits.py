# %% [markdown]
# # 20 · 认数字的网络
# *训练好的网络有成千上万个权重。能不能挑出其中一个，问问它是哪些图片造就的？*
#
# 对应文章 6.1 节的分类模型。先让一个小的多层感知机学会认 8 × 8 的手写数字，
# 再把某一个权重的梯度按图片逐张拆开。

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.data.datasets import load_digits
from microgradient.nn.functional import cross_entropy

pictures, digits = load_digits()  # 墨色深浅，0 到 1
order = np.random.default_rng(0).permutation(len(digits))
train, test = order[:1400], order[1400:]
mg.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
print(f"{sum(p.size for p in model.parameters()):,} 个参数，{len(train)} 张图片用来训练，{len(test)} 张用来测试")

# %% [markdown]
# 第 15 课已经看到：softmax 与交叉熵合在一起，传回来的是 p − y，即预测减去真值。一批的损失是平均值，
# 所以 N 张图片中的每一张传回 (p − y)/N。一个什么也不懂的网络，给十个数字的概率都一样。

# %%
logits = mg.tensor(np.zeros((4, 10)), requires_grad=True)
cross_entropy(logits, mg.tensor([7, 2, 1, 0])).backward()

# %% question
# 一批 4 张图片，每个 p 都是 0.1。第一张写的是 7。损失对它的“7”和“8”这两个 logit 的偏导数各是多少？
answer = [-0.225, 0.025]
assert mg.check_answer(logits.grad.data[0, 7:9], answer)

# %% [markdown]
# 下面开始训练。每一步取 50 张图片；优化器就是第 18 课的 Adam。

# %%
optimizer = optim.Adam(model.parameters(), lr=5e-3)
rng = np.random.default_rng(1)


def accuracy(rows):
    with mg.no_grad():
        return float(np.mean(model(mg.tensor(pictures[rows])).data.argmax(axis=1) == digits[rows]))


@mg.compile
def step(x, y):
    optimizer.zero_grad()
    loss = cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


for epoch in range(12):
    parts = rng.permutation(train).reshape(-1, 50)
    losses = [step(mg.tensor(pictures[rows]), mg.tensor(digits[rows])).item() for rows in parts]
    if epoch % 4 == 3:
        print(f"第 {epoch + 1:2} 轮：损失 {np.mean(losses):.3f}，测试图片的准确率 {accuracy(test):.1%}")

# %% [markdown]
# ## 一个权重和它背后的图片
# 第一层的每个权重连接一个像素和一个隐藏单元。第 n 张图片给它的贡献是 δₙ · xₙ：xₙ 是这个像素的墨色，
# δₙ = ∂L/∂zₙ 是传到这个单元的梯度。于是 ∂L/∂W = Σₙ δₙ xₙ，每张图片贡献一项。

# %%
rows = train[:200]
x, weight = mg.tensor(pictures[rows]), model[1].weight
weight.grad = None
with mg.trace():
    logits = model(x)
    loss = cross_entropy(logits, mg.tensor(digits[rows]))
    loss.backward()
unit, pixel = np.unravel_index(np.abs(weight.grad.data).argmax(), weight.shape)
print(f"这一层最大的梯度：单元 {unit}，像素在第 {pixel // 8} 行、第 {pixel % 8} 列（从 0 数起）")

# %% question
# 左上角的像素（0 号）在所有图片里都是空白。它的权重的梯度是多少？
answer = 0.0
assert mg.check_answer(weight.grad.data[unit, 0], answer)

# %%
print(mg.why(weight, (int(unit), int(pixel)), top=3))

# %% [markdown]
# 上面每一行是一张图片，[n, 单元] 指明是哪一张。`top=None` 会列出全部，于是可以把图片画出来：
# 先是最想让这个权重变小的三张（它们的贡献为正，而下降要逆着梯度走），再是最想让它变大的三张。
# `6 → 1` 表示写的是 6、被认作 1，p 是网络给正确数字的概率。

# %%
edges = sorted(mg.why(weight, (int(unit), int(pixel)), top=None).edges, key=lambda edge: -edge.contribution)
p = mg.softmax(logits, axis=1).data
for three in (edges[:3], edges[:-4:-1]):
    shown = [edge.index[0] for edge in three]
    print(*(f"{edge.contribution:+.5f}".ljust(16) for edge in three))
    print(*(f"{digits[rows[n]]} → {p[n].argmax()}, p = {p[n, digits[rows[n]]]:.2f}".ljust(16) for n in shown))
    for line in range(8):
        print(*("".join(2 * " .:+#@"[int(5 * ink)] for ink in pictures[rows[n], line]) for n in shown))
pushes = np.array([edge.contribution for edge in edges])
print(f"全部 {len(edges)} 项之和：{pushes.sum():+.6f}；weight.grad 里存的是 {weight.grad.data[unit, pixel]:+.6f}")
print(f"最用力的十张图片占全部推力（绝对值之和）的 {np.sort(abs(pushes))[-10:].sum() / abs(pushes).sum():.0%}")

# %% [markdown]
# 出力的是认错的、或勉强认对的图片：其余图片的 p − y 几乎为 0。若某张图片的这个像素是空白，
# 或者这个单元对它不激活（relu 给出 0），它就完全没有发言权。用 `mg.view(loss)` 可以打开任何别的权重。
#
# **记住：** 梯度是对样本求和，而和的大部分来自少数样本。
# *下一课：* 同一张图片里，一个权重会在许多位置上用到——卷积。
