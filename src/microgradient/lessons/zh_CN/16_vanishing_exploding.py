# %% [markdown]
# # 16 · 梯度消失与梯度爆炸
#
# **每个梯度都算对了，深层网络却还是学不动。问题出在哪里？**
#
# 本课对应文章 3.3 节和第 9 节的问题 2。先看一条每层只有一个单元的链：a ← σ(w a − w/2)。
# 从 a = ½ 出发，加权和是 0，于是 a 一直是 ½，每个 σ 都处在正中间，斜率为 ½ (1 − ½) = ¼。

# %%
import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import Value


def chain(w, depth):
    a = first = Value(0.5)
    for _ in range(depth):
        a = (w * a - w / 2).sigmoid()
    a.backward()
    return first, a


first, last = chain(w=1.0, depth=3)
print("三层，w = 1：最后的激活值是", last.data)

# %% question
# ∂(last)/∂(first) 是多少？每一层都乘上 w，再乘上 σ 的斜率。
answer = 1 / 64
assert mg.check_answer(first, answer)

# %% [markdown]
# 一条路径是一个连乘积，所以深度成了指数。¼ 已经是 σ 的最大斜率，离开正中间只会更小。

# %% question
# w 取多少时，一层的因子恰好是 1，使梯度原样通过？
answer = 4.0
assert mg.check_answer(1 / (last.data * (1 - last.data)), answer)

# %%
print("层数       w = 1      w = 4      w = 8")
for depth in 3, 10, 30:
    print(f"{depth:>6} ", *(f"{chain(w, depth)[0].grad:10.2e}" for w in (1.0, 4.0, 8.0)))

# %% [markdown]
# 小于 1 就消失，大于 1 就爆炸，只有恰好在两者之间才保持大小。多个单元的一层，乘的是矩阵 Wᵀ 和各个斜率；
# 要紧的是一个典型的梯度因此变长或变短多少倍。
# 下面是九层 sigmoid，权重用默认的初始化。`mg.doctor` 会测出这个倍数：


# %%
def loss_fn(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def network(activation, init=lambda weight: None):
    mg.manual_seed(1)
    model = nn.Sequential()
    for k in range(9):
        model.extend([nn.Linear(32 if k else 20, 32), activation()])
        init(model[-2].weight)
    model.append(nn.Linear(32, 5))
    return model, optim.Adam(model.parameters(), lr=1e-3)


mg.manual_seed(0)
batch = mg.randn(64, 20), mg.randint(5, (64,))
sick, sick_adam = network(nn.Sigmoid)
print(mg.doctor(sick, loss_fn, batch, sick_adam))

# %% [markdown]
# 它的建议是改用 relu：开着时斜率是 1，再让权重补偿关着的那一半（取多大，下一课讲）。
# 同样的数据，同样的步数，并排来看：

# %%
well, well_adam = network(nn.ReLU, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"))
print(mg.doctor(well, loss_fn, batch, well_adam))
print("步     损失：sigmoid   relu, He")
for step in range(101):
    losses = []
    for model, adam in (sick, sick_adam), (well, well_adam):
        adam.zero_grad()
        losses.append(loss_fn(model, batch))
        losses[-1].backward()
        adam.step()
    if step % 25 == 0:
        print(f"{step:>4} {float(losses[0]):>15.4f} {float(losses[1]):>10.4f}")

# %%
shares = mg.mean(nn.functional.one_hot(batch[1], 5) * 1.0, axis=0)
print(f"只知道各类别频率时的损失：{float(-mg.sum(shares * mg.log(shares))):.4f}")

# %% [markdown]
# 可见第一个网络学到的仅此而已，而且全靠最后一层。权重太大，情形正相反：

# %%
loud, loud_adam = network(nn.ReLU, lambda weight: nn.init.normal_(weight, std=0.75))
print(mg.doctor(loud, loss_fn, batch, loud_adam).findings[0].evidence)

# %% [markdown]
# 文章说反向传播的**计算量**随深度呈指数级增长。其实计算量与深度成正比。
# 可能呈指数级增长的是路径的条数；但反向遍历在每个节点先把梯度加起来，然后只往下传一次。

# %%
x = h = Value(1.0)
for _ in range(5):
    h = h + h
h.backward()

# %% question
# 五次加法，每次都是一个数加它自己，往回走时每次都有 2 条路。∂h/∂x 也就是路径的总条数，是多少？
answer = 32
assert mg.check_answer(x, answer)

# %%
print(f"{mg.paths(x, of=h).count} 条路径，而反向遍历只需逐一经过那 5 次加法，每次一回")

# %% [markdown]
# **记住：** 梯度是各层因子的连乘积，要让因子接近 1。裁剪（第 19 课）能限制爆炸，却找不回已经消失的梯度。
# 下一课：怎样的权重、怎样的层，能让因子接近 1。
