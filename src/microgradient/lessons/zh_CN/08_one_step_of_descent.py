# %% [markdown]
# # 8 · 一步下降
#
# *梯度告诉我哪边是下坡。可是一步能走多远？*
#
# 走到斜率还没有明显改变为止。究竟是多远，损失会降多少，由梯度和曲率一起决定，而且迈步之前就能知道。
# （对应文章 3.2 节第 4 步，以及 4.1 节的学习率 η：“通常设置为 10⁻³ 到 10⁻¹”。）

# %%
import numpy as np

import microgradient as mg

x = mg.tensor([0.0, 1.0, 2.0, 3.0], dtype=mg.float64)
y = mg.tensor([1.0, 1.0, 3.0, 7.0], dtype=mg.float64)


def loss(p):
    return mg.mean((p[0] * x + p[1] - y) ** 2) / 2


p = mg.tensor([1.0, 1.0], dtype=mg.float64)
before, g = mg.value_and_grad(loss)(p)
print(f"w, b = {p.tolist()}   L = {before.item()}   ∂L/∂(w, b) = {g.tolist()}")

# %% [markdown]
# 还是第 7 课的直线，这次写成两个参数的函数。更新的规则是 θ ← θ - η·∂L/∂θ。

# %% question
# 取 η = 0.1 走一步，w 和 b 变为多少？
answer = [1.2, 1.05]
assert mg.check_answer((p - 0.1 * g).numpy(), answer)

# %% [markdown]
# 这一步会让损失变化多少？每个参数移动 -η·gᵢ，而它每移动一个单位，L 变化 gᵢ。合起来就是
#
# **ΔL ≈ Σ gᵢ·(-η·gᵢ) = -η·|g|²。** 它不会是正数：照这样看，走多远都有好处，越远越好。

# %%
squared = mg.sum(g * g).item()

# %% question
# 只看一阶，取 η = 0.1 走一步，L 应当变化多少？
answer = -0.425
assert mg.check_answer(-0.1 * squared, answer)

# %% [markdown]
# 但斜率在途中会变。沿着步子的方向 g，它变得多快，由二阶导数组成的海森矩阵 H 给出，就是 H·g。
# `mg.hvp` 不必写出整个矩阵，用几次求梯度的代价就能算出这个乘积。精确到二阶：
#
# **ΔL ≈ -η·|g|² + ½ η²·(g·H·g)。**
#
# η 小时第一项占上风，η 大时第二项占上风。两项在 η = 2·|g|² / (g·H·g) 处相抵；取它的一半，损失降得最多。

# %%
bend = mg.sum(g * mg.hvp(loss, p, g)).item()
print(f"|g|² = {squared}   g·H·g = {bend}")

# %% question
# 两项都算上，η = 0.5 时变化多少？（-0.5·|g|² + ½·0.25·g·H·g。）
answer = 0.03125
assert mg.check_answer(-0.5 * squared + 0.5 * 0.5**2 * bend, answer)

# %% [markdown]
# 明明是往下坡走，损失却升高了。下面把预测的变化与实际的变化并排列出：

# %%
print("    η       精确到一阶     精确到二阶      实际")
for eta in (0.001, 0.01, 0.1, squared / bend, 2 * squared / bend, 0.5, 1.0):
    first, second = -eta * squared, -eta * squared + 0.5 * eta**2 * bend
    actual = (loss(p - eta * g) - before).item()
    mark = "·" if abs(actual) < 1e-9 else "▲" if actual > 0 else "▼"
    print(f"{eta:5.3f}   {first:+13.5f}   {second:+12.5f}   {actual:+7.5f}  {mark}")

# %% [markdown]
# 这里二阶预测完全准确，因为这个损失是二次函数；对于神经网络，它只在附近成立。
#
# ## 许多步
#
# 以后各步的方向会变，起决定作用的是弯曲最厉害的方向，也就是 H 的最大特征值 λ。沿这个方向，每走一步，
# 到最低点的距离就乘以 1 - ηλ；所以 η > 2/λ 时，会越走越远。

# %%
largest = np.linalg.eigvalsh(mg.hessian(loss)(p).numpy())[-1]
print(f"最大特征值 {largest:.3f}，所以 η 必须小于 {2 / largest:.4f}")
for eta in (0.01, 0.1, 0.98 * 2 / largest, 1.02 * 2 / largest):
    q, losses = p, []
    for _ in range(100):
        value, slope = mg.value_and_grad(loss)(q)
        losses.append(value.item())
        q = q - eta * slope
    print(f"η = {eta:.4f}   第 0、1、10、99 步后的 L：", "  ".join(f"{losses[k]:.4g}" for k in (0, 1, 10, 99)))

# %% [markdown]
# 一次收敛，一次发散，两者的学习率只差百分之四。“10⁻³ 到 10⁻¹”是习惯，不是定律：它适合最大的 λ 小于 20 的损失。
# 输入放大十倍，λ 最多会放大一百倍；数据要做归一化，原因就在这里。
# 另外，这个损失的最小值不是 0，因为四个点并不在一条直线上。
#
# **记住：** 只要 η 比 2/λ 小得多，一步带来的损失变化就是 -η·|g|²。（在 `mg.view` 打开的页面里，拖动滑块可以改变参数，
# 损失随之变化。）*下一课：* 同样的一步，程序里却少写了一行。
