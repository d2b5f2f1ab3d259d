# %% [markdown]
# # 11 · 文中的程序：哪里坏了，怎样修好
#
# **为什么看上去没错的程序跑不起来？好不容易跑起来了，为什么又什么都学不到？**
#
# 文章 5.2 节在四个点上训练一个 2-2-1 网络：先 relu，再 σ，均方误差，Adam。照原样，它无法运行。
# 下面逐一看它的错误和计算机的说法，最后给出一个能用的版本。
#
# **1 · 作用域。** 权重是在构建模型的函数内部创建的，训练循环却在外面直呼其名
# （它的 `backward` 同样用到了属于 `forward` 的 `h2` 和 `a1`）。放进模块，即下面的 `Net`，就处处可以取用。

# %%
import warnings

import numpy as np

import microgradient as mg
from microgradient import nn, optim

x, t = mg.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]]), mg.tensor([0.0, 1.0, 1.0, 1.0])


def build_model():
    W1 = mg.randn(2, 2)
    return lambda x: mg.relu(x @ W1)


forward = build_model()
try:
    print(W1)
except NameError as error:
    print(error)


# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.W1, self.b1 = nn.Parameter(mg.randn(2, 2)), nn.Parameter(mg.zeros(2))
        self.W2, self.b2 = nn.Parameter(mg.randn(2, 1)), nn.Parameter(mg.zeros(1))

    def forward(self, x):
        return mg.sigmoid(mg.relu(x @ self.W1 + self.b1) @ self.W2 + self.b2)


def loss_fn(model, batch):
    return mg.mean((model(batch[0]) - batch[1]) ** 2)


mg.manual_seed(0)
net = Net()
h1 = x @ net.W1 + net.b1
a1, p, column = mg.relu(h1), net(x), mg.reshape(t, (4, 1))

# %% [markdown]
# **2 · 乘积的次序反了。** 这里每行是一个样本，h₂ = a₁ W₂ + b₂。文章把 ∂L/∂W₂ 写成 (∂L/∂h₂) a₁ᵀ：

# %%
d_h2 = 2 * (p - column) / 4 * p * (1 - p)
try:
    d_h2 @ a1.T
except mg.errors.ShapeError as error:
    print(error)

# %% question
# a₁ 的形状是 (4, 2)，d_h2 的形状是 (4, 1)。∂L/∂W₂ 必须是什么形状？（两个数。）
answer = [2, 1]
assert mg.check_answer(np.array(net.W2.shape), answer)

# %% [markdown]
# 只有 a₁ᵀ d_h2 是这个形状。同一个偏置用在四个样本上，它的梯度就是四个样本传回的值之和；
# relu 的导数则是逐元素相乘。全部手写出来，与引擎对照：

# %%
d_h1 = d_h2 @ net.W2.T * (h1 > 0)
by_hand = [x.T @ d_h1, mg.sum(d_h1, axis=0), a1.T @ d_h2, mg.sum(d_h2, axis=0)]
loss_fn(net, (x, column)).backward()
worst = max(np.abs(g.data - w.grad.data).max() for g, w in zip(by_hand, net.parameters(), strict=True))
print(f"手算与引擎的最大差：{worst:.0e}")

# %% [markdown]
# **3 · 悄悄广播的形状。** 预测值的形状是 (4, 1)，文章中目标的形状是 (4,)。
# 两者居然可以相减，结果的形状是 (4, 4)。程序不报错，训练的却是谁也没打算训练的东西。请医生来看：

# %%
warnings.simplefilter("ignore")  # 引擎本来也会警告
print(mg.doctor(net, loss_fn, (x, t)))

# %% question
# 每个预测值 p 都要与全部四个目标 0、1、1、1 比较。p 取多少时，(p − t)² 的平均值最小？
answer = 0.75
assert mg.check_answer(float(mg.mean(t)), answer)


# %%
def trained(targets, run):
    mg.manual_seed(0)
    net = Net()
    adam = optim.Adam(net.parameters(), lr=0.01)

    def step(x, y):
        adam.zero_grad()
        loss_fn(net, (x, y)).backward()
        adam.step()

    step = mg.compile(step) if run == "compiled" else step
    for _ in range(1000):
        step(x, targets)
    return net(x)[:, 0].data


for targets, run in (t, "compiled"), (column, "eager"), (column, "compiled"):
    print(f"{run:<8}  目标 {targets.shape!s:<6} ", trained(targets, run).round(5))

# %% [markdown]
# 修好的程序学会了；编译成机器码（compiled），得到的数与逐步执行（eager）相同。
# 还有一个隐患留到第 14 课：输入全是正数，若抽到的权重都是负的，隐藏单元就会永远关闭。
#
# **记住：** 梯度的形状与参数相同，预测值的形状与目标相同，先查这两条。
# 下一课：有意使用广播时，梯度会怎样。
