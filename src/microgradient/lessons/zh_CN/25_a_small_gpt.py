# %% [markdown]
# # 25 · 小型 GPT，编译后训练
# *语言模型有成千上万个参数，训练中每个参数又要变动成千上万次。其中任何一次变动，还说得清来由吗？*
#
# 对应文章 6.2 节和 8.2 节。GPT 就是把第 24 课的注意力一层层叠起来：每一层先是注意力，再是一个小网络，
# 结果都加到原来的量上。这里的 GPT 读一种小小的语言：重叠量词（“只只”“条条”）要与*第一个*名词搭配，
# 尽管第二个名词离得更近。

# %%
import time

import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn.functional import cross_entropy

MATCH = {"猫": "只只", "狗": "只只", "鸟": "只只", "狐狸": "只只"}
MATCH |= {"鱼": "条条", "蛇": "条条", "龙": "条条", "鲨鱼": "条条"}
TEXT = [f"那些 {a} 挨着 {b} ， {MATCH[a]} 都 睡 了".split() for a in MATCH for b in MATCH]
WORDS = sorted({word for sentence in TEXT for word in sentence})
CODES = np.array([[WORDS.index(word) for word in sentence] for sentence in TEXT])
PLACES = CODES.shape[1] - 1  # 在每个位置上预测下一个词


class GPT(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.words, self.places = nn.Embedding(len(WORDS), width), nn.Embedding(PLACES, width)
        block = nn.TransformerEncoderLayer(width, 2, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, 2)
        self.head = nn.Linear(width, len(WORDS), bias=False)
        nn.init.zeros_(self.head.weight)  # 开始时每个词的概率相同

    def forward(self, codes):
        length = codes.shape[1]
        future = mg.tensor(np.triu(np.ones((length, length), bool), 1))  # True：不许看
        return self.head(self.blocks(self.words(codes) + self.places(mg.tensor(np.arange(length))), future))

    def loss(self, codes):
        return cross_entropy(mg.reshape(self(codes[:, :-1]), (-1, len(WORDS))), mg.reshape(codes[:, 1:], (-1,)))


def start():
    mg.manual_seed(0)
    model, rng = GPT(), np.random.default_rng(0)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)

    def step(codes):
        optimizer.zero_grad()
        loss = model.loss(codes)
        loss.backward()
        optimizer.step()
        return loss

    return model, step, lambda: mg.tensor(CODES[rng.integers(len(CODES), size=16)])


model, step, batch = start()
loss = model.loss(batch())
loss.backward()
print(f"{sum(p.size for p in model.parameters()):,} 个参数")

# %% question
# 共有 16 个词，开始时概率都相同。损失，也就是正确的词的概率的 −log，是多少？（ln 2 = 0.693）
answer = 2.77
assert mg.check_answer(loss.item(), answer)

# %% question
# 这一步里，词嵌入的梯度的范数是多少？（穿过输出层传回来的是 (p − y) @ W，而输出层的权重 W 全为 0。）
answer = 0.0
assert mg.check_answer(mg.linalg.vector_norm(model.words.weight.grad).item(), answer)

# %% [markdown]
# 第一步只有输出层在学，从第二步起，各层都学。下面训练 300 步：先逐个运算地走几步，再用编译后的版本，
# 前向传播、反向传播和 Adam 合成一次机器码调用。两个名词无法预测，所以每八个词的损失之和不会低于 2 · ln 8。

# %%
for name, count, make in (("逐个运算", 10, lambda step: step), ("编译后", 300, mg.compile)):
    model, step, batch = start()
    run = make(step)
    losses = [run(batch()).item()]
    started = time.perf_counter()
    losses += [run(batch()).item() for _ in range(count - 1)]
    print(f"{name}：每步 {1e3 * (time.perf_counter() - started) / (count - 1):.2f} ms")
print(f"损失 {losses[0]:.3f} → {np.mean(losses[-50:]):.3f}；可能的最小值 {2 * np.log(8) / PLACES:.3f}")
foreseen = model(mg.tensor(CODES[:, :5])).data[:, -1].argmax(axis=1)
print(f"{len(CODES)} 句中量词正确的有 {np.sum(foreseen == CODES[:, 5])} 句")

# %% [markdown]
# ## 回到任何一步
# 随机数、每批数据、每次运算，在每次训练中都完全相同，直到最后一位。所以哪一步都不必记录：
# 想看哪一步，就从头重做到那一步，再让这一步在跟踪之下进行。这时任何一个权重都可以问。

# %%
for steps in (0, 1, 100):
    model, step, batch = start()
    run = mg.compile(step)
    assert [run(batch()).item() for _ in range(steps)] == losses[:steps]  # 每一位都相同
    model.zero_grad()
    codes = batch()
    with mg.trace():
        loss = model.loss(codes)
        loss.backward()
    found = mg.why(model.blocks.layers[0].self_attn.in_proj_weight, (64, 5), top=3)
    print(
        f"第 {steps} 步：损失 {loss.item():.5f}（当时 {losses[steps]:.5f}），w {found.value:.5f}，∂L/∂w {found.gradient:.1e}"
    )
print(found)
for edge in found.edges:
    sentence, place = divmod(edge.index[0], PLACES)
    print(f"{edge.contribution:+.6f} 在第 {place} 个位置：", *(WORDS[code] for code in codes.data[sentence]))

# %% [markdown]
# 这是算出第 24 课的“值”的权重之一；[n, 64] 指全部 16 句中的第 n 个词。换成别的权重、别的步数也一样可以看，
# `mg.view(loss)` 则显示这一步的整张计算图。
#
# **记住：** 只要计算能精确地重做，其中的每个梯度事后都还能打开来看。
# *下一课：* 没有人告诉你什么是对的，只有奖励，怎么学？
