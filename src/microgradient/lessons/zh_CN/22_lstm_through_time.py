# %% [markdown]
# # 22 · LSTM 与时间：遗忘门是一个阀门
# *循环网络读入三十个数，只有第一个要紧。末端的梯度怎样才能一路传回开头，又为什么常常在半路上消失？*
#
# 文章 6.2 节提到了 LSTM 和 GRU，这一课看它们的门对梯度做了什么。沿时间展开以后，循环网络就是一张普通的、
# 很深的计算图，只是每一层的权重相同：还是那句话，各条路径的贡献相加。

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import Value

f, c0 = Value(0.5, label="f"), Value(1.0, label="c0")
c = c0
for _ in range(4):
    c = f * c  # 记住的内容，每步保留 f 这么多
c.backward()

# %% question
# 走了四步，每步保留一半。∂c/∂c0 是多少？
answer = 0.0625
assert mg.check_answer(c0, answer)

# %% question
# c = f⁴ · c0，那么 ∂c/∂f 是多少？（这里四个时间步的贡献相等。）
answer = 0.5
assert mg.check_answer(f, answer)

# %%
print(mg.why(f))

# %% [markdown]
# 往回走时，每一步都乘以 f，f 就像一个阀门。LSTM（Hochreiter 与 Schmidhuber 1997；遗忘门由 Gers、Schmidhuber
# 与 Cummins 于 2000 年加入）的阀门开多大，由它读到的东西算出来，也就是输入 x 和上一步的输出 h：
#
#     i, f, o = σ(W x + U h + b)，  g = tanh(W x + U h + b)，  各有各的 W、U 和 b
#     c ← f · c + i · g             h ← o · tanh(c)
#
# 沿着 c 往回走 n 步，要乘的因子是 f₁ · f₂ … fₙ。普通的循环网络 h ← tanh(W x + U h + b) 没有这样一条路：
# 每一步都要乘以 U，再乘以 tanh 的导数。下面的任务需要记忆：三十个数里第一个是 ±1，其余都是噪声，
# 读完之后，网络要说出第一个数的符号。

# %%
STEPS, UNITS, BATCH = 30, 8, 64
rng = np.random.default_rng(0)


def examples():
    signs = rng.choice([-1.0, 1.0], size=(BATCH, 1)).astype(np.float32)
    noise = rng.normal(size=(STEPS - 1, BATCH, 1)).astype(np.float32)
    return mg.tensor(np.concatenate([signs[None], noise])), mg.tensor(signs)


def loss_of(cell, head, x, signs):
    h = c = mg.zeros((BATCH, UNITS))
    for t in range(len(x)):
        if isinstance(cell, nn.LSTMCell):
            h, c = cell(x[t], (h, c))
        else:
            h = cell(x[t], h)
    return mg.mean(mg.softplus(-signs * head(h)))  # 正确符号的概率的 −log


def trained(cell, head):
    optimizer = optim.Adam([*cell.parameters(), *head.parameters()], lr=0.01)

    @mg.compile
    def step(x, signs):
        optimizer.zero_grad()
        loss = loss_of(cell, head, x, signs)
        loss.backward()
        optimizer.step()
        return loss

    return np.mean([step(*examples()).item() for _ in range(150)][-10:])


# %% [markdown]
# 先看未训练时：∂L/∂x 在时刻 0、5、10 … 25 的大小；再看某一个权重（从输入到 g，或到 h）的梯度按时间步拆开以后，
# 唯一要紧的第 0 步占多大份额。然后训练 150 步。什么也没学到的网络，损失是 ln 2 ≈ 0.69。

# %%
for forget in (None, 0.0, 4.0):
    mg.manual_seed(0)
    cell, head = nn.RNNCell(1, UNITS) if forget is None else nn.LSTMCell(1, UNITS), nn.Linear(UNITS, 1)
    if forget is not None:
        cell.bias_ih.data[UNITS : 2 * UNITS] += forget  # i、f、g、o 的偏置依次排列
    x, signs = examples()
    x.requires_grad = True
    with mg.trace():
        loss = loss_of(cell, head, x, signs)
        loss.backward()
    found = mg.why(cell.weight_ih, (0 if forget is None else 2 * UNITS, 0))
    by_step = np.abs(found.groups[0][1])  # 这个权重每个时间步用一次
    print("普通循环网络" if forget is None else f"LSTM，遗忘门约为 {1 / (1 + np.exp(-forget)):.2f}")
    print("    |∂L/∂x|:", *(f"{size:.0e}" for size in mg.mean(mg.abs(x.grad), axis=(1, 2)).data[::5]))
    print(f"    第 0 步的份额：{by_step[0] / by_step.sum():.0%}    训练后的损失：{trained(cell, head):.2f}")

# %% [markdown]
# 阀门半开，第 0 步的消息几乎荡然无存；阀门几乎全开，它的份额反而最大。正因为如此，遗忘门的偏置常常初始化为一个正数。
#
# 文章说，反向传播的计算量随层数呈指数级增长（3.3、8.3 节）。这样增长的其实是*路径*的条数。
# 反向遍历并不一条一条地走路径，每个运算它只经过一次：

# %%
for n in (5, 10, 20):
    with mg.trace() as trace:
        loss = loss_of(cell, head, x[:n], signs)
    count = mg.paths(cell.weight_hh, of=loss).count
    print(f"{n:2} 个时间步：{len(trace.steps):3} 个运算，从损失到权重 U 的路径有 {count:.1e} 条")

# %% [markdown]
# **记住：** 在时间上，同样是各条路径的贡献相加；门接近 1，梯度就通过，门接近 0，梯度就被截断。
# *下一课：* 梯度自己的梯度有什么用。
