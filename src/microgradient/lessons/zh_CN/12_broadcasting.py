# %% [markdown]
# # 12 · 广播：用求和来还原
#
# **一个偏置加到了整批样本上。它的梯度从哪里来？形状又为什么恰好是对的？**
#
# 文章 4.1 节对一个样本写 z = W x + b，再对 N 个样本取平均。
# 程序则一次算完 N 个：x 成了矩阵，b 仍是向量；
# `x + b` 之所以能算，是因为 b 被**广播**，也就是复制到每一行。

# %%
import microgradient as mg

x = mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # 三个样本，两个单元
b = mg.tensor([10.0, 20.0], requires_grad=True)
G = mg.tensor([[1.0, -2.0], [3.0, 0.0], [2.0, 5.0]])

with mg.trace():
    z = x + b
    L = mg.sum(G * z)
    L.backward()
print("z =", z.tolist())

# %% [markdown]
# L 是特意这样构造的，于是到达 z 的梯度一望便知：∂L/∂z[n, j] = G[n, j]。
# 现在把 b[1] 看成一个用了三次的数，每行用一次。这就是第 4 课：每用一次就有一条路径，各条路径相加。

# %% question
# ∂L/∂b 是多少？（两个数。b[0] 复制到 z 的第一列，b[1] 复制到第二列。）
answer = [6.0, 3.0]
assert mg.check_answer(b, answer)

# %%
print(mg.why(b, 1))

# %% [markdown]
# 三行，三个贡献，每个都是“上游梯度 × 1”。背后的规则是：
#
# **前向时复制，反向时求和**；沿哪些轴复制，就沿哪些轴求和，不多也不少。
#
# 为什么非这样不可？因为复制是线性映射：z = J b，J 的元素只有 0 和 1；而反向传播乘的是 Jᵀ。

# %%
J = mg.reshape(mg.jacobian(lambda b: mg.broadcast_to(b, (3, 2)))(b), (6, 2))
print("Jᵀ =", J.T.tolist())
print("Jᵀ 作用于 G：", (J.T @ mg.reshape(G, (6,))).tolist(), " 对各行求和：", mg.sum(G, axis=0).tolist())

# %% [markdown]
# Jᵀ 的每一行选出 z 的一列，再把它加起来。反过来也成立：求和的转置是复制。
# 所以，`sum` 的梯度要广播，广播的梯度要求和。
#
# 沿哪些轴求和，由形状决定。下面一列与一行相遇，各自在长度为 1 的那个轴上被复制。

# %%
u = mg.tensor([[1.0], [2.0], [3.0]], requires_grad=True)  # (3, 1)
v = mg.tensor([[10.0, 100.0]], requires_grad=True)  # (1, 2)
with mg.trace():
    product = u * v  # (3, 2)
    total = mg.sum(product)
    total.backward()
print("u * v =", product.tolist())

# %% question
# ∂(total)/∂u[2, 0] 是多少？按乘法的规则，每一列都传给它“上游梯度（这里是 1）乘以它遇到的 v”。
answer = 110.0
assert mg.check_answer(float(u.grad[2, 0]), answer)

# %%
print(mg.why(u, (2, 0)))
print("两个梯度的形状：", u.grad.shape, v.grad.shape)

# %% [markdown]
# 再看文章里的 1/N。对一批样本取平均，每个贡献都要除以 N，所以梯度的大小与样本个数几乎无关。
# 若只求和，梯度会随批的大小一起增长，学习率就得跟着减小。

# %%
w = mg.tensor(2.0, requires_grad=True)
for n in 10, 1000:
    data = mg.linspace(0.0, 1.0, n)
    by_sum = mg.grad(lambda w, data=data: mg.sum((w * data - data) ** 2))(w)
    by_mean = mg.grad(lambda w, data=data: mg.mean((w * data - data) ** 2))(w)
    print(f"N = {n:>4}：求和时梯度为 {float(by_sum):8.3f}，取平均时为 {float(by_mean):.3f}")

# %% question
# 一批有 50 个样本，损失是它们的**平均**。每个样本的损失对某个偏置的导数都是 4。这个偏置的梯度是多少？
answer = 4.0
assert mg.check_answer(float(mg.mean(mg.full((50,), 4.0))), answer)

# %% [markdown]
# **记住：** 前向复制，反向求和；梯度的形状总与它所属的量相同。
# 下一课：矩阵乘法，复制与求和在同一个运算里完成。
