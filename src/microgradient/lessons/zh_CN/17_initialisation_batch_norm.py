# %% [markdown]
# # 17 · 初始化与批归一化
#
# **权重一开始该取多大？批归一化又对梯度做了什么？**
#
# 文章第 9 节问题 2 把这两样都列为对策。首先，权重必须互不相同。
# 如果全都相等，一层里的各个单元就算出同样的值，得到同样的梯度，于是永远一模一样：

# %%
import microgradient as mg
from microgradient import nn
from microgradient.scalar import Value

mg.manual_seed(0)
batch = mg.randn(64, 50), mg.randn(64, 1)


def loss_fn(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def network(std, norm=False):
    mg.manual_seed(1)
    model = nn.Sequential()
    for _ in range(8):
        model.extend([nn.Linear(50, 50, bias=False), *([nn.BatchNorm1d(50)] if norm else []), nn.ReLU()])
    for weight in model.parameters():
        if weight.ndim == 2:
            nn.init.normal_(weight, mean=0.0 if std else 0.1, std=std)
    return model.append(nn.Linear(50, 1))


print(mg.doctor(network(std=0.0), loss_fn, batch))

# %% [markdown]
# 其次是大小。加权和 z = Σ wᵢ aᵢ 有 n 项，权重相互独立、均值为 0，那么它的均方是 n · var(w) · mean(a²)。
# z 取正取负的机会相等，relu 只留下一半：mean(relu(z)²) = ½ mean(z²)。
# 所以每过一层，均方就乘以 n · var(w) / 2。

# %% question
# 要使均方保持不变，n = 50 时权重的标准差应取多少？（这就是 He 初始化。）
answer = 0.2
assert mg.check_answer((2 / 50) ** 0.5, answer)

# %% [markdown]
# 往回走同样是加权和，只是对下一层的单元求和，并且通过的是同一半 relu。
# 所以当各层的单元数相同时，同样的权重对两个方向都合适。若取一半或两倍，经过八层：

# %%
print("std  各层信号的均方根                                                 梯度：首层 / 末层")
for std in 0.1, 0.2, 0.4:
    layers = mg.doctor(network(std), loss_fn, batch).layers
    signals = " ".join(f"{layer.signal:7.3g}" for layer in layers[:8])
    print(f"{std}  {signals}   ×{layers[1].gradient / layers[-1].gradient:.2g}")

# %% [markdown]
# 批归一化更进一步：不管权重如何，它让每个单元的值在这一批样本上均值为 0、方差为 1。
# （文章说它规范化输入数据；其实它用在网络内部，对每个单元分别进行。）
# 代价是每个样本从此依赖于其他所有样本。看四个样本、一个单元，损失只看第一个样本：

# %%
x = [Value(0.0), Value(0.0), Value(2.0), Value(2.0)]


def normalised(x):
    mean = (x[0] + x[1] + x[2] + x[3]) / 4
    var = ((x[0] - mean) ** 2 + (x[1] - mean) ** 2 + (x[2] - mean) ** 2 + (x[3] - mean) ** 2) / 4
    std = var**0.5
    return [(v - mean) / std for v in x], mean, std


y, mean, std = normalised(x)
L = 4.0 * y[0]
L.backward()
print("y =", [v.data for v in y], "  均值", mean.data, "  标准差", std.data, "  ∂L/∂y = [4, 0, 0, 0]")

# %% [markdown]
# 记 g = ∂L/∂y，mean 表示对这一批取平均，把所有路径加起来就是：∂L/∂x[i] = (g[i] − mean(g) − y[i] · mean(g · y)) / std。
# 第一项是直接的路径，第二项来自均值，第三项来自标准差。

# %% question
# L 根本不看 y[1]。那么 ∂L/∂x[1] 是多少？
answer = -2.0
assert mg.check_answer(x[1], answer)

# %%
print(mg.paths(x[1]))
print("全部四个：", [v.grad for v in x])
x = [Value(v.data) for v in x]
scaled = [10.0 * v for v in x]  # 下一题要用
L = 4.0 * normalised(scaled)[0][0]
L.backward()

# %% [markdown]
# 通向 x[1] 的路径没有一条是直接的。（经 `std` 再到 `mean` 的那四条相互抵消：方差从哪一点量起，在一阶近似下并无影响。）
# 谁若把均值和标准差当作常数，得到的就是 [4, 0, 0, 0]。批归一化的好处，在于因子 1 / std：

# %% question
# 先把所有 x 都乘以 10。这时 ∂L/∂(10 · x[1]) 是多少？（y 变了没有？std 变成了多少？）
answer = -0.2
assert mg.check_answer(scaled[1], answer)

# %% [markdown]
# 乘法传回的是它的十倍：∂L/∂x[1] 仍是 −2，那个 10 约掉了。所以有了批归一化，
# 权重的大小就不再是第 16 课那个连乘积里的因子。还是那八层，看到达数据的梯度的范数：


# %%
def gradient_at_data(model):
    return float(mg.linalg.vector_norm(mg.grad(lambda data: loss_fn(model, (data, batch[1])))(batch[0])))


print("std   ‖∂L/∂data‖：不用批归一化，用批归一化")
for std in 0.1, 0.2, 0.4:
    print(f"{std}   {gradient_at_data(network(std)):9.2e}  {gradient_at_data(network(std, norm=True)):9.2e}")

# %% [markdown]
# **记住：** He 初始化的方差是 2/n，它使信号和梯度保持大小；
# 批归一化使两者都与权重的大小无关，同时把一批样本彼此联系起来。
# 下一课：梯度有了，一步该走多远？
