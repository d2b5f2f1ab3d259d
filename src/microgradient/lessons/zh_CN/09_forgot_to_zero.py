# %% [markdown]
# # 9 · 忘记清零
#
# *损失下降，又上升，再下降，始终停不下来。我忘了什么？*
#
# 也许忘了把梯度清零的那一行。这样得到的并不是噪声，而是一个振子。
# （文章 3.2 节第 4 步只说“继续迭代更新”，没有提到 `grad` 是有记忆的。）

# %%
import math
import warnings

import microgradient as mg
from microgradient import optim
from microgradient.scalar import Value

a = Value(3.0, label="a")
L = a * a
L.backward()
L.backward()

# %% [markdown]
# ∂L/∂a = 2a = 6。但 `backward` 是把结果*加*到 `grad` 上的。对多条路径，它必须如此（第 4 课）；
# 对多次反向传播，它也如此，因为有时正需要这样，见本课末尾。

# %% question
# 调用两次之后，a.grad 是多少？
answer = 12.0
assert mg.check_answer(a, answer)

# %%
M = 5 * a
M.backward()
print("a.grad =", a.grad)
print(mg.why(a))

# %% [markdown]
# `grad` 里叠着好几次反向传播，看到的只是总和。`mg.why` 打开的是最后一次，即 5，同时说明里面还有别的：6 + 6 + 5。
#
# ## 训练循环会变成什么样
#
# 从 w = 4 出发，以 η = 0.1 求 L = ½w² 的最小值，每次的梯度就是 w 本身。一次清零，一次不清零。


# %%
def train(zeroing, steps):
    w, path = Value(4.0, label="w"), [4.0]
    for _ in range(steps):
        if zeroing:
            w.grad = 0
        loss = 0.5 * w**2
        loss.backward()
        w.data -= 0.1 * w.grad
        path.append(w.data)
    return path


with warnings.catch_warnings(action="ignore"):  # Microgradient 会对此发出警告；这里是有意的
    right, wrong = train(True, 60), train(False, 60)

# %% question
# 第一步，两者都从 4 走到 3.6。*不清零*时，第二步之后 w 在哪里？
answer = 2.84
assert mg.check_answer(wrong[2], answer)

# %%
for k in range(0, 61, 3):
    line = [" "] * 41
    line[20], line[round(20 + 5 * right[k])], line[round(20 + 5 * wrong[k])] = "│", "○", "●"
    print(f"第 {k:2} 步  {''.join(line).rstrip():41}  清零 {right[k]:+.3f} ○   不清零 {wrong[k]:+.3f} ●")

# %% [markdown]
# 不清零时，w 会永远摆动下去。把到目前为止的梯度之和记作 G，则
#
# G ← G + w，w ← w - η·G
#
# 正是弹簧振子的运动方程：w 是位置，-η·G 是速度（每一步走过的距离），而速度每步改变 -η·w，
# 相当于劲度系数为 η 的弹簧的拉力。没有摩擦，也就永远停不下来。周期应当约为 2π/√η；
# 对于这样有限长的步子，精确值是 2π/θ，其中 cos θ = 1 - η/2。

# %%
zeros = [k for k in range(60) if wrong[k] * wrong[k + 1] < 0]
print(f"实际周期：{2 * (zeros[-1] - zeros[0]) / (len(zeros) - 1):.1f} 步", end="   ")
print(f"2π/√η = {2 * math.pi / math.sqrt(0.1):.1f}   2π/θ = {2 * math.pi / math.acos(1 - 0.1 / 2):.1f}")
first, last = max(map(abs, wrong[:20])), max(map(abs, wrong[-20:]))
print(f"离 0 最远：前 20 步 {first:.2f}，后 20 步 {last:.2f}")

# %% [markdown]
# 带动量 μ 的 SGD 有同样的方程，而且是有意为之：v ← μ·v + g，w ← w - η·v。
# 它照样给 `grad` 清零，旧的梯度由它自己保留，比例为 μ。
# 忘记清零的循环保留了多大比例？第二步是 η·v；减去新梯度的部分，再与第一步相比。

# %%
first_step, second_step = wrong[0] - wrong[1], wrong[1] - wrong[2]
share = (second_step - 0.1 * wrong[1]) / first_step

# %% question
# μ 取多少时，带动量的 SGD 与忘记清零的循环走得完全一样？
answer = 1.0
assert mg.check_answer(share, answer)

# %%
for momentum in (1.0, 0.9, 0.5):
    w = mg.tensor(4.0, dtype=mg.float64, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=momentum)
    for _ in range(60):
        optimizer.zero_grad()
        (0.5 * w**2).backward()
        optimizer.step()
    print(f"μ = {momentum}：60 步后 w = {w.item():+.6f}")
print(f"不清零：60 步后 w = {wrong[60]:+.6f}")

# %% [markdown]
# μ < 1 就有了摩擦，动量也就有了用处（第 18 课）。有意累加同样有用：把一批数据分成两半，
# 两半的梯度加起来再走*一*步；损失若是对样本求和，这就是整批的梯度，若是取平均，再除以 2 即可。
#
# **记住：** `grad` 只管累加；除非有意累加，每一步之前都要清零。在 `mg.view(loss)` 页面底部的几种错法里，
# 也有“不清零”一项。*下一课：* 把这些合在一起，手算两层网络。
