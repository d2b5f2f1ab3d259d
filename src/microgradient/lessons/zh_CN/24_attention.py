# %% [markdown]
# # 24 · 注意力：是谁在问？
# *到现在为止，计算图里谁与谁相连都由程序定好。在 Transformer 里，却由数据来定。往哪里看，怎么能靠梯度学会？*
#
# 对应文章 6.2 节的 Transformer（Vaswani 等 2017）。词元 i 带着查询 qᵢ 来问，每个词元 j 有一个键 kⱼ 和一个值 vⱼ：
# sᵢⱼ = qᵢ · kⱼ / √d，pᵢ = softmax(sᵢ)，outᵢ = Σⱼ pᵢⱼ vⱼ。每一步都是光滑的，并没有真的选出哪一个：
# 每个都看，只是有多有少。先看一个查询，它觉得四个键同样好；四个值是 1、0、0、0。

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim

scores = mg.tensor([0.0, 0.0, 0.0, 0.0], requires_grad=True)
with mg.trace():
    out = mg.softmax(scores) @ mg.tensor([1.0, 0.0, 0.0, 0.0])
    out.backward()

# %% [markdown]
# 一个分数变大，就从其余各项那里拿走份额：∂pⱼ/∂sⱼ = pⱼ(1 − pⱼ)，∂pₖ/∂sⱼ = −pⱼ pₖ。
# 合起来，∂out/∂sⱼ = pⱼ · (vⱼ − out)：要让 out 变大，哪个值比眼下的 out 更大，就该提高哪个分数。

# %% question
# 四个 p 都是 0.25，out = 0.25。out 对四个分数的偏导数各是多少？
answer = [0.1875, -0.0625, -0.0625, -0.0625]
assert mg.check_answer(scores, answer)

# %%
print("∂p/∂s =\n", mg.jacobian(lambda s: mg.softmax(s))(scores).data)
print(f"∂out/∂s 各项之和为 {mg.sum(scores.grad).item():.1f}：所有分数同加一个数，结果不变")

# %% [markdown]
# ## 学会往哪里看
# 一串字母，每次次序不同；问其中三个，要答出它们各在第几个位置。该学会的是：问哪个字母，就去找哪个字母。
# 查询和键是两张表的行；对第 i 个问题，若所问的字母在位置 j，值 j 就是 1，否则是 0。于是 out 就是答对的概率。

# %%
LETTERS, DIM = "abcdefgh", 16
mg.manual_seed(0)
query_of, key_of = (nn.Parameter(0.3 * mg.randn(len(LETTERS), DIM)) for _ in range(2))
rng = np.random.default_rng(0)


def lists(count):
    letters = np.stack([rng.permutation(len(LETTERS))[:5] for _ in range(count)])
    places = np.stack([rng.permutation(5)[:3] for _ in range(count)])
    wanted = (places[:, :, None] == np.arange(5)).astype(np.float32)
    return letters, np.take_along_axis(letters, places, 1), wanted


def look(asked, letters):
    queries, keys = query_of[asked], key_of[letters]
    scores = queries @ keys.mT / DIM**0.5
    return keys, scores, mg.softmax(scores, axis=-1)


def loss_of(p, wanted):
    return -mg.mean(mg.log(mg.sum(p * wanted, axis=-1)))


# %% [markdown]
# 先看训练之前的一串字母。一个键对应分数表里的一列，每个问题都会看它，所以它的梯度由每个问题各贡献一项：
# Σᵢ ∂L/∂sᵢⱼ · qᵢ/√d。是谁在问、想让它怎么变，`why` 都会说明。

# %%
letters, asked, wanted = (x[0] for x in lists(1))
with mg.trace() as trace:
    keys, scores, p = look(asked, letters)
    loss = loss_of(p, wanted)
    loss.backward()
for question, row in zip(asked, trace.grad_of(scores).data, strict=True):
    print(f"{LETTERS[question]} 在问，∂L/∂s：", *(f"{LETTERS[a]} {g:+.3f} " for a, g in zip(letters, row, strict=True)))
print(mg.why(keys, (int(wanted[0].argmax()), 0)))

# %% [markdown]
# ∂L/∂s 的每一行之和为 0：所问的字母被拉近，别的字母就让出份额。上面的解释里，[i, j] 表示问题 i 看键 j。
# 现在来训练这两张表，每一步用 32 串新的字母。

# %%
optimizer = optim.Adam([query_of, key_of], lr=0.02)
for step in range(300):
    letters, asked, wanted = lists(32)
    optimizer.zero_grad()
    p = look(asked, letters)[2]
    loss = loss_of(p, wanted)
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"第 {step + 1} 步：损失 {loss.item():.4f}")
for question, row in zip(asked[0], p.data[0], strict=True):
    print(f"{LETTERS[question]} 在问，p：", *(f"{LETTERS[a]} {c:.2f} " for a, c in zip(letters[0], row, strict=True)))

# %% [markdown]
# ## 为什么要除以 √d，掩码又做了什么
# d 个大小约为 1 的独立的数做点积，结果的大小约为 √d。不除以它，softmax 就会饱和：某个 p 接近 1，
# 所有的 p(1 − p) 都接近 0，梯度就过不去了。掩码则是用 −∞ 代替分数，使 p 等于 0。

# %%
q, k = mg.randn(1000, 1, 256), mg.randn(1000, 8, 256)
products = mg.sum(q * k, axis=2)
for told, s in (("q · k", products), ("q · k / √d", products / 16.0)):
    p = mg.softmax(s, axis=1)
    print(f"{told:10} p(1 − p) 的平均值为 {mg.mean(p * (1.0 - p)).item():.4f}")
masked = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
p = mg.softmax(mg.where(np.array([True, True, False]), masked, -np.inf))
p[0].backward()

# %% question
# 第三个分数被掩码遮住了。p₀ 对它的偏导数是多少？
answer = 0.0
assert mg.check_answer(masked.grad.data[2], answer)

# %% [markdown]
# 语言模型就是这样遮住未来的：词元不能去问后面的词元，因此也不会教给后面的词元任何东西。
#
# **记住：** ∂L/∂sᵢⱼ = pᵢⱼ · (∂L/∂outᵢ · (vⱼ − outᵢ))；凡是来问的，键都从它那里学到一点。
# *下一课：* 把这些叠起来，编译好，就是一个小型 GPT。
