# %% [markdown]
# # 23 · 二阶导数：梯度为什么会变
# *梯度告诉我们哪边是下坡。可是该走多远呢？*
#
# 这要看一路上梯度本身变得多快。文章 7.3 节列出了关于 Hessian-free 优化的论文；它的作者其实是 Martens（2010），
# 用于循环网络的是 Martens 与 Sutskever（2011）。这一课以它的想法收尾，先从一个数开始。

# %%
import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

import microgradient as mg
from microgradient.data.datasets import load_digits
from microgradient.nn.functional import cross_entropy


def f(x):
    return x**4 + x**2


w = mg.tensor(2.0, requires_grad=True)
with mg.trace():
    slope = mg.grad(f)(w)
    slope.backward()

# %% [markdown]
# `mg.grad(f)` 和 f 一样是个函数：它用同样有规则可依的运算算出 f′(x) = 4x³ + 2x。所以它的结果也有梯度。

# %% question
# f″(2) 是多少？也就是斜率 4x³ + 2x 在 2 处的导数。
answer = 50.0
assert mg.check_answer(w, answer)

# %%
print(mg.why(w))
mg.check_gradients(f, 2.0, order=3)  # 用有限差分检验，直到三阶导数

# %% [markdown]
# 在 w 附近，斜率是 f′(w) + f″(w) · d，它在 d = −f′(w)/f″(w) 处为零：这就是牛顿步。
# 学习率由曲率定了下来，等于 1/f″。

# %% question
# f′(2) = 36。从 2 出发走一个牛顿步，到哪里？
answer = 1.28
assert mg.check_answer(2.0 - float(slope) / float(w.grad), answer)

# %% [markdown]
# ## 许多个权重
# 有 n 个权重时，二阶导数排成一个矩阵，即海森矩阵 H，牛顿步 d 是方程 H d = −g 的解。
# Rosenbrock 山谷 (1 − x)² + 100(y − x²)² 又窄又长又弯，最低点在 (1, 1)。


# %%
def valley(p):
    return (1.0 - p[0]) ** 2 + 100.0 * (p[1] - p[0] ** 2) ** 2


newton = descent = mg.tensor([-1.0, 1.0], dtype=np.float64)
print("起点处的 H：", mg.hessian(valley)(newton).data.tolist())
for _ in range(6):
    newton = newton + mg.linalg.solve(mg.hessian(valley)(newton), -mg.grad(valley)(newton))
for _ in range(2000):
    descent = descent - 1e-3 * mg.grad(valley)(descent)
print("6 个牛顿步：", newton.data, " 2,000 个梯度下降步：", descent.data.round(3))

# %% [markdown]
# 若有一百万个权重，H 就有 10¹² 个元素。但对一个向量 v 来说，H v 只不过是梯度沿方向 v 的导数，
# 代价只相当于几次梯度（Pearlmutter 1994）：`mg.hvp`。H 的元素一个也不用写出来。

# %% question
# f(x, y) = x² · y，在点 (1, 2)。v = (1, 0) 时 H v 是多少？也就是说，x 变化时，梯度 (2xy, x²) 怎样变化？
answer = [4.0, 2.0]
assert mg.check_answer(mg.hvp(lambda p: p[0] ** 2 * p[1], mg.tensor([1.0, 2.0]), mg.tensor([1.0, 0.0])).data, answer)

# %% [markdown]
# 共轭梯度法解 H d = −g，用到的就只有这样的乘积。例子是对数字图片做 softmax 回归，带一点权重衰减，
# 于是 H 正定，d 一定指向下坡。作为对照，再做代价相同的若干步梯度下降；一次乘积按三次梯度计算。

# %%
pictures, digits = load_digits()
x, y = mg.tensor(pictures.reshape(-1, 64).astype(np.float64)), mg.tensor(digits)


def loss(weights):
    return cross_entropy(x @ mg.reshape(weights, (64, 10)), y) + 0.5e-3 * mg.sum(weights**2)


value_and_slope = mg.compile(mg.value_and_grad(loss))
product = mg.compile(lambda w, v: mg.hvp(loss, w, v))
weights, products = mg.zeros(640, dtype=np.float64), 0


def times_hessian(v):
    global products
    products += 1
    return product(weights, mg.tensor(v)).data


for step in range(6):
    value, g = value_and_slope(weights)
    print(f"第 {step} 个牛顿步：损失 {value.item():.6f}，|g| {np.linalg.norm(g.data):.0e}，至此与 H 相乘 {products} 次")
    d, _ = cg(LinearOperator((640, 640), times_hessian, dtype=np.float64), -g.data, rtol=0.1)
    weights = weights + mg.tensor(d)
for rate in (2.0, 4.0, 5.0):
    p = mg.zeros(640, dtype=np.float64)
    for _ in range(6 + 3 * products):
        value, g = value_and_slope(p)
        p = p - rate * g
    print(f"{6 + 3 * products} 个梯度下降步，学习率 {rate}：损失 {value.item():.6f}，|g| {np.linalg.norm(g.data):.0e}")

# %% [markdown]
# 在最小值附近，如果 d 解得精确，牛顿法每走一步，误差就变成平方。离得远时要小心：H 若不是正定的，
# d 可能指向上坡，或者通向鞍点。所以论文里给 H 加了阻尼。
#
# **记住：** 梯度也是一次普通的计算，所以梯度也有梯度；该走多远，由二阶导数来说。
# *下一课：* 谁与谁相连由数据决定的计算图——注意力。
