# %% [markdown]
# # 19 · 梯度裁剪与追查 NaN
# *一万批数据里，有一批把权重甩到了老远；或者，损失忽然变成了 `nan`。前一种情况该怎么办？
# 后一种情况，又怎么找出是哪一行出的错？*
#
# 对于梯度爆炸，文章给出的办法之一是裁剪（第 9 节问题 2）。这一课看看裁剪对梯度做了什么、做不到什么，
# 再看如何把一个 NaN 一直追到它产生的地方。

# %%
import json

import microgradient as mg
from microgradient import nn


def steep(w):
    return 15.0 * w[0] ** 2 + 20.0 * w[1] ** 2


w = nn.Parameter(mg.tensor([1.0, 1.0]))
steep(w).backward()
gradient = w.grad.data.copy()
print("∂L/∂w =", gradient, " 范数", mg.linalg.vector_norm(w.grad).item())

# %% [markdown]
# 按范数裁剪，是把*整个*梯度乘以 min(1, c/‖g‖)：方向不变，只限制长度。

# %%
nn.utils.clip_grad_norm_([w], max_norm=5.0)

# %% question
# 梯度原来是 (30, 40)，范数 50。把范数裁剪到 5 以后，它是多少？
answer = [3.0, 4.0]
assert mg.check_answer(w, answer)

# %%
plain, clipped = w.data - 0.1 * gradient, w.data - 0.1 * w.grad.data
print(f"L 原为 {steep(w.data):.2f}；步长取 0.1，不裁剪时变成 {steep(plain):.2f}，裁剪后变成 {steep(clipped):.2f}")

# %% [markdown]
# 文章所说的“限制梯度的最大值和最小值”，是对每个分量分别设限，也就是 `clip_grad_value_`。它会改变梯度的方向：
# 下面两个分量都成了 5，哪个方向更陡，这一信息就丢了。
#
# 文章还说裁剪可以避免梯度*消失*。这做不到：min(1, c/‖g‖) 永远不大于 1，裁剪只会缩短梯度，不会放大它。

# %%
w.grad = mg.tensor(gradient)
nn.utils.clip_grad_value_([w], clip_value=5.0)
print("按值裁剪：", w.grad.data, "  很小的梯度，按范数裁剪：", end=" ")
w.grad = mg.tensor(gradient * 1e-6)
nn.utils.clip_grad_norm_([w], max_norm=5.0)
print(w.grad.data)

# %% [markdown]
# ## 看上去正常的损失
# h 的每一行把权重分配得有多均匀？可以用份额 s = h/Σh 的熵 −Σ s·log s 来衡量，约定 0·log 0 = 0。
# 下面有一行含一个零，还有一行全是零；`mg.where` 看来把两种情况都照顾到了。


# %%
def entropy(h):
    total = mg.sum(h, axis=1, keepdims=True)
    share = h / total
    return -mg.mean(mg.sum(mg.where(share > 0, share * mg.log(share), 0.0), axis=1))


h = mg.tensor([[1.0, 3.0], [2.0, 0.0], [0.0, 0.0]], requires_grad=True)
with mg.trace() as trace:
    loss = entropy(h)
    loss.backward()
print(f"loss = {loss.item():.4f}")

# %% question
# 损失是有限的。h.grad 的 6 个分量里，有几个是 NaN？
# （0 × ∞ 是 NaN，0 × NaN 也是；对一行求和，会把收到的梯度原样传给这一行的每个分量。）
answer = 4
assert mg.check_answer(float(mg.sum(mg.isnan(h.grad)).item()), answer)

# %% [markdown]
# `why` 一直追到源头。标着 *NaN* 的两行，一行指出前向传播中最先给出 NaN 的运算，另一行指出反向传播时 0 与 ∞
# 相遇的那条边。其余不是有限数的地方都只是受害者：再下面按求值次序列出每个运算，以及它的值、它的梯度中各有
# 几个分量不是有限数。

# %%
print(mg.why(h, (1, 0)))
for node in json.loads(trace.to_json(of=loss))["nodes"]:
    bad = [node[part]["nonfinite"] for part in ("value", "gradient")]
    print(f"{node['name']:6}{node['op'] or '':12}值 {bad[0]}   梯度 {bad[1]}")

# %% [markdown]
# 反向传播时，`where` 向没有选中的分支传去的确实是 0；可是那个分支是 s·log s，它对 s 的导数是 log s + 1，
# 在 s = 0 处为 −∞，而 0 × ∞ 是 NaN。除法的毛病也一样：全零的那一行算的是 0/0。两处的处方相同：
# 不能只在输出上挡一道，要让危险运算的*输入*先变得无害。


# %%
def mended(h):
    total = mg.sum(h, axis=1, keepdims=True)
    share = h / mg.where(total > 0, total, 1.0)
    return -mg.mean(mg.sum(share * mg.log(mg.where(share > 0, share, 1.0)), axis=1))


print("不修就裁剪：", nn.utils.clip_grad_norm_([h], max_norm=1.0).item(), h.grad.data.ravel())
h.grad = None
mended(h).backward()
print("修好之后：", h.grad.data.ravel())

# %% [markdown]
# 第 2 行的第二个分量若略微增大，熵的增长率其实是无穷大；修好的程序略去了这一项，取了一个有限的斜率。
# 在这样的点上梯度该取多少，要由你来定；NaN 却等于什么也没有定。
#
# 裁剪治不了 NaN：梯度里只要有一个 NaN，范数就是 NaN，系数 c/‖g‖ 会把每个分量都毁掉
# （加上 `error_if_nonfinite=True`，就会改为报错）。也不能拖：更新一次以后，参数本身成了 NaN，
# 每个运算看上去都有嫌疑。`mg.doctor` 能指出模型里最先出错的运算，`mg.view(loss)` 能在计算图上把它显示出来。
#
# **记住：** 裁剪只能缩短梯度，不能修复梯度；NaN 要在它产生的地方修。
# *下一课：* 梯度健康了，就来训练一个会认数字的网络。
