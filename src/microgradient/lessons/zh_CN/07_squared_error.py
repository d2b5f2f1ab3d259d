# %% [markdown]
# # 7 · 损失：平方误差
#
# *损失是对所有样本取平均。一个权重往哪里走，究竟由哪些样本决定？*
#
# 每个样本都推它一把，梯度就是这些推力之和。推力互相抵消时，训练也就结束了。
# （对应文章 3.2 节第 2 步和 4.1 节。文中的损失写作 ℒ(y, y) = ½(y - y)²，一个字母代表了两个量；
# 照字面，它对任何模型都等于 0。两个 y 里，一个是预测值，一个是目标；这里分别写作 ŷ 和 y。）

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
# 用直线 ŷ = w·x + b 拟合四个点，损失 L = 1/4 · Σ ½(ŷ - y)²。系数 ½ 是为了消去求导产生的 2：
#
# **∂L/∂ŷᵢ = (ŷᵢ - yᵢ)/4。** 到达每个预测值的，就是它的误差，连同正负号，再除以样本数。
# （文章 5.2 节的程序没有写 ½，梯度因而大了一倍。对普通的梯度下降，这等同于学习率加倍；
# 那里用的是 Adam，它会把这样的因子再除掉，见第 18 课。）
#
# 接下来用第 1 课和第 4 课的规则：w 在样本 i 中遇到 xᵢ，b 则在四个样本里都用到。所以
#
# **∂L/∂w = 1/4 · Σ (ŷᵢ - yᵢ)·xᵢ，∂L/∂b = 1/4 · Σ (ŷᵢ - yᵢ)。**

# %% question
# ∂L/∂b 等于多少？
answer = -0.5
assert mg.check_answer(b, answer)

# %% question
# ∂L/∂w 呢？
answer = -2.0
assert mg.check_answer(w, answer)

# %%
print(mg.why(w))

# %% [markdown]
# 一个样本一行。有两个样本没有误差，也就没有意见。第二个样本的预测偏高，希望 w 小一些；第四个偏低，而它的声音有九倍响：
# 误差是三倍，位置也远三倍，作用在 w 上的力臂就长三倍。
#
# “力臂”可以照字面理解。设想每个点用一根劲度系数为 1/4 的弹簧，沿竖直方向拉着直线。那么 L 就是弹簧的总能量，
# -∂L/∂b 是直线受到的合力，-∂L/∂w 是对 x = 0 的合力矩。所谓拟合，就是松开手，等直线到达平衡。

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
print(f"平衡时：w = {w_at_rest}   b = {b_at_rest}   ŷ = {(np.round(prediction.numpy(), 4) + 0.0).tolist()}")

# %% question
# 平衡时，从 x = 0 到 x = 3，误差 ŷ - y 依次是 -1、1、1、-1。最后一个样本对 ∂L/∂w 的贡献是多少？
answer = -0.75
assert mg.check_answer(pushes[3], answer)

# %%
print("对 w 的推力：", (np.round(pushes, 4) + 0.0).tolist(), "  总和：", np.round(pushes.sum(), 4) + 0.0)

# %% [markdown]
# 梯度为 0，并不表示每个样本都满意，而是它们互相牵制，谁也赢不了：合力为零，合力矩也为零。
#
# ## 一个离群点
#
# 误差越大，推力越大。把最后一个点上移 20，看直线由谁说了算：

# %%
y_far = mg.tensor([1.0, 1.0, 3.0, 27.0])
for name, of_error in (("平方误差", lambda e: e * e / 2), ("绝对误差", mg.abs)):
    with mg.trace():
        loss = mg.mean(of_error(w * x + b - y_far))
        loss.backward()
    print(f"{name:6}", [round(edge.contribution, 2) + 0.0 for edge in mg.why(w).edges])

# %% [markdown]
# 用平方误差，离群点的声音盖过了所有其他点。用绝对误差，不管误差多大，每个样本的推力都一样（只是力臂不同）：
# 选择损失，就是选择听谁的。
#
# **记住：** 一个样本对权重的推力，等于它的误差乘以权重在那里遇到的输入。在 `mg.view(loss)` 里，
# 卡片上一个样本占一行。*下一课：* 松开直线。一步可以走多远？
