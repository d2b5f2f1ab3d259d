# %% [markdown]
# # 18 · 动量与 Adam：逐项拆开一次更新
#
# **梯度说明了哪边是下坡。那么一步该走多远？优化器又为什么要记住以前的梯度？**
#
# 本课对应文章 8.2 节第 3 点。看一条山谷：L = ½ (x² + 50 y²)，沿 x 平缓，沿 y 陡峭。
# 梯度下降每走一步，x 乘以 1 − lr，y 乘以 1 − 50 lr。

# %%
import microgradient as mg
from microgradient import optim

start = mg.tensor([10.0, 1.0], dtype=mg.float64)


def ravine(p):
    return 0.5 * (p[0] ** 2 + 50.0 * p[1] ** 2)


print("二阶导数：", mg.hessian(ravine)(start).tolist())

# %% question
# 学习率超过多少时，y 会一步比一步大，而不是越来越小？（1 − 50 lr 何时小于 −1？）
answer = 0.04
assert mg.check_answer(2 / float(mg.max(mg.hessian(ravine)(start))), answer)

# %% [markdown]
# 最陡的方向限制了学习率，平缓的方向只好将就。动量保存梯度的累加和 b ← μ b + g，沿 b 走。
# b 里有些什么？把优化器自己的公式拿来，分别对五个梯度求导：

# %%
momentum = optim.SGD([start.clone()], lr=1.0, momentum=0.9)


def last_step(g):
    theta, state = mg.zeros(()), {"momentum_buffer": mg.zeros(())}
    for k in range(5):
        before = theta
        theta = momentum.update(mg, theta, g[k], state, momentum.param_groups[0])
    return theta - before


print("∂(最后一步)/∂(第 1 至 5 个梯度) =", mg.grad(last_step)(mg.ones(5, dtype=mg.float64)).numpy().round(4).tolist())

# %% [markdown]
# 每个梯度都在这一步里，每过一步就打一次九折。横穿山谷的分量正负交替，大半抵消；顺着山谷的分量方向一致，越积越多。

# %% question
# 每一步的梯度都是 1，lr = 0.1，μ = 0.9。最后每步走多远？（1 + 0.9 + 0.9² + … = 10。）
answer = 1.0
assert mg.check_answer(0.1 / (1 - momentum.param_groups[0]["momentum"]), answer)

# %% [markdown]
# Adam 对每个参数记两样东西：g 的滑动平均 m，和 g² 的滑动平均 v。它的更新量是
# **−lr · m̂ / (√v̂ + ε)**，其中 m̂ = m / (1 − β₁ᵗ)，v̂ = v / (1 − β₂ᵗ)，用来补偿两者都从 0 开始。
# 文章说它自适应地调整学习率。更准确地说：lr 不变，
# 每个元素的平均梯度除以该元素的梯度一向的大小。

# %%
w = mg.tensor([0.0, 0.0], dtype=mg.float64, requires_grad=True)
adam = optim.Adam([w], lr=0.001)
(0.004 * w[0] + 400.0 * w[1]).backward()
adam.step()

# %% question
# 第一步使两个参数各移动了多少？（t = 1 时 m̂ = g，√v̂ = |g|。两个数。）
answer = [-0.001, -0.001]
assert mg.check_answer(w.data, answer)

# %% [markdown]
# 两个都移动了 lr 那么多：要紧的不是梯度有多大，而是前后是否一致。
# 取两个参数，梯度大小相同，一个始终不变，一个正负交替。把第十次更新拆开来看：

# %%
w = mg.tensor([0.0, 0.0], dtype=mg.float64, requires_grad=True)
adam = optim.Adam([w], lr=0.001)
for t in range(1, 11):
    before = w.data.copy()
    w.grad = mg.tensor([1.0, (-1.0) ** t], dtype=mg.float64)
    adam.step()
m, v = adam.state[w]["exp_avg"], adam.state[w]["exp_avg_sq"]
for i, name in enumerate(("不变", "交替")):
    mean, size = m[i] / (1 - 0.9**t), (v[i] / (1 - 0.999**t)) ** 0.5
    print(f"{name} m̂ = {mean:.4f}，√v̂ = {size:.4f}，−lr · m̂ / √v̂ = {-0.001 * mean / size:.6f}", end="，")
    print(f"实际移动 {w.data[i] - before[i]:.6f}")

# %% [markdown]
# 一个梯度两次进入自己的更新：经 m 进入分子，经 v 进入分母。
# 取那个始终不变的参数的 m 和 v，令梯度为 0.5，跟踪 Adam 自己的公式：

# %%
g = mg.tensor(0.5, dtype=mg.float64, requires_grad=True)
with mg.trace():
    state = {"step": 10, "exp_avg": mg.tensor(m[0]), "exp_avg_sq": mg.tensor(v[0])}
    step = adam.update(mg, mg.tensor(0.0, dtype=mg.float64), g, state, adam.param_groups[0])
print(mg.why(g, of=step))

# %% [markdown]
# g 更大时，经 m 使这一步变长，经 v 使它变短。最后让三者都走这条山谷，再走一条陡 3 倍的：

# %%
for scale in 1.0, 3.0:
    for name, rule in (
        ("梯度下降", lambda p: optim.SGD(p, lr=0.035)),
        ("动量    ", lambda p: optim.SGD(p, lr=0.035, momentum=0.9)),
        ("Adam    ", lambda p: optim.Adam(p, lr=0.3)),
    ):
        p = mg.tensor(start.data, requires_grad=True)
        optimizer = rule([p])
        for _ in range(100):
            optimizer.zero_grad()
            (scale * ravine(p)).backward()
            optimizer.step()
        print(f"{scale:.0f} × L，{name} 100 步之后：L = {float(ravine(p)):.1e}")

# %% [markdown]
# 损失乘上一个常数，Adam 毫无察觉，所以同一个学习率能用于许多问题。不过它并不总是最快的。
#
# **记住：** 动量把一致的梯度累加起来；Adam 再除以梯度的大小。下一课：梯度裁剪，以及追查 NaN。
