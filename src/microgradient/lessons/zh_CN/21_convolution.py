# %% [markdown]
# # 21 · 卷积：一个权重，许多位置
# *一个 3 × 3 的卷积核只有九个权重，一张图片却有成千上万个像素。整张图片怎么能对九个数中的一个“发表意见”，
# 这意见究竟又是什么？*
#
# 对应文章 6.2 节的卷积神经网络。这里并不需要新的规则：卷积核被反复使用，而第 4 课已经说过，
# 一个量用了多次，各条路径的贡献就相加。

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.data.datasets import load_digits
from microgradient.nn.functional import conv2d

x = mg.tensor(np.arange(1.0, 17.0).reshape(1, 1, 4, 4), requires_grad=True)  # （样本，通道，行，列）
kernel = mg.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requires_grad=True)
with mg.trace():
    y = conv2d(x, kernel)
    L = mg.sum(y)
    L.backward()
print(x.data[0, 0], y.data[0, 0], sep="\n")

# %% [markdown]
# 卷积核依次放到图片的每个位置上，这里共有 3 × 3 个位置：y[i, j] = Σ k[a, b] · x[i+a, j+b]。
# 所以在位置 (i, j) 上，k[a, b] 遇到的是 x[i+a, j+b]，于是 ∂L/∂k[a, b] = Σ ∂L/∂y[i, j] · x[i+a, j+b]，
# 对所有位置求和。这里 L = Σ y，每个 ∂L/∂y 都是 1。

# %% question
# 卷积核左上角的权重遇到了哪些像素？它的梯度就是这些像素之和。
answer = 54.0
assert mg.check_answer(kernel.grad.data[0, 0, 0, 0], answer)

# %% question
# 再看图片：∂L/∂x 在左上角，以及在第 1 行第 1 列（从 0 数起），各是多少？
# 左上角的像素只遇到卷积核的一个权重，另一个像素则遇到全部四个。
answer = [1.0, 10.0]
assert mg.check_answer(x.grad.data[0, 0, [0, 1], [0, 1]], answer)

# %%
print(mg.why(kernel, (0, 0, 0, 0), top=3))
print(mg.why(x, (0, 0, 1, 1)))

# %% [markdown]
# 前者有九条路径，后者有四条。这两种求和本身也都是卷积：求卷积核的梯度，是把 ∂L/∂y 放到图片上滑动；
# 求图片的梯度，是把卷积核转 180°，放到四周补了零的 ∂L/∂y 上滑动。（数学上的卷积在前向时就要翻转卷积核；
# 神经网络省去了这一步，反正学到的核可以自带翻转。）

# %%
g = mg.tensor(np.random.default_rng(0).normal(size=y.shape))
to_x, to_kernel = mg.vjp(conv2d, x, kernel)[1](g)
turned = mg.flip(kernel.detach(), axis=(2, 3))
print("与规则一致：", np.allclose(to_kernel.data, conv2d(x.detach(), g).data), end=" ")
print(np.allclose(to_x.data, conv2d(g, turned, padding=1).data, atol=1e-6))

# %% [markdown]
# ## 卷积核怎样学，从哪里学
# 取一个初值全为零的 3 × 3 卷积核，让它猜出一些数字图片被做了什么处理（其实是用来检测竖直边缘的 Sobel 滤波）。
# 先看一个权重在一张图片上的地图：右列中间的那个权重，它在每个位置上遇到的是右侧的像素 x，
# 得到的贡献是 2(y − target)/N · x。+ 表示那里想让它变大（贡献为负，而下降要逆着梯度走），− 表示想让它变小，
# 点表示 x = 0。

# %%
pictures = mg.tensor(load_digits()[0][:100, None])
sobel = mg.tensor([[[[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]]])
targets = conv2d(pictures, sobel)
layer = nn.Conv2d(1, 1, 3, bias=False)
nn.init.zeros_(layer.weight)
with mg.trace():
    loss = mg.mean((layer(pictures[3:4]) - targets[3:4]) ** 2)
    loss.backward()
found = mg.why(layer.weight, (0, 0, 1, 2), top=None)
wants = np.full((8, 8), " ")
wants[1:-1, 1:-1] = "."
for edge in found.edges:
    row, column = edge.index[2:]
    wants[row + 1, column + 1] = "−" if edge.contribution > 0 else "+"
for row in range(8):
    ink = "".join(2 * " .:+#@"[int(5 * pixel)] for pixel in pictures.data[3, 0, row])
    print(ink, "  ", "".join(2 * c for c in wants[row]))
print(f"{len(found.edges)} 个位置的贡献之和：∂L/∂w = {found.sum:+.4f}")

# %%
optimizer = optim.Adam(layer.parameters(), lr=0.1)
for step in range(200):
    optimizer.zero_grad()
    loss = mg.mean((layer(pictures) - targets) ** 2)
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(
            f"第 {step + 1:3} 步：损失 {loss.item():.7f}，卷积核的中间一行：{layer.weight.data[0, 0, 1].round(3) + 0.0}"
        )

# %% [markdown]
# 若用线性层把 64 个像素变成同样的 36 个输出，就要有 64 · 36 个权重。卷积正是这样一个矩阵，只不过大多数元素是 0，
# 其余的元素只有九种不同的数；把矩阵的梯度在属于同一个权重的元素上加起来，就是卷积核的梯度。
# 所谓“权重共享”，对反向传播来说不过如此。在训练之前用 `mg.view(loss)`，九个权重都可以打开来看。
#
# **记住：** 卷积核的一个权重，从所有位置收集“传到那里的梯度 × 在那里遇到的像素”。
# *下一课：* 在时间上反复使用的权重——循环网络。
