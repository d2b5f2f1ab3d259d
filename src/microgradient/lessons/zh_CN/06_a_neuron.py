# %% [markdown]
# # 6 · 一个神经元
#
# *神经元有好几个输入，一个输出。权重更新时，是哪个输入推动了哪个权重？*
#
# 每个权重只由它自己的输入推动，与别的输入无关；推动多远，则由大家共用的一个数决定。
# （对应文章 3.2 节第 1 步：z = W x + b，a = σ(z)，这里 W 只取一行。文章各层的输入都写作 x；
# 其实从第二层起，输入是前一层的 a。）

# %%
import microgradient as mg
from microgradient.scalar import Neuron, Value

x = [Value(2.0), Value(-1.0), Value(0.0)]
w = [Value(0.5), Value(1.5), Value(3.0)]
b = Value(0.5)
z = w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + b
a = z.sigmoid()
a.backward()
print(f"z = {z.data}   a = σ(z) = {a.data}")

# %% [markdown]
# σ(z) = 1 / (1 + e⁻ᶻ)，它的斜率可以直接用函数值表示：σ′(z) = a·(1 - a)。和式 z 把到达的梯度原样传给每一项；
# 而乘积 wᵢ·xᵢ 送给 wᵢ 的，正如第 1 课所说，是另一个因子。
#
# **∂a/∂wᵢ = δ·xᵢ，∂a/∂xᵢ = δ·wᵢ，∂a/∂b = δ，其中 δ = ∂a/∂z = a·(1 - a)。**

# %% question
# δ = ∂a/∂z 等于多少？（a 的值上面已经打印。）
answer = 0.25
assert mg.check_answer(z, answer)

# %% question
# 第二个权重遇到的输入是 -1。a 对它的导数 ∂a/∂w 等于多少？
answer = -0.25
assert mg.check_answer(w[1], answer)

# %% question
# 第三个输入是 0，所以第三个权重得不到梯度。那么 a 沿这个*输入* x[2] 的斜率是多少？
answer = 0.75
assert mg.check_answer(x[2], answer)

# %%
print("  输入       权重     沿权重的斜率   沿输入的斜率")
for xi, wi in zip(x, w, strict=True):
    print(f"{xi.data:6}    {wi.data:7}   {wi.grad:+14.3f}   {xi.grad:+12.3f}")
print(mg.why(w[1]))

# %% [markdown]
# 两列斜率回答两个问题。*这个神经元该怎么变？* 权重沿着输入的方向移动：要让输出在这个输入上更大，就给 w 加上 x 的一个倍数。
# *它前面的部分该怎么变？* 沿着 w 的方向；这正是神经元送回下面一层的东西。
# 输入为 0，权重从中什么也学不到，然而输出对它也许恰恰最敏感。
#
# ## 闸门
#
# 方向由 x 定，远近由 δ 定。δ 一小，不管输入是什么，这个神经元的权重就一起停住。把偏置逐步调大，看看会怎样：

# %%
for bias in (0.5, 2.5, 5.5, 10.5):
    z = Value(sum(wi.data * xi.data for wi, xi in zip(w, x, strict=True)) + bias)
    a = z.sigmoid()
    a.backward()
    print(f"z = {z.data:4.1f}   a = {a.data:.5f}   δ = {z.grad:.5f}")

# %% [markdown]
# *饱和*的神经元对自己深信不疑，哪怕错了也学不动（除非上游来的梯度正好弥补，见第 15 课）。
# relu 的闸门更干脆：z > 0 时打开（δ = 1），否则关上（δ = 0）。
# `scalar.Neuron` 就是这样一个神经元；卡片用 `neuron.w[0]` 这样的名字称呼它的权重。

# %%
neuron = Neuron(2)
for weight, number in zip(neuron.parameters(), (1.0, -2.0, 0.5), strict=True):
    weight.data = number
for inputs in ([3.0, 1.0], [1.0, 2.0]):
    for weight in neuron.parameters():
        weight.grad = 0
    out = neuron(inputs)
    out.backward()
    print(inputs, "→", out.data, "  沿 w 和 b 的斜率：", [weight.grad for weight in neuron.parameters()])
print(mg.why(neuron.w[0]))

# %% [markdown]
# 输入 [3, 1] 时闸门打开，权重看得见各自的输入；输入 [1, 2] 时 z 为负，闸门关上，到达的一切都乘以 0。
# 最后这张卡片指出了 0 出在哪里：在上游。
#
# **记住：** 权重的梯度，等于到达它所在神经元的梯度，乘以它遇到的输入。在 `mg.view(out)` 里可以拖动一个输入，
# 看各个斜率随之变化。*下一课：* 到达神经元的又该是什么？由损失来回答。
